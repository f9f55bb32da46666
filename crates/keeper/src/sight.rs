//! What was read and observed, as the view that rules decide on.
//!
//! Invariant: nothing is decided here; what is not known is left out or said to be unknown.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base::moment::Moment;
use cluster::layout;
use engine::{Confirm, End, Observation, Role, Running};

use crate::config::Config;
use crate::core::name::{Epoch, Host, System};
use crate::core::view::{
    Acks, Handover, Leader, Member, Own, Peer, Place, Primary, Reign, Replica, Stopped, Store, Sync, Wish,
};
use crate::disk::Disk;
use crate::memory::{Memory, Topic};

/// What the store said. `lease` is the one that this keeper has now; `is_silent`, whether signs of life of another leader are
/// missed.
pub(crate) fn store(
    read: &cluster::View,
    lease: Option<i64>,
    is_silent: bool,
    memory: &mut Memory,
    now: Moment,
) -> Store {
    let leader = read.leader.as_ref().map(|leader| {
        let is_mine = lease.is_some_and(|lease| lease == leader.lease);
        let (host, epoch) = (Host::new(&leader.what.host), leader.what.epoch);
        Leader { host, epoch, is_mine, is_silent: is_silent && !is_mine }
    });
    Store {
        system: read.config.as_ref().map(|config| System::new(&config.what.system_id)),
        leaderless_for: memory.lasting(Topic::Leader, u8::from(leader.is_none()), now),
        leader,
        sync: read.sync.as_ref().map(|sync| self::sync(&sync.what)),
        members: read.members.iter().map(|(host, it)| (Host::new(host), member(&it.what))).collect(),
        reigns: read.history.iter().map(|(epoch, history)| (*epoch, reign(history))).collect(),
        handover: read
            .handover
            .as_ref()
            .map(|asked| Handover { to: asked.what.to.as_deref().map(Host::new) }),
        judge: None,
    }
}

/// What a person accepted, in the store, for this host.
pub(crate) fn wish(me: &Host, read: &cluster::View) -> Option<Wish> {
    let accept = &read.accept.as_ref()?.what;
    (accept.host == me.as_str()).then_some(Wish::AcceptLoss { of: accept.of })
}

fn sync(sync: &layout::Sync) -> Sync {
    Sync {
        epoch: sync.epoch,
        primary: Host::new(&sync.primary),
        eligible: sync.eligible.iter().map(|host| Host::new(host)).collect(),
        position: sync.position.offset,
    }
}

fn member(member: &layout::Member) -> Member {
    Member {
        is_healthy: member.is_healthy,
        unfit: member.unfit.clone(),
        is_replica: member.role == layout::Role::Replica,
        received: member.received.offset,
    }
}

fn reign(history: &layout::History) -> Reign {
    Reign {
        host: Host::new(&history.host),
        timeline: history.position.timeline,
        position: history.position.offset,
        is_rewindable: history.is_written_down,
    }
}

/// The database of this host. `epoch` is that of the present leader.
pub(crate) fn own(
    config: &Config,
    observed: &Observation,
    epoch: Option<Epoch>,
    memory: &mut Memory,
    now: Moment,
) -> Own {
    let lasting = memory.lasting(Topic::Own, form(observed), now);
    match observed {
        Observation::Absent | Observation::Unfinished { .. } => Own::Absent,
        // It says itself that it is on its way: killing it would only begin it anew. But a fresh copy that follows nobody
        // never arrives, so that where there is somebody to follow it is begun anew, once.
        Observation::Silent { is_starting: true, .. } if epoch.is_none() || memory.upstream.is_some() => {
            Own::Hung { lasting: Duration::ZERO }
        }
        Observation::Silent { .. } => Own::Hung { lasting },
        Observation::Stopped(stopped) => {
            let failures = memory.has_died(config.limits.start_proven_after, now);
            let is_clean = stopped.end == End::Primary;
            // a replica has everything once it has come beyond the last checkpoint of an orderly stop
            let position = if is_clean { stopped.checkpoint + 1 } else { stopped.reached };
            // a copy that was a primary when it ended may have a log of its own
            memory.is_former |= matches!(stopped.end, End::Primary | End::CrashedPrimary);
            let place = place(memory, epoch, &stopped.system_id, stopped.timeline, position);
            let is_settled_by_start = stopped.is_settled_by_start;
            Own::Stopped(Stopped { place, is_clean, lasting, failures, is_settled_by_start })
        }
        Observation::Running(running) => {
            let place = place(memory, epoch, &running.system_id, running.timeline, running.received);
            match running.role {
                Role::Replica => Own::Replica(replica(config, running, place, memory, now)),
                Role::Primary => Own::Primary(primary(config, running, place, memory, now)),
            }
        }
    }
}

