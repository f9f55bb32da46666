//! How many connections are taken in a second: those that come faster wait in the system's queue, and none is refused for it.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

/// What may come at once after a silence: so long a time's worth.
const BURST: Duration = Duration::from_millis(100);

/// The pace at which connections are taken, of all listeners together.
pub(crate) struct Pacing {
    gap: Duration,
    /// When the next one would come if they came evenly.
    even: Mutex<Instant>,
}

impl Pacing {
    /// So many in a second at most.
    pub(crate) fn new(per_second_max: u32) -> Pacing {
        Pacing { gap: Duration::from_secs(1) / per_second_max.max(1), even: Mutex::new(Instant::now()) }
    }

    /// Counts a connection; until when no other is to be taken, if that is not yet.
    pub(crate) fn count(&self, now: Instant) -> Option<Instant> {
        let mut even = self.even.lock().expect("nobody panics while holding it");
        *even = (*even).max(now) + self.gap;
        let until = even.checked_sub(BURST.max(self.gap))?;
        (until > now).then_some(until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many are taken in so long.
    fn taken(pacing: &Pacing, from: Instant, time: Duration) -> usize {
        let (mut now, mut count) = (from, 0);
        while now < from + time {
            count += 1;
            now = pacing.count(now).unwrap_or(now);
        }
        count
    }

    #[test]
    fn so_many_are_taken_in_a_second_and_a_few_more_after_a_silence() {
        let (pacing, begun) = (Pacing::new(1000), Instant::now());
        let first = taken(&pacing, begun, Duration::from_secs(1));
        assert!((1095..=1105).contains(&first), "{first}");
        let next = taken(&pacing, begun + Duration::from_secs(1), Duration::from_secs(1));
        assert!((995..=1005).contains(&next), "{next}");
        let after = taken(&pacing, begun + Duration::from_secs(60), Duration::from_secs(1));
        assert!((1095..=1105).contains(&after), "{after}");
    }

    #[test]
    fn one_in_a_second_is_one_in_a_second() {
        let pacing = Pacing::new(1);
        assert!((3..=4).contains(&taken(&pacing, Instant::now(), Duration::from_secs(3))));
    }
}
