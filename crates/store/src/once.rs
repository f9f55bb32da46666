//! Writes that are done once, though they are asked for again: each has a key, which is claimed in its own transaction.
//!
//! Claim, records and answer are committed together: so there is no moment in which a write is done but can't be told
//! from one that is not, and a second transaction with the same key waits for the first, or finds what it did.

use std::time::Duration;

use base::time::Timestamp;

/// What a write is known by when it is asked for again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once {
    /// Names the write: at most 100 characters, the same for all who mean the same write.
    pub key: String,
    /// What was asked for, in short; the store only keeps it.
    pub fingerprint: String,
}

/// A write that was done under a key, at most `Config::once_kept` ago.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// As it was claimed.
    pub fingerprint: String,
    /// What the write kept as its answer; empty when it kept none.
    pub answer: String,
}

/// Claims of this moment and before count no longer.
pub(crate) fn expired(now: Timestamp, kept: Duration) -> i64 {
    now.0.saturating_sub(i64::try_from(kept.as_millis()).unwrap_or(i64::MAX))
}
