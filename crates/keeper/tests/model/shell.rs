//! What a keeper sees in the model's world, and what its steps do there. Planted mistakes are made here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;
use std::time::Duration;

use keeper::core::decide::decide;
use keeper::core::name::{Host, Site, System};
use keeper::core::policy::{Confirm, Patience, Policy, Without};
use keeper::core::step::{Right, Step};
use keeper::core::view::{
    Acks as Waits, Handover, Leader, Lease, Member, Own, Peer, Place, Primary, Reign as Past, Replica,
    Stopped, Store, Sync as Counted, View, Wish,
};

use super::world::{Acks, Bug, Db, HOSTS, Lie, Node, Reign, Run, Scene, Sync, TRUST, TTL, World};

/// Whether what lasts, lasts long enough to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Lasting {
    Short,
    Long,
}

/// One policy of each scene, `block` before `go on`, and what hosts are called.
struct Names {
    hosts: [Host; HOSTS],
    system: System,
    policies: [[Policy; 2]; 3],
}

fn names() -> &'static Names {
    static NAMES: OnceLock<Names> = OnceLock::new();
    NAMES.get_or_init(|| {
        let hosts = [Host::new("here"), Host::new("there"), Host::new("yonder")];
        let policy = |lie: Lie, without| Policy {
            confirm: Confirm::Abroad,
            without,
            sites: hosts
                .iter()
                .cloned()
                .zip(lie.sites().map(Site::new))
                .take(usize::from(lie.hosts()))
                .collect(),
            barred: BTreeSet::new(),
            founder: hosts[0].clone(),
            patience: Patience::default(),
            handover_lag_max: 0,
        };
        let on = Without::GoOn { after: Duration::from_secs(30) };
        let policies = LIES.map(|lie| [policy(lie, Without::Block), policy(lie, on)]);
        Names { hosts, system: System::new("s"), policies }
    })
}

const LIES: [Lie; 3] = [Lie::Two, Lie::OneAndTwo, Lie::TwoAndOne];

fn host(i: u8) -> Host {
    names().hosts[usize::from(i)].clone()
}

fn index(host: &Host) -> u8 {
    (0..HOSTS as u8).find(|i| names().hosts[usize::from(*i)] == *host).expect("a host of the scene")
}

fn bits(hosts: &BTreeSet<Host>) -> u8 {
    hosts.iter().fold(0, |bits, host| bits | 1 << index(host))
}

fn hosts(bits: u8) -> BTreeSet<Host> {
    (0..HOSTS as u8).filter(|i| bits & 1 << i != 0).map(host).collect()
}

/// The keeper renews its lease, looks at everything, and decides.
pub(crate) fn round(scene: &Scene, world: &mut World, i: u8, lasting: Lasting) {
    let at = usize::from(i);
    world.renew(i, scene.bug);
    let node = &mut world.nodes[at];
    (node.left, node.sent, node.is_news) = (TRUST, None, false);
    plant(scene, world, i);
    let read = world.sync;
    let mut view = view(scene, world, i, lasting);
    if scene.bug == Bug::CachesEligibility
        && let (Some(store), Some(old)) = (&mut view.store, world.nodes[at].read)
    {
        store.sync = Some(counted(old));
    }
    let mut steps = decide(&view, policy(scene)).steps;
    if scene.bug == Bug::DegradesBeforeStore && matches!(steps[..], [Step::Eligible { .. }, Step::Acks(_)]) {
        steps.swap(0, 1);
    }
    if scene.bug == Bug::SwapsConfirmerAtOnce
        && let [Step::Acks(Waits::With(waited))] = &steps[..]
        && !waited.is_subset(&hosts(world.sync.eligible))
    {
        let eligible = waited.iter().cloned().chain([host(i)]).collect();
        steps.insert(0, Step::Eligible { hosts: eligible, position: 0 });
    }
    let node = &mut world.nodes[at];
    (node.todo, node.read) = (steps, Some(read));
    // What touches nothing that another keeper's safety rests on is done in the same move, which saves states.
    while is_tidying(&world.nodes[at].todo) {
        advance(scene, world, i);
    }
    settle(scene, &mut world.nodes[at]);
}

fn is_tidying(todo: &[Step]) -> bool {
    matches!(
        todo,
        [
            Step::Record { .. }
                | Step::Checkpoint
                | Step::Start
                | Step::Follow(_)
                | Step::Secure
                | Step::Decline,
            ..
        ]
    )
}

