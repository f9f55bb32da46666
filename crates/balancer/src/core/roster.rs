//! The backends as they are at one moment, and who waits for them.
//!
//! Invariant: what a backend has in hand is never more than its most, and every place that was given is given back once.

use std::time::Duration;

use super::health::{Event, Health, Rules, State};
use super::pace::{self, Pace};
use super::pick::{Candidate, Picked, pick};
use super::queue::{Priority, Queue, Ticket};

/// What a backend is known by, also when its place in the list has changed.
pub(crate) type Id = u64;

/// The most of everything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Most {
    /// Requests that one backend has at once.
    pub(crate) requests: u32,
    /// Requests that wait.
    pub(crate) waiting: usize,
    /// Bytes of bodies that wait.
    pub(crate) waiting_bytes: u64,
}

/// What a request wants.
#[derive(Clone, Debug, Default)]
pub(crate) struct Want {
    pub(crate) priority: Priority,
    /// Whether it will last: an event stream, a websocket.
    pub(crate) is_lasting: bool,
    /// Where it was tried in vain.
    pub(crate) tried: Vec<Id>,
    /// Where the client was before.
    pub(crate) preferred: Option<Id>,
    /// Bytes that it waits with.
    pub(crate) bytes: u64,
}

/// What a request is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// Go there; the place is taken.
    Go(Id),
    /// Wait under this ticket.
    Wait(Ticket),
    /// There is no room to wait in.
    Full,
}

/// One backend.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) id: Id,
    pub(crate) weight: u32,
    /// For when no other is there.
    pub(crate) is_spare: bool,
    pub(crate) health: Health,
    pub(crate) pace: Pace,
    /// Requests that it has in hand.
    pub(crate) requests: u32,
    /// Event streams and tunnels that last.
    pub(crate) lasting: u32,
    /// It was told to get nothing new.
    pub(crate) is_drained: bool,
}

impl Slot {
    /// Whether it gets requests like the others.
    pub(crate) fn is_up(&self) -> bool {
        self.health.state() == State::Up && !self.is_drained
    }
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Roster {
    pub(crate) slots: Vec<Slot>,
    pub(crate) rules: Rules,
    pub(crate) most: Most,
    queue: Queue<Want>,
    turn: usize,
    /// Memory that is used again for each request.
    candidates: Vec<Candidate>,
}

impl Roster {
    pub(crate) fn new(rules: Rules, most: Most) -> Roster {
        Roster { slots: Vec::new(), rules, most, queue: Queue::default(), turn: 0, candidates: Vec::new() }
    }

    /// Asks for a place: one is taken, or one in the queue is.
    pub(crate) fn ask(&mut self, want: &Want, now: Duration) -> Told {
        if let Some(id) = self.take(want, now) {
            return Told::Go(id);
        }
        let most = (self.most.waiting, self.most.waiting_bytes);
        let joined = self.queue.join(want.priority, want.bytes, want.clone(), most);
        joined.map_or(Told::Full, Told::Wait)
    }

    /// The next one who waited and can go now; its place is taken.
    pub(crate) fn advance(&mut self, now: Duration) -> Option<(Ticket, Id)> {
        let mut queue = std::mem::take(&mut self.queue);
        let went = queue.advance(|want| self.take(want, now));
        self.queue = queue;
        went
    }

    /// Gives a place in the queue up; false when its owner was told to go already.
    pub(crate) fn leave(&mut self, ticket: Ticket) -> bool {
        self.queue.leave(ticket)
    }

    /// Gives a place back that a request had, or a lasting one.
    pub(crate) fn done(&mut self, id: Id, was_lasting: bool) {
        if let Some(slot) = self.slot(id) {
            let count = if was_lasting { &mut slot.lasting } else { &mut slot.requests };
            *count = count.saturating_sub(1);
        }
    }

    /// Takes note of how long a backend took for an answer.
    pub(crate) fn took(&mut self, id: Id, took: Duration, now: Duration) {
        let fastest = self.fastest(now);
        if let Some(slot) = self.slot(id) {
            slot.pace.note(took, now, fastest);
        }
    }

