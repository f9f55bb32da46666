//! What a database server of this host is seen to be, of either kind.
//!
//! What is told here was so at one moment of the past; a server that does not answer in time is told to be silent, never guessed at.
//!
//! Offsets: PostgreSQL's LSN in bytes; MariaDB's sequence number of the only domain's GTID. Timelines: PostgreSQL's own;
//! MariaDB's is the number of the newest reign that is written in its data.

use std::collections::BTreeSet;
use std::time::Duration;

/// What the database server of this host is seen to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observation {
    /// There are no data: to be made new, or cloned.
    Absent,
    /// A clone or a rewind began and did not end: the data are of no use, and are to be cloned again.
    Unfinished {
        /// What began.
        what: Unfinished,
    },
    /// It does not run; this is what its files say.
    Stopped(Stopped),
    /// It runs (or hangs, or just starts), but gave no answer in time. What it does meanwhile is not known.
    Silent {
        /// Its process.
        process: u32,
        /// It says that it is on its way up, or down.
        is_starting: bool,
        /// What was tried, and what came back.
        why: String,
    },
    /// It runs and answers.
    Running(Box<Running>),
}

/// A work whose half is worse than nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfinished {
    /// New data were being made.
    Init,
    /// Data were being copied from the primary.
    Clone,
    /// Data were being led back to where they left the primary's.
    Rewind,
}

/// What the files of a server that does not run say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// What the data are known by.
    pub system_id: String,
    /// The timeline of the last checkpoint.
    pub timeline: u32,
    /// The last checkpoint's place. After an orderly stop of a primary it is the last thing that was written: a replica
    /// has everything as soon as it has replayed **beyond** it (`replayed > checkpoint`).
    pub checkpoint: u64,
    /// How far it certainly had come; a server that was killed may have come further.
    pub reached: u64,
    /// How it ended.
    pub end: End,
    /// A start in its own right would keep for good what nobody confirmed: it could not be led back to another primary
    /// after that, only be copied anew.
    pub is_settled_by_start: bool,
}

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// In order, as a primary.
    Primary,
    /// In order, as a replica.
    Replica,
    /// It was killed, or the machine went, while it was a primary: beyond the checkpoint there may be more.
    CrashedPrimary,
    /// The same as a replica.
    CrashedReplica,
}

/// What a server that runs says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// Its process.
    pub process: u32,
    /// What the data are known by.
    pub system_id: String,
    /// The server's version, such as `15.18`.
    pub version: String,
    /// What it does.
    pub role: Role,
    /// The timeline that it writes or follows.
    pub timeline: u32,
    /// Primary: what it has written. Replica: what it has received and synced.
    pub received: u64,
    /// Primary: what it has synced. Replica: what can be read.
    pub replayed: u64,
    /// Replica: where its stream comes from, while it comes.
    pub stream: Option<Stream>,
    /// Replica: somebody has paused the replay.
    pub is_replay_paused: bool,
    /// Primary: what every commit waits for, once that is proved; `None`: not proved yet, commits may wait for less.
    pub confirm: Option<Bound>,
    /// Commits that wait for a replica at this moment.
    pub waiting: u32,
    /// Transactions of the service that were committed since the server's statistics began.
    pub commits: u64,
    /// Who follows it.
    pub followers: Vec<Follower>,
    /// What is kept for hosts that are away.
    pub slots: Vec<Slot>,
    /// Replica: why it must not become primary, as far as it can be seen here.
    pub unfit: Option<String>,
    /// Settings that take away what is promised (a role with `synchronous_commit = off`), in sentences.
    pub troubles: Vec<String>,
}

/// Whether it takes writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It takes writes.
    Primary,
    /// It follows, or would.
    Replica,
}

/// What a commit waits for before it is acknowledged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Confirm {
    /// This host's disk.
    #[default]
    Here,
    /// The disks of all these hosts too.
    Hosts(BTreeSet<String>),
    /// Something that never comes: nothing is acknowledged.
    Nobody,
}

/// What binds every commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// What it waits for.
    pub confirm: Confirm,
    /// Every commit from here on does. A host that has flushed this far has every commit that was acknowledged before, too, and
    /// is waited for from then on: only now may it be called eligible.
    pub from: u64,
}

/// A replica's stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Where from: `host:port`.
    pub from: String,
    /// Whether data flow (the connection is made, and both agree on the timeline).
    pub is_streaming: bool,
    /// How long ago the other side was last heard.
    pub silence: Duration,
}

/// A host that follows this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Follower {
    /// Its name.
    pub host: String,
    /// Whether it has caught up and takes the stream as it is written.
    pub is_streaming: bool,
    /// Whether commits wait for it, as the server sees it.
    pub is_confirming: bool,
    /// What it has synced to its disk.
    pub flushed: u64,
    /// What can be read there.
    pub replayed: u64,
    /// How long ago it was last heard, as far as it was looked at.
    pub silence: Duration,
}

/// What is kept for a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The host's name.
    pub host: String,
    /// Whether it is connected.
    pub is_active: bool,
    /// Kept from here on; `None`: nothing is kept yet.
    pub from: Option<u64>,
    /// What it needs was thrown away, because it stayed away for too long: it must be cloned.
    pub is_lost: bool,
}
