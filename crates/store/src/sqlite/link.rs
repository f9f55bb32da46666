//! A connection to the database, and the leash that breaks off a read that takes too long.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::error::Error;
use crate::sqlite::Place;

/// Steps of the database's machine between two looks at the leash.
const STRIDE: i32 = 500;

/// A connection with its leash.
pub(crate) struct Link {
    pub(crate) db: Connection,
    pub(crate) leash: Arc<Leash>,
    pub(crate) place: Arc<Place>,
}

/// How long the statement that runs may go on. Numbers only, because SQLite asks it from inside a statement.
pub(crate) struct Leash {
    birth: Instant,
    steps_left: AtomicI64,
    until_ms: AtomicU64,
    /// Counts the uses, so that a late order to stop can't hit the next one.
    turn: AtomicU64,
    stopped_turn: AtomicU64,
}

/// Breaks off a read in the slow lane when whoever waited for it has gone.
pub(crate) struct Stopper {
    leash: Arc<Leash>,
    turn: u64,
}

impl Link {
    /// Ties a leash to a connection.
    pub(crate) fn new(mut db: Connection, place: Arc<Place>) -> Result<Link, Error> {
        let leash = Arc::new(Leash::new());
        let held = Arc::clone(&leash);
        db.progress_handler(STRIDE, Some(move || held.is_taut())).map_err(|e| place.fault(e))?;
        Ok(Link { db, leash, place })
    }

    /// Runs a read that has the whole time of a read.
    pub(crate) fn read<T>(&self, ask: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Error> {
        self.leash.give(i64::MAX, self.place.read_time_max);
        let answer = ask(&self.db);
        self.leash.loosen();
        answer.map_err(|e| self.place.fault(e))
    }
}

impl Leash {
    fn new() -> Leash {
        Leash {
            birth: Instant::now(),
            steps_left: AtomicI64::new(i64::MAX),
            until_ms: AtomicU64::new(u64::MAX),
            turn: AtomicU64::new(1),
            stopped_turn: AtomicU64::new(0),
        }
    }

    /// Begins a use: so many steps, so much time.
    pub(crate) fn give(&self, steps: i64, time: Duration) {
        let until = self.birth.elapsed().saturating_add(time).as_millis();
        self.until_ms.store(u64::try_from(until).unwrap_or(u64::MAX), Relaxed);
        self.give_steps(steps);
    }

    /// Begins a use that is limited in steps only (and so needs no look at the time).
    pub(crate) fn give_steps(&self, steps: i64) {
        self.steps_left.store(steps, Relaxed);
        self.turn.fetch_add(1, Relaxed);
    }

    /// Ends a use: nothing is limited.
    pub(crate) fn loosen(&self) {
        self.steps_left.store(i64::MAX, Relaxed);
        self.until_ms.store(u64::MAX, Relaxed);
    }

    /// A handle to break off the use that has just begun.
    pub(crate) fn stopper(self: &Arc<Leash>) -> Stopper {
        Stopper { leash: Arc::clone(self), turn: self.turn.load(Relaxed) }
    }

    fn is_taut(&self) -> bool {
        let is_out = self.steps_left.fetch_sub(i64::from(STRIDE), Relaxed) <= i64::from(STRIDE);
        let until = self.until_ms.load(Relaxed);
        let is_late = until != u64::MAX && self.birth.elapsed().as_millis() >= u128::from(until);
        is_out || is_late || self.stopped_turn.load(Relaxed) == self.turn.load(Relaxed)
    }
}

impl Drop for Stopper {
    fn drop(&mut self) {
        self.leash.stopped_turn.store(self.turn, Relaxed);
    }
}
