//! Queries as SQL text, one file per engine.

pub mod sqlite;
