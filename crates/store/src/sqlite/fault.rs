//! What SQLite says, as errors of the store.

use std::path::PathBuf;
use std::time::Duration;

use rusqlite::ffi;

use crate::error::Error;

/// What SQLite says when the change log is not there.
const NO_LOG: &str = "no such table: change";

/// What an error has to name: the file, and the limit of a read.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The database file.
    pub(crate) path: PathBuf,
    /// `Config::read_time_max`.
    pub(crate) read_time_max: Duration,
}

impl Place {
    /// The error of the store for an error of the engine.
    pub(crate) fn fault(&self, error: rusqlite::Error) -> Error {
        let rusqlite::Error::SqliteFailure(code, message) = &error else { return Error::engine(error) };
        let path = || self.path.display().to_string();
        match (code.extended_code & 0xff, code.extended_code) {
            (_, ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY) => {
                Error::Unique { index: index_of(message.as_deref().unwrap_or_default()) }
            }
            // the shared-memory file can't grow: that is how a full disk shows itself there
            (ffi::SQLITE_FULL, _) | (_, ffi::SQLITE_IOERR_SHMSIZE) => Error::Full,
            (ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED, _) => Error::Busy,
            (ffi::SQLITE_INTERRUPT, _) => self.slow(),
            (ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB, _) => Error::Damaged { path: path() },
            (ffi::SQLITE_CANTOPEN | ffi::SQLITE_READONLY | ffi::SQLITE_PERM | ffi::SQLITE_AUTH, _) => {
                Error::Access { path: path(), source: self.why_shut(error) }
            }
            // what every database of ours has, but one that was left
            (ffi::SQLITE_ERROR, _) if message.as_deref().is_some_and(|said| said.starts_with(NO_LOG)) => {
                Error::Moved { to: String::new() }
            }
            _ => Error::engine(error),
        }
    }

    /// Why the file can't be used: what the system says of it, which the engine keeps to itself.
    fn why_shut(&self, error: rusqlite::Error) -> std::io::Error {
        let opened = std::fs::OpenOptions::new().append(true).open(&self.path);
        opened.err().unwrap_or_else(|| std::io::Error::other(error))
    }

    /// The read was broken off.
    pub(crate) fn slow(&self) -> Error {
        Error::Slow { limit_ms: u64::try_from(self.read_time_max.as_millis()).unwrap_or(u64::MAX) }
    }
}

/// True when the statement was broken off by the leash.
pub(crate) fn is_interrupt(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted)
}

/// The index that refused: `UNIQUE constraint failed: index 'NAME'` of an index on expressions, and
/// `UNIQUE constraint failed: r_x.id` of a column.
fn index_of(message: &str) -> String {
    let told = message.rsplit(": ").next().unwrap_or(message);
    match told.strip_prefix("index '").and_then(|rest| rest.strip_suffix('\'')) {
        Some(name) => name.replace("''", "'"),
        None => told.rsplit('.').next().unwrap_or(told).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refusing_index_is_read_from_both_forms_of_the_message() {
        assert_eq!(index_of("UNIQUE constraint failed: index 'i_users_email'"), "i_users_email");
        assert_eq!(index_of("UNIQUE constraint failed: r_users.id"), "id");
    }
}
