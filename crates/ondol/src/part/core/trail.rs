//! How old what a replica lacks is: the primary's positions, remembered with their times.

use std::collections::VecDeque;
use std::time::Duration;

use base::moment::Moment;
use console::continuity::Behind;

/// Positions that are remembered: of an hour, when one is noted twice a second.
const MARKS_MAX: usize = 7_200;

/// Where the primary was at a time.
#[derive(Clone, Copy, Debug)]
struct Mark {
    at: Moment,
    offset: u64,
    /// The newest position of the change log, where it was known.
    writes: Option<u64>,
}

/// The positions of one reign.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    epoch: u64,
    marks: VecDeque<Mark>,
}

impl Trail {
    /// The primary of a reign is here now.
    pub(crate) fn note(&mut self, at: Moment, epoch: u64, offset: u64, writes: Option<u64>) {
        if epoch != self.epoch {
            self.marks.clear();
            self.epoch = epoch;
        }
        // what has not moved is known by its first and its last time
        let stands = |mark: &Mark| mark.offset == offset && mark.writes == writes;
        if self.marks.len() >= 2 && self.marks.iter().rev().take(2).all(stands) {
            self.marks.pop_back();
        }
        if self.marks.len() == MARKS_MAX {
            self.marks.pop_front();
        }
        self.marks.push_back(Mark { at, offset, writes });
    }

    /// What somebody lacks who has received up to `received`: its age and the count of writes are at most so much, and not known
    /// when that is longer ago than is remembered.
    pub(crate) fn behind(&self, now: Moment, received: u64) -> Behind {
        let Some(newest) = self.marks.back() else { return Behind::default() };
        let bytes = Some(newest.offset.saturating_sub(received));
        if bytes == Some(0) {
            return Behind { bytes, time: Some(Duration::ZERO), writes: Some(0) };
        }
        let Some(had) = self.marks.iter().rev().find(|mark| mark.offset <= received) else {
            return Behind { bytes, ..Behind::default() };
        };
        let writes = newest.writes.zip(had.writes).map(|(newest, had)| newest.saturating_sub(had));
        Behind { bytes, time: Some(now.since(had.at)), writes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lacked_is_as_old_as_the_last_position_that_was_had() {
        let (mut trail, begin) = (Trail::default(), Moment::at(Duration::from_secs(60)));
        let at = |seconds| begin.after(Duration::from_secs(seconds));
        for (second, offset, writes) in [(0, 100, 10), (1, 100, 10), (2, 200, 14), (3, 300, 19), (4, 300, 19)]
        {
            trail.note(at(second), 7, offset, Some(writes));
        }
        let behind = |received| trail.behind(at(5), received);
        assert_eq!(behind(300), Behind { bytes: Some(0), time: Some(Duration::ZERO), writes: Some(0) });
        assert_eq!(
            behind(250),
            Behind { bytes: Some(50), time: Some(Duration::from_secs(3)), writes: Some(5) }
        );
        assert_eq!(
            behind(100),
            Behind { bytes: Some(200), time: Some(Duration::from_secs(4)), writes: Some(9) }
        );
        assert_eq!(behind(50), Behind { bytes: Some(250), time: None, writes: None }, "it is longer ago");
    }

    #[test]
    fn another_reign_begins_anew_and_what_stands_still_takes_no_room() {
        let (mut trail, now) = (Trail::default(), Moment::at(Duration::from_secs(60)));
        for _ in 0..100 {
            trail.note(now, 7, 100, None);
        }
        assert_eq!(trail.marks.len(), 2);
        trail.note(now, 8, 50, None);
        assert_eq!(trail.behind(now, 50).bytes, Some(0));
        assert_eq!(trail.marks.len(), 1);
    }
}
