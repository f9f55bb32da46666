//! SQLite's SQL.

use crate::query::{Index, Select, Value, View};
use crate::row::Table;

/// SQL text with `?` places, and the values for them in order. The same form of query gives the same text, so that
/// prepared statements are found again.
#[derive(Clone, Debug, PartialEq)]
pub struct Sql {
    /// The statement.
    pub text: String,
    /// The values.
    pub values: Vec<Value>,
}

/// The rows of a selection: columns id, rev, shape, body.
pub fn select(_select: &Select) -> Sql {
    todo!()
}

/// How many rows a selection has, without its limit.
pub fn count(_select: &Select) -> Sql {
    todo!()
}

/// Whether a selection has a row: 1 or 0.
pub fn exists(_select: &Select) -> Sql {
    todo!()
}

/// Makes an index.
pub fn create_index(_table: &Table, _index: &Index) -> String {
    todo!()
}

/// Makes a view.
pub fn create_view(_table: &Table, _view: &View) -> String {
    todo!()
}
