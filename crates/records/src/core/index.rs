//! Declared indexes: read from the wire's `CREATE INDEX` text, never pasted into SQL.

use crate::core::collection::Collection;

/// A declared index.
#[derive(Clone, Debug, PartialEq)]
pub struct Index {
    /// Its name on the wire.
    pub name: String,
    /// Refuses a second record with the same values.
    pub is_unique: bool,
    /// Its columns in order.
    pub columns: Vec<IndexColumn>,
    /// Only records where this holds: a field's name, an operator (`=`, `!=`, `>`, `>=`, `<`, `<=`) and a literal; all must hold.
    pub only: Vec<(String, String, serde_json::Value)>,
}

/// One column of an index.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexColumn {
    /// The field's name.
    pub field: String,
    /// Largest first.
    pub descending: bool,
    /// ASCII letters in either case are the same.
    pub ignores_case: bool,
}

/// Reads `CREATE [UNIQUE] INDEX [IF NOT EXISTS] name ON table (a, b DESC) [WHERE a != '']`; the error is a sentence.
pub fn parse(_text: &str) -> Result<Index, String> {
    todo!()
}

/// The index as the wire shows it, for a collection of that name.
pub fn to_text(_index: &Index, _collection: &str) -> String {
    todo!()
}

/// The index as the store makes it. Its name in the database is `i_COLLECTIONID_HASH` of the definition by storage key:
/// renaming a field or the collection changes nothing.
pub fn to_store(_index: &Index, _collection: &Collection) -> store::query::Index {
    todo!()
}
