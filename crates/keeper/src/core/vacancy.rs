//! Nobody is primary, or nobody who still lives: who has every acknowledged write becomes it, the best one first.

use std::cmp::Reverse;

use super::decide::{Decision, act, wait};
use super::name::Host;
use super::policy::Policy;
use super::reign::ascend;
use super::step::{Right, Step};
use super::view::{Lease, Member, Own, Replica, Stopped, Store, Sync, View, Wish};

/// The leader key is free.
pub(super) fn rule(view: &View, policy: &Policy) -> Option<Decision> {
    let store = view.store.as_ref().filter(|store| store.leader.is_none())?;
    let sync = store.sync.as_ref()?;
    if view.is_leaving {
        return Some(wait("does not take over: this keeper is told to stop"));
    }
    Some(match &view.own {
        Own::Absent => wait("waits for a primary to copy from"),
        Own::Stopped(stopped) => {
            match awaited(view, policy, store, sync).filter(|_| stopped.is_settled_by_start) {
                Some(other) => wait(format!(
                    "leaves the vacancy to {other} for a moment: started now, the database could not be led back to it"
                )),
                None => rise(stopped, policy),
            }
        }
        Own::Hung { lasting } if *lasting >= policy.patience.hung => {
            act([Step::Fence], "stops the database: it has been silent for too long")
        }
        Own::Hung { .. } => wait("waits for the database to answer"),
        Own::Primary(_) => act([Step::Fence], "stops the database: it takes writes and nobody leads"),
        Own::Replica(replica) => stand(view, policy, store, sync, replica),
    })
}

/// The leader key is held by somebody who trusts it no more. The store ends such a lease by itself, but later where its own
/// leader was lost too: the next one gives every lease its whole time anew.
pub(super) fn depose(view: &View, _: &Policy) -> Option<Decision> {
    let store = view.store.as_ref()?;
    let leader = store.leader.as_ref().filter(|leader| leader.is_silent)?;
    let Own::Replica(replica) = &view.own else { return None };
    let sync = store.sync.as_ref()?;
    let may_stand = view.lease == Lease::Held && !view.is_leaving;
    let may_lead = is_accepted(view, sync) || hindrance(view, sync, replica).is_none();
    let reason =
        format!("takes the leader key from {}: it has given no sign of life for a lease's time", leader.host);
    (may_stand && may_lead).then(|| act([Step::Depose], reason))
}

/// Who is left the time to take over: somebody who may, or who is not there and may come back at once, as after an outage
/// of the store that has cost everybody's lease.
fn awaited<'a>(view: &'a View, policy: &Policy, store: &'a Store, sync: &'a Sync) -> Option<&'a Host> {
    let patience = &policy.patience;
    let others = sync.eligible.iter().filter(|host| **host != view.me);
    let mut absent = others.filter(|host| !store.members.contains_key(*host));
    let heir = heir(view).filter(|_| store.leaderless_for < patience.defer);
    heir.or_else(|| absent.next().filter(|_| store.leaderless_for < patience.missing))
}

/// A stopped database comes up as a replica of nobody, so that it is ready for what comes.
pub(super) fn rise(stopped: &Stopped, policy: &Policy) -> Decision {
    if stopped.lasting < policy.patience.backoff(stopped.failures) {
        return wait("waits before the database is started again: it has died soon after its last starts");
    }
    act([Step::Start], "starts the database as a replica of nobody")
}

/// A replica stands for the vacancy.
fn stand(view: &View, policy: &Policy, store: &Store, sync: &Sync, replica: &Replica) -> Decision {
    let is_accepted = is_accepted(view, sync);
    if let Some(why) = hindrance(view, sync, replica).filter(|_| !is_accepted) {
        return wait(format!("does not take over: {why}"));
    }
    if view.lease == Lease::Doubted {
        return wait("does not take over: it has no lease that is certain");
    }
    if let Some(better) = better(view, policy, store, sync, replica).filter(|_| !is_accepted) {
        return wait(format!("leaves the vacancy to {better} for a moment"));
    }
    let epoch = sync.epoch + 1;
    let (right, reason) = match is_accepted {
        true => {
            (Right::AcceptedLoss, format!("takes over as epoch {epoch}: a person accepted what may be lost"))
        }
        false => {
            (Right::Eligible, format!("takes over as epoch {epoch}: nobody leads and it has every write"))
        }
    };
    // who holds the key is all that the store counts on: from then on a death must take nothing away
    let mut steps = vec![Step::Secure, Step::Acquire { epoch, right }];
    steps.extend(ascend(view, policy, epoch));
    act(steps, reason)
}

/// Whether a person lets this host become primary, whatever it lacks.
fn is_accepted(view: &View, sync: &Sync) -> bool {
    view.wish == Some(Wish::AcceptLoss { of: sync.epoch })
}

/// Why this host must not become primary.
fn hindrance(view: &View, sync: &Sync, replica: &Replica) -> Option<String> {
    if sync.eligible.is_empty() {
        return Some("a person has given the data to a mirror, and no host may lead with what it has".into());
    }
    if !sync.eligible.contains(&view.me) {
        let others: Vec<&str> = sync.eligible.iter().map(Host::as_str).collect();
        let others = others.join(" or ");
        return Some(format!(
            "it may lack writes of epoch {}, which {others} has; if {others} never returns: `ondol takeover --accept-loss`",
            sync.epoch
        ));
    }
    if replica.place.position < sync.position {
        let (at, needed) = (replica.place.position, sync.position);
        return Some(format!("its log ends at {at}, and everything up to {needed} was acknowledged"));
    }
    replica.unfit.clone()
}

/// The order of candidates: whom a person named, then those that have not just lost a primary, the lost one's site first,
/// then who has come furthest, then the first by name.
fn rank(host: &Host, received: u64, policy: &Policy, store: &Store, sync: &Sync) -> impl Ord + use<> {
    let is_named = store.handover.as_ref().is_some_and(|handover| handover.to.as_ref() == Some(host));
    let is_near = policy.is_same_site(host, &sync.primary);
    (!is_named, *host == sync.primary, !is_near, Reverse(received), host.clone())
}

/// A better candidate that is there, while there is time to leave it the vacancy.
fn better<'a>(
    view: &View,
    policy: &Policy,
    store: &'a Store,
    sync: &Sync,
    replica: &Replica,
) -> Option<&'a Host> {
    if store.leaderless_for >= policy.patience.defer {
        return None;
    }
    let mine = rank(&view.me, replica.place.position, policy, store, sync);
    heirs(view, store, sync)
        .map(|(host, member)| (rank(host, member.received, policy, store, sync), host))
        .filter(|(rank, _)| *rank < mine)
        .min_by(|(one, _), (other, _)| one.cmp(other))
        .map(|(_, host)| host)
}

/// Somebody else that is there and may take over.
pub(super) fn heir(view: &View) -> Option<&Host> {
    let store = view.store.as_ref()?;
    heirs(view, store, store.sync.as_ref()?).next().map(|(host, _)| host)
}

fn heirs<'a>(view: &View, store: &'a Store, sync: &Sync) -> impl Iterator<Item = (&'a Host, &'a Member)> {
    store.members.iter().filter(|(host, member)| {
        let may_lead = member.is_healthy && member.is_replica && member.unfit.is_none();
        **host != view.me && may_lead && sync.eligible.contains(*host)
    })
}
