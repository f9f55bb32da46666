//! The world as the model knows it: two hosts and a store. Time is counted in ticks: a lease lasts two after its renewal in
//! the store, and one in the belief of its holder.

/// Ticks that the store keeps a lease.
pub(crate) const TTL: u8 = 2;
/// Ticks that its holder trusts it.
pub(crate) const TRUST: u8 = 1;
/// The most epochs that a run may have.
pub(crate) const EPOCHS: usize = 5;

use keeper::core::step::Step;

/// A mistake that is planted, one at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    None,
    BarePut,
    RenewsAnothersEpoch,
    PromotesByKeyAlone,
    DegradesBeforeStore,
    AdmitsBeforeCaughtUp,
    OpensAfterRestart,
    CachesEligibility,
    HandsOverBeforeStop,
    DeadlineFromReply,
    PromotesLate,
    FenceNotDone,
    NoGuard,
}

/// What is explored.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) bug: Bug,
    /// Writes go on without a replica, rather than wait.
    pub(crate) goes_on: bool,
    /// A person accepts a loss once. Whole hosts are not paused then: what they acknowledge in that time is what is accepted.
    pub(crate) accepts: bool,
    /// From each state the faults end, and a primary must come back.
    pub(crate) heals: bool,
    pub(crate) writes_max: u8,
    pub(crate) faults_max: u8,
}

impl Scene {
    pub(crate) fn going_on() -> Scene {
        Scene { bug: Bug::None, goes_on: true, accepts: false, heals: false, writes_max: 2, faults_max: 2 }
    }

    pub(crate) fn blocking() -> Scene {
        Scene { goes_on: false, ..Scene::going_on() }
    }

    pub(crate) fn accepting() -> Scene {
        Scene { accepts: true, ..Scene::going_on() }
    }

    pub(crate) fn faults(self, faults_max: u8) -> Scene {
        Scene { faults_max, ..self }
    }

    pub(crate) fn with(self, bug: Bug) -> Scene {
        Scene { bug, ..self }
    }

    pub(crate) fn healing(self) -> Scene {
        Scene { heals: true, ..self }
    }

    /// Whether something stops a database whose keeper does not run.
    pub(crate) fn has_guard(&self) -> bool {
        self.accepts && self.bug != Bug::NoGuard
    }
}

/// A log: at most four entries, each a line of history and the number of a write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Log {
    entries: [(u8, u8); 4],
    length: u8,
}

impl Log {
    pub(crate) fn push(&mut self, line: u8, write: u8) {
        self.entries[usize::from(self.length)] = (line, write);
        self.length += 1;
    }

    pub(crate) fn entries(&self) -> &[(u8, u8)] {
        &self.entries[..usize::from(self.length)]
    }

    pub(crate) fn length(&self) -> u8 {
        self.length
    }

    pub(crate) fn begins(&self, other: &Log) -> bool {
        other.entries().starts_with(self.entries())
    }

    /// The writes in it, one bit each.
    pub(crate) fn writes(&self) -> u8 {
        self.entries().iter().fold(0, |bits, (_, write)| bits | 1 << write)
    }

