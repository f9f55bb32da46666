//! One side of a move: a store read row by row, in the order of insertion, past all pages and limits of requests.
//!
//! It reads what is committed by now, or, between [`Side::freeze`] and [`Side::thaw`], one moment of the database, or,
//! after [`Side::hold`], a database that nobody else can write to.

use std::sync::Arc;
use std::time::Duration;

use crate::error::Error;
use crate::moving::{Change, Claim};
use crate::remote;
use crate::row::{Row, Table};
use crate::sqlite;
use crate::store::{Engine, Store};

/// Rows that are read at once.
pub(crate) const PAGE: usize = 200;

/// One side.
pub(super) struct Side {
    way: Way,
}

enum Way {
    Embedded(sqlite::Side),
    Remote(Box<remote::Side>),
}

/// The same call on whichever it is.
macro_rules! on_side {
    ($self:ident, $side:ident => $embedded:expr, $remote:expr) => {
        match &mut $self.way {
            Way::Embedded($side) => $embedded,
            Way::Remote($side) => $remote,
        }
    };
}

impl Side {
    pub(super) fn new(store: &Store) -> Result<Side, Error> {
        Ok(Side {
            way: match store.engine() {
                Engine::Embedded(engine) => Way::Embedded(engine.side()?),
                Engine::Remote(remote) => Way::Remote(Box::new(remote::Side::new(Arc::clone(remote)))),
            },
        })
    }

    /// The settings of the whole database.
    pub(super) async fn settings(&mut self) -> Result<Vec<(String, String)>, Error> {
        on_side!(self, side => side.settings(), side.settings().await)
    }

    /// The claims after this one, in the order of time and name; it need not be there.
    pub(super) async fn claims(&mut self, at: i64, name: &str, limit: usize) -> Result<Vec<Claim>, Error> {
        on_side!(self, side => side.claims(at, name, limit), side.claims(at, name, limit).await)
    }

    /// The tables of records, by name.
    pub(super) async fn tables(&mut self) -> Result<Vec<Table>, Error> {
        let mut tables = on_side!(self, side => side.tables(), side.tables().await)?;
        tables.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        Ok(tables)
    }

    /// The newest position.
    pub(super) async fn newest(&mut self) -> Result<i64, Error> {
        on_side!(self, side => side.newest(), side.newest().await)
    }

    /// Begins to read a table. One is read at a time, to its end.
    pub(super) async fn open(&mut self, table: &Table) -> Result<(), Error> {
        on_side!(self, side => side.open(table), side.open(table).await)
    }

    /// The next rows of it, in the order of insertion; none at its end.
    pub(super) async fn next(&mut self) -> Result<Vec<Row>, Error> {
        on_side!(self, side => side.next(), side.next().await)
    }

    /// What has changed after a position, in order: up to `limit` changes, but all of them while the database is held or
    /// frozen. [`Error::Gone`] when the log does not reach back so far.
    pub(super) async fn changed(&mut self, after: i64, limit: usize) -> Result<Vec<Change>, Error> {
        on_side!(self, side => side.changed(after, limit), side.changed(after, limit).await)
    }

    /// Those records that are there; none of a table that is not.
    pub(super) async fn rows(&mut self, table: &Table, ids: &[Arc<str>]) -> Result<Vec<Row>, Error> {
        on_side!(self, side => side.rows(table, ids), side.rows(table, ids).await)
    }

    /// From now on, one moment of the database is read.
    pub(super) async fn freeze(&mut self) -> Result<(), Error> {
        on_side!(self, side => side.freeze(), side.freeze().await)
    }

    /// Ends that.
    pub(super) async fn thaw(&mut self) -> Result<(), Error> {
        on_side!(self, side => side.thaw(), side.thaw().await)
    }

    /// Holds all writers out: they wait. [`Error::Busy`] or [`Error::Met`] when that takes longer than `wait`.
    pub(super) async fn hold(&mut self, wait: Duration) -> Result<(), Error> {
        on_side!(self, side => side.hold(), side.hold(wait).await)
    }

    /// Lets them in again.
    pub(super) async fn release(&mut self) {
        on_side!(self, side => side.release(), side.release().await);
    }

    /// Ends the hold so that nobody writes here any more: see `moving`.
    pub(super) async fn leave(&mut self, to: &str) -> Result<(), Error> {
        on_side!(self, side => side.leave(to), side.leave(to).await)
    }
}