    /// A request turns out to last: it makes room for others.
    pub(crate) fn lasts(&mut self, id: Id) {
        if let Some(slot) = self.slot(id) {
            slot.requests = slot.requests.saturating_sub(1);
            slot.lasting += 1;
        }
    }

    /// Takes note of an event at a backend; its state, if it has changed.
    pub(crate) fn note(&mut self, id: Id, event: Event, now: Duration) -> Option<(State, &'static str)> {
        let rules = self.rules;
        let (all, ups) = self
            .slots
            .iter()
            .filter(|slot| !slot.is_drained)
            .fold((0, 0), |(all, ups), slot| (all + 1, ups + usize::from(slot.is_up())));
        let slot = self.slot(id)?;
        let before = slot.health.state();
        slot.health.note(event, now, &rules);
        if ups * 2 < all {
            // who answers is not kept out while few are left
            slot.health.let_off(now, &rules);
        }
        let after = slot.health.state();
        (before != after).then(|| (after, slot.health.why()))
    }

    /// Whether a request that is at a backend, and was at others, could be answered by yet another.
    pub(crate) fn has_another(&self, than: Id, tried: &[Id]) -> bool {
        let is_other = |slot: &Slot| slot.id != than && !tried.contains(&slot.id) && !slot.is_drained;
        let answers = |slot: &Slot| slot.is_up() || slot.health.rests(&self.rules);
        self.slots.iter().any(|slot| is_other(slot) && answers(slot))
    }

    /// How many requests are in hand.
    pub(crate) fn in_hand(&self) -> u32 {
        self.slots.iter().fold(0, |all, slot| all.saturating_add(slot.requests))
    }

    /// How many wait, and with how many bytes.
    pub(crate) fn waiting(&self) -> (usize, u64) {
        (self.queue.len(), self.queue.bytes())
    }

    fn take(&mut self, want: &Want, now: Duration) -> Option<Id> {
        let fastest = self.fastest(now).unwrap_or(0);
        self.candidates.clear();
        self.candidates.extend(self.slots.iter().map(|slot| Candidate {
            state: if slot.is_drained { State::Out } else { slot.health.state() },
            rests: !slot.is_drained && slot.health.rests(&self.rules),
            load: if want.is_lasting { slot.lasting + slot.requests } else { slot.requests },
            weight: u64::from(slot.weight) * slot.health.share(now, &self.rules),
            // of one that has not answered yet nothing is known but its load
            slowness: slot.pace.now(now).map_or(pace::EVEN, |own| pace::slowness(own, fastest)),
            has_room: slot.requests < self.most.requests,
            is_spare: slot.is_spare,
            // who is drained gets nothing even when all are out
            was_tried: slot.is_drained || want.tried.contains(&slot.id),
            is_preferred: want.preferred == Some(slot.id),
        }));
        self.turn = self.turn.wrapping_add(1);
        let Picked::One(place) = pick(&self.candidates, self.turn) else { return None };
        let slot = &mut self.slots[place];
        slot.requests += 1;
        Some(slot.id)
    }

    /// The pace of the fastest of those who get requests like the others and have answered.
    fn fastest(&self, now: Duration) -> Option<u32> {
        self.slots.iter().filter(|slot| slot.is_up()).filter_map(|slot| slot.pace.now(now)).min()
    }

