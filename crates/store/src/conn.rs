//! Reading and writing through one connection.
//!
//! The methods are `async` because other engines wait on a network; the embedded one answers in place, and a read that
//! takes longer than `Config::read_steps_max` steps is done again in the slow lane, away from the request threads.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use crate::change::{Change, Position};
use crate::error::Error;
use crate::query::{Index, Select, View};
use crate::row::{Row, Table};

/// A connection for reading: all its reads see one state of the database only inside a [`Tx`].
pub struct Conn {
    _private: (),
}

impl Conn {
    /// A record by id.
    pub async fn get(&mut self, _table: &Table, _id: &str) -> Result<Option<Row>, Error> {
        todo!()
    }

    /// The rows of a selection.
    pub async fn select(&mut self, _select: &Select) -> Result<Vec<Row>, Error> {
        todo!()
    }

    /// How many rows a selection has, without its limit and offset.
    pub async fn count(&mut self, _select: &Select) -> Result<u64, Error> {
        todo!()
    }

    /// Whether a selection has a row.
    pub async fn exists(&mut self, _select: &Select) -> Result<bool, Error> {
        todo!()
    }

    /// Up to `limit` changes after a position.
    pub async fn changes(&mut self, _after: Position, _limit: usize) -> Result<Vec<Change>, Error> {
        todo!()
    }

    /// A setting of the whole database, such as a signing secret.
    pub async fn setting(&mut self, _name: &str) -> Result<Option<String>, Error> {
        todo!()
    }
}

/// A transaction of the writer. What it wrote is seen by its own reads; it is committed when its closure ends well.
/// Each write of a record adds its row to the change log.
pub struct Tx {
    conn: Conn,
}

impl Deref for Tx {
    type Target = Conn;
    fn deref(&self) -> &Conn {
        &self.conn
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Conn {
        &mut self.conn
    }
}

impl Tx {
    /// Adds a record; gives its row with the version set. [`Error::Unique`] when an index or the id refuses.
    pub async fn insert(&mut self, _table: &Table, _id: &str, _shape: i64, _body: String) -> Result<Arc<Row>, Error> {
        todo!()
    }

    /// Replaces a record's body; `None` when there is no such record.
    pub async fn update(&mut self, _table: &Table, _id: &str, _shape: i64, _body: String) -> Result<Option<Arc<Row>>, Error> {
        todo!()
    }

    /// Deletes a record; gives it as it last was.
    pub async fn delete(&mut self, _table: &Table, _id: &str) -> Result<Option<Arc<Row>>, Error> {
        todo!()
    }

    /// Makes a table of records; nothing happens when it is there.
    pub async fn create_table(&mut self, _table: &Table) -> Result<(), Error> {
        todo!()
    }

    /// Drops a table with all its records; its records' changes are not logged one by one.
    pub async fn drop_table(&mut self, _table: &Table) -> Result<(), Error> {
        todo!()
    }

    /// Deletes all records of a table without logging them one by one.
    pub async fn truncate_table(&mut self, _table: &Table) -> Result<(), Error> {
        todo!()
    }

    /// Makes the indexes of a table be exactly these: makes those that are missing, drops the others, leaves the rest.
    /// [`Error::Unique`] with the index's name when the data do not fit it.
    pub async fn set_indexes(&mut self, _table: &Table, _indexes: &[Index]) -> Result<(), Error> {
        todo!()
    }

    /// Makes or replaces the readable view of a table; `None` drops it.
    pub async fn set_view(&mut self, _table: &Table, _view: Option<&View>) -> Result<(), Error> {
        todo!()
    }

    /// Keeps a setting of the whole database.
    pub async fn set_setting(&mut self, _name: &str, _value: &str) -> Result<(), Error> {
        todo!()
    }
}
