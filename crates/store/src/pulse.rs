//! Whether the database answers, and what it is: for health and metrics.
//!
//! Invariant: the database is truly asked, away from the request threads: a disk that hangs holds up the asking, not the
//! service.

use std::time::Duration;

use tokio::runtime::Handle;

use crate::change::Position;
use crate::error::Error;
use crate::store::Store;

/// The setting that is read to see whether reading works; it need not be there.
const ASKED: &str = "pulse";

/// A sign of life of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulse {
    /// What the database is to its peers.
    pub role: Role,
    /// The engine's name, in small letters: `sqlite`, `postgres`, `mariadb`.
    pub engine: &'static str,
    /// The engine's version, in its own words.
    pub version: String,
    /// The newest position of the change log here.
    pub position: Position,
    /// How far what is read here lies behind what the primary has committed; zero on the primary.
    pub delay: Duration,
}

/// What a database is to its peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It takes the writes.
    Primary,
    /// It follows a primary.
    Replica,
}

impl Role {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Role::Primary => "primary",
            Role::Replica => "replica",
        }
    }
}

impl Store {
    /// Asks the database for a sign of life. It waits for as long as the database does not answer; whoever asks sets the
    /// limit. The asking may go on when this future is dropped, so ask one question after another, not many at once.
    pub async fn pulse(&self) -> Result<Pulse, Error> {
        let pulse = |engine, version, position| Pulse {
            role: Role::Primary,
            engine,
            version,
            position,
            delay: Duration::ZERO,
        };
        if let Some(remote) = self.remote() {
            let position = Position(remote.pulse().await?);
            return Ok(pulse(remote.engine(), remote.version(), position));
        }
        let (store, runtime) = (self.clone(), Handle::current());
        let asked = tokio::task::spawn_blocking(move || {
            runtime.block_on(async {
                store.reader().await?.setting(ASKED).await?;
                Ok(pulse("sqlite", rusqlite::version().to_owned(), store.position()))
            })
        });
        asked.await.unwrap_or(Err(Error::Broken { what: "the asking for a sign of life broke off" }))
    }
}

#[cfg(test)]
mod tests {
    use base::time::Clock;

    use super::*;
    use crate::config::Config;

    #[tokio::test]
    async fn a_store_that_is_open_has_a_pulse_and_one_that_is_closed_has_none() {
        let dir = tempfile::tempdir().expect("a folder");
        let store = Store::open(Config::new(dir.path()), Clock::System).await.expect("opens");
        let pulse = store.pulse().await.expect("a sign of life");
        assert_eq!((pulse.role, pulse.engine, pulse.position), (Role::Primary, "sqlite", store.position()));
        assert!(pulse.version.starts_with("3."), "{}", pulse.version);
        store.close().await;
        assert!(store.pulse().await.is_err());
    }
}
