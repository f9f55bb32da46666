//! What is kept: a row is a record's id, version, shape and JSON body.

use std::fmt;
use std::sync::Arc;

/// A table of records. Its name is one that we made: `[a-z0-9_]`, checked at the making.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Table(Arc<str>);

/// A record as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The record's id.
    pub id: String,
    /// The position in the change log of the write that made this version.
    pub rev: i64,
    /// A number of the writer's choice for the form of the body (see `records`): rows of the same shape read alike.
    pub shape: i64,
    /// The body: the text of one JSON object, keyed by storage key.
    pub body: String,
}

impl Table {
    /// A table by name. Panics when the name could not stand in SQL as it is: names are made by us, never by a user.
    pub fn new(name: &str) -> Table {
        let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        assert!(!name.is_empty() && name.bytes().all(is_plain), "a table's name is [a-z0-9_]");
        Table(Arc::from(name))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name, shared.
    pub(crate) fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
