//! The arithmetic of a lease: up to when its holder may be sure that the store has not dropped it, and from when on others may be
//! sure that the holder is not.

use std::time::Duration;

use base::moment::Moment;

/// How long a lease lasts, and how early its holder stops to trust it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// How long the store is asked to keep the lease after a renewal.
    pub ttl: Duration,
    /// How much earlier the holder stops: the longest time to kill a database, the error of two clocks over `ttl`, and what
    /// the system may need to let the keeper run.
    pub margin: Duration,
}

impl Terms {
    /// The moment up to which a lease is certain whose renewal was sent at `sent` and then confirmed for `granted`.
    ///
    /// The store counts from when it took the renewal, which is never before it was sent; the reply may come as late as it
    /// likes. So the moment of the reply says nothing. A store that keeps leases longer than was asked for is not relied on.
    pub fn deadline(self, sent: Moment, granted: Duration) -> Moment {
        sent.after(granted.min(self.ttl).saturating_sub(self.margin))
    }

    /// Whether a holder whose last sign of life was seen first at `heard`, by the clock of who looks, is past that moment now.
    ///
    /// The sign was sent before it was seen, and every renewal that counts leaves one; the margin covers that the two clocks
    /// go unlike. So the store need not have ended the lease for that: where its own leader was lost, it keeps leases for longer.
    pub fn is_over(self, heard: Moment, now: Moment) -> bool {
        now.since(heard) >= self.ttl
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: Terms = Terms { ttl: Duration::from_secs(3), margin: Duration::from_secs(1) };

    fn deadline(granted_s: u64) -> u64 {
        TERMS
            .deadline(Moment::at(Duration::from_secs(10)), Duration::from_secs(granted_s))
            .since_start()
            .as_secs()
    }

    #[test]
    fn the_deadline_counts_from_before_the_renewal_was_sent() {
        assert_eq!(deadline(3), 12);
    }

    #[test]
    fn a_store_that_grants_less_is_believed_and_one_that_grants_more_is_not() {
        assert_eq!((deadline(2), deadline(60)), (11, 12));
    }

    #[test]
    fn a_silent_holder_is_past_its_deadline_by_the_margin_when_others_act() {
        let heard = Moment::at(Duration::from_secs(10));
        let after = |ms| TERMS.is_over(heard, heard.after(Duration::from_millis(ms)));
        assert_eq!((after(2_999), after(3_000)), (false, true));
        assert_eq!(heard.after(TERMS.ttl).since(TERMS.deadline(heard, TERMS.ttl)), TERMS.margin);
    }

    #[test]
    fn a_margin_longer_than_the_lease_leaves_no_time() {
        assert_eq!(deadline(0), 10);
    }
}
