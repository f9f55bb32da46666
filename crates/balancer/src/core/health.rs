//! How a backend is, by what is seen of it: probes, and what became of requests.
//!
//! A backend is *up*; *doubted* after what may have been its fault, until the next probe says more; or *out*, when a
//! connection could not be made or probes failed. Out ends by probes alone, and not before a pause that doubles each
//! time that it falls again soon; who answers probes during it *rests*.

use std::time::Duration;

/// What is seen of a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A probe was answered in time.
    ProbeWell,
    /// A probe was not.
    ProbeFailed,
    /// No connection could be made for a request.
    ConnectFailed,
    /// A connection broke off under a request before any answer.
    BrokeOff,
    /// A request was not answered in the time of one try.
    TimedOut,
}

/// How a backend is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It gets requests.
    Up,
    /// It gets requests while there are too few others.
    Doubted,
    /// It gets requests only when nobody is better.
    Out,
}

/// How much it takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Failed probes in a row that put a backend out.
    pub(crate) fall: u32,
    /// Good probes in a row that bring it back.
    pub(crate) rise: u32,
    /// The shortest time that it is out.
    pub(crate) pause_first: Duration,
    /// The longest.
    pub(crate) pause_max: Duration,
    /// The time in which a backend that came back gets its full share.
    pub(crate) slow_start: Duration,
}

/// Broken connections within [`STRIKES_WINDOW`] that make a backend doubted.
const BREAKS_MAX: u32 = 3;
/// Late answers within [`STRIKES_WINDOW`] that make a backend doubted.
const LATES_MAX: u32 = 5;
const STRIKES_WINDOW: Duration = Duration::from_secs(10);
/// After so long a time up, a fall is a first one again.
const CALM: Duration = Duration::from_secs(60);
/// Least share in a thousand of a backend that has just come back.
const SHARE_MIN: u64 = 100;

const ANSWERS: &str = "it answers";
/// Why one is out that answers probes.
pub(crate) const RESTS: &str = "it answers again, and is out for a while yet as it fell a moment ago";

/// One backend's health.
#[derive(Clone, Debug)]
pub(crate) struct Health {
    state: State,
    /// Since when it is up; `None` from the beginning, with its full share.
    up_since: Option<Duration>,
    wells: u32,
    fails: u32,
    breaks: Strikes,
    lates: Strikes,
    pause: Duration,
    out_until: Duration,
    why: &'static str,
}

#[derive(Clone, Copy, Debug, Default)]
struct Strikes {
    began: Duration,
    count: u32,
}

impl Strikes {
    /// Counts one; true when there are `most` within the window.
    fn reach(&mut self, most: u32, now: Duration) -> bool {
        if now.saturating_sub(self.began) > STRIKES_WINDOW {
            *self = Strikes { began: now, count: 0 };
        }
        self.count += 1;
        self.count >= most
    }
}

impl Health {
    /// Of a backend that is there from the beginning: well until shown otherwise.
    pub(crate) fn trusted() -> Health {
        Health {
            state: State::Up,
            up_since: None,
            wells: 0,
            fails: 0,
            breaks: Strikes::default(),
            lates: Strikes::default(),
            pause: Duration::ZERO,
            out_until: Duration::ZERO,
            why: "it has not been asked yet",
        }
    }

    /// Of a backend that was added while the balancer runs: it has to answer a probe first.
    pub(crate) fn unknown() -> Health {
        Health { state: State::Doubted, ..Health::trusted() }
    }

    /// How it is.
    pub(crate) fn state(&self) -> State {
        self.state
    }

