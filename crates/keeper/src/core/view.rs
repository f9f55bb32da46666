//! What one keeper knows in one round: its lease, what the store said, how its own database is.
//!
//! Invariant: what was not seen in this round is not in it, or says itself how old it is.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::name::{Epoch, Host, Position, Site, System, Timeline};

/// Everything that a decision rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// This host.
    pub me: Host,
    /// How this host stands with its own lease.
    pub lease: Lease,
    /// The epoch that this keeper last promoted its database for, while that database was not fenced or stopped since.
    pub reign: Option<Epoch>,
    /// What the store said, all at one revision; `None` when it did not answer in this round.
    pub store: Option<Store>,
    /// The database of this host.
    pub own: Own,
    /// What a person has allowed.
    pub wish: Option<Wish>,
    /// Whether this keeper is being stopped, and gives away what it has.
    pub is_leaving: bool,
}

/// How this host stands with its own lease, by its own clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lease {
    /// The deadline is ahead: the store can't have dropped the lease.
    Held,
    /// The deadline has passed, or there is no lease: the store may have dropped it.
    Doubted,
}

/// What a person has allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Make this host primary though it may lack what was written in this epoch.
    AcceptLoss {
        /// The reign whose last writes may be lost.
        of: Epoch,
    },
}

/// What the store said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Store {
    /// The identity of the database that is kept here; `None` before the first start.
    pub system: Option<System>,
    /// Who holds the leader key.
    pub leader: Option<Leader>,
    /// For how long this keeper has seen no leader.
    pub leaderless_for: Duration,
    /// Who has everything; `None` before the first start.
    pub sync: Option<Sync>,
    /// The hosts whose leases live, as they describe themselves.
    pub members: BTreeMap<Host, Member>,
    /// Past reigns and the present one.
    pub reigns: BTreeMap<Epoch, Reign>,
    /// Who should become primary by a person's word.
    pub handover: Option<Handover>,
    /// Where the store's own leader is, when it could better be elsewhere.
    pub judge: Option<Judge>,
}

/// The leader key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leader {
    /// Who holds it.
    pub host: Host,
    /// Its epoch.
    pub epoch: Epoch,
    /// Whether it lies on the lease that this keeper has now. The same host name on another lease is not this keeper.
    pub is_mine: bool,
    /// Whether it is another one that has left no sign of life for as long as a lease lasts, by the clock here.
    pub is_silent: bool,
}

/// Who may become primary without a loss.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sync {
    /// The epoch in which it was written.
    pub epoch: Epoch,
    /// The primary of that epoch.
    pub primary: Host,
    /// Who has every acknowledged write, if it has reached `position`.
    pub eligible: BTreeSet<Host>,
    /// How far one of them must have come at least.
    pub position: Position,
}

/// How a host describes itself to the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Whether its database answers, writes and syncs.
    pub is_healthy: bool,
    /// Why it must not become primary though it is well; `None`: it may.
    pub unfit: Option<String>,
    /// Whether that database runs as a replica now.
    pub is_replica: bool,
    /// How far its log is on its disk.
    pub received: Position,
}

/// What is known of a reign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reign {
    /// Whose it was.
    pub host: Host,
    /// The line of history that it began.
    pub timeline: Timeline,
    /// Where it left the line before.
    pub position: Position,
    /// Whether its first checkpoint is done, before which no other database may be rewound to it.
    pub is_rewindable: bool,
}

/// A planned change of the primary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handover {
    /// Who should become primary; `None`: the best.
    pub to: Option<Host>,
}

/// Where the store's own leader sits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judge {
    /// The site of the store's leader.
    pub site: Site,
    /// A member of the store on a site without primary, healthy, that could lead it.
    pub better: Option<u64>,
}

