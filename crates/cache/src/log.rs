//! What the cache asks of the change log.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;

/// A place in the change log.
///
/// Assumption: within an epoch the log only grows. Where it may go back, as after a takeover that lost something or a
/// restore, the epoch is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Under which primary the log is counted.
    pub epoch: i64,
    /// All changes at or before it are committed, and no other will ever be.
    pub position: i64,
}

/// One change of one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its space.
    pub space: Arc<str>,
    /// Its id.
    pub id: Arc<str>,
    /// Where it is in the log.
    pub position: i64,
}

/// What the log says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// What was committed since the place that was asked about, in the same epoch.
    Since {
        /// All changes at or before it are settled: committed, or never to be.
        to: i64,
        /// Every change that is committed and lies after the place asked about, in any order; those after `to` too, which
        /// happens while an earlier one is still being committed.
        changes: Vec<Change>,
    },
    /// That can't be said: the epoch is another, the log doesn't reach back, or there are too many changes. Nothing that was
    /// kept before counts.
    Anew {
        /// Where it is now.
        place: Place,
        /// The newest position of any change that is committed; after the place when an earlier one is still being
        /// committed. What lies between is not known, and must not be taken for known.
        newest: i64,
    },
}

/// The log's answer, when it comes. It may be dropped before, when the request that asked goes away.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<News, Box<dyn Error + Send + Sync>>> + Send + 'a>>;

/// The change log of the database whose values are kept.
pub trait Log: Send + Sync + 'static {
    /// What was committed since `after` (`None`: from where it is now), at most `changes_max` changes.
    ///
    /// The answer must count **everything that anybody could have read from the database when the question was asked**;
    /// so it is asked of the primary, not of a replica.
    ///
    /// # Errors
    /// When the log can't be asked. The database is read instead.
    fn since(&self, after: Option<Place>, changes_max: usize) -> Answer<'_>;
}
