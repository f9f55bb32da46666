//! What a keeper remembers from one round to the next: its reign, what it told its database, and since when things are so.

use std::collections::BTreeMap;
use std::time::Duration;

use base::moment::Moment;
use cluster::layout::Position;

use crate::core::exposure::Track;
use crate::core::name::{Epoch, Host};
use crate::core::step::Right;
use crate::core::view::Acks;

/// What is remembered. A keeper that starts anew remembers nothing but `lineage`, and its database is stopped.
#[derive(Debug)]
pub(crate) struct Memory {
    /// The epoch that the database was promoted for, until it is stopped.
    pub(crate) reign: Option<Epoch>,
    /// By which right.
    pub(crate) right: Right,
    /// How far the log had come right before.
    pub(crate) base: Option<Position>,
    /// The reign whose first checkpoint is done, and the one for which it was begun.
    pub(crate) checkpointed: Option<Epoch>,
    /// Whom the database is told to follow.
    pub(crate) upstream: Option<Host>,
    /// The version of the last primary that was followed.
    pub(crate) version: Option<String>,
    /// Whose confirmation commits are told to wait for.
    pub(crate) acks: Acks,
    /// The reign for which a rewind has failed.
    pub(crate) failed_rewind: Option<Epoch>,
    /// Whether the data were those of a primary since they last followed one.
    pub(crate) is_former: bool,
    /// The newest reign that the data took part in.
    pub(crate) lineage: Option<Epoch>,
    /// How far the log had come at moments of the last while.
    pub(crate) track: Track,
    started_at: Option<Moment>,
    failures: u32,
    since: BTreeMap<Topic, (u8, Moment)>,
}

/// Something that is so for a while.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Topic {
    /// Whether there is a leader.
    Leader,
    /// What the database is.
    Own,
    /// Whether its disk takes writes.
    Disk,
    /// Whether the replica here receives.
    Stream,
    /// Whether that one receives.
    Peer(Host),
}

impl Memory {
    pub(crate) fn new(lineage: Option<Epoch>, track_marks_max: usize) -> Memory {
        Memory {
            reign: None,
            right: Right::Eligible,
            base: None,
            checkpointed: None,
            upstream: None,
            version: None,
            acks: Acks::Blocked,
            failed_rewind: None,
            is_former: false,
            lineage,
            track: Track::new(track_marks_max),
            started_at: None,
            failures: 0,
            since: BTreeMap::new(),
        }
    }

    /// For how long it has been `value`, as far as was looked.
    pub(crate) fn lasting(&mut self, topic: Topic, value: u8, now: Moment) -> Duration {
        let entry = self.since.entry(topic).or_insert((value, now));
        if entry.0 != value {
            *entry = (value, now);
        }
        now.since(entry.1)
    }

    /// The database was started.
    pub(crate) fn has_started(&mut self, upstream: Option<Host>) {
        self.upstream = upstream;
        self.started_at = Some(Moment::now());
        // how long the one before received nothing says nothing of this one
        self.since.remove(&Topic::Stream);
    }

    /// This keeper has stopped the database itself, or will have in any case.
    pub(crate) fn has_stopped(&mut self) {
        (self.reign, self.upstream, self.started_at) = (None, None, None);
        self.track.clear();
    }

    /// The database was found stopped: that counts as a failure of its start if that was not long ago.
    pub(crate) fn has_died(&mut self, proven_after: Duration, now: Moment) -> u32 {
        if let Some(at) = self.started_at.take() {
            self.failures = if now.since(at) < proven_after { self.failures + 1 } else { 0 };
        }
        (self.reign, self.upstream) = (None, None);
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(n: u64) -> Moment {
        Moment::at(Duration::from_secs(n))
    }

    #[test]
    fn what_changes_begins_anew() {
        let mut memory = Memory::new(None, 1);
        let lasting = [(1, 10), (1, 13), (2, 14), (1, 15), (1, 16)]
            .map(|(value, at)| memory.lasting(Topic::Own, value, second(at)).as_secs());
        assert_eq!(lasting, [0, 3, 0, 0, 1]);
    }

    #[test]
    fn a_database_that_was_started_anew_has_not_been_without_a_stream_for_long() {
        let mut memory = Memory::new(None, 1);
        memory.lasting(Topic::Stream, 0, second(10));
        assert_eq!(memory.lasting(Topic::Stream, 0, second(70)).as_secs(), 60);
        memory.has_started(None);
        assert_eq!(memory.lasting(Topic::Stream, 0, second(71)).as_secs(), 0);
    }

    #[test]
    fn only_deaths_soon_after_a_start_are_failures() {
        let mut memory = Memory::new(None, 1);
        let soon = Duration::from_secs(10);
        memory.has_started(None);
        assert_eq!(memory.has_died(soon, Moment::now()), 1);
        assert_eq!(memory.has_died(soon, Moment::now()), 1, "one death is counted once");
        memory.has_started(None);
        assert_eq!(memory.has_died(soon, Moment::now().after(soon)), 0);
    }
}
