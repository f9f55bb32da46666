//! Being primary: what holds the leader key must have a database that serves, recorded, written down, and judged from afar.

use std::collections::BTreeSet;

use super::decide::{Decision, act, wait};
use super::policy::{Policy, Without};
use super::step::Step;
use super::view::{Acks, Leader, Lease, Own, Primary, Store, View};
use super::{handover, name::Host, sync};

/// What a rule about a serving primary looks at.
pub(super) struct Reigning<'a> {
    pub(super) me: &'a Host,
    pub(super) store: &'a Store,
    pub(super) leader: &'a Leader,
    pub(super) primary: &'a Primary,
}

/// The primary of this keeper, if the leader key is its too.
pub(super) fn reigning(view: &View) -> Option<Reigning<'_>> {
    let (store, leader) = view.held()?;
    match &view.own {
        Own::Primary(primary) => Some(Reigning { me: &view.me, store, leader, primary }),
        _ => None,
    }
}

/// A leader without a database gives the key back at once, so that nobody has to wait for its lease to end.
pub(super) fn lost(view: &View, policy: &Policy) -> Option<Decision> {
    let (_, leader) = view.held()?;
    let epoch = leader.epoch;
    match &view.own {
        Own::Stopped(stopped) => Some(match handover::successor(view, policy).filter(|_| stopped.is_clean) {
            Some(to) => {
                let reason = format!(
                    "hands epoch {epoch} over to {to}: the database is stopped and nothing is missing"
                );
                act([Step::HandOver { to, position: stopped.place.position }], reason)
            }
            None => act([Step::Fence, Step::Release], format!("gives epoch {epoch} back: the database died")),
        }),
        Own::Absent => {
            Some(act([Step::Release], format!("gives epoch {epoch} back: there is no database here")))
        }
        Own::Hung { lasting } if *lasting >= policy.patience.hung => {
            let reason =
                format!("stops the database and gives epoch {epoch} back: it has been silent for too long");
            Some(act([Step::Fence, Step::Release], reason))
        }
        Own::Hung { .. } => Some(wait(format!("holds epoch {epoch}; the database does not answer just now"))),
        Own::Replica(_) | Own::Primary(_) => None,
    }
}

/// The leader key alone is no permission to promote: only who is all that the store counts on, in this very epoch, is
/// primary of it.
pub(super) fn promote(view: &View, policy: &Policy) -> Option<Decision> {
    let (store, leader) = view.held()?;
    let Own::Replica(replica) = &view.own else { return None };
    let epoch = leader.epoch;
    let is_permitted = store.sync.as_ref().is_some_and(|sync| {
        sync.epoch == epoch && sync.primary == view.me && sync.eligible.iter().eq([&view.me])
    });
    if !is_permitted {
        let reason =
            format!("gives epoch {epoch} back: the leader key is here, but not the right to be primary");
        return Some(act([Step::Release], reason));
    }
    if let Some(unfit) = &replica.unfit {
        return Some(act([Step::Release], format!("gives epoch {epoch} back: {unfit}")));
    }
    if view.lease == Lease::Doubted {
        return Some(wait(format!("waits for a confirmed renewal before it serves epoch {epoch}")));
    }
    Some(act(ascend(view, policy, epoch), format!("becomes primary of epoch {epoch}")))
}

/// The steps from the leader key to a primary. Its first commits wait for somebody who is there and can confirm them soon, so
/// that they are answered as soon as that one follows; for nobody, where nobody is there and writes may go on without.
pub(super) fn ascend(view: &View, policy: &Policy, epoch: u64) -> Vec<Step> {
    vec![Step::Acks(first_acks(view, policy)), Step::Promote { epoch }]
}

/// What the first commits of a reign that this host begins wait for.
pub(crate) fn first_acks(view: &View, policy: &Policy) -> Acks {
    let heralds = view.store.as_ref().map(|store| sync::heralds(&view.me, store, policy)).unwrap_or_default();
    match policy.without {
        _ if policy.is_enough(&view.me, &BTreeSet::new()) => Acks::Alone,
        _ if !heralds.is_empty() => Acks::With(heralds),
        Without::GoOn { .. } => Acks::Alone,
        Without::Block => Acks::Blocked,
    }
}

/// Where the new line of history began is told before anything else: others come back by it.
pub(super) fn record(view: &View, _: &Policy) -> Option<Decision> {
    let now = reigning(view)?;
    let epoch = now.leader.epoch;
    let is_rewindable = now.primary.is_checkpointed;
    if now.store.reigns.get(&epoch).is_some_and(|reign| reign.is_rewindable || !is_rewindable) {
        return None;
    }
    Some(act([Step::Record { epoch, is_rewindable }], format!("records where epoch {epoch} began")))
}

/// The first checkpoint of a reign, before which nobody can be rewound to it.
pub(super) fn checkpoint(view: &View, _: &Policy) -> Option<Decision> {
    let now = reigning(view)?;
    if now.primary.is_checkpointed {
        return None;
    }
    Some(act([Step::Checkpoint], "writes everything down, so that others can be rewound to it"))
}

/// The store's leader should not be lost together with the primary.
pub(super) fn judge(view: &View, policy: &Policy) -> Option<Decision> {
    let now = reigning(view)?;
    let judge = now.store.judge.as_ref()?;
    let to = judge.better?;
    if policy.sites.get(now.me) != Some(&judge.site) {
        return None;
    }
    let reason =
        format!("lets another member lead the store: its leader would be lost together with {}", judge.site);
    Some(act([Step::MoveJudge { to }], reason))
}

/// A primary that has nothing to do but to serve, and says how.
pub(super) fn serve(view: &View, policy: &Policy) -> Option<Decision> {
    let now = reigning(view)?;
    Some(wait(format!("serves epoch {}; {}", now.leader.epoch, sync::told(&now, policy))))
}
