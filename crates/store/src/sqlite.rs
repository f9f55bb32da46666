//! The embedded engine: one SQLite file, one writer that groups commits, readers called in place.
//!
//! # The file `data.db`, format 1
//!
//! A plain SQLite database in WAL mode, which the `sqlite3` program reads: no functions of our own, no JSONB. It is told
//! from others by `PRAGMA application_id` ([`APPLICATION`]); its format is `PRAGMA user_version` ([`FORMAT`]).
//!
//! - `meta(name, value)`: settings of the whole database (`setting.NAME`) and the view of each table (`view.TABLE`).
//! - `change(seq, epoch, write_id, tbl, record, kind, at, rev, shape, body)`: the change log, in the order of commits and
//!   without holes above its oldest row. `kind` is `create`, `update` or `delete`; `at` is in milliseconds since 1970;
//!   `rev`, `shape` and `body` stand only at a delete: the record as it last was. The newest row is never trimmed: from
//!   it the next `seq` is counted.
//!   In a database that was left it is called `change_moved`, so that nobody writes to it any more: see `moving`.
//! - `once(name, fingerprint, write_id, at, answer)`: the keys of writes that are done once. Not there in databases of
//!   older programs, which pass it over; it is made when it is missing.
//! - `r_TABLE(id, rev, shape, body)`: the records of a table; `rev` is the `seq` of the change that wrote the row.
//!
//! # Who may open it
//!
//! One server claims the folder (an advisory lock on `DIR/lock`). Other processes of ours (`ondol superuser`, `ondol
//! import`) open the same file meanwhile as ordinary clients: every group of writes begins with the newest `seq` in the
//! database, and the writer looks for commits that others made.
//!
//! Map, in reading order: `fault` (what SQLite says, as our errors), `link` (a connection and its leash), `open` (the
//! file's making and checking), `rows`, `log`, `once`,
//! `schema` (the statements), `readers` (the pool and the slow lane), `tx`
//! (the writer's transaction), `job` (a write that waits), `writer` (the thread), `engine` (all of it), `side` and `put`
//! (a database that data move from, and to).

mod engine;
mod fault;
mod job;
mod link;
pub(crate) mod log;
mod once;
mod open;
mod put;
mod readers;
pub(crate) mod rows;
pub(crate) mod schema;
pub(crate) mod side;
mod tx;
mod writer;

pub(crate) use engine::Engine;
pub(crate) use fault::Place;
pub(crate) use job::{Job, Work};
pub(crate) use link::Link;
pub(crate) use open::prepare;
pub(crate) use readers::Readers;
pub(crate) use side::Side;
pub(crate) use tx::Tx;
pub(crate) use writer::{Message, Shared, Writer};

#[cfg(test)]
mod tests;

/// `PRAGMA application_id` of our files: the letters `ONDL`.
pub(crate) const APPLICATION: i64 = 0x4F4E_444C;
/// `PRAGMA user_version`: the format that this program writes and the newest that it knows.
pub(crate) const FORMAT: i64 = 1;
