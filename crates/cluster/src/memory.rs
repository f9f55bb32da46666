//! A small true likeness of etcd in memory, for tests of what stands on it: revisions, compares, leases, watches.
//!
//! Its time is set by hand, and it can be made to be away or to lose its next answer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::error::Error;
use crate::txn::{Entry, Event, Lease, LeaseId, Op, Read, Snapshot, Txn};

/// How etcd in memory behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    /// It answers.
    #[default]
    Well,
    /// It is not reached.
    Away,
    /// It does the next write, but its answer is lost; then it is well.
    LosesNextAnswer,
}

/// etcd in memory. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Memory {
    state: Arc<Mutex<State>>,
    /// The newest revision.
    news: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    mood: Mood,
    now: Duration,
    revision: u64,
    keys: BTreeMap<String, Entry>,
    /// When each lease ends, and how long it lives.
    leases: BTreeMap<LeaseId, (Duration, Duration)>,
    leases_made: LeaseId,
    events: Vec<Event>,
}

impl Default for Memory {
    fn default() -> Memory {
        let state = State { revision: 1, ..State::default() };
        Memory { state: Arc::new(Mutex::new(state)), news: watch::Sender::new(1) }
    }
}

impl Memory {
    /// Lets time pass: leases end.
    pub fn advance(&self, time: Duration) {
        self.change(|state| {
            state.now += time;
            let now = state.now;
            let ended: Vec<LeaseId> =
                state.leases.iter().filter(|(_, (end, _))| *end <= now).map(|(id, _)| *id).collect();
            for lease in ended {
                state.end(lease);
            }
        });
    }

    /// Sets how it behaves from now on.
    pub fn set_mood(&self, mood: Mood) {
        self.lock().mood = mood;
    }

    pub(crate) fn get(&self, key: &str) -> Result<Read, Error> {
        let state = self.reachable()?;
        Ok(Read { revision: state.revision, entry: state.keys.get(key).cloned() })
    }

    pub(crate) fn range(&self, prefix: &str) -> Result<Snapshot, Error> {
        let state = self.reachable()?;
        let entries = state.keys.values().filter(|entry| entry.key.starts_with(prefix)).cloned().collect();
        Ok(Snapshot { revision: state.revision, entries })
    }

    pub(crate) fn txn(&self, txn: &Txn) -> Result<u64, Error> {
        self.write(|state| {
            let find = |key: &str| state.keys.get(key);
            if !txn.compares.iter().all(|compare| compare.holds(find(compare.key()))) {
                let found = txn.compares.iter().filter_map(|compare| find(compare.key()).cloned()).collect();
                return Err(Error::Refused { found, revision: state.revision });
            }
            if let lease @ 1.. = txn.lease()
                && !state.leases.contains_key(&lease)
            {
                return Err(Error::LeaseGone { lease });
            }
            if !txn.ops.is_empty() {
                state.revision += 1;
            }
            for op in &txn.ops {
                state.apply(op);
            }
            Ok(state.revision)
        })
    }

    pub(crate) fn grant(&self, ttl: Duration) -> Result<Lease, Error> {
        self.write(|state| {
            state.leases_made += 1;
            let id = state.leases_made;
            state.leases.insert(id, (state.now + ttl, ttl));
            Ok(Lease { id, ttl })
        })
    }

    pub(crate) fn keep_alive(&self, lease: LeaseId) -> Result<Duration, Error> {
        self.write(|state| {
            let now = state.now;
            let (end, ttl) = state.leases.get_mut(&lease).ok_or(Error::LeaseGone { lease })?;
            *end = now + *ttl;
            Ok(*ttl)
        })
    }

    pub(crate) fn remaining(&self, lease: LeaseId) -> Result<Duration, Error> {
        let state = self.reachable()?;
        let (end, _) = state.leases.get(&lease).ok_or(Error::LeaseGone { lease })?;
        Ok(end.saturating_sub(state.now))
    }

    pub(crate) fn revoke(&self, lease: LeaseId) -> Result<(), Error> {
        self.write(|state| {
            state.end(lease);
            Ok(())
        })
    }

    pub(crate) fn watch(&self, prefix: &str, from: u64) -> MemoryWatch {
        MemoryWatch { memory: self.clone(), news: self.news.subscribe(), prefix: prefix.to_owned(), from }
    }

    fn reachable(&self) -> Result<MutexGuard<'_, State>, Error> {
        let state = self.lock();
        match state.mood {
            Mood::Away => Err(Error::Unavailable { tried: "memory: away".to_owned() }),
            Mood::Well | Mood::LosesNextAnswer => Ok(state),
        }
    }

    fn write<T>(&self, work: impl FnOnce(&mut State) -> Result<T, Error>) -> Result<T, Error> {
        drop(self.reachable()?);
        self.change(|state| {
            let done = work(state);
            if std::mem::take(&mut state.mood) == Mood::LosesNextAnswer {
                return Err(Error::Unknown { tried: "memory: the answer was lost".to_owned() });
            }
            done
        })
    }

    fn change<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        let (done, revision) = {
            let mut state = self.lock();
            let done = work(&mut state);
            (done, state.revision)
        };
        self.news.send_replace(revision);
        done
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn apply(&mut self, op: &Op) {
        let revision = self.revision;
        match op {
            Op::Put { key, value, lease } => {
                let created = self.keys.get(key).map_or(revision, |entry| entry.created);
                let (key, value, lease) = (key.clone(), value.clone(), *lease);
                let entry = Entry { key: key.clone(), value, created, modified: revision, lease };
                self.events.push(Event::Put(entry.clone()));
                self.keys.insert(key, entry);
            }
            Op::Delete { key } => {
                if self.keys.remove(key).is_some() {
                    self.events.push(Event::Deleted { key: key.clone(), revision });
                }
            }
        }
    }

    /// Ends a lease, with its keys.
    fn end(&mut self, lease: LeaseId) {
        if self.leases.remove(&lease).is_none() {
            return;
        }
        let keys: Vec<String> =
            self.keys.values().filter(|entry| entry.lease == lease).map(|entry| entry.key.clone()).collect();
        if !keys.is_empty() {
            self.revision += 1;
        }
        for key in keys {
            self.apply(&Op::Delete { key });
        }
    }
}

#[derive(Debug)]
pub(crate) struct MemoryWatch {
    memory: Memory,
    news: watch::Receiver<u64>,
    prefix: String,
    from: u64,
}

impl MemoryWatch {
    pub(crate) async fn next(&mut self) -> Result<Vec<Event>, Error> {
        loop {
            self.news.borrow_and_update();
            let events: Vec<Event> = {
                let state = self.memory.lock();
                let is_new =
                    |event: &&Event| event.revision() >= self.from && event.key().starts_with(&self.prefix);
                state.events.iter().filter(is_new).cloned().collect()
            };
            if let Some(newest) = events.iter().map(Event::revision).max() {
                self.from = newest + 1;
                return Ok(events);
            }
            // the sender lives in `self.memory`
            let _ = self.news.changed().await;
        }
    }
}
