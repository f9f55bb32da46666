//! Something that the service goes on without: told once when it goes, once when it is back.

use std::fmt::Display;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Whether something is out, and since when.
#[derive(Debug)]
pub(crate) struct Outage {
    /// What it is, in the log.
    what: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    since: Option<Instant>,
    is_told: bool,
}

impl Outage {
    /// Something that is there until it is said to be out.
    pub(crate) fn none(what: impl Into<String>) -> Outage {
        Outage { what: what.into(), state: Mutex::default() }
    }

    /// Something that is not there yet, which is nothing to tell of.
    pub(crate) fn not_yet(what: impl Into<String>) -> Outage {
        let state = State { since: Some(Instant::now()), is_told: false };
        Outage { what: what.into(), state: Mutex::new(state) }
    }

    /// It is out.
    pub(crate) fn begin(&self, why: &dyn Display) {
        let mut state = self.state();
        state.since.get_or_insert_with(Instant::now);
        if !state.is_told {
            state.is_told = true;
            tracing::warn!("{} is left out: {why}; the database is read instead", self.what);
        }
    }

    /// It is there again.
    pub(crate) fn end(&self) {
        let State { since, is_told } = std::mem::take(&mut *self.state());
        if let (Some(since), true) = (since, is_told) {
            tracing::info!("{} is back after {} ms", self.what, since.elapsed().as_millis());
        }
    }

    /// For how long it has been out.
    pub(crate) fn lasts(&self) -> Option<Duration> {
        self.state().since.map(|since| since.elapsed())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