    /// Why it is so, in one sentence.
    pub(crate) fn why(&self) -> &'static str {
        self.why
    }

    /// Whether it answers probes, and is out for its pause only.
    pub(crate) fn rests(&self, rules: &Rules) -> bool {
        self.state == State::Out && self.wells >= rules.rise
    }

    /// Lets it off the rest of its pause, when it rests.
    pub(crate) fn let_off(&mut self, now: Duration, rules: &Rules) {
        if self.rests(rules) {
            self.come_back(now);
        }
    }

    /// Its share of its weight in a thousand: less while it starts slowly.
    pub(crate) fn share(&self, now: Duration, rules: &Rules) -> u64 {
        let Some(since) = self.up_since else { return 1000 };
        let (up, whole) = (now.saturating_sub(since).as_millis(), rules.slow_start.as_millis());
        if up >= whole {
            return 1000;
        }
        u64::try_from(up * 1000 / whole).unwrap_or(1000).max(SHARE_MIN)
    }

    /// Takes note of an event; true when its state has changed.
    pub(crate) fn note(&mut self, event: Event, now: Duration, rules: &Rules) -> bool {
        let before = self.state;
        match event {
            Event::ProbeWell => self.well(now, rules),
            Event::ProbeFailed => self.fail(now, rules),
            Event::ConnectFailed => {
                self.wells = 0;
                self.fall(now, rules, "no connection could be made");
            }
            Event::BrokeOff => {
                if self.breaks.reach(BREAKS_MAX, now) {
                    self.doubt("connections broke off under requests");
                }
            }
            Event::TimedOut => {
                if self.lates.reach(LATES_MAX, now) {
                    self.doubt("requests were not answered in time");
                }
            }
        }
        self.state != before
    }

    fn well(&mut self, now: Duration, rules: &Rules) {
        self.fails = 0;
        self.wells = self.wells.saturating_add(1);
        let is_back = match self.state {
            State::Up => false,
            State::Doubted => true,
            State::Out => self.wells >= rules.rise && now >= self.out_until,
        };
        match self.state {
            _ if is_back => self.come_back(now),
            State::Up => self.why = ANSWERS,
            State::Out if self.rests(rules) => self.why = RESTS,
            State::Doubted | State::Out => {}
        }
    }

    fn come_back(&mut self, now: Duration) {
        if self.state == State::Out || self.up_since.is_none() && self.fresh() {
            self.up_since = Some(now);
        }
        (self.state, self.why) = (State::Up, ANSWERS);
        (self.breaks, self.lates) = (Strikes::default(), Strikes::default());
    }

    /// Whether nothing but its probes is known of it.
    fn fresh(&self) -> bool {
        self.breaks.count == 0 && self.lates.count == 0
    }

    fn fail(&mut self, now: Duration, rules: &Rules) {
        self.wells = 0;
        self.fails = self.fails.saturating_add(1);
        // what was doubted and then does not answer has two witnesses against it
        if self.fails >= rules.fall || self.state == State::Doubted {
            self.fall(now, rules, "it does not answer probes");
        }
    }

    fn doubt(&mut self, why: &'static str) {
        if self.state == State::Up {
            (self.state, self.why) = (State::Doubted, why);
        }
    }

    fn fall(&mut self, now: Duration, rules: &Rules, why: &'static str) {
        if self.state == State::Out {
            return;
        }
        let was_calm = self.up_since.is_none_or(|since| now.saturating_sub(since) > CALM);
        self.pause = match was_calm {
            true => rules.pause_first,
            false => (self.pause * 2).clamp(rules.pause_first, rules.pause_max),
        };
        (self.state, self.why, self.out_until) = (State::Out, why, now + self.pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules {
        fall: 2,
        rise: 2,
        pause_first: Duration::from_secs(1),
        pause_max: Duration::from_secs(4),
        slow_start: Duration::from_secs(10),
    };

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn after(health: &mut Health, events: &[(u64, Event)]) -> State {
        for (at, event) in events {
            health.note(*event, s(*at), &RULES);
        }
        health.state()
    }

    #[test]
    fn a_refused_connection_puts_out_and_two_probes_after_the_pause_bring_back() {
        use Event::*;
        let mut health = Health::trusted();
        assert_eq!(after(&mut health, &[(100, ConnectFailed)]), State::Out);
        health.note(ProbeWell, s(100) + Duration::from_millis(100), &RULES);
        health.note(ProbeWell, s(100) + Duration::from_millis(200), &RULES);
        assert_eq!(health.state(), State::Out, "the pause is not over");
        assert_eq!(after(&mut health, &[(101, ProbeWell)]), State::Up);
    }

    #[test]
    fn one_failed_probe_is_none_two_are_out() {
        use Event::*;
        let mut health = Health::trusted();
        assert_eq!(after(&mut health, &[(1, ProbeFailed), (2, ProbeWell), (3, ProbeFailed)]), State::Up);
        assert_eq!(after(&mut health, &[(4, ProbeFailed)]), State::Out);
        assert_eq!(health.why(), "it does not answer probes");
    }

    #[test]
    fn late_answers_make_doubt_which_one_probe_ends_either_way() {
        use Event::*;
        let mut health = Health::trusted();
        assert_eq!(after(&mut health, &[(1, TimedOut); 4]), State::Up);
        assert_eq!(after(&mut health, &[(1, TimedOut)]), State::Doubted);
        assert_eq!(after(&mut health, &[(2, ProbeWell)]), State::Up);
        assert_eq!(health.share(s(2), &RULES), 1000, "it was only doubted");
        assert_eq!(after(&mut health, &[(3, TimedOut); 5]), State::Doubted);
        assert_eq!(after(&mut health, &[(4, ProbeFailed)]), State::Out);
    }

    #[test]
    fn late_answers_that_are_far_apart_are_no_sign() {
        let mut health = Health::trusted();
        for at in 0..20 {
            health.note(Event::TimedOut, s(at * 4), &RULES);
        }
        assert_eq!(health.state(), State::Up);
    }

    #[test]
    fn who_falls_again_soon_stays_out_twice_as_long() {
        use Event::*;
        let mut health = Health::trusted();
        after(&mut health, &[(100, ConnectFailed), (101, ProbeWell), (101, ProbeWell), (102, ConnectFailed)]);
        assert_eq!(after(&mut health, &[(103, ProbeWell), (103, ProbeWell)]), State::Out);
        assert_eq!(after(&mut health, &[(104, ProbeWell)]), State::Up);
        after(&mut health, &[(200, ConnectFailed)]);
        assert_eq!(after(&mut health, &[(201, ProbeWell), (201, ProbeWell)]), State::Up, "it had been calm");
    }

    #[test]
    fn who_answers_during_its_pause_rests_and_is_let_off_where_others_are_few() {
        use Event::*;
        let mut health = Health::trusted();
        after(&mut health, &[(100, ConnectFailed), (100, ProbeWell)]);
        assert!(!health.rests(&RULES), "one good probe may be chance");
        after(&mut health, &[(100, ProbeWell)]);
        assert!(health.rests(&RULES));
        assert_eq!(health.why(), RESTS);
        health.let_off(s(100), &RULES);
        assert_eq!((health.state(), health.why()), (State::Up, ANSWERS));
    }

    #[test]
    fn who_comes_back_gets_its_share_little_by_little() {
        use Event::*;
        let mut health = Health::trusted();
        after(&mut health, &[(1, ConnectFailed), (2, ProbeWell), (2, ProbeWell)]);
        let shares: Vec<u64> = [2, 5, 7, 12].map(|at| health.share(s(at), &RULES)).into();
        assert_eq!(shares, [100, 300, 500, 1000]);
        let mut added = Health::unknown();
        assert_eq!((added.state(), after(&mut added, &[(5, ProbeWell)])), (State::Doubted, State::Up));
        assert_eq!(added.share(s(6), &RULES), 100);
    }
}
