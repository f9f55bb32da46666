//! Who must confirm a commit, and who may take over. The two are kept so that whoever may take over has everything:
//! commits wait for a host before the store counts on it, and the store stops counting on it before commits stop waiting.
//!
//! Invariant: nobody is counted on by the store whom a commit does not wait for.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::time::Duration;

use super::decide::{Decision, act};
use super::name::{Host, Position};
use super::policy::{Confirm, Policy, Without};
use super::reign::{Reigning, reigning};
use super::step::Step;
use super::view::{Acks, Peer, Store, View};

/// Somebody that the store counts on is missing: first the store is told, then commits stop waiting.
pub(super) fn expel(view: &View, policy: &Policy) -> Option<Decision> {
    let now = reigning(view)?;
    let counted = counted(&now)?;
    let wanted = wanted(&now, policy, &counted);
    let gone: BTreeSet<Host> = counted.difference(&wanted).cloned().collect();
    let rest: BTreeSet<Host> = counted.difference(&gone).cloned().collect();
    if gone.is_empty() {
        return None;
    }
    let may_go_on = match policy.without {
        _ if policy.is_enough(now.me, &rest) => true,
        Without::Block => false,
        Without::GoOn { after } => gone.iter().all(|host| is_away_for(&now, host, after)),
    };
    if !may_go_on {
        return None;
    }
    let reason = format!("goes on without {}, which may not take over from here on", list(&gone));
    let acks = fitting(&now, policy, &rest);
    let position = now.store.sync.as_ref()?.position;
    Some(act([eligible(&now, rest, position), Step::Acks(acks)], reason))
}

/// Somebody that commits wait for has caught up: it may take over.
pub(super) fn admit(view: &View, _: &Policy) -> Option<Decision> {
    let now = reigning(view)?;
    let counted = counted(&now)?;
    let bound = now.primary.bound?;
    let waited = now.primary.acks.hosts();
    let caught_up: BTreeSet<Host> = waited
        .difference(&counted)
        .filter(|host| {
            let peer = now.primary.peers.get(*host);
            peer.is_some_and(|peer| peer.is_streaming && peer.flushed >= bound)
        })
        .cloned()
        .collect();
    if caught_up.is_empty() || !now.primary.acks.cover(&counted) {
        return None;
    }
    let reason = format!("{} has everything and may take over", list(&caught_up));
    // those counted on already need not have what was written since, as long as it was not acknowledged
    let position = if counted.is_empty() { bound } else { now.store.sync.as_ref()?.position };
    Some(act([eligible(&now, counted.union(&caught_up).cloned().collect(), position)], reason))
}

/// What commits wait for follows from whom the store counts on and who is there.
pub(super) fn adjust(view: &View, policy: &Policy) -> Option<Decision> {
    let now = reigning(view)?;
    let counted = counted(&now)?;
    let acks = fitting(&now, policy, &counted);
    if acks == now.primary.acks && now.primary.bound.is_some() {
        return None;
    }
    let reason = match &acks {
        Acks::Alone => "answers writes without a confirmation from elsewhere".to_owned(),
        Acks::With(hosts) => format!("lets commits wait for {}", list(hosts)),
        Acks::Blocked => "lets commits wait until somebody is there to confirm them".to_owned(),
    };
    Some(act([Step::Acks(acks)], reason))
}

/// How commits are confirmed, in words.
pub(super) fn told(now: &Reigning<'_>, policy: &Policy) -> String {
    let waited = now.primary.acks.hosts();
    let is_missing = |host: &&Host| !now.primary.peers.get(*host).is_some_and(|peer| peer.is_streaming);
    let missing: BTreeSet<Host> = waited.iter().filter(is_missing).cloned().collect();
    match &now.primary.acks {
        _ if !missing.is_empty() => format!("writes wait for {}, which is missing", list(&missing)),
        Acks::Alone if policy.is_enough(now.me, &waited) => "writes count when they are on its disk".into(),
        Acks::Alone => "alarm: writes count though nobody else has them".into(),
        Acks::With(hosts) if policy.is_enough(now.me, hosts) => format!("{} confirms", list(hosts)),
        Acks::With(hosts) => format!("alarm: only {} confirms", list(hosts)),
        Acks::Blocked => "writes wait until somebody is there to confirm them".into(),
    }
}

/// Those others that the store counts on, if what it says is of this reign.
fn counted(now: &Reigning<'_>) -> Option<BTreeSet<Host>> {
    let sync = now.store.sync.as_ref().filter(|sync| sync.epoch == now.leader.epoch)?;
    Some(sync.eligible.iter().filter(|host| *host != now.me).cloned().collect())
}