/// Keeper `i` does the next step of its decision; after a failure it drops the rest.
pub(crate) fn advance(scene: &Scene, world: &mut World, i: u8) {
    let step = world.nodes[usize::from(i)].todo.remove(0);
    let is_done = run(scene, world, i, &step);
    let node = &mut world.nodes[usize::from(i)];
    if !is_done {
        node.todo.clear();
    }
    settle(scene, node);
}

/// What was read is forgotten with the last step that rests on it.
pub(crate) fn settle(scene: &Scene, node: &mut Node) {
    if node.todo.is_empty() && scene.bug != Bug::CachesEligibility {
        node.read = None;
    }
}

/// The deadline of the lease has passed: what is decided now is done at once.
pub(crate) fn lapse(scene: &Scene, world: &mut World, i: u8) {
    let node = &mut world.nodes[usize::from(i)];
    node.todo.clear();
    settle(scene, node);
    let view = View { store: None, lease: Lease::Doubted, ..view(scene, world, i, Lasting::Short) };
    for step in decide(&view, policy(scene)).steps {
        run(scene, world, i, &step);
    }
}

fn policy(scene: &Scene) -> &'static Policy {
    let lie = LIES.iter().position(|lie| *lie == scene.lie).expect("all are named");
    &names().policies[lie][usize::from(scene.goes_on)]
}

/// Mistakes that a keeper would make before it looks.
fn plant(scene: &Scene, world: &mut World, i: u8) {
    let at = usize::from(i);
    let (reign, epoch) = (world.nodes[at].reign, world.sync.epoch);
    match scene.bug {
        Bug::BarePut if reign.is_some() => world.set_leader(reign.map(|epoch| (i, epoch))),
        Bug::RenewsAnothersEpoch if reign.is_some() && !world.is_leader(i) => {
            world.set_leader(Some((i, epoch)));
            world.nodes[at].reign = Some(epoch);
        }
        Bug::OpensAfterRestart if world.is_leader(i) && matches!(world.nodes[at].db, Db::Stopped { .. }) => {
            world.nodes[at].db = Db::Primary;
            world.nodes[at].reign = world.leader.map(|(_, epoch)| epoch);
        }
        _ => {}
    }
}

fn view(scene: &Scene, world: &World, i: u8, lasting: Lasting) -> View {
    let node = &world.nodes[usize::from(i)];
    let time = match lasting {
        Lasting::Short => Duration::ZERO,
        Lasting::Long => Duration::MAX,
    };
    View {
        me: host(i),
        lease: lease(node),
        reign: node.reign.map(u64::from),
        store: Some(store(scene, world, i, time)),
        own: own(scene, world, i, time),
        wish: node.wish.map(|of| Wish::AcceptLoss { of: of.into() }),
        is_leaving: false,
    }
}

fn lease(node: &Node) -> Lease {
    if node.left > 0 { Lease::Held } else { Lease::Doubted }
}

fn store(scene: &Scene, world: &World, i: u8, time: Duration) -> Store {
    let member = |node: &Node| Member {
        is_healthy: matches!(node.db, Db::Replica | Db::Primary) && !node.is_frozen,
        unfit: unfit(scene, node),
        is_replica: node.db == Db::Replica,
        received: node.log.length().into(),
    };
    let alive = (0..HOSTS as u8).filter(|n| world.leases[usize::from(*n)] > 0);
    let reign = |(epoch, reign): (usize, &Option<Reign>)| {
        reign.as_ref().map(|reign| {
            let (timeline, position) = (reign.line.into(), reign.base.into());
            let past =
                Past { host: host(reign.host), timeline, position, is_rewindable: reign.is_rewindable };
            (epoch as u64, past)
        })
    };
    let mut sync = counted(world.sync);
    if scene.bug == Bug::PromotesByKeyAlone && world.leader.is_none() {
        (sync.eligible, sync.position) = (hosts(0b111), 0);
    }
    Store {
        system: Some(names().system.clone()),
        leader: world.leader.map(|(n, epoch)| {
            let (is_mine, is_silent) = (n == i, world.nodes[usize::from(i)].silence >= TTL);
            Leader { host: host(n), epoch: epoch.into(), is_mine, is_silent }
        }),
        leaderless_for: time,
        sync: Some(sync),
        members: alive.map(|n| (host(n), member(&world.nodes[usize::from(n)]))).collect(),
        reigns: world.reigns.iter().enumerate().filter_map(reign).collect(),
        handover: world.handover.map(|to| Handover { to: Some(host(to)) }),
        judge: None,
    }
}

