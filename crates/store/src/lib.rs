//! Records on a relational engine: tables of JSON bodies, their indexes, the change log, and the files beside them.
//!
//! Map, in reading order: `query` (what is asked, as plain data), `dialect` (that data as SQL text), `row` (what is
//! kept), `change` (the log), `config`, `error`, `conn` (reading and writing through one connection), `sqlite` (the
//! embedded engine: one writer that groups commits, readers called in place), `files`.
//!
//! Invariant: nothing here knows what a field, a rule or a request is.
//! Invariant: SQL text is made in `dialect` only, from validated names; values are always bound.

pub mod query;
mod change;
mod config;
mod conn;
pub mod dialect;
mod error;
pub mod files;
mod row;
mod store;

pub use change::{Change, ChangeKind, Position, Tail};
pub use config::Config;
pub use conn::{Conn, Tx};
pub use error::Error;
pub use row::{Row, Table};
pub use store::{Step, Store};
