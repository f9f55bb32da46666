//! What may happen next in the model's world.

use stateright::{Model, Property};

use super::law;
use super::shell::{self, Lasting};
use super::world::{Acks, Bug, Db, EPOCHS, Run, Scene, TRUST, TTL, World};

/// One thing that happens. A number is a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Move {
    /// A client writes there, and waits.
    Write(u8),
    /// A client reads everything there.
    Read(u8),
    /// The log travels from there to the other.
    Ship(u8, u8),
    /// A tick of time.
    Tick,
    /// A keeper renews, looks and decides.
    Round(u8, Lasting),
    /// A keeper does the next step of its decision.
    Do(u8),
    /// It does, and is told that it failed.
    DoUnheard(u8),
    /// The deadline of its lease passes.
    Lapse(u8),
    /// What stands beside a stopped keeper kills the database at the deadline.
    Guard(u8),
    /// A renewal reaches the store; its reply is slow.
    RenewSlowly(u8),
    /// The slow reply is there.
    Reply(u8),
    /// The store's own leader changes: the next one gives all leases their whole time anew.
    LeasesBeginAnew,
    CutStore(u8),
    MendStore(u8),
    CutLink,
    MendLink,
    PauseKeeper(u8),
    PauseHost(u8),
    Resume(u8),
    CrashDatabase(u8),
    /// The host loses power: keeper and database.
    CrashHost(u8),
    Boot(u8),
    /// A replica's disk is replaced by an empty one.
    Wipe(u8),
    AskHandover(u8),
    AcceptLoss(u8),
}

impl Model for Scene {
    type State = World;
    type Action = Move;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self.lie, self.forgets)]
    }

    fn actions(&self, world: &World, moves: &mut Vec<Move>) {
        for i in 0..self.lie.hosts() {
            self.of_clients(world, i, moves);
            self.of_keeper(world, i, moves);
            self.of_faults(world, i, moves);
        }
        moves.extend([if world.has_link { Move::CutLink } else { Move::MendLink }, Move::LeasesBeginAnew]);
        if may_tick(self, world) {
            moves.push(Move::Tick);
        }
        if world.faults >= self.faults_max {
            moves.retain(|it| !is_fault(*it));
        }
    }

    fn next_state(&self, before: &World, it: Move) -> Option<World> {
        let mut world = before.clone();
        make(self, &mut world, it);
        (world != *before).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Scene>> {
        let always = law::ALWAYS.iter().map(|(name, holds)| Property::always(name, *holds));
        if self.bug == Bug::None && !self.accepts && !self.heals {
            let sometimes = law::SOMETIMES.iter().map(|(name, holds)| Property::sometimes(name, *holds));
            return always.chain(sometimes).collect();
        }
        always.collect()
    }

    fn within_boundary(&self, world: &World) -> bool {
        usize::from(world.sync.epoch) + 1 < EPOCHS
    }
}

impl Scene {
    fn of_clients(&self, world: &World, i: u8, moves: &mut Vec<Move>) {
        let node = &world.nodes[usize::from(i)];
        if node.db == Db::Primary && !node.is_frozen {
            if world.writes < self.writes_max {
                moves.push(Move::Write(i));
            }
            moves.push(Move::Read(i));
        }
        let others = (0..self.lie.hosts()).filter(|to| world.is_streaming(i, *to));
        moves.extend(others.map(|to| Move::Ship(i, to)));
    }

    fn of_keeper(&self, world: &World, i: u8, moves: &mut Vec<Move>) {
        let node = &world.nodes[usize::from(i)];
        let is_serving = node.db == Db::Primary || node.reign.is_some();
        if self.has_guard() && node.left == 0 && is_serving {
            moves.push(Move::Guard(i));
        }
        if !shell::is_up(node) {
            return;
        }
        if node.reaches_store && node.todo.is_empty() {
            moves.extend([Move::Round(i, Lasting::Short), Move::Round(i, Lasting::Long)]);
        }
        if !node.todo.is_empty() {
            moves.extend([Move::Do(i), Move::DoUnheard(i)]);
        }
        if node.left == 0 && is_serving {
            moves.push(Move::Lapse(i));
        }
        if node.sent.is_some() {
            moves.push(Move::Reply(i));
        }
    }

