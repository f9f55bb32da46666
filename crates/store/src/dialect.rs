//! Queries as SQL text, one file per engine.

pub mod sqlite;

pub use sqlite::Sql;
