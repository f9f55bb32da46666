//! Queries as SQL text, one file per engine.
//!
//! `selection` prints what all engines have in common: which joins stand in `EXISTS (…)`, which are inner ones, the order
//! and its ties. SQLite compares values of any type, so that `sqlite` prints expressions as they are; PostgreSQL and
//! MariaDB want types, which `strict` finds out and makes explicit, with `postgres` and `mariadb` as their tables of words.
//!
//! Invariant: values are bound; a text of a user never comes into a statement, but quoted in definitions.

use crate::query::{Alias, Value};

mod joins;
pub mod mariadb;
mod piece;
pub mod postgres;
#[cfg(test)]
mod said;
mod selection;
pub mod sqlite;
mod strict;
mod writer;

/// SQL text with places (`?`, on PostgreSQL `$1`), and the values for them in order. The same form of query gives the same
/// text, so that prepared statements are found again.
#[derive(Clone, Debug, PartialEq)]
pub struct Sql {
    /// The statement.
    pub text: String,
    /// The values.
    pub values: Vec<Value>,
}

/// What stands around the name of a table of records: all have a prefix, so that none meets the engine's or our own.
pub(crate) const RECORDS_OPEN: &str = "\"r_";
pub(crate) const RECORDS_CLOSE: &str = "\"";

/// Adds a number to a statement: those are printed anew for each question, so without the machinery of `format!`.
pub(crate) fn push_number(out: &mut String, number: usize) {
    if number >= 10 {
        push_number(out, number / 10);
    }
    out.push(char::from(b"0123456789"[number % 10]));
}

/// Adds the name of a source.
fn push_alias(out: &mut String, alias: Alias) {
    out.push('t');
    push_number(out, alias.0 as usize);
}

/// What an engine can't be asked so that the answer is the same as everywhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} can't be asked of this database engine")]
pub struct Unsupported {
    /// The part of the query, as a noun.
    pub what: String,
}
