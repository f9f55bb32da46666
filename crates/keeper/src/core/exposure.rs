//! What would be lost if this site vanished now: in seconds and in writes.

use std::collections::VecDeque;
use std::time::Duration;

use super::name::Position;

/// What the loss of the primary's site would cost just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Exposure {
    /// The acknowledged writes of so long would be lost.
    pub time: Duration,
    /// About so many of them.
    pub writes: u64,
}

/// How far a primary had come at moments of the last while, so that a replica's position can be told as a time.
#[derive(Clone, Debug)]
pub struct Track {
    marks: VecDeque<Mark>,
    marks_max: usize,
}

/// A primary's position and its count of writes at a moment.
#[derive(Clone, Copy, Debug)]
struct Mark {
    at: Duration,
    position: Position,
    writes: u64,
}

impl Track {
    /// One that remembers so many moments.
    pub fn new(marks_max: usize) -> Track {
        Track { marks: VecDeque::new(), marks_max: marks_max.max(1) }
    }

    /// Forgets everything: another reign.
    pub fn clear(&mut self) {
        self.marks.clear();
    }

    /// Remembers where the primary was at `at`.
    pub fn mark(&mut self, at: Duration, position: Position, writes: u64) {
        if self.marks.len() == self.marks_max {
            self.marks.pop_front();
        }
        self.marks.push_back(Mark { at, position, writes });
    }

    /// What a replica lacks at `now` that has synced up to `flushed`: everything since the last moment at which the
    /// primary had come no further than that. A replica older than all that is remembered lacks at least that much.
    pub fn exposure(&self, now: Duration, flushed: Position) -> Exposure {
        let Some(newest) = self.marks.back() else { return Exposure::default() };
        if flushed >= newest.position {
            return Exposure::default();
        }
        let known = self.marks.iter().rev().find(|mark| mark.position <= flushed).or(self.marks.front());
        let Some(known) = known else { return Exposure::default() };
        Exposure { time: now.saturating_sub(known.at), writes: newest.writes.saturating_sub(known.writes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track() -> Track {
        let mut track = Track::new(3);
        for (second, position, writes) in [(1, 100, 10), (2, 200, 15), (3, 300, 30), (4, 400, 60)] {
            track.mark(Duration::from_secs(second), position, writes);
        }
        track
    }

    fn lost(flushed: Position) -> (u64, u64) {
        let exposure = track().exposure(Duration::from_secs(5), flushed);
        (exposure.time.as_secs(), exposure.writes)
    }

    #[test]
    fn a_replica_that_has_everything_costs_nothing() {
        assert_eq!(lost(400), (0, 0));
    }

    #[test]
    fn a_replica_behind_costs_what_came_since_it_was_even() {
        assert_eq!((lost(399), lost(250)), ((2, 30), (3, 45)));
    }

    #[test]
    fn a_replica_behind_all_that_is_remembered_costs_at_least_that() {
        assert_eq!(lost(50), (3, 45));
    }
}