    fn of_faults(&self, world: &World, i: u8, moves: &mut Vec<Move>) {
        let node = &world.nodes[usize::from(i)];
        let (is_paused, is_running) =
            (node.keeper == Run::Paused, matches!(node.db, Db::Primary | Db::Replica));
        moves.push(if node.reaches_store { Move::CutStore(i) } else { Move::MendStore(i) });
        if is_paused || node.is_frozen {
            moves.push(Move::Resume(i));
        }
        if shell::is_up(node) {
            moves.extend([Move::PauseKeeper(i), Move::CrashHost(i)]);
            if !self.accepts {
                moves.push(Move::PauseHost(i));
            }
            if self.accepts && node.reaches_store && node.sent.is_none() && world.leases[usize::from(i)] > 0 {
                moves.push(Move::RenewSlowly(i));
            }
        }
        if node.keeper == Run::Down && world.leases[usize::from(i)] == 0 {
            moves.push(Move::Boot(i));
        }
        if is_running {
            moves.push(Move::CrashDatabase(i));
        }
        let mut others = (0..self.lie.hosts()).filter(|other| *other != i);
        let is_spare = others.any(|other| {
            world.sync.eligible & 1 << other != 0 && world.nodes[usize::from(other)].db != Db::Absent
        });
        if is_spare && node.db == Db::Replica && !world.is_leader(i) {
            moves.push(Move::Wipe(i));
        }
        if world.handover.is_none() && world.leader.is_some() && !world.is_leader(i) {
            moves.push(Move::AskHandover(i));
        }
        if self.accepts && !world.was_accepted && !world.is_leader(i) {
            moves.push(Move::AcceptLoss(i));
        }
    }
}

fn is_fault(it: Move) -> bool {
    use Move as M;
    match it {
        M::CutStore(_)
        | M::CutLink
        | M::LeasesBeginAnew
        | M::PauseKeeper(_)
        | M::PauseHost(_)
        | M::CrashDatabase(_) => true,
        M::CrashHost(_) | M::Wipe(_) | M::AskHandover(_) | M::RenewSlowly(_) | M::DoUnheard(_) => true,
        M::Write(_) | M::Read(_) | M::Ship(..) | M::Tick | M::Round(..) | M::Do(_) | M::Lapse(_) => false,
        M::Guard(_) | M::Reply(_) | M::MendStore(_) | M::MendLink | M::Resume(_) | M::Boot(_) => false,
        M::AcceptLoss(_) => false,
    }
}

/// Time goes on once everybody who can has done what is due: a keeper that runs fences at its deadline, within the margin.
fn may_tick(scene: &Scene, world: &World) -> bool {
    world.nodes.iter().all(|node| {
        let is_due = node.left == 0 && node.db == Db::Primary && scene.bug != Bug::FenceNotDone;
        !is_due || (node.keeper != Run::Up && !scene.has_guard())
    })
}

/// Makes it happen.
pub(crate) fn make(scene: &Scene, world: &mut World, it: Move) {
    if is_fault(it) {
        world.faults += 1;
    }
    match it {
        Move::Write(i) => write(scene, world, i),
        Move::Read(i) => {
            let node = &world.nodes[usize::from(i)];
            world.seen |= node.log.writes() & !node.waiting;
        }
        Move::Ship(i, to) => world.ship(i, to, scene.bug),
        Move::Tick => tick(scene, world),
        Move::Round(i, lasting) => shell::round(scene, world, i, lasting),
        Move::Do(i) => shell::advance(scene, world, i),
        Move::DoUnheard(i) => {
            let step = world.nodes[usize::from(i)].todo.remove(0);
            shell::run(scene, world, i, &step);
            world.nodes[usize::from(i)].todo.clear();
            shell::settle(scene, &mut world.nodes[usize::from(i)]);
        }
        Move::Lapse(i) => shell::lapse(scene, world, i),
        Move::Guard(i) => world.stop(i, false),
        Move::RenewSlowly(i) => {
            world.renew(i, scene.bug);
            world.nodes[usize::from(i)].sent = Some(TRUST);
        }
        Move::Reply(i) => reply(scene, world, i),
        Move::LeasesBeginAnew => {
            for lease in world.leases.iter_mut().filter(|lease| **lease > 0) {
                *lease = TTL;
            }
        }
        Move::CutLink => world.has_link = false,
        Move::MendLink => world.has_link = true,
        Move::AskHandover(i) => world.handover = Some(i),
        Move::AcceptLoss(i) => {
            world.was_accepted = true;
            world.nodes[usize::from(i)].wish = Some(world.sync.epoch);
        }
        _ => happen(world, it),
    }
}