fn counted(sync: Sync) -> Counted {
    Counted {
        epoch: sync.epoch.into(),
        primary: host(sync.primary),
        eligible: hosts(sync.eligible),
        position: sync.position.into(),
    }
}

/// What a replica says that may lack what it confirmed.
fn unfit(scene: &Scene, node: &Node) -> Option<String> {
    let is_told = !node.is_whole && node.db == Db::Replica && scene.bug != Bug::TrustsRestartedReplica;
    is_told.then(|| "it was started anew".to_owned())
}

fn own(scene: &Scene, world: &World, i: u8, time: Duration) -> Own {
    let node = &world.nodes[usize::from(i)];
    let place = Place {
        system: names().system.clone(),
        timeline: node.line.into(),
        position: node.log.length().into(),
        epoch: Some(node.epoch.into()),
        is_former: node.is_former,
        has_failed_rewind: false,
    };
    match node.db {
        Db::Absent => Own::Absent,
        Db::Stopped { is_clean } => {
            let is_settled_by_start = scene.forgets && node.is_former && !is_clean;
            Own::Stopped(Stopped { place, is_clean, lasting: time, failures: 0, is_settled_by_start })
        }
        _ if node.is_frozen => Own::Hung { lasting: time },
        Db::Replica => Own::Replica(Replica {
            place,
            upstream: node.upstream.map(host),
            is_streaming: node.upstream.is_some_and(|from| world.is_streaming(from, i)),
            lasting: time,
            unfit: unfit(scene, node),
        }),
        Db::Primary => {
            let lies = scene.bug == Bug::AdmitsBeforeCaughtUp;
            let peer = |to: u8| {
                let flushed = if lies { u64::MAX } else { world.nodes[usize::from(to)].log.length().into() };
                (host(to), Peer { is_streaming: world.is_streaming(i, to), lasting: time, flushed })
            };
            let acks = match node.acks {
                Acks::Alone => Waits::Alone,
                Acks::With(waited) => Waits::With(hosts(waited)),
                Acks::Blocked => Waits::Blocked,
            };
            let peers: BTreeMap<Host, Peer> =
                (0..scene.lie.hosts()).filter(|to| *to != i).map(peer).collect();
            let bound = node.bound.map(u64::from);
            Own::Primary(Primary { place, acks, bound, peers, is_checkpointed: true })
        }
    }
}

/// Does one step of keeper `i`; `false`: it failed, and nothing was done.
pub(crate) fn run(scene: &Scene, world: &mut World, i: u8, step: &Step) -> bool {
    let at = usize::from(i);
    let lease = lease(&world.nodes[at]);
    if !step.may_run(lease) && scene.bug != Bug::PromotesLate {
        return false;
    }
    match step {
        Step::Fence | Step::Start | Step::Follow(_) | Step::Rewind(_) | Step::Clone(_) | Step::Acks(_) => {
            on_database(scene, world, i, step)
        }
        Step::Secure | Step::Promote { .. } | Step::Checkpoint | Step::Drain | Step::Init => {
            on_database(scene, world, i, step)
        }
        _ => world.nodes[at].reaches_store && on_store(scene, world, i, step),
    }
}

