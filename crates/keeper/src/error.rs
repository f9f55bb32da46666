//! What can go wrong with a keeper or one of its steps.

use base::error::{Fault, Kind};

use crate::core::name::Host;

/// A failure.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store did not do it, or did not say.
    #[error("agree with the other hosts")]
    Cluster(#[from] cluster::Error),
    /// The database's hands failed.
    #[error("work on the database of this host")]
    Engine(#[from] engine::Error),
    /// Another keeper has this one's name.
    #[error(
        "another keeper calls itself {host} and is alive: give each host a name of its own in the service file, or stop the other"
    )]
    Duplicate {
        /// The name.
        host: Host,
    },
    /// The lease's deadline has passed, or there is none.
    #[error("the lease is not certain any more")]
    Doubted,
    /// What the step rests on is not so (any more).
    #[error("{what}")]
    Moved {
        /// What.
        what: String,
    },
    /// A setting is missing or wrong.
    #[error("{what}")]
    Settings {
        /// What, and what to do.
        what: String,
    },
    /// A file or the runtime of the keeper can't be used.
    #[error("{what}")]
    System {
        /// What.
        what: String,
        /// Why.
        source: std::io::Error,
    },
    /// A test asked the keeper to end here.
    #[error("ended after a step, as a test asked for")]
    Died,
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::Cluster(error) => error.kind(),
            Error::Engine(error) => error.kind(),
            Error::Duplicate { .. } | Error::Moved { .. } => Kind::Conflict,
            Error::Doubted => Kind::Unavailable,
            Error::Settings { .. } => Kind::Invalid,
            Error::System { .. } | Error::Died => Kind::Internal,
        }
    }

    fn public(&self) -> String {
        match self.kind() {
            Kind::Conflict => "Somebody else changed it first.".to_owned(),
            Kind::Unavailable => "The hosts can't agree now.".to_owned(),
            _ => "The keeper of a host can't work.".to_owned(),
        }
    }
}
