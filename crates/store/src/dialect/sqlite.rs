//! SQLite's SQL.
//!
//! A selection is printed as a plain `WHERE` wherever it needs no joined rows, so that indexes serve it; what needs joined
//! rows stands in `EXISTS (…)`, so that a main row comes once without `DISTINCT`. A join whose missing row could never
//! pass is printed as an inner one, so that indexes of the joined table serve too.
//!
//! Values are bound but for `''`, NULL and truth, which indexes and the planner want to see.

use rusqlite::Connection;

use crate::query::{Index, Select, Value, View};
use crate::row::Table;

mod functions;
mod joins;
mod selection;
mod writer;

use writer::Writer;

/// SQL text with `?` places, and the values for them in order. The same form of query gives the same text, so that
/// prepared statements are found again.
#[derive(Clone, Debug, PartialEq)]
pub struct Sql {
    /// The statement.
    pub text: String,
    /// The values.
    pub values: Vec<Value>,
}

/// Makes the functions known that the SQL of this module calls; once for each connection.
pub fn prepare_connection(connection: &Connection) -> rusqlite::Result<()> {
    functions::register(connection)
}

/// The rows of a selection: columns id, rev, shape, body.
pub fn select(select: &Select) -> Sql {
    let mut writer = Writer::new();
    let alias = select.alias.0;
    writer.push(&format!("SELECT t{alias}.id,t{alias}.rev,t{alias}.shape,t{alias}.body"));
    writer.rows(select);
    writer.order(select);
    writer.bounds(select);
    writer.finish()
}

/// How many rows a selection has, without its limit.
pub fn count(select: &Select) -> Sql {
    let mut writer = Writer::new();
    writer.push("SELECT count(*)");
    writer.rows(select);
    writer.finish()
}

/// Whether a selection has a row: 1 or 0.
pub fn exists(select: &Select) -> Sql {
    let mut writer = Writer::new();
    writer.push("SELECT ");
    writer.exists(select);
    writer.finish()
}

/// Makes an index.
pub fn create_index(table: &Table, index: &Index) -> String {
    let mut writer = Writer::literal();
    writer.push(if index.unique { "CREATE UNIQUE INDEX " } else { "CREATE INDEX " });
    writer.name(&index.name);
    writer.push(" ON ");
    writer.table(table);
    writer.push(" (");
    for (i, part) in index.columns.iter().enumerate() {
        writer.comma(i);
        writer.column(None, &part.column);
        writer.push(if part.ignores_case { " COLLATE NOCASE" } else { "" });
        writer.push(if part.descending { " DESC" } else { "" });
    }
    writer.push(")");
    if let Some(only) = &index.only {
        writer.push(" WHERE ");
        writer.expr(only);
    }
    writer.finish().text
}

/// Makes a view.
pub fn create_view(table: &Table, view: &View) -> String {
    let mut writer = Writer::literal();
    writer.push("CREATE VIEW ");
    writer.name(&view.name);
    writer.push(" AS SELECT ");
    for (i, (name, column)) in view.columns.iter().enumerate() {
        writer.comma(i);
        writer.column(None, column);
        writer.push(" AS ");
        writer.name(name);
    }
    writer.push(" FROM ");
    writer.table(table);
    writer.finish().text
}

#[cfg(test)]
mod tests;
