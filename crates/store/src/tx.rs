//! Writing: a transaction in which each write of a record adds its row to the change log.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use crate::conn::{Conn, Way};
use crate::error::Error;
use crate::moving::{Claim, Manner};
use crate::once::{Earlier, Once};
use crate::query::{Index, View};
use crate::remote;
use crate::row::{Row, Table};
use crate::sqlite;

/// A transaction. What it wrote is seen by its own reads; it is committed when its closure ends well. A record that it
/// reads by id stays as it is until the end: no other transaction changes it meanwhile.
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

/// The same call on the transaction of whichever engine it is.
macro_rules! on_engine {
    ($self:ident, $tx:ident => $embedded:expr, $remote:expr) => {
        match &mut $self.conn.way {
            Way::Embedded($tx) => $embedded,
            Way::Remote($tx) => $remote,
            Way::EmbeddedReader(_) | Way::RemoteReader(_) => {
                unreachable!("a transaction is made over a writer")
            }
        }
    };
}

impl Tx {
    /// Adds a record; gives its row with the version set. [`Error::Unique`] when an index or the id refuses.
    pub async fn insert(
        &mut self,
        table: &Table,
        id: &str,
        shape: i64,
        body: String,
    ) -> Result<Arc<Row>, Error> {
        on_engine!(self, tx => tx.insert(table, id, shape, body), tx.insert(table, id, shape, body).await)
    }

    /// Replaces a record's body; `None` when there is no such record.
    pub async fn update(
        &mut self,
        table: &Table,
        id: &str,
        shape: i64,
        body: String,
    ) -> Result<Option<Arc<Row>>, Error> {
        on_engine!(self, tx => tx.update(table, id, shape, body), tx.update(table, id, shape, body).await)
    }

    /// Deletes a record; gives it as it last was.
    pub async fn delete(&mut self, table: &Table, id: &str) -> Result<Option<Arc<Row>>, Error> {
        on_engine!(self, tx => tx.delete(table, id), tx.delete(table, id).await)
    }

    /// Whether a record is there; if so, it stays until the end of this transaction, though others may change it.
    pub async fn keeps(&mut self, table: &Table, id: &str) -> Result<bool, Error> {
        on_engine!(self, tx => Ok(tx.get(table, id)?.is_some()), tx.keeps(table, id).await)
    }

    /// Waits until no other transaction is alone with this name, then is alone with it to its end: for checks that no
    /// single record can answer. A record is made of each name; let there be few.
    pub async fn alone(&mut self, name: &'static str) -> Result<(), Error> {
        // the embedded engine has one writer
        on_engine!(self, _tx => Ok(()), _tx.alone(name).await)
    }

    /// Sets a mark, for a closure that goes on after a write was refused: see [`back_to_mark`](Tx::back_to_mark).
    pub async fn mark(&mut self) -> Result<(), Error> {
        // the embedded engine undoes a refused statement alone
        on_engine!(self, _tx => Ok(()), _tx.mark().await)
    }

    /// Goes on from the newest mark after an index has refused a write: nothing but the refused write may lie between.
    pub async fn back_to_mark(&mut self) -> Result<(), Error> {
        on_engine!(self, _tx => Ok(()), _tx.back_to_mark().await)
    }

    /// Claims the key of this write, or gives what was done under it before: then whoever asked ends the write without
    /// doing it. Waits for a write with the same key that is under way; [`Error::Pending`] when that takes too long. Asked
    /// first in a write, it has locked nothing else while it waits.
    pub async fn once(&mut self, once: &Once) -> Result<Option<Earlier>, Error> {
        on_engine!(self, tx => tx.once(once), tx.once(once).await)
    }

    /// Keeps the answer of this write under the key that it has claimed.
    pub async fn keep_answer(&mut self, key: &str, answer: &str) -> Result<(), Error> {
        on_engine!(self, tx => tx.keep_answer(key, answer), tx.keep_answer(key, answer).await)
    }

    /// Makes a table of records; nothing happens when it is there.
    pub async fn create_table(&mut self, table: &Table) -> Result<(), Error> {
        on_engine!(self, tx => tx.create_table(table), tx.create_table(table).await)
    }

    /// Drops a table with all its records; its records' changes are not logged one by one.
    pub async fn drop_table(&mut self, table: &Table) -> Result<(), Error> {
        on_engine!(self, tx => tx.drop_table(table), tx.drop_table(table).await)
    }

    /// Deletes all records of a table without logging them one by one.
    pub async fn truncate_table(&mut self, table: &Table) -> Result<(), Error> {
        on_engine!(self, tx => tx.truncate_table(table), tx.truncate_table(table).await)
    }

    /// Makes the indexes of a table be exactly these: makes those that are missing, drops the others, leaves the rest.
    /// An index is known by its name. [`Error::Unique`] with the index's name when the data do not fit it: the write must
    /// then end with that error, since some of the indexes may have been made or dropped.
    ///
    /// On a server the indexes are built after the commit, while others write: see [`Store::settle`](crate::Store::settle).
    /// Those of a table that this write has made are built at once, so that they come before its records: MariaDB would wait
    /// for the end of a write that has put some there.
    pub async fn set_indexes(&mut self, table: &Table, indexes: &[Index]) -> Result<(), Error> {
        on_engine!(self, tx => tx.set_indexes(table, indexes), tx.set_indexes(table, indexes).await)
    }

    /// Makes or replaces the readable view of a table; `None` drops it. A name that is taken gets `v_` before it; when
    /// that is taken too, there is no view, and no error.
    pub async fn set_view(&mut self, table: &Table, view: Option<&View>) -> Result<(), Error> {
        on_engine!(self, tx => tx.set_view(table, view), tx.set_view(table, view).await)
    }

    /// Takes records away and writes rows as they are, without changes in the log: see `moving`.
    pub(crate) async fn put(
        &mut self,
        table: &Table,
        gone: &[Arc<str>],
        rows: &[Row],
        manner: Manner,
    ) -> Result<(), Error> {
        on_engine!(self, tx => tx.put(table, gone, rows, manner), tx.put(table, gone, rows, manner).await)
    }

    /// Keeps claims of writes, those that are there over again.
    pub(crate) async fn put_claims(&mut self, claims: &[Claim]) -> Result<(), Error> {
        on_engine!(self, tx => tx.put_claims(claims), tx.put_claims(claims).await)
    }

    /// Empties the log and lets positions begin after this one.
    pub(crate) async fn begin_at(&mut self, position: i64) -> Result<(), Error> {
        on_engine!(self, tx => tx.begin_at(position), tx.begin_at(position).await)
    }

    /// Keeps a setting of the whole database.
    pub async fn set_setting(&mut self, name: &str, value: &str) -> Result<(), Error> {
        on_engine!(self, tx => tx.set_setting(name, value), tx.set_setting(name, value).await)
    }

    pub(crate) fn embedded(tx: sqlite::Tx) -> Tx {
        Tx { conn: Conn { way: Way::Embedded(Box::new(tx)) } }
    }

    pub(crate) fn remote(tx: remote::Tx) -> Tx {
        Tx { conn: Conn { way: Way::Remote(Box::new(tx)) } }
    }

    pub(crate) fn as_embedded(&mut self) -> Option<&mut sqlite::Tx> {
        match &mut self.conn.way {
            Way::Embedded(tx) => Some(tx),
            _ => None,
        }
    }

    pub(crate) fn as_remote(&mut self) -> Option<&mut remote::Tx> {
        match &mut self.conn.way {
            Way::Remote(tx) => Some(tx),
            _ => None,
        }
    }
}