fn on_database(scene: &Scene, world: &mut World, i: u8, step: &Step) -> bool {
    let at = usize::from(i);
    let from = match step {
        Step::Follow(source) | Step::Rewind(source) | Step::Clone(source) => index(&source.host),
        _ => i,
    };
    let source = world.nodes[usize::from(from)].clone();
    let has_source = world.has_way(i, from)
        && from != i
        && source.db == Db::Primary
        && !source.is_frozen
        && world.is_leader(from);
    let node = &mut world.nodes[at];
    let is_running = matches!(node.db, Db::Replica | Db::Primary) && !node.is_frozen;
    match step {
        Step::Fence if scene.bug == Bug::FenceNotDone => {}
        Step::Fence => world.stop(i, false),
        Step::Start if matches!(node.db, Db::Stopped { .. }) => {
            (node.db, node.upstream) = (Db::Replica, None)
        }
        Step::Follow(_) if matches!(node.db, Db::Replica | Db::Stopped { .. }) && !node.is_former => {
            (node.db, node.upstream) = (Db::Replica, Some(from));
        }
        Step::Rewind(_) if node.db != Db::Absent && node.db != Db::Primary && has_source => {
            (node.db, node.is_former) = (Db::Replica, false);
            (node.log, node.upstream) = (node.log.common(&source.log), Some(from));
            (node.line, node.epoch) = (source.line, source.epoch);
        }
        Step::Clone(_) if has_source => {
            (node.db, node.upstream, node.log) = (Db::Replica, Some(from), source.log);
            node.is_former = false;
            (node.line, node.epoch) = (source.line, source.epoch);
        }
        Step::Secure if is_running && node.db == Db::Replica => {
            if scene.bug != Bug::TakesTheKeyUnsecured {
                node.upstream = None;
            }
        }
        Step::Acks(acks) if is_running => {
            node.acks = match acks {
                Waits::Alone => Acks::Alone,
                Waits::With(waited) => Acks::With(bits(waited)),
                Waits::Blocked => Acks::Blocked,
            };
            node.bound = (node.db == Db::Primary).then_some(node.log.length());
            if node.acks == Acks::Alone && node.db == Db::Primary {
                let waiting = std::mem::take(&mut node.waiting);
                world.acknowledge(i, waiting);
            }
        }
        Step::Promote { epoch } if is_running && node.db == Db::Replica => {
            (node.db, node.upstream, node.is_former) = (Db::Primary, None, true);
            node.epoch = small(*epoch);
            (node.reign, node.line, node.base) = (Some(node.epoch), node.line + 1, node.log.length());
        }
        Step::Drain if scene.bug == Bug::HandsOverBeforeStop => {
            let position = node.log.length().into();
            let to = host((i + 1) % scene.lie.hosts());
            return on_store(scene, world, i, &Step::HandOver { to, position });
        }
        Step::Drain if is_running => {
            node.waiting = 0;
            (0..scene.lie.hosts()).for_each(|to| world.ship(i, to, scene.bug));
            world.stop(i, true);
        }
        _ => return false,
    }
    true
}

fn on_store(scene: &Scene, world: &mut World, i: u8, step: &Step) -> bool {
    let at = usize::from(i);
    let is_as_read = world.nodes[at].read == Some(world.sync) || scene.bug == Bug::CachesEligibility;
    let is_mine = world.is_leader(i);
    match step {
        Step::Acquire { epoch, right } if world.leader.is_none() && is_as_read && world.leases[at] > 0 => {
            let epoch = small(*epoch);
            let position = world.nodes[at].log.length();
            world.set_leader(Some((i, epoch)));
            let kept = if scene.bug == Bug::KeepsOldCandidates { world.sync.eligible } else { 0 };
            world.sync = Sync { epoch, primary: i, eligible: kept | 1 << i, position };
            (world.handover, world.nodes[at].wish) = (None, None);
            if *right == Right::AcceptedLoss {
                // What the new primary lacks is given up, by a person's word
                world.acked &= world.nodes[at].log.writes();
                world.seen &= world.nodes[at].log.writes();
            }
        }
        Step::Eligible { hosts, position } if is_mine && is_as_read => {
            world.sync.eligible = bits(hosts);
            // The position alone would keep a candidate that lacks something from taking over
            let position = if scene.bug == Bug::AdmitsBeforeCaughtUp { 0 } else { *position };
            world.sync.position = small(position);
        }
        Step::Record { epoch, is_rewindable } if is_mine => {
            let node = &world.nodes[at];
            let reign = Reign { host: i, line: node.line, base: node.base, is_rewindable: *is_rewindable };
            world.reigns[usize::from(small(*epoch))] = Some(reign);
            world.nodes[at].base = 0;
        }
        Step::Depose
            if world.has_pulse && !world.nodes[at].is_news || scene.bug == Bug::DeposesUncompared =>
        {
            world.set_leader(None);
        }
        Step::Release if is_mine => world.set_leader(None),
        Step::HandOver { to, position } if is_mine => {
            world.set_leader(None);
            world.sync.eligible |= 1 << index(to);
            world.sync.position = small(*position);
        }
        Step::Decline => world.handover = None,
        _ => return false,
    }
    true
}

/// Epochs and positions of the model are small.
fn small(number: u64) -> u8 {
    u8::try_from(number).expect("the model's numbers are small")
}

/// Whether the keeper of `i` can act.
pub(crate) fn is_up(node: &Node) -> bool {
    node.keeper == Run::Up
}
