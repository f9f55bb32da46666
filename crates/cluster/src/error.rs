//! What can go wrong, told apart by what it means for what was asked.

use base::error::{Fault, Kind};

use crate::txn::Entry;

/// A failure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A compare of the transaction did not hold. It was not done, and will not be.
    #[error("somebody else changed it first: a compare did not hold at revision {revision}")]
    Refused {
        /// What is there of the keys that were compared; absent ones are left out.
        found: Vec<Entry>,
        /// When that was so.
        revision: u64,
    },
    /// It was surely not done.
    #[error("etcd can't be reached: {tried}")]
    Unavailable {
        /// Each member, and what it said.
        tried: String,
    },
    /// It may be done, or may yet be done when a member that was asked wakes up: read back. What comes late still has to
    /// pass its compares.
    #[error("etcd did not say whether it was done: {tried}")]
    Unknown {
        /// Each member, and what it said.
        tried: String,
    },
    /// The lease has ended, and with it its keys. What was asked with it was not done.
    #[error("the lease {lease:x} has ended")]
    LeaseGone {
        /// The lease.
        lease: i64,
    },
    /// What was to be watched from is no longer kept: read all again, and watch from there.
    #[error("etcd keeps nothing older than revision {revision}")]
    Compacted {
        /// The oldest revision that is kept.
        revision: u64,
    },
    /// etcd does not take what it was sent: a fault of the program or of its settings.
    #[error("etcd refused the request: {what}")]
    Invalid {
        /// What it said.
        what: String,
    },
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::Refused { .. } => Kind::Conflict,
            Error::LeaseGone { .. } | Error::Compacted { .. } => Kind::NotFound,
            Error::Unavailable { .. } | Error::Unknown { .. } => Kind::Unavailable,
            Error::Invalid { .. } => Kind::Internal,
        }
    }

    fn public(&self) -> String {
        match self.kind() {
            Kind::Conflict => "Somebody else changed it first.".to_owned(),
            Kind::NotFound => "It is no longer there.".to_owned(),
            Kind::Unavailable => "The hosts can't agree now.".to_owned(),
            _ => "Something went wrong.".to_owned(),
        }
    }
}
