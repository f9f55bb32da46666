//! How fast a backend answers beside the others, so that one that is slow gets little however seldom anybody asks.
//!
//! What is kept is a running mean of the times' logarithms: one answer that takes long by its nature says next to nothing, many
//! in a row say it. Who is only somewhat slower than the fastest counts as fast: small differences come and go, and load alone
//! is the better measure. What was not asked for a while is believed to be better again, little by little, so that it is
//! asked now and then; if it shows that it is, the rest is forgiven, and if not, it is as slow as before at once.

use std::time::Duration;

/// Steps to each doubling.
const STEPS: u32 = 256;
/// Answers of which one changes the mean by its whole difference: 8.
const MEMORY: i64 = 8;
/// Faster than this nobody has to be: what comes and goes on a machine is of that size.
const FAST: Duration = Duration::from_millis(10);
/// Differences up to this count as none: a factor of three.
const ALIKE: u32 = 406;
/// Beyond that it counts by its third power: who is slow is for when the others are slow too.
const STEEP: u32 = 3;
/// So long without an answer makes up for each doubling.
const FORGIVEN_AFTER: Duration = Duration::from_secs(3);
/// Doublings beyond which nothing is told apart.
const SLOWEST: u32 = 10;
/// The slowness of one that is not slow.
pub(crate) const EVEN: u64 = 16;

/// The pace of one backend.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    /// The mean, in steps; `None` before the first answer.
    mean: Option<u32>,
    /// The last answer.
    at: Duration,
}

impl Pace {
    /// Notes an answer that took so long. `fastest` is the mean of the fastest, if one is known: who is new is believed to be as
    /// fast until its answers change that, for the first ones may be those of a cold start.
    pub(crate) fn note(&mut self, took: Duration, now: Duration, fastest: Option<u32>) {
        let new = steps(took.max(FAST));
        let believed = self.now(now).or(fastest).unwrap_or(steps(FAST));
        // who shows that it is better was rightly forgiven; who is slow again is as slow as that at once
        let before = new.clamp(believed, self.mean.unwrap_or(believed));
        let step = (i64::from(new) - i64::from(before)) / MEMORY;
        let mean = u32::try_from(i64::from(before) + step).unwrap_or(new);
        (self.mean, self.at) = (Some(mean), now);
    }

    /// The mean as it is believed now; `None` of one that has not answered yet.
    pub(crate) fn now(&self, now: Duration) -> Option<u32> {
        let silent = now.saturating_sub(self.at).as_millis();
        let forgiven = silent * u128::from(STEPS) / FORGIVEN_AFTER.as_millis();
        let forgiven = u32::try_from(forgiven).unwrap_or(u32::MAX);
        self.mean.map(|mean| mean.saturating_sub(forgiven).max(steps(FAST)))
    }
}

/// How many sixteenths the load of one with this mean counts beside the fastest.
pub(crate) fn slowness(own: u32, fastest: u32) -> u64 {
    let doublings = own.saturating_sub(fastest).saturating_sub(ALIKE).saturating_mul(STEEP);
    match doublings / STEPS {
        whole if whole >= SLOWEST => EVEN << SLOWEST,
        // between two doublings on a straight line, as in `steps`
        whole => EVEN * u64::from(STEPS + doublings % STEPS) * (1 << whole) / u64::from(STEPS),
    }
}

/// The logarithm of a time in microseconds, in steps.
fn steps(time: Duration) -> u32 {
    let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1);
    let doublings = us.ilog2();
    let rest = ((u128::from(us) * u128::from(STEPS)) >> doublings) - u128::from(STEPS);
    doublings * STEPS + u32::try_from(rest).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// After these answers at once, where all others took as long as the first of them.
    fn pace(times: impl IntoIterator<Item = Duration>) -> Pace {
        let mut pace = Pace::default();
        times.into_iter().for_each(|took| pace.note(took, Duration::ZERO, Some(steps(took.max(FAST)))));
        pace
    }

    fn mean(times: impl IntoIterator<Item = Duration>) -> u32 {
        pace(times).now(Duration::ZERO).expect("it has answered")
    }

    /// As a factor.
    fn slowness(own: u32, fastest: u32) -> f64 {
        super::slowness(own, fastest) as f64 / EVEN as f64
    }

    #[test]
    fn one_long_answer_among_short_ones_says_nothing_and_many_say_it() {
        let short = || std::iter::repeat_n(MS * 10, 50);
        assert_eq!(slowness(mean(short().chain([MS * 2000])), mean(short())), 1.0);
        assert!(slowness(mean(short().chain([MS * 2000; 8])), mean(short())) >= 8.0);
        let factor = slowness(mean([MS * 500; 3]), mean([MS * 64; 3]));
        assert!((12.0..24.0).contains(&factor), "{factor}");
    }

    #[test]
    fn small_differences_are_none_and_large_ones_have_an_end() {
        assert_eq!(slowness(mean([MS * 29]), mean([MS * 10])), 1.0);
        assert_eq!(slowness(mean([MS * 29]), mean([Duration::ZERO])), 1.0);
        assert_eq!(slowness(mean([MS * 3_600_000]), mean([MS])), 1024.0);
    }

    #[test]
    fn what_is_not_asked_is_forgiven_by_and_by() {
        let pace = pace([MS * 512]);
        let now = |s| pace.now(Duration::from_secs(s)).expect("it has answered");
        let factors = [0, 6, 9, 15, 3600].map(|s| slowness(now(s), steps(FAST)));
        assert!(factors.is_sorted_by(|a, b| a >= b) && factors[0] > 200.0, "{factors:?}");
        assert!(factors[2] > 2.0 && factors[3..] == [1.0, 1.0], "{factors:?}");
    }

    #[test]
    fn what_was_forgiven_stays_so_only_for_who_is_better() {
        let after = |took: Duration| {
            let (mut pace, later) = (pace([MS * 512]), Duration::from_secs(60));
            pace.note(took, later, None);
            slowness(pace.now(later).expect("it has answered"), steps(FAST))
        };
        assert_eq!(after(MS * 10), 1.0);
        for again in [MS * 64, MS * 512] {
            assert_eq!(after(again), slowness(mean([again]), mean([FAST])));
        }
    }

    #[test]
    fn a_first_answer_says_little() {
        for fastest in [None, Some(steps(FAST))] {
            let mut pace = Pace::default();
            pace.note(MS * 2000, Duration::ZERO, fastest);
            assert_eq!(slowness(pace.now(Duration::ZERO).expect("it has answered"), steps(FAST)), 1.0);
        }
    }

    #[test]
    fn steps_grow_with_times() {
        let times = (0..40).map(|n| Duration::from_micros(1 << n));
        assert!(times.clone().zip(times.skip(1)).all(|(a, b)| steps(b) - steps(a) == STEPS));
        assert!(steps(Duration::MAX) > steps(Duration::from_secs(1 << 30)));
    }
}
