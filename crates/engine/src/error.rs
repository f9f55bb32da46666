//! What can go wrong with a database server's hands.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base::error::{Fault, Kind};

/// A failure.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting can't be.
    #[error("{what}")]
    Settings {
        /// What is wrong, and what to do.
        what: String,
    },
    /// A program is not there or did not start.
    #[error("start {program}")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// A program ended badly.
    #[error("{program} failed: {said}")]
    Program {
        /// The program.
        program: String,
        /// The end of what it said.
        said: String,
    },
    /// Something took too long.
    #[error("{what} took longer than {} ms", limit.as_millis())]
    Slow {
        /// What.
        what: String,
        /// The limit.
        limit: Duration,
    },
    /// A file or folder can't be used.
    #[error("use {path}")]
    Disk {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The server is not connected to, or the connection broke.
    #[error("the database server does not answer: {why}")]
    Silent {
        /// What came back.
        why: String,
        /// It says that it is on its way up, or down.
        is_starting: bool,
    },
    /// The server answered, and refused.
    #[error("the database server refused to {what}: {why}")]
    Refused {
        /// What it was to do.
        what: &'static str,
        /// What it said.
        why: String,
    },
    /// It does not run.
    #[error("the database server does not run")]
    NotRunning,
    /// It runs, and must not for this.
    #[error("the database server runs; it has to be stopped first")]
    Running,
    /// Processes that this one did not start work in the data.
    #[error("processes {processes:?} work in {folder}; fence them first")]
    Occupied {
        /// The data's folder.
        folder: PathBuf,
        /// Who.
        processes: Vec<u32>,
    },
    /// Killed, and yet there.
    #[error("processes {processes:?} of the database server can't be killed, or its port is open")]
    Alive {
        /// Who.
        processes: Vec<u32>,
    },
    /// The permission to promote had ended.
    #[error("not promoted: the lease was no longer certain")]
    NotAllowed,
    /// The data are somebody else's.
    #[error("the data are those of another service: {found}, expected {expected}")]
    Foreign {
        /// What they are known by.
        found: String,
        /// What was expected.
        expected: String,
    },
    /// A clone or rewind broke off earlier.
    #[error("the data are half of something: {what} began and did not end; they have to be cloned")]
    Unfinished {
        /// What.
        what: &'static str,
    },
    /// It was a primary once: whether it may follow has to be compared first.
    #[error("it was a primary since it last followed; compare it with {upstream} before it follows")]
    Uncompared {
        /// Whom it was to follow.
        upstream: String,
    },
    /// The other host has not written the first checkpoint of its reign, without which nobody can be led back to it.
    #[error("{upstream} has not written the first checkpoint of its reign yet")]
    Early {
        /// The other host.
        upstream: String,
    },
    /// What was said was not understood.
    #[error("{what} was not understood: {said:?}")]
    Unread {
        /// What.
        what: &'static str,
        /// What it said.
        said: String,
    },
}

impl Error {
    pub(crate) fn disk(path: &Path) -> impl FnOnce(std::io::Error) -> Error + '_ {
        |source| Error::Disk { path: path.to_owned(), source }
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::Settings { .. } => Kind::Invalid,
            Error::Foreign { .. }
            | Error::Occupied { .. }
            | Error::Running
            | Error::Uncompared { .. }
            | Error::NotAllowed => Kind::Conflict,
            Error::Silent { .. }
            | Error::Slow { .. }
            | Error::NotRunning
            | Error::Early { .. }
            | Error::Alive { .. } => Kind::Unavailable,
            Error::Start { .. }
            | Error::Program { .. }
            | Error::Disk { .. }
            | Error::Refused { .. }
            | Error::Unfinished { .. }
            | Error::Unread { .. } => Kind::Internal,
        }
    }

    fn public(&self) -> String {
        "The database server of a host can't be worked with now.".to_owned()
    }
}
