//! Where requests ask for a place at a backend, and wait for one: the shell around the roster.
//!
//! Invariant: no place is given back while the lock is held: that would take it again.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::TaskTracker;
use trust::Tls;

use crate::backend::Backend;
use crate::config::{self, Config};
use crate::core::health::{Event, Health, Rules, State};
use crate::core::pace::Pace;
use crate::core::pick;
use crate::core::queue::Ticket;
use crate::core::retry::{Budget, Failed, Tries};
use crate::core::roster::{Id, Most, Roster, Slot, Told, Want};
use crate::error::Error;
use crate::sticky::Key;

/// Good and bad probes in a row that decide.
const FALL: u32 = 2;
const RISE: u32 = 2;

/// The desk.
#[derive(Debug)]
pub(crate) struct Desk {
    began: Instant,
    /// By which hosts of the service are reached.
    tls: Option<Tls>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    roster: Roster,
    budget: Budget,
    backends: Vec<Arc<Backend>>,
    waiting: HashMap<Ticket, Waiting>,
    next_id: Id,
}

/// Who waits, and where it was tried in vain.
#[derive(Debug)]
struct Waiting {
    call: oneshot::Sender<Place>,
    tried: Vec<Id>,
}

/// A place at a backend; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    desk: Arc<Desk>,
    pub(crate) backend: Arc<Backend>,
    /// Whether somebody else was up who had not been tried.
    pub(crate) has_another: bool,
    is_lasting: bool,
    /// How long the backend took for its answer, and when that came; of answers that tell of its pace.
    pub(crate) took: Option<(Duration, Duration)>,
}

/// A backend as it is told to those who run the service.
pub(crate) struct Seen {
    pub(crate) backend: Arc<Backend>,
    pub(crate) state: State,
    /// Told to get nothing new.
    pub(crate) is_drained: bool,
    /// Why its state is so.
    pub(crate) why: &'static str,
    pub(crate) requests: u32,
    pub(crate) lasting: u32,
}

impl Desk {
    pub(crate) fn new(config: &Config, tls: Option<Tls>) -> Desk {
        let inner = Inner {
            roster: Roster::new(rules(config), most(config)),
            budget: Budget::default(),
            backends: Vec::new(),
            waiting: HashMap::new(),
            next_id: 0,
        };
        Desk { began: Instant::now(), tls, inner: Mutex::new(inner) }
    }

    /// Takes the settings' backends and limits; who stays keeps what it has. Those that are new are given back.
    pub(crate) fn settle(
        &self,
        places: &[config::Place],
        config: &Config,
        key: &Key,
        tasks: &TaskTracker,
    ) -> Vec<Arc<Backend>> {
        let mut inner = self.lock();
        (inner.roster.rules, inner.roster.most) = (rules(config), most(config));
        let is_first = inner.next_id == 0;
        let Inner { roster, backends, next_id, .. } = &mut *inner;
        let stays = |address: &str| places.iter().any(|place| place.address == address);
        for left in backends.extract_if(.., |backend| !stays(&backend.address)) {
            roster.slots.retain(|slot| slot.id != left.id);
            if roster.slots.iter().all(|slot| slot.is_drained) {
                // the settings have left nobody else
                roster.slots.iter_mut().for_each(|slot| slot.is_drained = false);
            }
            left.gone.cancel();
            left.empty();
        }
        let mut added = Vec::new();
        for place in places {
            let weight = place.weight.max(1);
            if let Some(known) = backends.iter().find(|backend| backend.address == place.address) {
                roster
                    .slots
                    .iter_mut()
                    .filter(|slot| slot.id == known.id)
                    .for_each(|slot| (slot.weight, slot.is_spare) = (weight, place.is_spare));
                continue;
            }
            *next_id += 1;
            let (id, tag) = (*next_id, key.tag(&place.address));
            let health = if is_first { Health::trusted() } else { Health::unknown() };
            let is_spare = place.is_spare;
            roster.slots.push(Slot {
                id,
                weight,
                is_spare,
                health,
                pace: Pace::default(),
                requests: 0,
                lasting: 0,
                is_drained: false,
            });
            let tls = self.tls.clone().filter(|_| place.is_host);
            let backend = Arc::new(Backend::new(id, &place.address, tls, tag, tasks.clone()));
            backends.push(backend.clone());
            added.push(backend);
        }
        drop(inner);
        added
    }

