//! What was just committed, kept in memory for those who follow.
//!
//! Whoever finds a gap here (it lags, it begins in the past, another process committed) reads the log instead.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::change::Change;

/// Changes that are kept in memory at most.
const CHANGES_MAX: usize = 10_000;
/// Bytes of bodies that are kept in memory at most.
const BYTES_MAX: usize = 4 << 20;

/// The committed changes of late.
pub(crate) struct Live {
    ring: Mutex<Ring>,
    news: watch::Sender<News>,
}

/// What followers wake for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct News {
    /// The newest committed position.
    pub(crate) position: i64,
    /// The store has been closed.
    pub(crate) is_closed: bool,
}

#[derive(Default)]
struct Ring {
    /// Each with the bytes of its bodies; none is empty.
    batches: VecDeque<(Arc<[Change]>, usize)>,
    changes: usize,
    bytes: usize,
}

impl Live {
    /// Nothing yet after a position.
    pub(crate) fn new(position: i64) -> Live {
        Live { ring: Mutex::default(), news: watch::Sender::new(News { position, is_closed: false }) }
    }

    /// The newest committed position.
    pub(crate) fn position(&self) -> i64 {
        self.news.borrow().position
    }

    /// Listens for news.
    pub(crate) fn listen(&self) -> watch::Receiver<News> {
        self.news.subscribe()
    }

    /// Tells what this process has committed: in order, at least one.
    pub(crate) fn publish(&self, changes: Vec<Change>) {
        let Some(last) = changes.last().map(|change| change.position.0) else { return };
        self.ring().push(changes.into());
        self.advance(last);
    }

    /// Tells that the log has grown, by whomever.
    pub(crate) fn advance(&self, position: i64) {
        self.news.send_if_modified(|news| {
            let is_new = position > news.position;
            news.position = news.position.max(position);
            is_new
        });
    }

    /// Forgets what was told, and goes back to a position.
    pub(crate) fn restart(&self, position: i64) {
        *self.ring() = Ring::default();
        self.news.send_modify(|news| news.position = position);
    }

    /// Tells that nothing more will come.
    pub(crate) fn close(&self) {
        self.news.send_modify(|news| news.is_closed = true);
    }

    /// The changes that come right after a position, if they are still in memory.
    pub(crate) fn after(&self, position: i64) -> Option<Arc<[Change]>> {
        let ring = self.ring();
        let index = ring.batches.partition_point(|(batch, _)| last(batch) <= position);
        let (batch, _) = ring.batches.get(index)?;
        let first = batch.first().map_or(0, |change| change.position.0);
        match usize::try_from(position + 1 - first) {
            Err(_) => None,
            Ok(0) => Some(Arc::clone(batch)),
            Ok(known) => Some(batch[known..].into()),
        }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ring {
    fn push(&mut self, batch: Arc<[Change]>) {
        let bytes = batch.iter().filter_map(|change| change.row.as_ref()).map(|row| row.body.len()).sum();
        self.changes += batch.len();
        self.bytes += bytes;
        self.batches.push_back((batch, bytes));
        while self.changes > CHANGES_MAX || self.bytes > BYTES_MAX {
            let Some((oldest, bytes)) = self.batches.pop_front() else { break };
            self.changes -= oldest.len();
            self.bytes -= bytes;
        }
    }
}

fn last(batch: &[Change]) -> i64 {
    batch.last().map_or(0, |change| change.position.0)
}
