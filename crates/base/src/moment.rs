//! Moments for deadlines: on a clock that only goes forward, and goes on while the machine is suspended.
//!
//! Linux's `CLOCK_BOOTTIME`. `std::time::Instant` stands still in suspend, so that a primary which slept through its
//! lease would believe in it.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A moment since the machine was started. Moments of two machines have nothing to do with one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(Duration);

impl Moment {
    /// This moment.
    #[must_use]
    pub fn now() -> Moment {
        let time = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        Moment(Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0)))
    }

    /// The moment so long after the machine's start.
    #[must_use]
    pub fn at(since_start: Duration) -> Moment {
        Moment(since_start)
    }

    /// How long after the machine's start.
    pub fn since_start(self) -> Duration {
        self.0
    }

    /// This moment moved on.
    #[must_use]
    pub fn after(self, duration: Duration) -> Moment {
        Moment(self.0.saturating_add(duration))
    }

    /// How long from `earlier` to this one; zero when it is not earlier.
    pub fn since(self, earlier: Moment) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// How long it is until this moment; zero once it is past.
    pub fn left(self) -> Duration {
        self.since(Moment::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_go_forward() {
        let begin = Moment::now();
        let later = begin.after(Duration::from_secs(3));
        assert!(Moment::now() >= begin && later.left() > Duration::from_secs(1));
        assert_eq!(begin.since(later), Duration::ZERO);
    }
}
