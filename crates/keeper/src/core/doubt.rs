//! When a primary must stop: the moment it can't be sure any more that it is the only one.

use super::decide::{Decision, act, wait};
use super::policy::Policy;
use super::step::Step;
use super::view::{Lease, Own, View};

/// A database that takes writes, or was last told to, is killed unless everything speaks for it: the deadline is ahead,
/// the leader key is this keeper's, and the database was promoted for that very epoch.
pub(super) fn rule(view: &View, _: &Policy) -> Option<Decision> {
    if view.reign.is_none() && !matches!(view.own, Own::Primary(_)) {
        return None;
    }
    let doubt = doubt(view)?;
    Some(act([Step::Fence], doubt))
}

fn doubt(view: &View) -> Option<String> {
    if view.lease == Lease::Doubted {
        return Some("stops the database: no renewal of the lease was confirmed before its deadline".into());
    }
    let Some(reign) = view.reign else {
        return Some("stops the database: it takes writes though it was not promoted by this keeper".into());
    };
    let store = view.store.as_ref()?;
    match &store.leader {
        None => Some(format!("stops the database: the leader key of epoch {reign} is gone")),
        Some(leader) if !leader.is_mine => {
            Some(format!("stops the database: {} leads since epoch {}", leader.host, leader.epoch))
        }
        Some(leader) if leader.epoch != reign => {
            let now = leader.epoch;
            Some(format!("stops the database: it was promoted for epoch {reign}, and this is epoch {now}"))
        }
        Some(_) => None,
    }
}

/// Without the store's word nothing begins. A primary goes on up to its deadline.
pub(super) fn silence(view: &View, _: &Policy) -> Option<Decision> {
    match (&view.store, view.reign) {
        (Some(_), _) => None,
        (None, Some(epoch)) => {
            Some(wait(format!("serves epoch {epoch} up to its deadline; the store does not answer")))
        }
        (None, None) => Some(wait("waits: the store does not answer")),
    }
}
