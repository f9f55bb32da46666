//! A planned change of the primary: nothing is lost, and writers pause only while the last of the log travels.

use std::cmp::Reverse;

use super::decide::{Decision, act, wait};
use super::name::Host;
use super::policy::Policy;
use super::reign::{Reigning, reigning};
use super::step::Step;
use super::view::View;

/// The primary is asked to give way, or leaves.
pub(super) fn rule(view: &View, policy: &Policy) -> Option<Decision> {
    let now = reigning(view)?;
    if now.store.handover.is_none() && !view.is_leaving {
        return None;
    }
    let epoch = now.leader.epoch;
    let to = successor(view, policy);
    let hindrance = match &to {
        None => Some("no other host with a database is there".to_owned()),
        Some(to) => hindrance(&now, policy, to),
    };
    match (hindrance, to) {
        (Some(why), _) if view.is_leaving => Some(act(
            [Step::Drain],
            format!("stops serving epoch {epoch}: this keeper is told to stop, and {why}"),
        )),
        (Some(why), _) => Some(act([Step::Decline], format!("keeps epoch {epoch}: {why}"))),
        (None, to) => give(&now, policy, &to?),
    }
}

/// Gives way once the other is near enough for a short pause.
fn give(now: &Reigning<'_>, policy: &Policy, to: &Host) -> Option<Decision> {
    let peer = now.primary.peers.get(to)?;
    let behind = now.primary.place.position.saturating_sub(peer.flushed);
    if behind > policy.handover_lag_max {
        return Some(wait(format!("waits until {to} has come nearer to hand over: it is {behind} behind")));
    }
    Some(act([Step::Drain], format!("stops writing to hand epoch {} over to {to}", now.leader.epoch)))
}

/// Who is to become primary when the present one gives way by a person's word: the one that was named, else the best.
pub(super) fn successor(view: &View, policy: &Policy) -> Option<Host> {
    let store = view.store.as_ref()?;
    let asked = store.handover.as_ref();
    if asked.is_none() && !view.is_leaving {
        return None;
    }
    let named = asked.and_then(|handover| handover.to.clone());
    let others = store
        .members
        .iter()
        .filter(|(host, member)| **host != view.me && member.is_healthy && member.is_replica)
        .filter(|(_, member)| member.unfit.is_none());
    let rank = |host: &Host, received: u64| {
        let is_eligible = store.sync.as_ref().is_some_and(|sync| sync.eligible.contains(host));
        (!is_eligible, !policy.is_same_site(&view.me, host), Reverse(received), host.clone())
    };
    named.or_else(|| {
        others.min_by_key(|(host, member)| rank(host, member.received)).map(|(host, _)| host.clone())
    })
}

fn hindrance(now: &Reigning<'_>, policy: &Policy, to: &Host) -> Option<String> {
    if to == now.me {
        return Some(format!("{to} is primary already"));
    }
    if !policy.sites.contains_key(to) {
        return Some(format!("{to} is no host with a database"));
    }
    let member = now.store.members.get(to);
    if let Some(unfit) = member.and_then(|member| member.unfit.as_ref()) {
        return Some(format!("{to} must not become primary: {unfit}"));
    }
    let is_healthy = member.is_some_and(|member| member.is_healthy && member.is_replica);
    let is_streaming = now.primary.peers.get(to).is_some_and(|peer| peer.is_streaming);
    (!is_healthy || !is_streaming).then(|| format!("{to} does not follow just now"))
}
