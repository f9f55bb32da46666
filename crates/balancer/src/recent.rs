//! How long answers took of late: counted in a ring of short windows, so that what is told is of the last minute.
//!
//! Invariant: counting takes no lock. A count that falls into a window while it is begun anew may be lost; these are numbers
//! to look at, not to pay by.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Windows in the ring.
const WINDOWS: usize = 6;
/// Length of a window.
const WINDOW: Duration = Duration::from_secs(10);
/// Times are told apart in four steps to each doubling, up to a minute.
const STEPS: usize = 4;
const BUCKETS: usize = 26 * STEPS;
/// Longer times count as this one.
const LONGEST_US: u64 = 1 << 40;

/// The ring.
#[derive(Debug)]
pub(crate) struct Recent {
    windows: [Window; WINDOWS],
}

#[derive(Debug)]
struct Window {
    /// Which window since the beginning this is, plus one; 0 for none.
    number: AtomicU64,
    buckets: [AtomicU64; BUCKETS],
}

/// What it comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Times {
    /// Answers in the last minute.
    pub(crate) count: u64,
    /// Half of them began within this time.
    pub(crate) p50: Duration,
    /// 99 of 100 did.
    pub(crate) p99: Duration,
}

impl Default for Recent {
    fn default() -> Recent {
        let window =
            |_| Window { number: AtomicU64::new(0), buckets: std::array::from_fn(|_| AtomicU64::new(0)) };
        Recent { windows: std::array::from_fn(window) }
    }
}

impl Recent {
    /// Counts an answer that took so long, `now` since the beginning.
    pub(crate) fn note(&self, took: Duration, now: Duration) {
        let number = number(now);
        let window = &self.windows[place(number)];
        let before = window.number.load(Relaxed);
        if before != number && window.number.compare_exchange(before, number, Relaxed, Relaxed).is_ok() {
            window.buckets.iter().for_each(|bucket| bucket.store(0, Relaxed));
        }
        window.buckets[bucket(took)].fetch_add(1, Relaxed);
    }

    /// The times of the last minute; `None` when there was no answer.
    pub(crate) fn times(&self, now: Duration) -> Option<Times> {
        let newest = number(now);
        let mut counts = [0; BUCKETS];
        for window in &self.windows {
            let number = window.number.load(Relaxed);
            if number != 0 && number + WINDOWS as u64 > newest {
                counts.iter_mut().zip(&window.buckets).for_each(|(sum, bucket)| *sum += bucket.load(Relaxed));
            }
        }
        let count: u64 = counts.iter().sum();
        let quantile = |part: u64| {
            let mut left = (count * part).div_ceil(100);
            let found = counts.iter().position(|n| {
                let is_it = *n >= left;
                left -= left.min(*n);
                is_it
            });
            bound(found.unwrap_or(BUCKETS - 1))
        };
        (count > 0).then(|| Times { count, p50: quantile(50), p99: quantile(99) })
    }
}

fn number(now: Duration) -> u64 {
    now.as_secs() / WINDOW.as_secs() + 1
}

fn place(number: u64) -> usize {
    usize::try_from(number % WINDOWS as u64).unwrap_or(0)
}

/// The first bucket whose bound is not below a time: each bound is a doubling in four steps.
fn bucket(took: Duration) -> usize {
    let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).clamp(1, LONGEST_US);
    let doubling = us.ilog2() as usize;
    let within = (us - (1 << doubling)) * STEPS as u64 / (1 << doubling);
    (doubling * STEPS + usize::try_from(within).unwrap_or(0)).min(BUCKETS - 1)
}

/// The upper bound of a bucket.
fn bound(bucket: usize) -> Duration {
    let (doubling, within) = (bucket / STEPS, bucket % STEPS);
    let base = 1_u64 << doubling;
    Duration::from_micros(base + base * (within as u64 + 1) / STEPS as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn of_a_hundred_answers_the_slowest_shows_and_of_two_hundred_it_does_not() {
        let (recent, now) = (Recent::default(), WINDOW * 7);
        assert_eq!(recent.times(now), None);
        (0..98).for_each(|_| recent.note(MS * 2, now));
        (0..2).for_each(|_| recent.note(MS * 500, now));
        let times = recent.times(now).expect("there were some");
        assert_eq!(times.count, 100);
        assert!(times.p50 >= MS * 2 && times.p50 < MS * 3, "{times:?}");
        assert!(times.p99 >= MS * 500 && times.p99 < MS * 630, "{times:?}");
        (0..200).for_each(|_| recent.note(MS * 2, now));
        assert!(recent.times(now).expect("there were some").p99 < MS * 3);
    }

    #[test]
    fn what_is_older_than_a_minute_is_forgotten() {
        let recent = Recent::default();
        recent.note(MS, Duration::ZERO);
        assert!(recent.times(WINDOW * 5).is_some());
        assert_eq!(recent.times(WINDOW * 6), None);
        recent.note(MS, WINDOW * 6);
        assert_eq!(recent.times(WINDOW * 6).map(|times| times.count), Some(1), "its place was taken anew");
    }

    #[test]
    fn a_time_is_not_above_its_bound_and_above_the_one_before() {
        for us in [1, 2, 3, 5, 100, 1023, 1024, 1025, 999_999] {
            let at = bucket(Duration::from_micros(us));
            assert!(Duration::from_micros(us) <= bound(at), "{us}");
            assert!(at == 0 || Duration::from_micros(us) >= bound(at - 1).min(bound(at)) / 2, "{us}");
        }
        assert_eq!(bucket(Duration::from_secs(1 << 40)), BUCKETS - 1);
    }
}
