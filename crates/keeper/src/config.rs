//! Everything that a keeper needs to know, and its limits.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use base::unit::Bytes;

use crate::core::deadline::Terms;
use crate::core::name::{Host, Site};
use crate::core::policy::Policy;
use crate::core::step::StepKind;

/// What a keeper needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// The service's name, under which its keys lie in etcd.
    pub service: String,
    /// This host, as the service file names it: unique in the service.
    pub host: Host,
    /// What the team asked for, with every host that keeps a database.
    pub policy: Policy,
    /// Where the database of each host is reached, this one's too.
    pub addresses: BTreeMap<Host, Address>,
    /// Where etcd's members are, by their addresses (without port): so that its leader can be kept away from the primary.
    pub voters: BTreeMap<String, Site>,
    /// A folder of this keeper's own, on this host.
    pub folder: PathBuf,
    /// The lease.
    pub terms: Terms,
    /// Limits of time.
    pub limits: Limits,
    /// What guards the database when this keeper can't; `None`: nothing does.
    pub guard: Option<GuardProgram>,
    /// In tests: what goes wrong once, at the first such step.
    pub trips: Vec<Trip>,
}

/// Something that a test has go wrong, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trip {
    /// At the first step of this sort.
    pub at: StepKind,
    /// What.
    pub how: Mishap,
}

/// How a step goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// The keeper ends right after it, as if it had died.
    Dies,
    /// It fails before anything is done.
    Fails,
    /// It is done, and told to have failed.
    FailsUnheard,
}

/// A program that runs [`guard::run`](crate::guard::run) on the folder that is its last argument, with its standard input.
#[derive(Clone, Debug)]
pub struct GuardProgram {
    /// The program.
    pub program: PathBuf,
    /// Its arguments before the folder.
    pub args: Vec<String>,
}

/// Where a database is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The host's address.
    pub host: String,
    /// The database's port.
    pub port: u16,
}

/// How often things are done, and how long they may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From one renewal of the lease to the next.
    pub renew_every: Duration,
    /// After a renewal that failed.
    pub renew_again_after: Duration,
    /// From one look at everything to the next, where nothing happens meanwhile.
    pub look_every: Duration,
    /// After a step that failed.
    pub failure_rest: Duration,
    /// How long a replica's stream may be silent before it counts as broken.
    pub stream_silence_max: Duration,
    /// How long an orderly stop may take in a handover.
    pub drain_time_max: Duration,
    /// How many checkpoints an orderly stop may be preceded by.
    pub drain_checkpoints_max: u32,
    /// A checkpoint that took no longer has left little to write.
    pub drain_checkpoint_time: Duration,
    /// How long a kill may take.
    pub fence_time_max: Duration,
    /// How long a small file may take to be read or written.
    pub file_time_max: Duration,
    /// A death so soon after a start counts as a failure of that start.
    pub start_proven_after: Duration,
    /// From one look at what is kept for absent replicas to the next.
    pub slots_every: Duration,
    /// From one look at where etcd's leader is to the next.
    pub judge_every: Duration,
    /// From one write to the database's disk, to see whether it takes it, to the next.
    pub disk_every: Duration,
    /// A replica whose disk has less room than that does not become primary.
    pub room_min: Bytes,
    /// How long a stop may wait to give everything away.
    pub leave_time_max: Duration,
    /// How long a start waits for an earlier lease of this host to end.
    pub former_time_max: Duration,
    /// How many moments of the log are remembered, to say in seconds what would be lost.
    pub track_marks_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            renew_every: Duration::from_millis(500),
            renew_again_after: Duration::from_millis(50),
            look_every: Duration::from_millis(500),
            failure_rest: Duration::from_millis(200),
            stream_silence_max: Duration::from_millis(2500),
            drain_time_max: Duration::from_secs(10),
            drain_checkpoints_max: 3,
            drain_checkpoint_time: Duration::from_millis(60),
            fence_time_max: Duration::from_millis(500),
            file_time_max: Duration::from_secs(2),
            start_proven_after: Duration::from_secs(10),
            slots_every: Duration::from_secs(10),
            judge_every: Duration::from_secs(5),
            disk_every: Duration::from_secs(2),
            room_min: Bytes(256 << 20),
            leave_time_max: Duration::from_secs(15),
            former_time_max: Duration::from_secs(15),
            track_marks_max: 1200,
        }
    }
}

impl Default for Terms {
    fn default() -> Terms {
        Terms { ttl: Duration::from_secs(3), margin: Duration::from_millis(1000) }
    }
}
