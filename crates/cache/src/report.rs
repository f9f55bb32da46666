//! What the cache did, and who is left out.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What the cache did since it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Given out.
    pub hits: u64,
    /// Not there.
    pub misses: u64,
    /// There, but no longer the newest for certain.
    pub refused_old: u64,
    /// There, but damaged, or another key's.
    pub refused_garbled: u64,
    /// Requests that went to the database because the change log could not be asked.
    pub unsure: u64,
    /// Questions to memcached that went without it: it was left out, too busy or too slow.
    pub skipped: u64,
    /// Questions put to the change log.
    pub questions: u64,
    /// For how long the change log has not been able to be asked; `None` while it answers.
    pub log_out_for: Option<Duration>,
    /// Memcached's servers; none when values are in this process.
    pub servers: Vec<ServerReport>,
}

impl Report {
    /// The sum of two caches that stand side by side.
    #[must_use]
    pub fn and(mut self, other: Report) -> Report {
        self.hits += other.hits;
        self.misses += other.misses;
        self.refused_old += other.refused_old;
        self.refused_garbled += other.refused_garbled;
        self.unsure += other.unsure;
        self.skipped += other.skipped;
        self.questions += other.questions;
        self.log_out_for = self.log_out_for.max(other.log_out_for);
        self.servers.extend(other.servers);
        self
    }
}

/// One server of memcached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerReport {
    /// `host:port`.
    pub address: String,
    /// For how long it has been left out; `None` while it serves.
    pub out_for: Option<Duration>,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

/// The numbers behind a report.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) hits: Count,
    pub(crate) misses: Count,
    pub(crate) refused_old: Count,
    pub(crate) refused_garbled: Count,
    pub(crate) unsure: Count,
    pub(crate) skipped: Count,
    pub(crate) questions: Count,
}

impl Count {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counts {
    pub(crate) fn report(&self) -> Report {
        Report {
            hits: self.hits.get(),
            misses: self.misses.get(),
            refused_old: self.refused_old.get(),
            refused_garbled: self.refused_garbled.get(),
            unsure: self.unsure.get(),
            skipped: self.skipped.get(),
            questions: self.questions.get(),
            log_out_for: None,
            servers: Vec::new(),
        }
    }
}
