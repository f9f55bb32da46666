//! Which backend a request goes to: the one with the least load for its weight and pace, among the best that there are.
//!
//! Backends that are out get nothing while another is up. Doubted ones are spared too, but never so that less than half
//! of all have to carry everything. Spares get nothing while another that is not one is in. When nobody is up or doubted, health itself is doubted, and all are tried (panic).
//! What failed at all who are in goes to one that answers probes and is out for its pause only, before it goes anywhere twice.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::health::State;

/// A backend as it stands for one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    pub(crate) state: State,
    /// Whether it is out for its pause only.
    pub(crate) rests: bool,
    /// What it has to do now.
    pub(crate) load: u32,
    /// What it is worth, slow start counted in; above 0.
    pub(crate) weight: u64,
    /// How many sixteenths its load counts, more when it is slow; above 0.
    pub(crate) slowness: u64,
    /// Whether one more fits.
    pub(crate) has_room: bool,
    /// Whether this request was tried there in vain.
    pub(crate) was_tried: bool,
    /// Whether it is for when no other is there.
    pub(crate) is_spare: bool,
    /// Whether this client was there before.
    pub(crate) is_preferred: bool,
}

/// What comes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Picked {
    /// This one, by its place in the list.
    One(usize),
    /// Those who could take it have no room.
    Full,
    /// Nobody is left to be tried.
    Nobody,
}

/// Picks. `turn` goes up with each request, so that equals take turns.
pub(crate) fn pick(candidates: &[Candidate], turn: usize) -> Picked {
    let is_in = |c: &Candidate| c.state != State::Out;
    let is_at_home = candidates.iter().any(|c| !c.is_spare && is_in(c));
    let counts = |c: &Candidate| !(is_at_home && c.is_spare);
    let is_up = |c: &Candidate| c.state == State::Up && counts(c);
    let ups = candidates.iter().filter(|c| is_up(c)).count();
    let all = candidates.iter().filter(|c| counts(c)).count();
    let ins = candidates.iter().filter(|c| is_in(c) && counts(c)).count();
    if ins == 0 {
        // trying again where it has just failed would help nobody
        return best(candidates, turn, |c| !c.was_tried);
    }
    let is_fit = |c: &Candidate| counts(c) && if ups * 2 >= all || ups == ins { is_up(c) } else { is_in(c) };
    let untried =
        |fits: &dyn Fn(&Candidate) -> bool| match best(candidates, turn, |c| fits(c) && !c.was_tried) {
            Picked::Nobody => None,
            found => Some(found),
        };
    untried(&is_fit)
        .or_else(|| untried(&is_in))
        .or_else(|| untried(&|c| c.rests))
        .unwrap_or_else(|| best(candidates, turn, is_fit))
}

/// Where a client is at home among these names: the same for as long as the names are the same, and when one goes or comes,
/// only those who lived there or are to live there move (rendezvous hashing).
pub(crate) fn home<'n>(client: &str, names: impl Iterator<Item = &'n str>) -> Option<usize> {
    let score = |name: &str| {
        // its keys are fixed: all balancers say the same
        let mut hasher = DefaultHasher::new();
        (client, name).hash(&mut hasher);
        hasher.finish()
    };
    names.map(score).enumerate().max_by_key(|(_, score)| *score).map(|(place, _)| place)
}

fn best(candidates: &[Candidate], turn: usize, fits: impl Fn(&Candidate) -> bool) -> Picked {
    let count = candidates.len();
    let mut found = Picked::Nobody;
    let mut least: Option<&Candidate> = None;
    for place in (0..count).map(|step| (turn % count + step) % count) {
        let candidate = &candidates[place];
        if !fits(candidate) {
            continue;
        }
        if !candidate.has_room {
            if found == Picked::Nobody {
                found = Picked::Full;
            }
            continue;
        }
        if candidate.is_preferred {
            return Picked::One(place);
        }
        if least.is_none_or(|least| is_less(candidate, least)) {
            (least, found) = (Some(candidate), Picked::One(place));
        }
    }
    found
}

