//! Whether a request that failed is tried again.
//!
//! What was never sent may go anywhere. What was sent is sent again only when doing it twice is as good as once, its body
//! is at hand, and not many requests are in the same case: retries must not become the load that keeps a service down.

use std::time::Duration;

/// How a try failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failed {
    /// No byte was given to a backend.
    Unsent,
    /// The connection broke off before any answer.
    BrokeOff,
    /// No answer came in the time of one try.
    TimedOut,
    /// The client did not send what it had begun.
    ByClient,
}

/// What is known of a request before it is tried again.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tries {
    /// Its method says that twice is as good as once, and its body is at hand.
    pub(crate) is_repeatable: bool,
    pub(crate) unsent: u32,
    pub(crate) sent: u32,
}

/// Tries that ended before anything was sent.
const UNSENT_MAX: u32 = 16;
/// Times that a request is sent, the first time counted.
const SENT_MAX: u32 = 3;
/// Seconds of which the budget knows.
const WINDOW: usize = 10;
/// One retry for so many requests.
const REQUESTS_PER_RETRY: u32 = 10;
/// Retries per second that are always free. So are as many as there are requests in hand: a backend that dies takes long ones with
/// it that are no longer among those of the last seconds, and each of them is owed an answer.
const FREE_PER_SECOND: u32 = 3;

impl Tries {
    /// Counts a failed try; true when there is to be another one. Sent again costs of the budget.
    pub(crate) fn go_on(&mut self, failed: Failed, budget: &mut Budget, in_hand: u32, now: Duration) -> bool {
        match failed {
            Failed::Unsent => {
                self.unsent += 1;
                self.unsent < UNSENT_MAX
            }
            Failed::ByClient => false,
            Failed::BrokeOff | Failed::TimedOut => {
                self.sent += 1;
                self.may_be_sent_again() && budget.spend(in_hand, now)
            }
        }
    }

    /// Whether, should the next try fail after it was sent, another could follow.
    pub(crate) fn may_be_sent_again(&self) -> bool {
        self.is_repeatable && self.sent < SENT_MAX
    }
}

/// How many requests and retries there were lately, second by second.
#[derive(Clone, Debug, Default)]
pub(crate) struct Budget {
    seconds: [Second; WINDOW],
}

#[derive(Clone, Copy, Debug, Default)]
struct Second {
    at: u64,
    requests: u32,
    retries: u32,
}

impl Budget {
    /// Counts a request.
    pub(crate) fn request(&mut self, now: Duration) {
        let second = self.second(now);
        second.requests = second.requests.saturating_add(1);
    }

    /// Takes one retry, if there is one to be had while so many requests are in hand.
    fn spend(&mut self, in_hand: u32, now: Duration) -> bool {
        let oldest = now.as_secs().saturating_sub(WINDOW as u64 - 1);
        let lately = self.seconds.iter().filter(|second| second.at >= oldest);
        let (requests, retries) = lately
            .fold((0u32, 0u32), |(q, r), s| (q.saturating_add(s.requests), r.saturating_add(s.retries)));
        let free = (FREE_PER_SECOND * WINDOW as u32).saturating_add(in_hand);
        let is_there = retries < (requests / REQUESTS_PER_RETRY).saturating_add(free);
        if is_there {
            self.second(now).retries += 1;
        }
        is_there
    }

    fn second(&mut self, now: Duration) -> &mut Second {
        let at = now.as_secs();
        let place = usize::try_from(at % WINDOW as u64).unwrap_or(0);
        let second = &mut self.seconds[place];
        if second.at != at {
            *second = Second { at, ..Second::default() };
        }
        second
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1000);

    fn tries(is_repeatable: bool) -> Tries {
        Tries { is_repeatable, ..Tries::default() }
    }

    #[test]
    fn what_was_never_sent_goes_on_whatever_it_is() {
        let (mut budget, mut tries) = (Budget::default(), tries(false));
        let went_on = (0..100).take_while(|_| tries.go_on(Failed::Unsent, &mut budget, 0, NOW)).count();
        assert_eq!(went_on, 15);
    }

    #[test]
    fn what_was_sent_goes_on_twice_and_only_if_it_may_be_repeated() {
        assert!(!tries(true).go_on(Failed::ByClient, &mut Budget::default(), 0, NOW));
        for failed in [Failed::BrokeOff, Failed::TimedOut] {
            let mut budget = Budget::default();
            assert!(!tries(false).go_on(failed, &mut budget, 0, NOW));
            let mut again = tries(true);
            let went_on: Vec<bool> = (0..3).map(|_| again.go_on(failed, &mut budget, 0, NOW)).collect();
            assert_eq!(went_on, [true, true, false]);
        }
    }

    #[test]
    fn retries_are_a_tenth_of_the_requests_of_ten_seconds_and_three_a_second() {
        let mut budget = Budget::default();
        let spend = |budget: &mut Budget, now| (0..1000).take_while(|_| budget.spend(0, now)).count();
        assert_eq!(spend(&mut budget, NOW), 30);
        assert_eq!(spend(&mut budget, NOW + Duration::from_secs(9)), 0);
        assert_eq!(spend(&mut budget, NOW + Duration::from_secs(10)), 30);
        let later = NOW + Duration::from_secs(100);
        for second in 0..10 {
            (0..50).for_each(|_| budget.request(later + Duration::from_secs(second)));
        }
        assert_eq!(spend(&mut budget, later + Duration::from_secs(9)), 80);
        assert_eq!(spend(&mut budget, later + Duration::from_secs(1000)), 30);
    }

    #[test]
    fn all_that_were_in_hand_for_long_when_a_backend_died_go_on() {
        let (mut budget, in_hand) = (Budget::default(), 200);
        let went_on =
            (0..100).filter(|lost| tries(true).go_on(Failed::BrokeOff, &mut budget, in_hand - lost, NOW));
        assert_eq!(went_on.count(), 100);
    }
}
