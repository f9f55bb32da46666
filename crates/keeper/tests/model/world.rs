//! The world as the model knows it: two or three hosts and a store. Time is counted in ticks: a lease lasts two after its renewal in
//! the store, and one in the belief of its holder.

/// Ticks that the store keeps a lease.
pub(crate) const TTL: u8 = 2;
/// Ticks that its holder trusts it.
pub(crate) const TRUST: u8 = 1;
/// The most hosts; where a scene has fewer, the last ones never are.
pub(crate) const HOSTS: usize = 3;
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
    AnyConfirmIsEnough,
    SwapsConfirmerAtOnce,
    KeepsOldCandidates,
    TrustsRestartedReplica,
    TakesTheKeyUnsecured,
    DeposesUncompared,
    RenewsWithoutASign,
}

/// Where the hosts stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lie {
    /// Two hosts, each on a site of its own.
    Two,
    /// The first alone, two on another site: one of them confirms, the other is there in its place.
    OneAndTwo,
    /// Two on the first site, one on another: both others confirm.
    TwoAndOne,
}

impl Lie {
    pub(crate) fn hosts(self) -> u8 {
        if self == Lie::Two { 2 } else { 3 }
    }

    /// The site of each host.
    pub(crate) fn sites(self) -> [&'static str; HOSTS] {
        match self {
            Lie::Two => ["a", "b", ""],
            Lie::OneAndTwo => ["a", "b", "b"],
            Lie::TwoAndOne => ["a", "a", "b"],
        }
    }

    /// Who confirms the first host's commits at first, one bit each.
    pub(crate) fn confirms(self) -> u8 {
        if self == Lie::TwoAndOne { 0b110 } else { 0b10 }
    }
}

/// What is explored.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) bug: Bug,
    pub(crate) lie: Lie,
    /// Writes go on without a replica, rather than wait.
    pub(crate) goes_on: bool,
    /// A person accepts a loss once. Whole hosts are not paused then: what they acknowledge in that time is what is accepted.
    pub(crate) accepts: bool,
    /// From each state the faults end, and a primary must come back.
    pub(crate) heals: bool,
    /// A replica that ends loses what it had received last, though it had confirmed it, and says so until it has caught up;
    /// and what a primary wrote before it crashed is settled by its next start. So it is with MariaDB.
    pub(crate) forgets: bool,
    pub(crate) writes_max: u8,
    pub(crate) faults_max: u8,
}

impl Scene {
    pub(crate) fn going_on() -> Scene {
        Scene {
            bug: Bug::None,
            lie: Lie::Two,
            goes_on: true,
            accepts: false,
            heals: false,
            forgets: false,
            writes_max: 2,
            faults_max: 2,
        }
    }

    /// With MariaDB's ways.
    pub(crate) fn forgetting() -> Scene {
        Scene { forgets: true, ..Scene::going_on() }
    }

    pub(crate) fn forgetting_and_healing() -> Scene {
        Scene::forgetting().healing()
    }

    pub(crate) fn blocking() -> Scene {
        Scene { goes_on: false, ..Scene::going_on() }
    }

    /// Three hosts, of which one confirms.
    pub(crate) fn spared() -> Scene {
        Scene { lie: Lie::OneAndTwo, ..Scene::going_on() }
    }

    /// Three hosts, of which two confirm.
    pub(crate) fn near_and_far() -> Scene {
        Scene { lie: Lie::TwoAndOne, ..Scene::going_on() }
    }

    pub(crate) fn accepting() -> Scene {
        Scene { accepts: true, ..Scene::going_on() }
    }

    pub(crate) fn faults(self, faults_max: u8) -> Scene {
        Scene { faults_max, ..self }
    }

