//! The arithmetic of a lease: up to when its holder may be sure that the store has not dropped it.

use std::time::Duration;

/// How long a lease lasts, and how early its holder stops to trust it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// How long the store keeps the lease after a renewal.
    pub ttl: Duration,
    /// How much earlier the holder stops: the longest time to kill a database, the error of two clocks over `ttl`, and what
    /// the system may need to let the keeper run.
    pub margin: Duration,
}

impl Terms {
    /// The moment up to which a lease is certain whose renewal was sent at `sent` and then confirmed.
    ///
    /// The store counts from when it took the renewal, which is never before it was sent; the reply may come as late as it
    /// likes. So the moment of the reply says nothing.
    pub fn deadline(self, sent: Duration) -> Duration {
        sent + self.ttl.saturating_sub(self.margin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deadline_counts_from_before_the_renewal_was_sent() {
        let terms = Terms { ttl: Duration::from_secs(3), margin: Duration::from_secs(1) };
        assert_eq!(terms.deadline(Duration::from_secs(10)), Duration::from_secs(12));
    }

    #[test]
    fn a_margin_longer_than_the_lease_leaves_no_time() {
        let terms = Terms { ttl: Duration::from_secs(1), margin: Duration::from_secs(2) };
        assert_eq!(terms.deadline(Duration::from_secs(10)), Duration::from_secs(10));
    }
}
