//! The first start of a service, and databases that belong to another one.

use super::decide::{Decision, act, wait};
use super::policy::Policy;
use super::step::Step;
use super::view::{Lease, Own, Store, View, Wish};

/// The line of history that a new database is on before its first promotion.
const UNBORN: u32 = 1;

/// A database of another identity is left alone: it is somebody's data, and no copy of these.
pub(super) fn stranger(view: &View, _: &Policy) -> Option<Decision> {
    let store = view.store.as_ref()?;
    let (ours, place) = (store.system.as_ref()?, view.own.place()?);
    if place.system == *ours {
        return None;
    }
    let reason = format!(
        "leaves the database alone: its identity is {}, this service's is {ours}; move its folder away to get a copy of this service's",
        place.system
    );
    let steps = if view.held().is_some() { vec![Step::Release] } else { Vec::new() };
    Some(act(steps, reason))
}

/// An empty store: the founder makes the first database and is the first primary; the others wait for it.
pub(super) fn rule(view: &View, policy: &Policy) -> Option<Decision> {
    let store = view.store.as_ref()?;
    if store.sync.is_some() {
        return None;
    }
    if policy.founder != view.me && view.wish.is_none() {
        return Some(wait(format!("waits for {} to make the first database", policy.founder)));
    }
    Some(establish(view, store, policy))
}

fn establish(view: &View, store: &Store, policy: &Policy) -> Decision {
    let is_allowed = matches!(view.wish, Some(Wish::AcceptLoss { .. }));
    match &view.own {
        Own::Absent => act([Step::Init], "makes the first database"),
        Own::Hung { lasting } if *lasting >= policy.patience.hung => {
            act([Step::Fence], "stops the database: it has been silent for too long")
        }
        Own::Hung { .. } => wait("waits for the first database to answer"),
        Own::Primary(_) => act([Step::Fence], "stops a database that takes writes before its first epoch"),
        own if !is_allowed && own.place().is_some_and(|place| place.timeline > UNBORN) => wait(
            "waits: the store is empty, but the database here has been primary before; if it is the newest copy, \
             `ondol takeover --accept-loss` on this host goes on with it",
        ),
        Own::Stopped(stopped) if stopped.lasting < policy.patience.backoff(stopped.failures) => {
            wait("waits before the database is started again")
        }
        Own::Stopped(_) => act([Step::Start], "starts the first database as a replica of nobody"),
        Own::Replica(_) if view.lease == Lease::Held && store.leader.is_none() => {
            act([Step::Establish], "becomes the first primary")
        }
        Own::Replica(_) => wait("waits for a lease to become the first primary"),
    }
}
