//! The window against a model of everything that may happen: writers that commit out of order, readers that dawdle
//! between their steps, old values put back, forgetting, and takeovers that lose commits and count positions again.

use std::collections::HashMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;

type Version = u64;

const SPACE: &str = "bills";
const KEYS: usize = 4;
const SERVERS: usize = 2;

fn id(key: usize) -> String {
    format!("id{key}")
}

/// A database with a change log, whose positions are given out before the commit, in any order of commits.
#[derive(Default)]
struct Database {
    epoch: i64,
    next: i64,
    open: Vec<(i64, usize)>,
    /// In the order of commits.
    committed: Vec<(i64, usize, Version)>,
    versions: Version,
}

impl Database {
    fn begin(&mut self, key: usize) {
        self.next += 1;
        self.open.push((self.next, key));
    }

    fn commit(&mut self, which: usize) {
        if !self.open.is_empty() {
            let (position, key) = self.open.remove(which % self.open.len());
            self.versions += 1;
            self.committed.push((position, key, self.versions));
        }
    }

    /// A new primary, which never got the newest commits and counts on from what it has.
    fn takeover(&mut self, lost: usize) {
        self.open.clear();
        self.committed.truncate(self.committed.len().saturating_sub(lost));
        self.next = self.committed.iter().map(|(position, ..)| *position).max().unwrap_or(0);
        self.epoch += 1;
    }

    fn read(&self, key: usize) -> Version {
        self.committed.iter().rev().find(|(_, its, _)| *its == key).map_or(0, |(.., version)| *version)
    }

    fn settled(&self) -> Place {
        let position = self.open.iter().map(|(position, _)| position - 1).min().unwrap_or(self.next);
        Place { epoch: self.epoch, position }
    }

    /// Feeds a window what was committed since its place.
    fn tell(&self, window: &mut Window) {
        let settled = self.settled();
        let place = window.place().filter(|place| place.epoch == self.epoch);
        let newest = self.committed.iter().map(|(position, ..)| *position).max().unwrap_or(0);
        let Some(place) = place else { return window.begin(settled, newest).unwrap() };
        let mut changes: Vec<Change> = self
            .committed
            .iter()
            .filter(|(position, ..)| *position > place.position)
            .map(|(position, key, _)| Change {
                space: SPACE.into(),
                id: Arc::from(id(*key)),
                position: *position,
            })
            .collect();
        if self.versions.is_multiple_of(2) {
            changes.reverse(); // Their order is nobody's promise.
        }
        window.advance(settled.position, &changes).unwrap();
    }
}

/// A reader between its steps.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// It was told to read the database.
    Read { key: usize, stamp: Stamp },
    /// It has read and will put.
    Put { key: usize, stamp: Stamp, version: Version },
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Begin(usize),
    Commit(usize),
    /// Somebody looks a key up on a server.
    Look(usize, usize),
    /// One of the readers goes on.
    GoOn(usize),
    /// A value that was there at some time is put back.
    PutBack(usize),
    /// A server forgets what changed: it restarts, or there was too much.
    Forget(usize),
    Takeover(usize),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..KEYS).prop_map(Event::Begin),
        5 => (0..8_usize).prop_map(Event::Commit),
        8 => (0..SERVERS, 0..KEYS).prop_map(|(server, key)| Event::Look(server, key)),
        10 => (0..16_usize).prop_map(Event::GoOn),
        2 => any::<usize>().prop_map(Event::PutBack),
        1 => (0..SERVERS).prop_map(Event::Forget),
        1 => (0..4_usize).prop_map(Event::Takeover),
    ]
}

