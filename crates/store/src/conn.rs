//! Reading through one connection.
//!
//! The methods are `async` because other engines wait on a network; the embedded one answers in place, and a read that
//! takes longer than `Config::read_steps_max` steps is done again in the slow lane, away from the request threads.

use std::sync::Arc;

use crate::change::{Change, Position};
use crate::dialect::sqlite;
use crate::error::Error;
use crate::query::Select;
use crate::row::{Row, Table};
use crate::sqlite::{Entry, Link, Readers};
use crate::sqlite::{log, rows};

/// A connection for reading: all its reads see one state of the database only inside a [`Tx`](crate::Tx).
pub struct Conn {
    way: Way,
}

enum Way {
    /// Through the pool: each read takes a connection while it runs.
    Reader(Arc<Readers>),
    /// Inside a write: on the writer's connection, which sees what the write did.
    Writer(Link),
}

impl Conn {
    pub(crate) fn reader(readers: Arc<Readers>) -> Conn {
        Conn { way: Way::Reader(readers) }
    }

    pub(crate) fn writer(link: Link) -> Conn {
        Conn { way: Way::Writer(link) }
    }

    /// The writer's connection, if it is that.
    pub(crate) fn link(&self) -> Option<&Link> {
        match &self.way {
            Way::Reader(_) => None,
            Way::Writer(link) => Some(link),
        }
    }

    /// A record by id.
    pub async fn get(&mut self, table: &Table, id: &str) -> Result<Option<Row>, Error> {
        self.brief(|db| rows::get(db, table, id)).await
    }

    /// The rows of a selection.
    pub async fn select(&mut self, select: &Select) -> Result<Vec<Row>, Error> {
        let sql = sqlite::select(select);
        self.run(move |db| rows::select(db, &sql)).await
    }

    /// The same; `None` when their bodies are longer than `bytes_max` together.
    pub async fn page(&mut self, select: &Select, bytes_max: usize) -> Result<Option<Vec<Row>>, Error> {
        let sql = sqlite::select(select);
        self.run(move |db| rows::page(db, &sql, bytes_max)).await
    }

    /// How many rows a selection has, without its limit and offset.
    pub async fn count(&mut self, select: &Select) -> Result<u64, Error> {
        let sql = sqlite::count(select);
        let count = self.run(move |db| rows::number(db, &sql)).await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// Whether a selection has a row.
    pub async fn exists(&mut self, select: &Select) -> Result<bool, Error> {
        let sql = sqlite::exists(select);
        Ok(self.run(move |db| rows::number(db, &sql)).await? != 0)
    }

    /// Up to `limit` changes after a position: none only when there are none; fewer than `limit` also when their records
    /// are large. [`Error::Gone`] when the log has been trimmed beyond the position, or never reached it.
    pub async fn changes(&mut self, after: Position, limit: usize) -> Result<Vec<Change>, Error> {
        match self.run(move |db| log::after(db, after.0, limit)).await? {
            Entry::Changes(changes) => Ok(changes),
            Entry::Gone => Err(Error::Gone),
        }
    }

    /// A setting of the whole database, such as a signing secret.
    pub async fn setting(&mut self, name: &str) -> Result<Option<String>, Error> {
        self.brief(|db| rows::setting(db, name)).await
    }

    async fn brief<T, F>(&mut self, ask: F) -> Result<T, Error>
    where
        F: FnOnce(&rusqlite::Connection) -> rusqlite::Result<T>,
    {
        match &mut self.way {
            Way::Reader(readers) => readers.brief(ask).await,
            Way::Writer(link) => link.read(ask),
        }
    }

    async fn run<T, F>(&mut self, ask: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Fn(&rusqlite::Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        match &mut self.way {
            Way::Reader(readers) => readers.run(ask).await,
            Way::Writer(link) => link.read(ask),
        }
    }
}