    /// Takes a place, at once or after a wait.
    pub(crate) async fn take(self: &Arc<Desk>, want: &Want, until: Instant) -> Result<Place, Error> {
        let (ticket, called) = {
            let now = self.now();
            let mut inner = self.lock();
            if want.tried.is_empty() {
                inner.budget.request(now);
            }
            match inner.roster.ask(want, now) {
                Told::Go(id) => return Ok(self.place(&inner, id, &want.tried)),
                Told::Full => return Err(Error::Crowded),
                Told::Wait(ticket) => {
                    let (call, called) = oneshot::channel();
                    inner.waiting.insert(ticket, Waiting { call, tried: want.tried.clone() });
                    (ticket, called)
                }
            }
        };
        let _row = Row { desk: self, ticket };
        match timeout_at(until, called).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(Error::Held),
        }
    }

    /// Takes note of an event at a backend, tells of it, and lets those go who can now.
    pub(crate) fn note(self: &Arc<Desk>, backend: &Backend, event: Event) {
        let changed = self.lock().roster.note(backend.id, event, self.now());
        let Some((state, why)) = changed else { return };
        let address = backend.address.as_str();
        match state {
            State::Up => tracing::info!(backend = address, why, "backend is up"),
            State::Doubted => {
                tracing::warn!(backend = address, why, "backend is doubted");
                backend.look.notify_one();
            }
            State::Out => {
                tracing::warn!(backend = address, why, "backend is out");
                backend.empty();
                backend.look.notify_one();
            }
        }
        self.call();
    }

    /// How a backend is.
    pub(crate) fn state(&self, id: Id) -> Option<State> {
        self.lock().roster.slots.iter().find(|slot| slot.id == id).map(|slot| slot.health.state())
    }

    /// Whether a request that failed is tried again.
    pub(crate) fn go_on(&self, tries: &mut Tries, failed: Failed) -> bool {
        let (now, mut inner) = (self.now(), self.lock());
        let in_hand = inner.roster.in_hand();
        tries.go_on(failed, &mut inner.budget, in_hand, now)
    }

    /// The backend that a cookie stands for.
    pub(crate) fn tagged(&self, tag: &str) -> Option<Id> {
        self.lock().backends.iter().find(|backend| backend.tag == tag).map(|backend| backend.id)
    }

    /// The backend at an address, as the settings have it.
    pub(crate) fn id(&self, address: &str) -> Option<Id> {
        self.lock().backends.iter().find(|backend| backend.address == address).map(|backend| backend.id)
    }

    /// All backends but one.
    pub(crate) fn others(&self, than: Id) -> Vec<Id> {
        self.lock().backends.iter().map(|backend| backend.id).filter(|id| *id != than).collect()
    }

    /// The backend where an address is at home, of those that are up; a spare only while none else is.
    pub(crate) fn home(&self, address: IpAddr) -> Option<Id> {
        let inner = self.lock();
        let slots = || inner.roster.slots.iter().filter(|slot| slot.is_up());
        let has_other = slots().any(|slot| !slot.is_spare);
        let up: Vec<Id> = slots().filter(|slot| !(has_other && slot.is_spare)).map(|slot| slot.id).collect();
        let backends: Vec<&Arc<Backend>> =
            inner.backends.iter().filter(|backend| up.contains(&backend.id)).collect();
        let names = backends.iter().map(|backend| backend.address.as_str());
        pick::home(&address.to_string(), names).map(|place| backends[place].id)
    }

    /// Lets a backend, if it is one of these, get nothing new, or get it again. An error is a sentence.
    pub(crate) fn drain(self: &Arc<Desk>, address: &str, is_drained: bool) -> Result<(), String> {
        let mut inner = self.lock();
        let Inner { roster, backends, .. } = &mut *inner;
        let Some(id) = backends.iter().find(|backend| backend.address == address).map(|known| known.id)
        else {
            return Ok(());
        };
        if is_drained && roster.slots.iter().all(|slot| slot.id == id || slot.is_drained) {
            return Err(format!("{address} is the last that gets requests; take another one back first"));
        }
        roster.slots.iter_mut().filter(|slot| slot.id == id).for_each(|slot| slot.is_drained = is_drained);
        drop(inner);
        self.call();
        Ok(())
    }

    /// All backends.
    pub(crate) fn backends(&self) -> Vec<Arc<Backend>> {
        self.lock().backends.clone()
    }

    /// All backends, and how many wait with how many bytes.
    pub(crate) fn seen(&self) -> (Vec<Seen>, (usize, u64)) {
        let inner = self.lock();
        let slots = inner.roster.slots.iter().map(|slot| Seen {
            backend: inner.backend(slot.id),
            state: slot.health.state(),
            is_drained: slot.is_drained,
            why: slot.health.why(),
            requests: slot.requests,
            lasting: slot.lasting,
        });
        (slots.collect(), inner.roster.waiting())
    }

    /// Lets those go who wait and can.
    pub(crate) fn call(self: &Arc<Desk>) {
        loop {
            let now = self.now();
            let mut inner = self.lock();
            let Some((ticket, id)) = inner.roster.advance(now) else { return };
            let waiting = inner.waiting.remove(&ticket);
            let tried = waiting.as_ref().map_or(&[][..], |waiting| &waiting.tried);
            let place = self.place(&inner, id, tried);
            drop(inner);
            // who has gone away meanwhile gives it back by not taking it
            match waiting {
                Some(waiting) => drop(waiting.call.send(place)),
                None => drop(place),
            }
        }
    }

    fn place(self: &Arc<Desk>, inner: &Inner, id: Id, tried: &[Id]) -> Place {
        let has_another = inner.roster.has_another(id, tried);
        Place { desk: self.clone(), backend: inner.backend(id), has_another, is_lasting: false, took: None }
    }

    /// How long since it was opened.
    pub(crate) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("nobody panics while holding it")
    }
}

