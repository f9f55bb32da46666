//! What the hands on a server of either kind are told, and how it went.

use std::time::Duration;

use base::moment::Moment;

/// Another host's server, as this one is to reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// The host's name.
    pub host: String,
    /// Its address.
    pub address: String,
    /// Its port.
    pub port: u16,
}

/// Whether clients may come in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Door {
    /// Nobody but replicas and ourselves. Whoever is in already stays.
    #[default]
    Closed,
    /// The service's clients too.
    Open,
}

/// How far a clone is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// What has come, in bytes.
    pub done: u64,
    /// What there is, as far as is known.
    pub all: u64,
}

/// How a stopped server's history fits to another's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It can follow as it is.
    Follows,
    /// It went on beyond where the other branched off, and can be led back there.
    Diverged {
        /// The timeline that it was on.
        timeline: u32,
        /// Where the other branched off it.
        at: u64,
    },
    /// It can't be led back; it has to be cloned.
    Unrelated {
        /// Why.
        why: String,
    },
}

/// How a fence went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fenced {
    /// When the last process could go on no more, and the port refused.
    pub at: Moment,
    /// Whether that was before the deadline.
    pub is_in_time: bool,
}

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// An answer of the server to a look at it; connecting included.
    pub answer_time_max: Duration,
    /// An orderly death after SIGQUIT, before everything is killed (PostgreSQL only).
    pub quit_time_max: Duration,
    /// How long after its deadline a fence goes on trying.
    pub kill_time_max: Duration,
    /// A promotion, from the order to the end of recovery.
    pub promote_time_max: Duration,
    /// New settings, from their writing to their being in force.
    pub reload_time_max: Duration,
    /// A checkpoint.
    pub checkpoint_time_max: Duration,
    /// Writing a few small files.
    pub disk_time_max: Duration,
    /// Making new data, or letting a crashed server recover.
    pub init_time_max: Duration,
    /// How long the primary may be silent to a replica, and the other way round, before the stream is begun anew.
    pub stream_silence_max: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            answer_time_max: Duration::from_millis(800),
            quit_time_max: Duration::from_millis(250),
            kill_time_max: Duration::from_secs(10),
            promote_time_max: Duration::from_secs(60),
            reload_time_max: Duration::from_secs(10),
            checkpoint_time_max: Duration::from_secs(600),
            disk_time_max: Duration::from_secs(5),
            init_time_max: Duration::from_secs(300),
            stream_silence_max: Duration::from_secs(5),
        }
    }
}