    fn slot(&mut self, id: Id) -> Option<&mut Slot> {
        self.slots.iter_mut().find(|slot| slot.id == id)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Duration = Duration::from_secs(100);

    fn roster(backends: u64, requests: u32) -> Roster {
        let second = Duration::from_secs(1);
        let rules = Rules { fall: 2, rise: 2, pause_first: second, pause_max: second, slow_start: second };
        let mut roster = Roster::new(rules, Most { requests, waiting: 5, waiting_bytes: 1000 });
        roster.slots = (0..backends)
            .map(|id| Slot {
                id,
                weight: 1,
                is_spare: false,
                health: Health::trusted(),
                pace: Pace::default(),
                requests: 0,
                lasting: 0,
                is_drained: false,
            })
            .collect();
        roster
    }

    fn want() -> Want {
        Want::default()
    }

    #[test]
    fn a_backend_works_on_so_many_and_the_rest_wait_their_turn() {
        let mut roster = roster(1, 2);
        let told: Vec<Told> = (0..3).map(|_| roster.ask(&want(), NOW)).collect();
        assert_eq!(told, [Told::Go(0), Told::Go(0), Told::Wait(1)]);
        assert_eq!(roster.advance(NOW), None);
        roster.done(0, false);
        assert_eq!((roster.advance(NOW), roster.advance(NOW)), (Some((1, 0)), None));
    }

    #[test]
    fn while_all_are_out_who_was_tried_everywhere_waits_until_one_is_back() {
        let mut roster = roster(2, 9);
        roster.note(0, Event::ConnectFailed, NOW);
        roster.note(1, Event::ConnectFailed, NOW);
        let told = roster.ask(&Want { tried: vec![0, 1], ..want() }, NOW);
        assert_eq!((told, roster.advance(NOW)), (Told::Wait(1), None));
        let later = NOW + Duration::from_secs(2);
        roster.note(1, Event::ProbeWell, later);
        assert!(roster.note(1, Event::ProbeWell, later).is_some_and(|(state, _)| state == State::Up));
        assert_eq!(roster.advance(later), Some((1, 1)));
    }

    #[test]
    fn who_answers_probes_comes_back_before_its_pause_is_over_when_fewer_than_half_are_up() {
        let mut roster = roster(3, 9);
        roster.rules.pause_first = Duration::from_secs(60);
        for id in [0, 1] {
            roster.note(id, Event::ConnectFailed, NOW);
            roster.note(id, Event::ProbeWell, NOW);
        }
        assert!(roster.note(0, Event::ProbeWell, NOW).is_some_and(|(state, _)| state == State::Up));
        assert_eq!(roster.note(1, Event::ProbeWell, NOW), None, "two of three are up");
        // what failed at both of them is taken by the one that rests
        assert!(roster.has_another(2, &[0]));
        assert_eq!(roster.ask(&Want { tried: vec![0, 2], ..want() }, NOW), Told::Go(1));
    }

    #[test]
    fn who_is_drained_gets_nothing_new_even_when_all_others_are_out() {
        let mut roster = roster(2, 9);
        roster.slots[1].is_drained = true;
        let told: Vec<Told> = (0..3).map(|_| roster.ask(&want(), NOW)).collect();
        assert_eq!(told, [Told::Go(0); 3]);
        assert!(!roster.has_another(0, &[]));
        roster.note(0, Event::ConnectFailed, NOW);
        assert_eq!(roster.ask(&Want { tried: vec![0], ..want() }, NOW), Told::Wait(1));
        assert_eq!(roster.ask(&Want { preferred: Some(1), ..want() }, NOW), Told::Go(0));
        roster.slots[1].is_drained = false;
        assert_eq!(roster.advance(NOW), Some((1, 1)));
    }

    #[test]
    fn streams_are_spread_by_streams_and_leave_room_for_requests() {
        let mut roster = roster(2, 1);
        for _ in 0..10 {
            let Told::Go(id) = roster.ask(&Want { is_lasting: true, ..want() }, NOW) else { panic!() };
            roster.lasts(id);
        }
        assert_eq!((roster.slots[0].lasting, roster.slots[1].lasting), (5, 5));
        assert!(matches!(roster.ask(&want(), NOW), Told::Go(_)));
    }

    /// Of so many requests of `clients`, each of whom asks again `pause` after an answer, those that the slow one of three got. It takes
    /// half a second; the others take `work` for one after the other.
    fn share(clients: usize, pause: Duration, work: Duration, requests: usize) -> f64 {
        let (mut roster, mut now) = (roster(3, 256), NOW);
        // what comes next: when, whose answer or whose question, and since when it has been waited for
        let mut agenda: Vec<(Duration, Option<(Id, Duration)>)> = vec![(NOW, None); clients];
        let (mut free, mut slow) = ([NOW; 3], 0);
        for _ in 0..2 * requests {
            let next = (0..agenda.len()).min_by_key(|place| agenda[*place].0).expect("there are clients");
            let (at, what) = agenda[next];
            now = now.max(at);
            agenda[next] = if let Some((id, since)) = what {
                roster.took(id, now - since, now);
                roster.done(id, false);
                (now + pause, None)
            } else {
                let Told::Go(id) = roster.ask(&want(), now) else { panic!("there is room") };
                let place = usize::try_from(id).expect("one of three");
                slow += usize::from(id == 1);
                free[place] = free[place].max(now) + work;
                (if id == 1 { now + Duration::from_millis(500) } else { free[place] }, Some((id, now)))
            };
        }
        slow as f64 / requests as f64
    }

    #[test]
    fn one_of_three_that_is_slow_gets_little_however_often_anybody_asks() {
        let (ms, none) = (Duration::from_millis, Duration::ZERO);
        for (clients, pause, work, requests) in [
            // a thousand a second by two in a row each; three thousand; a hundred; ten
            (64, none, ms(2), 6000),
            (64, none, Duration::from_micros(600), 18_000),
            (16, ms(150), ms(2), 6000),
            (4, ms(400), ms(2), 6000),
        ] {
            let share = share(clients, pause, work, requests);
            assert!(share <= 0.015, "{share} of {clients} clients");
            assert!(share > 0.0, "it is asked now and then");
        }
    }

    #[test]
    fn a_cold_start_costs_nobody_its_share() {
        let ms = Duration::from_millis;
        // how many answers of the second take two seconds, and how long all others take
        for (cold, work) in [(1, ms(5)), (1, ms(100)), (3, ms(5)), (3, ms(100))] {
            let (mut roster, mut now, mut shares) = (roster(3, 256), NOW, [0; 3]);
            while now < NOW + Duration::from_secs(60) {
                let Told::Go(id) = roster.ask(&want(), now) else { panic!("there is room") };
                let share = &mut shares[usize::try_from(id).expect("one of three")];
                let took = if id == 1 && *share < cold { ms(2000) } else { work };
                (*share, now) = (*share + 1, now + took);
                roster.took(id, took, now);
                roster.done(id, false);
            }
            let fair = shares.iter().sum::<u64>() / 3;
            assert!(shares.iter().all(|share| share * 10 > fair * 9), "{shares:?}, {cold} of them cold");
        }
    }

    #[test]
    fn more_than_may_wait_are_turned_away() {
        let mut roster = roster(1, 0);
        let told: Vec<Told> = (0..6).map(|_| roster.ask(&want(), NOW)).collect();
        assert_eq!((told[4], told[5]), (Told::Wait(5), Told::Full));
        assert_eq!(roster.ask(&Want { bytes: 2000, ..want() }, NOW), Told::Full);
    }

    proptest! {
        #[test]
        fn places_are_never_more_than_there_are_and_all_come_back(steps in proptest::collection::vec(0..5u8, 1..200)) {
            let mut roster = roster(3, 2);
            let (mut held, mut waits) = (Vec::new(), Vec::new());
            for step in steps {
                match step {
                    0 | 1 => match roster.ask(&want(), NOW) {
                        Told::Go(id) => held.push(id),
                        Told::Wait(ticket) => waits.push(ticket),
                        Told::Full => {}
                    },
                    2 => if let Some(id) = held.pop() { roster.done(id, false) },
                    3 => if let Some(ticket) = waits.pop() { prop_assert!(roster.leave(ticket)) },
                    _ => while let Some((ticket, id)) = roster.advance(NOW) {
                        waits.retain(|waiting| *waiting != ticket);
                        held.push(id);
                    },
                }
                let in_hand: u32 = roster.slots.iter().map(|slot| slot.requests).sum();
                prop_assert_eq!(in_hand as usize, held.len());
                prop_assert_eq!(roster.waiting().0, waits.len());
                prop_assert!(roster.slots.iter().all(|slot| slot.requests <= 2));
            }
        }
    }
}