/// (load + 1) * slowness / weight, compared without dividing.
fn is_less(a: &Candidate, b: &Candidate) -> bool {
    let burden = |c: &Candidate| (u128::from(c.load) + 1) * u128::from(c.slowness);
    burden(a) * u128::from(b.weight) < burden(b) * u128::from(a.weight)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::core::pace::EVEN;

    fn up(load: u32) -> Candidate {
        Candidate {
            state: State::Up,
            rests: false,
            load,
            weight: 1000,
            slowness: EVEN,
            has_room: true,
            was_tried: false,
            is_spare: false,
            is_preferred: false,
        }
    }

    fn with(state: State, load: u32) -> Candidate {
        Candidate { state, ..up(load) }
    }

    #[test]
    fn spares_come_in_when_no_other_is_left_or_where_it_failed() {
        let spare = |of: Candidate| Candidate { is_spare: true, ..of };
        assert_eq!(pick(&[up(9), spare(up(0))], 0), Picked::One(0));
        assert_eq!(pick(&[with(State::Doubted, 9), spare(up(0))], 0), Picked::One(0));
        assert_eq!(pick(&[with(State::Out, 0), spare(up(9))], 0), Picked::One(1));
        assert_eq!(pick(&[Candidate { was_tried: true, ..up(0) }, spare(up(9))], 0), Picked::One(1));
        assert_eq!(pick(&[Candidate { has_room: false, ..up(0) }, spare(up(0))], 0), Picked::Full);
    }

    #[test]
    fn the_least_load_for_its_weight_wins_and_equals_take_turns() {
        assert_eq!(pick(&[up(3), up(1), up(2)], 0), Picked::One(1));
        assert_eq!(pick(&[up(3), Candidate { weight: 5000, ..up(9) }], 0), Picked::One(1));
        assert_eq!(pick(&[up(3), Candidate { slowness: 8 * EVEN, ..up(0) }], 0), Picked::One(0));
        let picks: Vec<Picked> = (0..4).map(|turn| pick(&[up(1), up(1)], turn)).collect();
        assert_eq!(picks, [Picked::One(0), Picked::One(1), Picked::One(0), Picked::One(1)]);
    }

    #[test]
    fn who_is_out_or_doubted_gets_nothing_while_half_of_all_are_up() {
        let candidates = [up(90), with(State::Out, 0), with(State::Doubted, 0), up(80)];
        assert_eq!(pick(&candidates, 2), Picked::One(3));
    }

    #[test]
    fn the_doubted_help_where_less_than_half_are_up_and_the_out_only_where_nobody_is() {
        let candidates = [up(9), with(State::Doubted, 2), with(State::Out, 0)];
        assert_eq!(pick(&candidates, 0), Picked::One(1));
        assert_eq!(pick(&[with(State::Out, 3), with(State::Out, 2)], 0), Picked::One(1));
    }

    #[test]
    fn a_second_try_goes_elsewhere_if_there_is_an_elsewhere() {
        let tried = |c: Candidate| Candidate { was_tried: true, ..c };
        assert_eq!(pick(&[tried(up(0)), up(9)], 0), Picked::One(1));
        assert_eq!(
            pick(&[tried(up(0)), with(State::Out, 0)], 0),
            Picked::One(0),
            "rather than to one that is out"
        );
        let resting = Candidate { rests: true, ..with(State::Out, 0) };
        assert_eq!(pick(&[tried(up(0)), resting], 0), Picked::One(1), "that one would answer");
        assert_eq!(pick(&[up(99), resting], 0), Picked::One(0), "while nothing has failed it rests");
        assert_eq!(pick(&[tried(up(0)), with(State::Doubted, 0)], 0), Picked::One(1));
        let out = with(State::Out, 0);
        assert_eq!(pick(&[tried(out), tried(out)], 0), Picked::Nobody, "it waits");
    }

    #[test]
    fn a_client_goes_where_it_was_unless_that_one_is_out_or_full() {
        let preferred = |c: Candidate| Candidate { is_preferred: true, ..c };
        assert_eq!(pick(&[up(0), preferred(up(99))], 0), Picked::One(1));
        assert_eq!(pick(&[up(0), preferred(with(State::Out, 0))], 0), Picked::One(0));
        assert_eq!(pick(&[up(0), preferred(Candidate { has_room: false, ..up(0) })], 1), Picked::One(0));
    }

    #[test]
    fn a_client_has_one_home_and_only_those_move_whose_home_is_gone() {
        let names = ["a:1", "b:1", "c:1"];
        let homes: Vec<usize> =
            (0..300).filter_map(|n| home(&format!("10.0.0.{n}"), names.into_iter())).collect();
        for place in 0..3 {
            let count = homes.iter().filter(|home| **home == place).count();
            assert!((50..150).contains(&count), "{count} of 300 live at {place}");
        }
        for (n, before) in homes.iter().enumerate().filter(|(_, before)| **before < 2) {
            assert_eq!(home(&format!("10.0.0.{n}"), names[..2].iter().copied()), Some(*before));
        }
        assert_eq!(home("10.0.0.1", std::iter::empty()), None);
    }

    #[test]
    fn without_room_it_is_full() {
        assert_eq!(pick(&[Candidate { has_room: false, ..up(0) }], 0), Picked::Full);
        assert_eq!(pick(&[], 0), Picked::Nobody);
    }

    proptest! {
        #[test]
        fn no_one_that_is_out_is_picked_while_one_with_room_is_up(
            states in proptest::collection::vec((0..3u8, 0..5u32, any::<bool>(), any::<bool>()), 1..8),
            turn in any::<usize>(),
        ) {
            let candidates: Vec<Candidate> = states.iter().map(|(state, load, has_room, was_tried)| {
                let state = [State::Up, State::Doubted, State::Out][usize::from(*state)];
                Candidate { has_room: *has_room, was_tried: *was_tried, ..with(state, *load) }
            }).collect();
            if let Picked::One(place) = pick(&candidates, turn) {
                prop_assert!(candidates[place].has_room);
                let is_any_in = candidates.iter().any(|c| c.state != State::Out);
                prop_assert!(!is_any_in || candidates[place].state != State::Out);
            }
        }
    }
}
