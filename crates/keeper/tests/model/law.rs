//! What must hold in every state of the model, and what must happen in some.

use super::moves::{self, Move};
use super::shell::Lasting;
use super::world::{Acks, Db, Lie, Node, Run, Scene, World};

type Law = (&'static str, fn(&Scene, &World) -> bool);

/// What holds in every state.
pub(crate) const ALWAYS: [Law; 4] = [
    ("the primary has every acknowledged write", |_, world| {
        primary(world).is_none_or(|node| world.acked & !node.log.writes() == 0)
    }),
    ("the primary has everything that a client saw", |_, world| {
        primary(world).is_none_or(|node| world.seen & !node.log.writes() == 0)
    }),
    ("no two hosts acknowledge in one epoch", |_, world| {
        world.acknowledgers.iter().all(|hosts| hosts.count_ones() < 2)
    }),
    ("once the faults end all are well again", |scene, world| !scene.heals || heals(scene, world)),
];

/// What happens in some state.
pub(crate) const SOMETIMES: [Law; 7] = [
    ("the other takes over", |_, world| world.is_leader(1) && primary(world).is_some() && world.acked != 0),
    ("and the old primary follows it", |_, world| {
        world.is_leader(1)
            && world.is_streaming(1, 0)
            && world.sync.eligible & 0b11 == 0b11
            && world.nodes[0].log.length() > 0
    }),
    ("writes go on without a replica", |_, world| {
        world.is_leader(0) && world.nodes[0].acks == Acks::Alone && world.acked != 0
    }),
    ("a planned change comes to its end", |_, world| {
        world.sync.epoch == 2 && world.handover.is_none() && world.faults == 1 && primary(world).is_some()
    }),
    ("another one confirms in place of a missing one", |scene, world| {
        scene.lie != Lie::OneAndTwo
            || world.is_leader(0) && world.nodes[0].acks == Acks::With(0b100) && world.sync.eligible == 0b101
    }),
    ("the other takes over though the store keeps the old lease", |scene, world| {
        let old = &world.nodes[0];
        scene.lie == Lie::OneAndTwo
            || world.is_leader(1) && world.leases[0] > 0 && old.is_frozen && old.db == Db::Primary
    }),
    ("the same host comes back as primary", |_, world| {
        world.is_leader(0) && world.sync.epoch > 1 && primary(world).is_some()
    }),
];

/// The database of the host that leads, if it serves in that host's epoch.
fn primary(world: &World) -> Option<&Node> {
    let (host, epoch) = world.leader?;
    let node = &world.nodes[usize::from(host)];
    (node.db == Db::Primary && node.reign == Some(epoch)).then_some(node)
}

/// With all faults mended and everybody doing what is due, all hosts are well within these turns.
const TURNS: u8 = 16;

fn heals(scene: &Scene, world: &World) -> bool {
    let mut world = world.clone();
    world.has_link = true;
    for node in &mut world.nodes {
        (node.reaches_store, node.is_frozen) = (true, false);
        if node.keeper == Run::Paused {
            node.keeper = Run::Up;
        }
    }
    (0..TURNS).any(|_| {
        turn(scene, &mut world);
        let Some((leader, _)) = world.leader else { return false };
        let is_served = primary(&world).is_some_and(|node| match node.acks {
            Acks::With(hosts) => node.waiting == 0 && world.sync.eligible == 1 << leader | hosts,
            _ => false,
        });
        is_served && (0..scene.lie.hosts()).all(|to| to == leader || world.is_streaming(leader, to))
    })
}

fn turn(scene: &Scene, world: &mut World) {
    for i in 0..scene.lie.hosts() {
        if world.nodes[usize::from(i)].keeper == Run::Down {
            match world.leases[usize::from(i)] {
                0 => moves::make(scene, world, Move::Boot(i)),
                _ => continue,
            }
        }
        while !world.nodes[usize::from(i)].todo.is_empty() {
            moves::make(scene, world, Move::Do(i));
        }
        moves::make(scene, world, Move::Round(i, Lasting::Long));
        while !world.nodes[usize::from(i)].todo.is_empty() {
            moves::make(scene, world, Move::Do(i));
        }
        for to in 0..scene.lie.hosts() {
            moves::make(scene, world, Move::Ship(i, to));
        }
    }
    moves::make(scene, world, Move::Tick);
}