    pub(crate) fn writes(self, writes_max: u8) -> Scene {
        Scene { writes_max, ..self }
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

    /// Without its last entry.
    pub(crate) fn cut(&mut self) {
        self.length = self.length.saturating_sub(1);
        self.entries[usize::from(self.length)] = (0, 0);
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
    /// Each of these, one bit each.
    With(u8),
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
    /// Whether it has all that it ever confirmed.
    pub(crate) is_whole: bool,
    pub(crate) upstream: Option<u8>,
    pub(crate) acks: Acks,
    /// Commits that wait for a confirmation, one bit each.
    pub(crate) waiting: u8,
    /// From here on every commit waits for whom `acks` names, if that is proved; a replica has nothing to prove it by.
    pub(crate) bound: Option<u8>,
    /// Where the log stood at the last promotion.
    pub(crate) base: u8,
    /// The epoch that the database was last promoted for.
    pub(crate) reign: Option<u8>,
    pub(crate) keeper: Run,
    pub(crate) is_frozen: bool,
    pub(crate) reaches_store: bool,
    /// Ticks until the deadline of its lease.
    pub(crate) left: u8,
    /// Whether the leader has left a sign of life since this keeper looked last.
    pub(crate) is_news: bool,
    /// Ticks since it saw the last one first, by its own clock.
    pub(crate) silence: u8,
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
    pub(crate) nodes: [Node; HOSTS],
    /// Host and epoch.
    pub(crate) leader: Option<(u8, u8)>,
    pub(crate) leases: [u8; HOSTS],
    /// Whether the leader has left a sign of life in this reign.
    pub(crate) has_pulse: bool,
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
    /// See [`Scene::forgets`].
    pub(crate) forgets: bool,
}

impl World {
    /// The first host is primary; the others follow it, and those that confirm are counted on.
    pub(crate) fn new(lie: Lie, forgets: bool) -> World {
        let node = |db| Node {
            db,
            log: Log::default(),
            line: 2,
            epoch: 1,
            is_former: db == Db::Primary,
            is_whole: true,
            upstream: (db == Db::Replica).then_some(0),
            acks: if db == Db::Primary { Acks::With(lie.confirms()) } else { Acks::Alone },
            waiting: 0,
            bound: (db == Db::Primary).then_some(0),
            base: 0,
            reign: (db == Db::Primary).then_some(1),
            keeper: Run::Up,
            is_frozen: false,
            reaches_store: true,
            left: TRUST,
            is_news: false,
            silence: 0,
            sent: None,
            todo: Vec::new(),
            read: None,
            wish: None,
        };
        let nobody = Node { keeper: Run::Down, line: 0, epoch: 0, left: 0, ..node(Db::Absent) };
        let third = if lie == Lie::Two { nobody } else { node(Db::Replica) };
        let mut reigns = [None; EPOCHS];
        reigns[1] = Some(Reign { host: 0, line: 2, base: 0, is_rewindable: true });
        World {
            leases: [TTL, TTL, if lie == Lie::Two { 0 } else { TTL }],
            nodes: [node(Db::Primary), node(Db::Replica), third],
            leader: Some((0, 1)),
            has_pulse: true,
            sync: Sync { epoch: 1, primary: 0, eligible: 0b1 | lie.confirms(), position: 0 },
            reigns,
            handover: None,
            has_link: true,
            acked: 0,
            seen: 0,
            acknowledgers: [0; EPOCHS],
            writes: 0,
            faults: 0,
            was_accepted: false,
            forgets,
        }
    }

    pub(crate) fn is_leader(&self, i: u8) -> bool {
        self.leader.is_some_and(|(host, _)| host == i)
    }

    /// A renewal of host `i` reaches the store, and leaves a sign of life if that host leads.
    pub(crate) fn renew(&mut self, i: u8, bug: Bug) {
        self.leases[usize::from(i)] = TTL;
        if self.is_leader(i) && bug != Bug::RenewsWithoutASign {
            self.has_pulse = true;
            for (other, node) in (0..).zip(&mut self.nodes) {
                (node.is_news, node.silence) = (other != i, 0);
            }
        }
    }

    /// Nobody leads, or somebody else does: there is no sign of life yet to be missed.
    pub(crate) fn set_leader(&mut self, leader: Option<(u8, u8)>) {
        (self.leader, self.has_pulse) = (leader, false);
        for node in &mut self.nodes {
            (node.is_news, node.silence) = (false, 0);
        }
    }

    /// Whether messages between two databases pass. What is cut is the way between the first host and all others.
    pub(crate) fn has_way(&self, one: u8, other: u8) -> bool {
        self.has_link || (one != 0 && other != 0)
    }

    /// Whether `to` receives what `from` writes.
    pub(crate) fn is_streaming(&self, from: u8, to: u8) -> bool {
        let (source, copy) = (&self.nodes[usize::from(from)], &self.nodes[usize::from(to)]);
        let is_following = copy.db == Db::Replica && copy.upstream == Some(from) && !copy.is_frozen;
        let is_open = source.db == Db::Primary && !source.is_frozen && self.has_way(from, to);
        from != to && is_open && is_following && copy.log.begins(&source.log)
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

    /// The log travels from one to the other, and its word comes back: what everybody has that is waited for is answered.
    pub(crate) fn ship(&mut self, i: u8, to: u8, bug: Bug) {
        if !self.is_streaming(i, to) {
            return;
        }
        let from = self.nodes[usize::from(i)].clone();
        let copy = &mut self.nodes[usize::from(to)];
        (copy.log, copy.line, copy.epoch, copy.is_whole) = (from.log, from.line, from.epoch, true);
        self.release(i, bug);
    }

    /// Answers what waits and is where it must be.
    pub(crate) fn release(&mut self, i: u8, bug: Bug) {
        let Acks::With(waited) = self.nodes[usize::from(i)].acks else { return };
        let mut confirmed = (0..HOSTS as u8)
            .filter(|to| waited & 1 << to != 0)
            .map(|to| if self.is_streaming(i, to) { self.nodes[usize::from(to)].log.writes() } else { 0 });
        let everywhere = match bug {
            Bug::AnyConfirmIsEnough => confirmed.fold(0, |some, writes| some | writes),
            _ => {
                let first = confirmed.next().unwrap_or(0);
                confirmed.fold(first, |all, writes| all & writes)
            }
        };
        let done = self.nodes[usize::from(i)].waiting & everywhere;
        self.nodes[usize::from(i)].waiting &= !done;
        self.acknowledge(i, done);
    }

    /// The database ends, in order or not. Commits that waited are never answered.
    pub(crate) fn stop(&mut self, i: u8, is_clean: bool) {
        let node = &mut self.nodes[usize::from(i)];
        // what it had of its own as a primary is its own, and one that follows nobody has received nothing
        if self.forgets && node.db == Db::Replica && !node.is_former && node.upstream.is_some() {
            node.log.cut();
            node.is_whole = false;
        }
        if matches!(node.db, Db::Replica | Db::Primary) {
            node.db = Db::Stopped { is_clean: is_clean && node.db == Db::Primary };
        }
        (node.waiting, node.reign, node.upstream, node.is_frozen) = (0, None, None, false);
    }
}
