//! The change log: one row per write, in the same transaction as the write.

use std::sync::Arc;

use base::time::Timestamp;
use tokio::sync::watch;

use crate::conn::Conn;
use crate::error::Error;
use crate::live::{Live, News};
use crate::row::Row;

/// Changes that a tail which lags reads from the log at once.
const READ_MAX: usize = 500;

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

impl ChangeKind {
    /// As it stands in the log.
    pub(crate) fn word(self) -> &'static str {
        match self {
            ChangeKind::Create => "create",
            ChangeKind::Update => "update",
            ChangeKind::Delete => "delete",
        }
    }

    /// Reads its word.
    pub(crate) fn of(word: &str) -> ChangeKind {
        match word {
            "create" => ChangeKind::Create,
            "delete" => ChangeKind::Delete,
            _ => ChangeKind::Update,
        }
    }
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

/// What reading the log gives.
pub(crate) enum Entry {
    /// In order; none when there is nothing after the position.
    Changes(Vec<Change>),
    /// The log does not reach back (or not yet forward) to the position.
    Gone,
}

/// Follows the change log from a position on.
pub struct Tail {
    live: Arc<Live>,
    news: watch::Receiver<News>,
    conn: Conn,
    after: i64,
    /// The position has been found to be one of this log.
    is_placed: bool,
}

impl Tail {
    pub(crate) fn new(live: Arc<Live>, conn: Conn, after: Position) -> Tail {
        let news = live.listen();
        Tail { live, news, conn, after: after.0, is_placed: false }
    }

    /// Waits for the next changes, in order, at least one. Safe to cancel. [`Error::Gone`] when the log has been trimmed
    /// beyond the position, or never reached it: the caller must begin anew. [`Error::Busy`] once the store is closed.
    pub async fn next(&mut self) -> Result<Arc<[Change]>, Error> {
        loop {
            let news = *self.news.borrow_and_update();
            if let Some(changes) = self.live.after(self.after) {
                return Ok(self.pass(changes));
            }
            if news.is_closed {
                return Err(Error::Busy);
            }
            if news.position > self.after || !self.is_placed {
                let changes = self.conn.changes(Position(self.after), READ_MAX).await?;
                self.is_placed = true;
                if !changes.is_empty() {
                    return Ok(self.pass(changes.into()));
                }
            }
            if self.news.changed().await.is_err() {
                return Err(Error::Busy);
            }
        }
    }

    /// The position after which the next changes come.
    pub fn position(&self) -> Position {
        Position(self.after)
    }

    fn pass(&mut self, changes: Arc<[Change]>) -> Arc<[Change]> {
        self.is_placed = true;
        self.after = changes.last().map_or(self.after, |change| change.position.0);
        changes
    }
}