fn happen(world: &mut World, it: Move) {
    match it {
        Move::CutStore(i) => world.nodes[usize::from(i)].reaches_store = false,
        Move::MendStore(i) => world.nodes[usize::from(i)].reaches_store = true,
        Move::PauseKeeper(i) => world.nodes[usize::from(i)].keeper = Run::Paused,
        Move::PauseHost(i) => {
            let node = &mut world.nodes[usize::from(i)];
            (node.keeper, node.is_frozen) = (Run::Paused, true);
        }
        Move::Resume(i) => {
            let node = &mut world.nodes[usize::from(i)];
            (node.keeper, node.is_frozen) = (Run::Up, false);
        }
        Move::CrashDatabase(i) => {
            // the keeper's memory of the reign ends when it sees the death, in its next round
            world.stop(i, false);
        }
        Move::CrashHost(i) => {
            world.stop(i, false);
            let is_leader = world.is_leader(i);
            let node = &mut world.nodes[usize::from(i)];
            (node.keeper, node.left, node.sent, node.wish) = (Run::Down, 0, None, None);
            node.todo.clear();
            // the next keeper of this host has seen nothing yet
            (node.is_news, node.silence) = (world.has_pulse && !is_leader, 0);
        }
        Move::Boot(i) => world.nodes[usize::from(i)].keeper = Run::Up,
        Move::Wipe(i) => {
            world.stop(i, false);
            let node = &mut world.nodes[usize::from(i)];
            (node.db, node.log, node.line, node.epoch) = (Db::Absent, Default::default(), 0, 0);
            node.todo.clear();
        }
        _ => {}
    }
}

fn write(scene: &Scene, world: &mut World, i: u8) {
    let write = world.writes;
    world.writes += 1;
    let node = &mut world.nodes[usize::from(i)];
    node.log.push(node.line, write);
    match node.acks {
        Acks::Alone => world.acknowledge(i, 1 << write),
        Acks::With(_) | Acks::Blocked => node.waiting |= 1 << write,
    }
    world.release(i, scene.bug);
}

/// A tick. A lease whose holder runs and reaches the store is renewed all the time; a keeper that is too busy for that is
/// one that is paused.
fn tick(scene: &Scene, world: &mut World) {
    for host in 0..scene.lie.hosts() {
        let i = usize::from(host);
        let node = &mut world.nodes[i];
        if world.has_pulse && !node.is_news && world.leader.is_some_and(|(leader, _)| leader != host) {
            node.silence = TTL.min(node.silence + 1);
        }
        if shell::is_up(node) && node.reaches_store && node.sent.is_none() {
            world.renew(host, scene.bug);
            continue;
        }
        world.leases[i] = world.leases[i].saturating_sub(1);
        node.left = node.left.saturating_sub(1);
        node.sent = node.sent.map(|left| left.saturating_sub(1));
        if world.leases[i] == 0 && world.is_leader(host) {
            world.set_leader(None);
        }
    }
}

fn reply(scene: &Scene, world: &mut World, i: u8) {
    let node = &mut world.nodes[usize::from(i)];
    let counted = node.sent.take().unwrap_or(0);
    let left = if scene.bug == Bug::DeadlineFromReply { TRUST } else { counted };
    node.left = node.left.max(left);
}
