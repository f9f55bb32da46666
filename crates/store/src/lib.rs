//! Records on a relational engine: tables of JSON bodies, their indexes, the change log, and the files beside them.
//!
//! Map, in reading order: `query` (what is asked, as plain data), `dialect` (that data as SQL text), `row` (what is
//! kept), `change` (the log), `once` (keys of writes that are done once), `config`, `error`, `conn` (reading), `tx`
//! (writing), `sqlite` (the embedded engine: one writer that groups commits, readers called in place), `seat` (where the primary is), `store` (opening,
//! and the doors to all of it), `news` (what a cache asks of the log), `pulse` (whether it answers), `state` (for those who look on), `moving` (to another
//! engine), `mirror` (a copy at a server that runs nothing of ours), `files`.
//!
//! To add a setting or limit: `config`, with its default and its unit. To add an engine: a folder beside `sqlite` with a
//! connection behind [`Conn`], a file in `dialect`, and the suite of `tests/conformance.rs` run on it.
//!
//! Invariant: nothing here knows what a field, a rule or a request is.
//! Invariant: SQL text is made in `dialect` (queries) and `sqlite` (the engine's own statements) only, from validated
//! names; values are always bound.

mod change;
mod config;
mod conn;
pub mod deputy;
pub mod dialect;
mod error;
pub mod files;
mod live;
mod mariadb;
pub mod moving;
mod news;
mod once;
mod postgres;
mod pulse;
pub mod query;
mod remote;
mod row;
mod seat;
mod sqlite;
mod state;
mod store;
mod tx;

pub use change::{Change, ChangeKind, Position, Tail};
pub use config::{Config, Engine, Primary, Server};
pub use conn::Conn;
pub use error::{Cause, Error};
pub use news::{News, Touched};
pub use once::{Earlier, Once};
pub use pulse::{Pulse, Role};
pub use remote::{Seen, look, mirror};
pub use row::{Row, Table};
pub use state::{About, IndexState, Stage};
pub use store::{Step, Store};
pub use tx::Tx;