    /// The part that both have.
    pub(crate) fn common(&self, other: &Log) -> Log {
        let mut common = Log::default();
        let same = self.entries().iter().zip(other.entries()).take_while(|(one, other)| one == other);
        same.for_each(|((line, write), _)| common.push(*line, *write));
        common
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Db {
    Absent,
    Stopped { is_clean: bool },
    Replica,
    Primary,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Acks {
    Alone,
    Other,
    Blocked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Run {
    Up,
    Paused,
    Down,
}

/// Who may become primary, as the store says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Sync {
    pub(crate) epoch: u8,
    pub(crate) primary: u8,
    /// One bit for each host.
    pub(crate) eligible: u8,
    pub(crate) position: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Node {
    pub(crate) db: Db,
    pub(crate) log: Log,
    pub(crate) line: u8,
    /// The newest reign that this copy took part in.
    pub(crate) epoch: u8,
    /// Whether it was a primary since it last followed one.
    pub(crate) is_former: bool,
    pub(crate) upstream: Option<u8>,
    pub(crate) acks: Acks,
    /// Commits that wait for the other's confirmation, one bit each.
    pub(crate) waiting: u8,
    /// From here on every commit waits for whom `acks` names.
    pub(crate) bound: u8,
    /// Where the log stood at the last promotion.
    pub(crate) base: u8,
    /// The epoch that the database was last promoted for.
    pub(crate) reign: Option<u8>,
    pub(crate) keeper: Run,
    pub(crate) is_frozen: bool,
    pub(crate) reaches_store: bool,
    /// Ticks until the deadline of its lease.
    pub(crate) left: u8,
    /// A renewal under way that the store has done: ticks left, counted from its sending.
    pub(crate) sent: Option<u8>,
    pub(crate) todo: Vec<Step>,
    /// What the store said about eligibility when `todo` was decided.
    pub(crate) read: Option<Sync>,
    pub(crate) wish: Option<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Reign {
    pub(crate) host: u8,
    pub(crate) line: u8,
    pub(crate) base: u8,
    pub(crate) is_rewindable: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) nodes: [Node; 2],
    /// Host and epoch.
    pub(crate) leader: Option<(u8, u8)>,
    pub(crate) leases: [u8; 2],
    pub(crate) sync: Sync,
    pub(crate) reigns: [Option<Reign>; EPOCHS],
    pub(crate) handover: Option<u8>,
    pub(crate) has_link: bool,
    /// Writes that were acknowledged, and that a client has seen, one bit each.
    pub(crate) acked: u8,
    pub(crate) seen: u8,
    /// For each epoch who has acknowledged something in it, one bit for each host.
    pub(crate) acknowledgers: [u8; EPOCHS],
    pub(crate) writes: u8,
    pub(crate) faults: u8,
    pub(crate) was_accepted: bool,
}

impl World {
    /// The first host is primary, the second follows it and is counted on.
    pub(crate) fn new() -> World {
        let node = |db| Node {
            db,
            log: Log::default(),
            line: 2,
            epoch: 1,
            is_former: db == Db::Primary,
            upstream: (db == Db::Replica).then_some(0),
            acks: if db == Db::Primary { Acks::Other } else { Acks::Alone },
            waiting: 0,
            bound: 0,
            base: 0,
            reign: (db == Db::Primary).then_some(1),
            keeper: Run::Up,
            is_frozen: false,
            reaches_store: true,
            left: TRUST,
            sent: None,
            todo: Vec::new(),
            read: None,
            wish: None,
        };
        let mut reigns = [None; EPOCHS];
        reigns[1] = Some(Reign { host: 0, line: 2, base: 0, is_rewindable: true });
        World {
            nodes: [node(Db::Primary), node(Db::Replica)],
            leader: Some((0, 1)),
            leases: [TTL; 2],
            sync: Sync { epoch: 1, primary: 0, eligible: 0b11, position: 0 },
            reigns,
            handover: None,
            has_link: true,
            acked: 0,
            seen: 0,
            acknowledgers: [0; EPOCHS],
            writes: 0,
            faults: 0,
            was_accepted: false,
        }
    }

    pub(crate) fn is_leader(&self, i: u8) -> bool {
        self.leader.is_some_and(|(host, _)| host == i)
    }

    /// Whether the other receives what `i` writes.
    pub(crate) fn is_streaming(&self, i: u8) -> bool {
        let (from, to) = (&self.nodes[usize::from(i)], &self.nodes[usize::from(1 - i)]);
        let is_following = to.db == Db::Replica && to.upstream == Some(i) && !to.is_frozen;
        from.db == Db::Primary && !from.is_frozen && self.has_link && is_following && to.log.begins(&from.log)
    }

    /// The clients are told that these writes are done.
    pub(crate) fn acknowledge(&mut self, i: u8, writes: u8) {
        if writes == 0 {
            return;
        }
        self.acked |= writes;
        if let Some(epoch) = self.nodes[usize::from(i)].reign {
            self.acknowledgers[usize::from(epoch)] |= 1 << i;
        }
    }

    /// The log travels to the other, and its word comes back.
    pub(crate) fn ship(&mut self, i: u8) {
        if !self.is_streaming(i) {
            return;
        }
        let from = self.nodes[usize::from(i)].clone();
        let to = &mut self.nodes[usize::from(1 - i)];
        (to.log, to.line, to.epoch) = (from.log, from.line, from.epoch);
        if from.acks == Acks::Other {
            self.nodes[usize::from(i)].waiting = 0;
            self.acknowledge(i, from.waiting);
        }
    }

    /// The database ends, in order or not. Commits that waited are never answered.
    pub(crate) fn stop(&mut self, i: u8, is_clean: bool) {
        let node = &mut self.nodes[usize::from(i)];
        if matches!(node.db, Db::Replica | Db::Primary) {
            node.db = Db::Stopped { is_clean: is_clean && node.db == Db::Primary };
        }
        (node.waiting, node.reign, node.upstream, node.is_frozen) = (0, None, None, false);
    }
}