/// Lets everything happen, and counts how often a value was given out.
fn live(slots: usize, events: &[Event]) -> usize {
    let mut database = Database::default();
    let mut windows: Vec<Window> = (0..SERVERS).map(|_| Window::new(slots, RandomState::new())).collect();
    let mut shared: HashMap<usize, (Stamp, Version)> = HashMap::new();
    let mut past: Vec<(usize, Stamp, Version)> = Vec::new();
    let mut readers: Vec<Step> = Vec::new();
    let mut hits = 0;
    for event in events {
        match *event {
            Event::Begin(key) => database.begin(key),
            Event::Commit(which) => database.commit(which),
            Event::Takeover(lost) => database.takeover(lost),
            Event::Forget(server) => windows[server] = Window::new(slots, RandomState::new()),
            Event::PutBack(which) if !past.is_empty() => {
                let (key, stamp, version) = past[which % past.len()];
                shared.insert(key, (stamp, version));
            }
            Event::GoOn(which) if !readers.is_empty() => {
                let which = which % readers.len();
                match readers.remove(which) {
                    Step::Read { key, stamp } => {
                        readers.push(Step::Put { key, stamp, version: database.read(key) });
                    }
                    Step::Put { key, stamp, version } => {
                        shared.insert(key, (stamp, version));
                        past.push((key, stamp, version));
                    }
                }
            }
            Event::PutBack(_) | Event::GoOn(_) => {}
            Event::Look(server, key) => {
                let window = &mut windows[server];
                database.tell(window);
                match shared.get(&key).filter(|(stamp, _)| window.is_newest(SPACE, &id(key), *stamp)) {
                    Some((_, version)) => {
                        assert_eq!(*version, database.read(key), "an old value of key {key} was given out");
                        hits += 1;
                    }
                    None => {
                        let Place { epoch, position } = window.place().unwrap();
                        readers.push(Step::Read { key, stamp: Stamp { epoch, as_of: position } });
                    }
                }
            }
        }
    }
    hits
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_given_out_is_what_the_database_would_say(
        slots in 1..6_usize,
        events in proptest::collection::vec(event(), 0..120),
    ) {
        live(slots, &events);
    }
}

fn place(epoch: i64, position: i64) -> Place {
    Place { epoch, position }
}

fn change(id: &str, position: i64) -> Change {
    Change { space: SPACE.into(), id: id.into(), position }
}

fn window() -> Window {
    let mut window = Window::new(1 << 16, RandomState::new());
    window.begin(place(1, 10), 10).unwrap();
    window
}

fn stamp(epoch: i64, as_of: i64) -> Stamp {
    Stamp { epoch, as_of }
}

#[test]
fn values_are_given_out_in_the_model_so_that_it_can_fail() {
    let round = [Event::Look(0, 0), Event::GoOn(0), Event::GoOn(0), Event::Look(1, 0), Event::Look(0, 0)];
    assert_eq!(live(4, &round), 2);
}

#[test]
fn a_value_is_the_newest_until_its_key_changes() {
    let mut window = window();
    assert!(window.is_newest(SPACE, "a", stamp(1, 10)));
    window.advance(12, &[change("b", 11), change("a", 12)]).unwrap();
    assert!(!window.is_newest(SPACE, "a", stamp(1, 10)));
    assert!(!window.is_newest(SPACE, "a", stamp(1, 11)));
    assert!(window.is_newest(SPACE, "a", stamp(1, 12)));
    assert!(window.is_newest(SPACE, "c", stamp(1, 10)));
}

#[test]
fn a_change_that_is_known_before_its_time_makes_old_at_once() {
    let mut window = window();
    window.advance(10, &[change("a", 14)]).unwrap();
    assert!(!window.is_newest(SPACE, "a", stamp(1, 10)));
    window.advance(14, &[]).unwrap();
    assert!(window.is_newest(SPACE, "a", stamp(1, 14)));
}

#[test]
fn a_window_that_begins_beside_an_open_commit_knows_nothing_of_what_was_committed_beside_it() {
    let mut window = Window::new(8, RandomState::new());
    window.begin(place(1, 10), 12).unwrap();
    assert!(!window.is_newest(SPACE, "a", stamp(1, 11)));
    window.advance(12, &[]).unwrap();
    assert!(window.is_newest(SPACE, "a", stamp(1, 12)));
}

#[test]
fn what_was_stamped_before_the_floor_or_in_another_epoch_is_not_known() {
    let mut window = window();
    assert!(!window.is_newest(SPACE, "a", stamp(1, 9)));
    assert!(!window.is_newest(SPACE, "a", stamp(0, 10)));
    assert!(!window.is_newest(SPACE, "a", stamp(2, 10)));
    window.advance(12, &[change("a", 12)]).unwrap();
    window.begin(place(2, 5), 5).unwrap();
    assert!(window.is_newest(SPACE, "a", stamp(2, 5)));
    assert!(!window.is_newest(SPACE, "a", stamp(1, 10)));
}

#[test]
fn a_new_window_takes_nothing_for_the_newest() {
    let window = Window::new(8, RandomState::new());
    assert!(!window.is_newest(SPACE, "a", stamp(0, i64::MAX)));
}

#[test]
fn a_log_that_goes_back_is_not_believed() {
    let mut window = window();
    assert_eq!(window.advance(9, &[]), Err(WentBack { from: 10, to: 9 }));
    assert_eq!(window.begin(place(1, 9), 12), Err(WentBack { from: 10, to: 9 }));
    assert_eq!(window.place(), Some(place(1, 10)));
}
