//! Somebody else is primary: this host's database follows it, taken back or copied anew where its log went another way.

use super::decide::{Decision, act, wait};
use super::name::Epoch;
use super::policy::Policy;
use super::step::{Source, Step};
use super::vacancy::{heir, rise};
use super::view::{Leader, Own, Place, Replica, Store, View};

/// How a copy's log stands to the primary's.
enum Course {
    /// It is a beginning of it.
    Same,
    /// It left it, at a place that is known.
    Left,
    /// It left it where that can't be seen: another reign wrote another log under the same name.
    Unlike,
}

/// The leader key is somebody else's.
pub(super) fn rule(view: &View, policy: &Policy) -> Option<Decision> {
    let store = view.store.as_ref()?;
    let leader = store.leader.as_ref().filter(|leader| !leader.is_mine)?;
    if leader.host == view.me {
        return Some(former(view, policy, leader.epoch));
    }
    let source = Source { host: leader.host.clone(), epoch: leader.epoch };
    Some(match &view.own {
        Own::Absent => copy(store, leader, source, "there is no database here"),
        Own::Hung { lasting } if *lasting >= policy.patience.hung => {
            act([Step::Fence], "stops the database: it has been silent for too long")
        }
        Own::Hung { .. } => wait("waits for the database to answer"),
        Own::Primary(_) => act([Step::Fence], format!("stops the database: {} leads", leader.host)),
        // it is started as the replica that it is to be: a fresh copy needs its primary to come up at all
        Own::Stopped(stopped) => match rise(stopped, policy) {
            started if started.steps.is_empty() => started,
            _ => join(store, leader, source, &stopped.place),
        },
        Own::Replica(replica) if replica.upstream.as_ref() != Some(&leader.host) => {
            join(store, leader, source, &replica.place)
        }
        Own::Replica(replica) if replica.is_streaming => {
            wait(format!("follows {} in epoch {}", source.host, source.epoch))
        }
        Own::Replica(replica) => mend(policy, store, leader, source, replica),
    })
}

/// The key lies on a lease of an earlier run of this keeper, or another host has this one's name.
fn former(view: &View, policy: &Policy, epoch: Epoch) -> Decision {
    match &view.own {
        Own::Stopped(stopped) => match heir(view).filter(|_| stopped.is_settled_by_start) {
            Some(heir) => wait(format!(
                "leaves the database stopped while {heir} may take over once the earlier lease of this host has ended"
            )),
            None => rise(stopped, policy),
        },
        _ => wait(format!("waits until the earlier lease of this host, with epoch {epoch}, has ended")),
    }
}

fn join(store: &Store, leader: &Leader, source: Source, place: &Place) -> Decision {
    let host = source.host.clone();
    match course(store, leader, place) {
        Course::Same => act([Step::Follow(source)], format!("follows {host} from here on")),
        Course::Left if place.has_failed_rewind => copy(store, leader, source, "a rewind did not succeed"),
        Course::Left if !is_open(store, leader) => {
            wait(format!("waits until {host} has written everything down, to be rewound to it"))
        }
        Course::Left => act(
            [Step::Rewind(source)],
            format!("takes back what {host} does not have, if anything, and follows it"),
        ),
        Course::Unlike => copy(store, leader, source, "its log is of another reign"),
    }
}

/// A replica that receives nothing from the primary that it follows.
fn mend(policy: &Policy, store: &Store, leader: &Leader, source: Source, replica: &Replica) -> Decision {
    match course(store, leader, &replica.place) {
        Course::Same if replica.lasting >= policy.patience.stuck && is_there(store, leader) => {
            copy(store, leader, source, "it has received nothing for too long")
        }
        Course::Same => wait(format!("waits to hear from {}", source.host)),
        _ => join(store, leader, source, &replica.place),
    }
}

fn copy(store: &Store, leader: &Leader, source: Source, why: &str) -> Decision {
    let host = source.host.clone();
    if !is_there(store, leader) || !store.reigns.contains_key(&leader.epoch) {
        return wait(format!("waits for {host} to be there to copy from: {why}"));
    }
    act([Step::Clone(source)], format!("copies the database of {host}: {why}"))
}

fn is_there(store: &Store, leader: &Leader) -> bool {
    store.members.get(&leader.host).is_some_and(|member| member.is_healthy)
}

fn is_open(store: &Store, leader: &Leader) -> bool {
    store.reigns.get(&leader.epoch).is_some_and(|reign| reign.is_rewindable)
}

/// Each reign that this copy took no part in left the common log at a known place, on a line of its own. A copy that has
/// more of an older line than that has gone another way; one on a line of the same number by another reign can't be told
/// apart by numbers at all.
fn course(store: &Store, leader: &Leader, place: &Place) -> Course {
    let since = place.epoch.unwrap_or(0);
    let missed = store.reigns.iter().filter(|(epoch, _)| **epoch > since && **epoch <= leader.epoch);
    for (_, reign) in missed {
        if reign.timeline <= place.timeline {
            return Course::Unlike;
        }
        if place.position > reign.position {
            return Course::Left;
        }
    }
    if place.is_former { Course::Left } else { Course::Same }
}
