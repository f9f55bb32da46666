//! The change log: one row per write, in the same transaction as the write.

use std::sync::Arc;

use base::time::Timestamp;

use crate::error::Error;
use crate::row::Row;

/// A place in the change log. Changes are read in this order, and none is ever skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub i64);

/// What happened to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It was made.
    Create,
    /// It was changed.
    Update,
    /// It was deleted.
    Delete,
}

/// One change.
#[derive(Clone, Debug)]
pub struct Change {
    /// Its place, unique and growing in the order of commits.
    pub position: Position,
    /// The epoch under which it was written.
    pub epoch: i64,
    /// The write it was part of; the changes of one transaction share it.
    pub write: Arc<str>,
    /// The table (see `Table`), by name.
    pub table: Arc<str>,
    /// The record's id.
    pub record: Arc<str>,
    /// What happened.
    pub kind: ChangeKind,
    /// When, by the writer's clock.
    pub at: Timestamp,
    /// The record after the change, or as it last was when deleted. Of an older change that is read back from the log:
    /// the record as it is by now (or last was); never `None` unless a truncation took it away.
    pub row: Option<Arc<Row>>,
}

/// Follows the change log from a position on.
pub struct Tail {
    _private: (),
}

impl Tail {
    /// Waits for the next changes, in order, at least one. Safe to cancel. [`Error::Gone`] when the log has been trimmed
    /// beyond the position: the caller must begin anew.
    pub async fn next(&mut self) -> Result<Arc<[Change]>, Error> {
        std::future::pending().await
    }
}