impl Inner {
    fn backend(&self, id: Id) -> Arc<Backend> {
        let found = self.backends.iter().find(|backend| backend.id == id);
        found.expect("the roster and the backends change together").clone()
    }
}

impl Place {
    /// The request lasts: it makes room for others.
    pub(crate) fn lasts(&mut self) {
        if !self.is_lasting {
            self.is_lasting = true;
            self.desk.lock().roster.lasts(self.backend.id);
            self.desk.call();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inner = self.desk.lock();
        if let Some((took, at)) = self.took {
            inner.roster.took(self.backend.id, took, at);
        }
        inner.roster.done(self.backend.id, self.is_lasting);
        let (waiting, _) = inner.roster.waiting();
        drop(inner);
        if waiting > 0 {
            self.desk.call();
        }
    }
}

/// Somebody who waits; leaves the row when dropped.
struct Row<'d> {
    desk: &'d Arc<Desk>,
    ticket: Ticket,
}

impl Drop for Row<'_> {
    fn drop(&mut self) {
        let mut inner = self.desk.lock();
        inner.roster.leave(self.ticket);
        let call = inner.waiting.remove(&self.ticket);
        drop(inner);
        drop(call);
    }
}

fn rules(config: &Config) -> Rules {
    Rules {
        fall: FALL,
        rise: RISE,
        pause_first: config.out_time_min.0,
        pause_max: config.out_time_max.0.max(config.out_time_min.0),
        slow_start: config.slow_start.0,
    }
}

fn most(config: &Config) -> Most {
    Most {
        requests: config.backend_requests_max.max(1),
        waiting: config.held_requests_max,
        waiting_bytes: config.held_bytes_max.0,
    }
}