/// Whom commits should wait for, given who is there and whom the store counts on.
fn fitting(now: &Reigning<'_>, policy: &Policy, counted: &BTreeSet<Host>) -> Acks {
    let known = now.primary.acks.hosts().union(counted).cloned().collect();
    let hosts: BTreeSet<Host> = wanted(now, policy, &known).union(counted).cloned().collect();
    if policy.is_enough(now.me, &hosts) {
        return acks_for(&hosts);
    }
    match policy.without {
        // A commit that is answered must be with all that the store counts on, also when it goes on without the rest.
        Without::GoOn { .. } if now.primary.acks == Acks::Alone => acks_for(&hosts),
        Without::GoOn { after } if is_lonely_for(now, policy, after) => acks_for(&hosts),
        _ => Acks::Blocked,
    }
}

/// The replicas that should confirm: one of this site and one from elsewhere, as far as the policy asks for them. Who may become
/// primary goes before who must not; one of `known` stays until it has been away for long; then the one comes that has come
/// furthest, then the first by name.
fn wanted(now: &Reigning<'_>, policy: &Policy, known: &BTreeSet<Host>) -> BTreeSet<Host> {
    let best = |is_same_site: bool| {
        let of_there = now.primary.peers.iter().filter(|(host, _)| {
            policy.sites.contains_key(host) && policy.is_same_site(now.me, host) == is_same_site
        });
        let able = of_there.filter(|(host, peer)| match known.contains(*host) {
            true => !is_away_for(now, host, policy.patience.missing),
            false => peer.is_streaming && peer.lasting >= policy.patience.settled && is_fit(now, host),
        });
        let is_unfit = |host: &Host| now.store.members.get(host).is_some_and(|member| member.unfit.is_some());
        let rank = |(host, peer): &(&Host, &Peer)| {
            (is_unfit(host), !known.contains(*host), Reverse(peer.flushed), (*host).clone())
        };
        able.min_by_key(rank).map(|(host, _)| host.clone())
    };
    match policy.confirm {
        Confirm::Here => BTreeSet::new(),
        Confirm::Site => best(true).into_iter().collect(),
        Confirm::Abroad => best(true).into_iter().chain(best(false)).collect(),
    }
}

fn is_fit(now: &Reigning<'_>, host: &Host) -> bool {
    now.store.members.get(host).is_some_and(|member| member.is_healthy && member.is_replica)
}

fn is_away_for(now: &Reigning<'_>, host: &Host, time: Duration) -> bool {
    now.primary.peers.get(host).is_none_or(|peer| !peer.is_streaming && peer.lasting >= time)
}

/// Whether everybody whose confirmation would be enough has been away, or there and not well, for `time`.
fn is_lonely_for(now: &Reigning<'_>, policy: &Policy, time: Duration) -> bool {
    let others = policy.sites.keys().filter(|host| *host != now.me);
    let mut able = others.filter(|host| policy.is_enough(now.me, &BTreeSet::from([(*host).clone()])));
    let is_ailing_for = |host: &Host| {
        !is_fit(now, host) && now.primary.peers.get(host).is_some_and(|peer| peer.lasting >= time)
    };
    able.all(|host| is_away_for(now, host, time) || is_ailing_for(host))
}

/// Who can confirm the first commits of a reign that `me` begins: the best of those that are there and enough by themselves,
/// without the primary before it, which is what was just lost. Nobody: nobody is there.
pub(super) fn heralds(me: &Host, store: &Store, policy: &Policy) -> BTreeSet<Host> {
    let lost = store.sync.as_ref().map(|sync| &sync.primary);
    let there = store.members.iter().filter(|(host, member)| {
        *host != me && Some(*host) != lost && member.is_healthy && member.is_replica
    });
    let able = there.filter(|(host, _)| policy.is_enough(me, &BTreeSet::from([(*host).clone()])));
    let best =
        able.min_by_key(|(host, member)| (member.unfit.is_some(), Reverse(member.received), (*host).clone()));
    best.map(|(host, _)| host.clone()).into_iter().collect()
}

fn acks_for(hosts: &BTreeSet<Host>) -> Acks {
    if hosts.is_empty() { Acks::Alone } else { Acks::With(hosts.clone()) }
}

fn eligible(now: &Reigning<'_>, others: BTreeSet<Host>, position: Position) -> Step {
    let hosts = others.into_iter().chain([now.me.clone()]).collect();
    Step::Eligible { hosts, position }
}

fn list(hosts: &BTreeSet<Host>) -> String {
    let names: Vec<&str> = hosts.iter().map(Host::as_str).collect();
    names.join(" and ")
}