/// The database of this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Own {
    /// There is none, or only what an unfinished copy left.
    Absent,
    /// It does not run.
    Stopped(Stopped),
    /// It runs, but did not answer within its time, for so long now.
    Hung {
        /// For how long.
        lasting: Duration,
    },
    /// It runs and takes no writes.
    Replica(Replica),
    /// It runs and takes writes.
    Primary(Primary),
}

/// Where a database is in its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The identity of the database, the same on all of its copies.
    pub system: System,
    /// Its line of history.
    pub timeline: Timeline,
    /// How far its log is on its disk.
    pub position: Position,
    /// The newest reign that this copy has taken part in, as primary or as its replica.
    pub epoch: Option<Epoch>,
    /// Whether it was a primary since it last followed one: its log may have gone another way.
    pub is_former: bool,
    /// Whether a rewind for the present reign has failed already.
    pub has_failed_rewind: bool,
}

/// A database that does not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// Where it is. After an orderly stop as a primary, a replica that has come to its position has everything.
    pub place: Place,
    /// Whether it was a primary that stopped in order.
    pub is_clean: bool,
    /// For how long it has been down.
    pub lasting: Duration,
    /// How often in a row it died soon after a start.
    pub failures: u32,
    /// Whether a start in its own right would keep for good what nobody confirmed: it could not be led back after that, only
    /// be copied anew. So of MariaDB after the crash of a primary.
    pub is_settled_by_start: bool,
}

/// A database that runs as a replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replica {
    /// Where it is; the position is what it has received and synced.
    pub place: Place,
    /// Whom it is told to follow.
    pub upstream: Option<Host>,
    /// Whether it receives from there.
    pub is_streaming: bool,
    /// For how long it has been so.
    pub lasting: Duration,
    /// Why it must not become primary (too little room, another version, …).
    pub unfit: Option<String>,
}

/// A database that runs as primary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Primary {
    /// Where it is.
    pub place: Place,
    /// Whose confirmation a commit waits for.
    pub acks: Acks,
    /// From here on every commit does; `None` while that is not certain.
    pub bound: Option<Position>,
    /// Every other host of the service, as this primary sees it.
    pub peers: BTreeMap<Host, Peer>,
    /// Whether a checkpoint was done since it became primary.
    pub is_checkpointed: bool,
}

/// A replica as its primary sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Whether it receives and answers.
    pub is_streaming: bool,
    /// For how long it has been so.
    pub lasting: Duration,
    /// How far it has synced the log.
    pub flushed: Position,
}

/// Whose confirmation a commit waits for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Acks {
    /// Nobody's: the primary's own disk is enough.
    Alone,
    /// That of each of these hosts.
    With(BTreeSet<Host>),
    /// No commit is answered.
    Blocked,
}

impl Acks {
    /// The hosts that are waited for.
    pub fn hosts(&self) -> BTreeSet<Host> {
        match self {
            Acks::With(hosts) => hosts.clone(),
            Acks::Alone | Acks::Blocked => BTreeSet::new(),
        }
    }

    /// Whether every commit that is answered is on all of `hosts`.
    pub fn cover(&self, hosts: &BTreeSet<Host>) -> bool {
        match self {
            Acks::Alone => hosts.is_empty(),
            Acks::With(waited) => hosts.is_subset(waited),
            Acks::Blocked => true,
        }
    }
}

impl Own {
    /// Where the database is, if that is known.
    pub fn place(&self) -> Option<&Place> {
        match self {
            Own::Absent | Own::Hung { .. } => None,
            Own::Stopped(stopped) => Some(&stopped.place),
            Own::Replica(replica) => Some(&replica.place),
            Own::Primary(primary) => Some(&primary.place),
        }
    }
}

impl View {
    /// What the store said, with the leader key if it is this keeper's.
    pub fn held(&self) -> Option<(&Store, &Leader)> {
        let store = self.store.as_ref()?;
        let leader = store.leader.as_ref().filter(|leader| leader.is_mine)?;
        Some((store, leader))
    }
}