/// What sort of thing it is, to see whether it changes.
fn form(observed: &Observation) -> u8 {
    match observed {
        Observation::Absent | Observation::Unfinished { .. } => 0,
        Observation::Stopped(_) => 1,
        Observation::Silent { .. } => 2,
        Observation::Running(running) => 3 + u8::from(running.role == Role::Primary),
    }
}

fn place(memory: &Memory, leader: Option<Epoch>, system: &str, timeline: u32, position: u64) -> Place {
    Place {
        system: System::new(system),
        timeline,
        position,
        epoch: memory.lineage,
        is_former: memory.is_former,
        has_failed_rewind: leader.is_some() && memory.failed_rewind == leader,
    }
}

fn replica(config: &Config, running: &Running, place: Place, memory: &mut Memory, now: Moment) -> Replica {
    let is_streaming = is_streaming(config, running);
    Replica {
        place,
        upstream: memory.upstream.clone(),
        is_streaming,
        lasting: memory.lasting(Topic::Stream, u8::from(is_streaming), now),
        unfit: None,
    }
}

/// Why the replica here must not become primary; what else is asked of one is asked where it stands for a vacancy.
pub(crate) fn unfit(config: &Config, observed: &Observation, memory: &Memory, disk: &Disk) -> Option<String> {
    let Observation::Running(running) = observed else { return None };
    if config.policy.barred.contains(&config.host) {
        return Some("the service file has it stay a replica".to_owned());
    }
    if let Some(unfit) = &running.unfit {
        return Some(unfit.clone());
    }
    if let Some(fault) = disk.fault() {
        return Some(format!("its disk does not take writes: {fault}"));
    }
    if let Some(theirs) = memory.version.as_ref().filter(|theirs| major(theirs) > major(&running.version)) {
        let ours = &running.version;
        return Some(format!("its server is of version {ours}, and the last primary's was of {theirs}"));
    }
    let room = disk.room().filter(|room| *room < config.limits.room_min)?;
    Some(format!("its disk has {} MiB of room left", room.0 >> 20))
}

/// The first number of a server's version; 0: it is not known.
fn major(version: &str) -> u32 {
    version.split('.').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// Whether a replica receives.
pub(crate) fn is_streaming(config: &Config, running: &Running) -> bool {
    let silence_max = config.limits.stream_silence_max;
    running.stream.as_ref().is_some_and(|stream| stream.is_streaming && stream.silence < silence_max)
}

fn primary(config: &Config, running: &Running, place: Place, memory: &mut Memory, now: Moment) -> Primary {
    let others = config.policy.sites.keys().filter(|host| **host != config.host);
    let peers = others.map(|host| {
        let follower = running.followers.iter().find(|follower| follower.host == host.as_str());
        let heard = follower.filter(|it| it.is_streaming && it.silence < config.limits.stream_silence_max);
        let is_streaming = heard.is_some();
        let lasting = memory.lasting(Topic::Peer(host.clone()), u8::from(is_streaming), now);
        (host.clone(), Peer { is_streaming, lasting, flushed: follower.map_or(0, |it| it.flushed) })
    });
    let peers: BTreeMap<Host, Peer> = peers.collect();
    Primary {
        place,
        acks: running.confirm.as_ref().map_or_else(|| memory.acks.clone(), |bound| acks(&bound.confirm)),
        bound: running.confirm.as_ref().map(|bound| bound.from),
        peers,
        is_checkpointed: memory.checkpointed.is_some() && memory.checkpointed == memory.reign,
    }
}

fn acks(confirm: &Confirm) -> Acks {
    match confirm {
        Confirm::Here => Acks::Alone,
        Confirm::Hosts(hosts) => Acks::With(hosts.iter().map(|host| Host::new(host)).collect()),
        Confirm::Nobody => Acks::Blocked,
    }
}

/// The same in the database's words.
pub(crate) fn confirm(acks: &Acks) -> Confirm {
    let names = |hosts: &BTreeSet<Host>| hosts.iter().map(|host| host.as_str().to_owned()).collect();
    match acks {
        Acks::Alone => Confirm::Here,
        Acks::With(hosts) => Confirm::Hosts(names(hosts)),
        Acks::Blocked => Confirm::Nobody,
    }
}
