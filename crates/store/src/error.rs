//! What can go wrong with the store.

use std::path::Path;

use base::error::{Fault, Kind};

use crate::dialect::Unsupported;

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A unique index refused the write.
    #[error("the index {index} already has these values")]
    Unique {
        /// The index's name in the database; `id` for the record's id itself.
        index: String,
    },
    /// Another process has the database.
    #[error("another process is using {path}")]
    Locked {
        /// The file.
        path: String,
    },
    /// The folder or a file in it can't be written or read.
    #[error("cannot use {path}")]
    Access {
        /// The file or folder.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The database was made by a newer version of the program.
    #[error("{path} was written by a newer version of Ondol (format {found}, this one knows {known})")]
    Newer {
        /// The file.
        path: String,
        /// Its format.
        found: i64,
        /// The newest format that this program knows.
        known: i64,
    },
    /// The file is not a database, or a damaged one.
    #[error("{path} is damaged or is not an Ondol database")]
    Damaged {
        /// The file.
        path: String,
    },
    /// The disk is full. The write was not done.
    #[error("the disk is full")]
    Full,
    /// Too many writes wait already, or the store is stopping. The write was not done.
    #[error("the store can't take more writes now")]
    Busy,
    /// The read took longer than its limit.
    #[error("the query took longer than {limit_ms} ms")]
    Slow {
        /// The limit.
        limit_ms: u64,
    },
    /// The change log no longer reaches back that far.
    #[error("the change log no longer reaches back to that position")]
    Gone,
    /// A fault of the program: a read or a write broke off, and left nothing.
    #[error("{what}")]
    Broken {
        /// What happened.
        what: &'static str,
    },
    /// A value is longer than an index of the database takes.
    #[error("a value is too long for {index}")]
    TooLong {
        /// The index or column, as far as the engine names it.
        index: String,
    },
    /// A text has a character that the database can't keep: U+0000, or half a surrogate pair.
    #[error("a text holds U+0000 or half a surrogate pair, which this database can't keep")]
    Nul,
    /// The database server can't be reached, or went away. Of a write: not known whether it was done, or it was not.
    #[error("the database at {server} does not answer")]
    Lost {
        /// Host and port, or socket.
        server: String,
        /// What was said last.
        source: Cause,
    },
    /// The connection broke while a write was made durable, and the outcome could not be found out in time.
    #[error("it is not known whether the write was done")]
    Doubt,
    /// A table that is not there.
    #[error("the table is not there")]
    NoTable,
    /// The transaction met another one and was undone; it may be run again.
    #[error("the write met others too often")]
    Met,
    /// Another write with the same key is still being done.
    #[error("the same request is still being done")]
    Pending,
    /// The database server is not one that the program can work with, or refuses it.
    #[error("{what}")]
    Unfit {
        /// What is wrong, and what to do.
        what: String,
    },
    /// The database was left: its data have moved to another engine. The write was not done.
    #[error("{}", moved(.to))]
    Moved {
        /// Where to, in words; empty when it is not known here.
        to: String,
    },
    /// The question can't be asked of this engine.
    #[error("{what}")]
    Unasked {
        /// What of it.
        what: String,
    },
    /// Any other failure of the engine.
    #[error("database failure")]
    Engine(#[source] Cause),
}

/// What an engine's driver said.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

impl Error {
    /// A failure of the file system at a path.
    pub(crate) fn io(path: &Path, source: std::io::Error) -> Error {
        match source.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Error::Full,
            _ => Error::Access { path: path.display().to_string(), source },
        }
    }

    /// A failure of an engine that has no name of its own here.
    pub(crate) fn engine(source: impl Into<Cause>) -> Error {
        Error::Engine(source.into())
    }

    /// The same failure once more: all writes of a group fail together, and each is answered.
    pub(crate) fn again(&self) -> Error {
        match self {
            Error::Unique { index } => Error::Unique { index: index.clone() },
            Error::Locked { path } => Error::Locked { path: path.clone() },
            Error::Access { path, source } => {
                let source = std::io::Error::new(source.kind(), source.to_string());
                Error::Access { path: path.clone(), source }
            }
            Error::Newer { path, found, known } => {
                Error::Newer { path: path.clone(), found: *found, known: *known }
            }
            Error::Damaged { path } => Error::Damaged { path: path.clone() },
            Error::Full => Error::Full,
            Error::Busy => Error::Busy,
            Error::Slow { limit_ms } => Error::Slow { limit_ms: *limit_ms },
            Error::Gone => Error::Gone,
            Error::Broken { what } => Error::Broken { what },
            Error::TooLong { index } => Error::TooLong { index: index.clone() },
            Error::Nul => Error::Nul,
            Error::Lost { server, source } => {
                Error::Lost { server: server.clone(), source: source.to_string().into() }
            }
            Error::Doubt => Error::Doubt,
            Error::NoTable => Error::NoTable,
            Error::Met => Error::Met,
            Error::Pending => Error::Pending,
            Error::Unfit { what } => Error::Unfit { what: what.clone() },
            Error::Moved { to } => Error::Moved { to: to.clone() },
            Error::Unasked { what } => Error::Unasked { what: what.clone() },
            Error::Engine(source) => Error::Engine(base::error::chain(&**source).into()),
        }
    }
}

impl From<Unsupported> for Error {
    fn from(unsupported: Unsupported) -> Error {
        Error::Unasked { what: unsupported.to_string() }
    }
}

fn moved(to: &str) -> String {
    match to {
        "" => "the data have moved to another database".into(),
        to => format!("the data have moved to {to}"),
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::Unique { .. } | Error::TooLong { .. } | Error::Nul | Error::Unasked { .. } => {
                Kind::Invalid
            }
            Error::Busy
            | Error::Full
            | Error::Slow { .. }
            | Error::Locked { .. }
            | Error::Lost { .. }
            | Error::Doubt
            | Error::Met
            | Error::Moved { .. }
            | Error::Unfit { .. } => Kind::Unavailable,
            Error::Gone | Error::Pending => Kind::Conflict,
            _ => Kind::Internal,
        }
    }

    fn public(&self) -> String {
        match self {
            Error::Engine(_)
            | Error::NoTable
            | Error::Broken { .. }
            | Error::Access { .. }
            | Error::Damaged { .. } => "Something went wrong.".into(),
            // names of indexes and files are ours alone
            Error::Unique { .. } => "a value that must be unique is there already".into(),
            Error::TooLong { .. } => "a value is too long for an index".into(),
            Error::Locked { .. } | Error::Newer { .. } | Error::Lost { .. } | Error::Unfit { .. } => {
                "the database can't be used now".into()
            }
            // where to is ours alone
            Error::Moved { .. } => "the data have moved to another database".into(),
            Error::Full
            | Error::Busy
            | Error::Slow { .. }
            | Error::Gone
            | Error::Nul
            | Error::Doubt
            | Error::Met
            | Error::Pending
            | Error::Unasked { .. } => self.to_string(),
        }
    }
}
