//! Reading through one connection.
//!
//! The methods are `async` because a server is asked over a network; the embedded engine answers in place, and a read that
//! takes longer than `Config::read_steps_max` steps is done again in the slow lane, away from the request threads.

use std::sync::Arc;

use crate::change::{Change, Entry, Position};
use crate::dialect::sqlite as dialect;
use crate::error::Error;
use crate::query::Select;
use crate::remote::{self, Remote};
use crate::row::{Row, Table};
use crate::sqlite::{self, Readers, log, rows};

/// A connection for reading: all its reads see one state of the database only inside a [`Tx`](crate::Tx) of the embedded
/// engine; on a server each read sees what was committed when it began.
pub struct Conn {
    pub(crate) way: Way,
}

/// How a read gets to the database.
pub(crate) enum Way {
    /// Through the embedded engine's pool: each read takes a connection while it runs.
    EmbeddedReader(Arc<Readers>),
    /// Inside a write, on the writer's connection, which sees what the write did.
    Embedded(Box<sqlite::Tx>),
    /// Through the server's pool.
    RemoteReader(Arc<Remote>),
    /// Inside a write, on the transaction's connection.
    Remote(Box<remote::Tx>),
}

impl Conn {
    pub(crate) fn embedded(readers: Arc<Readers>) -> Conn {
        Conn { way: Way::EmbeddedReader(readers) }
    }

    pub(crate) fn remote(remote: Arc<Remote>) -> Conn {
        Conn { way: Way::RemoteReader(remote) }
    }

    /// A record by id.
    pub async fn get(&mut self, table: &Table, id: &str) -> Result<Option<Row>, Error> {
        match &mut self.way {
            Way::EmbeddedReader(readers) => readers.brief(|db| rows::get(db, table, id)).await,
            Way::Embedded(tx) => tx.get(table, id),
            Way::RemoteReader(remote) => remote.get(table, id).await,
            Way::Remote(tx) => tx.get(table, id).await,
        }
    }

    /// The rows of a selection.
    pub async fn select(&mut self, select: &Select) -> Result<Vec<Row>, Error> {
        Ok(self.page(select, usize::MAX).await?.unwrap_or_default())
    }

    /// The same; `None` when their bodies are longer than `bytes_max` together.
    pub async fn page(&mut self, select: &Select, bytes_max: usize) -> Result<Option<Vec<Row>>, Error> {
        match &mut self.way {
            Way::RemoteReader(remote) => remote.page(select, bytes_max).await,
            Way::Remote(tx) => tx.page(select, bytes_max).await,
            _ => {
                let sql = dialect::select(select);
                self.run(move |db| rows::page(db, &sql, bytes_max)).await
            }
        }
    }

    /// How many rows a selection has, without its limit and offset.
    pub async fn count(&mut self, select: &Select) -> Result<u64, Error> {
        let count = match &mut self.way {
            Way::RemoteReader(remote) => remote.count(select).await?,
            Way::Remote(tx) => tx.count(select).await?,
            _ => {
                let sql = dialect::count(select);
                self.run(move |db| rows::number(db, &sql)).await?
            }
        };
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// Whether a selection has a row.
    pub async fn exists(&mut self, select: &Select) -> Result<bool, Error> {
        match &mut self.way {
            Way::RemoteReader(remote) => remote.exists(select).await,
            Way::Remote(tx) => tx.exists(select).await,
            _ => {
                let sql = dialect::exists(select);
                Ok(self.run(move |db| rows::number(db, &sql)).await? != 0)
            }
        }
    }

    /// Up to `limit` changes after a position: none only when there are none; fewer than `limit` also when their records
    /// are large. [`Error::Gone`] when the log has been trimmed beyond the position, or never reached it.
    pub async fn changes(&mut self, after: Position, limit: usize) -> Result<Vec<Change>, Error> {
        let entry = match &mut self.way {
            Way::RemoteReader(remote) => remote.changes(after.0, limit).await?,
            Way::Remote(tx) => tx.changes(after.0, limit).await?,
            _ => self.run(move |db| log::after(db, after.0, limit)).await?,
        };
        match entry {
            Entry::Changes(changes) => Ok(changes),
            Entry::Gone => Err(Error::Gone),
        }
    }

    /// A setting of the whole database, such as a signing secret.
    pub async fn setting(&mut self, name: &str) -> Result<Option<String>, Error> {
        match &mut self.way {
            Way::EmbeddedReader(readers) => readers.brief(|db| rows::setting(db, name)).await,
            Way::Embedded(tx) => tx.link().read(|db| rows::setting(db, name)),
            Way::RemoteReader(remote) => remote.setting(name).await,
            Way::Remote(tx) => tx.setting(name).await,
        }
    }

    /// A read of the embedded engine.
    async fn run<T, F>(&mut self, ask: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Fn(&rusqlite::Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        match &mut self.way {
            Way::EmbeddedReader(readers) => readers.run(ask).await,
            Way::Embedded(tx) => tx.link().read(ask),
            Way::RemoteReader(_) | Way::Remote(_) => unreachable!("a server is asked in its own words"),
        }
    }
}
