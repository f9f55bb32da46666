//! The transaction of the embedded engine's writer.
//!
//! Several jobs share one transaction of the database. A job that fails is undone alone: by a savepoint, or, when no job
//! before it has written anything, by ending the whole transaction, which is cheaper.
//!
//! Invariant: when SQLite has ended the transaction by itself (a full disk), nothing is written until the next begins.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use base::chance;
use base::time::{Clock, Timestamp};
use rusqlite::{Connection, ffi};

use crate::change::{Change, ChangeKind, Position};
use crate::error::Error;
use crate::once::{Earlier, Once, expired};
use crate::query::{Index, View};
use crate::row::{Row, Table};
use crate::sqlite::Link;
use crate::sqlite::{log, once, rows, schema, side};

/// The epoch of a database that one process serves.
const EPOCH: i64 = 1;

/// A transaction of the writer, over the connection that it owns. What it wrote is seen by its own reads.
pub(crate) struct Tx {
    link: Link,
    clock: Clock,
    once_kept: Duration,
    writes: Writes,
    newest: i64,
    changes: Vec<Change>,
    has_written: bool,
    lost: Option<Error>,
    job: Progress,
}

/// Makes the ids of writes: a word of this process and a number.
struct Writes {
    word: String,
    count: u64,
}

/// What the job at hand has done, and where it began.
#[derive(Default)]
struct Progress {
    newest_before: i64,
    changes_before: usize,
    has_written: bool,
    has_savepoint: bool,
    /// A statement failed half-way: whatever the closure says, the job fails.
    poison: Option<Error>,
    stamp: Option<(Arc<str>, Timestamp)>,
}

impl Tx {
    /// A record by id.
    pub(crate) fn get(&self, table: &Table, id: &str) -> Result<Option<Row>, Error> {
        self.link.read(|db| rows::get(db, table, id))
    }

    /// Adds a record; gives its row with the version set. [`Error::Unique`] when an index or the id refuses.
    pub(crate) fn insert(
        &mut self,
        table: &Table,
        id: &str,
        shape: i64,
        body: String,
    ) -> Result<Arc<Row>, Error> {
        let row = Arc::new(Row { id: id.to_owned(), rev: self.newest + 1, shape, body });
        self.write(|db| rows::insert(db, table, &row))?;
        self.log(table, ChangeKind::Create, &row)?;
        Ok(row)
    }

    /// Replaces a record's body; `None` when there is no such record.
    pub(crate) fn update(
        &mut self,
        table: &Table,
        id: &str,
        shape: i64,
        body: String,
    ) -> Result<Option<Arc<Row>>, Error> {
        let row = Arc::new(Row { id: id.to_owned(), rev: self.newest + 1, shape, body });
        if !self.write(|db| rows::update(db, table, &row))? {
            return Ok(None);
        }
        self.log(table, ChangeKind::Update, &row)?;
        Ok(Some(row))
    }

    /// Deletes a record; gives it as it last was.
    pub(crate) fn delete(&mut self, table: &Table, id: &str) -> Result<Option<Arc<Row>>, Error> {
        let Some(row) = self.get(table, id)?.map(Arc::new) else { return Ok(None) };
        self.write(|db| rows::delete(db, table, id))?;
        self.log(table, ChangeKind::Delete, &row)?;
        Ok(Some(row))
    }

    /// See `Tx::once`. There is one writer: whatever has claimed the key is committed, or stands before this one in its
    /// group.
    pub(crate) fn once(&mut self, once: &Once) -> Result<Option<Earlier>, Error> {
        let (write, at) = self.stamp();
        let after = expired(at, self.once_kept);
        let earlier = self.link.read(|db| once::find(db, &once.key, after))?;
        if earlier.is_none() {
            self.write(|db| once::claim(db, once, &write, at))?;
        }
        Ok(earlier)
    }

    /// See `Tx::keep_answer`.
    pub(crate) fn keep_answer(&mut self, key: &str, answer: &str) -> Result<(), Error> {
        self.write(|db| once::keep(db, key, answer))
    }

    /// Makes a table of records; nothing happens when it is there.
    pub(crate) fn create_table(&mut self, table: &Table) -> Result<(), Error> {
        self.write(|db| schema::create_table(db, table))
    }

    /// Drops a table with all its records; its records' changes are not logged one by one.
    pub(crate) fn drop_table(&mut self, table: &Table) -> Result<(), Error> {
        self.write(|db| schema::drop_table(db, table))
    }

    /// Deletes all records of a table without logging them one by one.
    pub(crate) fn truncate_table(&mut self, table: &Table) -> Result<(), Error> {
        self.write(|db| schema::truncate_table(db, table))
    }

    /// Makes the indexes of a table be exactly these: makes those that are missing, drops the others, leaves the rest.
    /// An index is known by its name. [`Error::Unique`] with the index's name when the data do not fit it: the write must
    /// then end with that error, since some of the indexes may have been made or dropped.
    pub(crate) fn set_indexes(&mut self, table: &Table, indexes: &[Index]) -> Result<(), Error> {
        self.write(|db| schema::set_indexes(db, table, indexes))
    }

    /// Makes or replaces the readable view of a table; `None` drops it. A name that is taken gets `v_` before it; when
    /// that is taken too, there is no view, and no error.
    pub(crate) fn set_view(&mut self, table: &Table, view: Option<&View>) -> Result<(), Error> {
        self.write(|db| schema::set_view(db, table, view))
    }

    /// Keeps a setting of the whole database.
    pub(crate) fn set_setting(&mut self, name: &str, value: &str) -> Result<(), Error> {
        self.write(|db| rows::set_setting(db, name, value))
    }

    pub(super) fn write<T>(
        &mut self,
        write: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        self.begin_writing()?;
        let outcome = write(&self.link.db).map_err(|e| self.link.place.fault(e));
        if let Err(error) = &outcome
            && !matches!(error, Error::Unique { .. })
        {
            self.job.poison = Some(error.again());
        }
        outcome
    }

    /// Makes sure that there is a transaction, and a way to undo this job alone.
    fn begin_writing(&mut self) -> Result<(), Error> {
        if let Some(error) = &self.job.poison {
            return Err(error.again());
        }
        if !self.is_open() {
            self.job.poison = Some(aborted());
            return Err(aborted());
        }
        if !self.job.has_written {
            self.job.has_written = true;
            if self.has_written {
                self.execute("SAVEPOINT job")?;
                self.job.has_savepoint = true;
            }
        }
        Ok(())
    }

    fn log(&mut self, table: &Table, kind: ChangeKind, row: &Arc<Row>) -> Result<(), Error> {
        let (write, at) = self.stamp();
        let change = Change {
            position: Position(self.newest + 1),
            epoch: EPOCH,
            write,
            table: table.shared(),
            record: Arc::from(row.id.as_str()),
            kind,
            at,
            row: Some(Arc::clone(row)),
        };
        self.write(|db| log::append(db, &change))?;
        self.newest += 1;
        self.changes.push(change);
        Ok(())
    }

    /// The write's id and its time, the same for all changes of a job.
    fn stamp(&mut self) -> (Arc<str>, Timestamp) {
        let (clock, writes) = (&self.clock, &mut self.writes);
        self.job.stamp.get_or_insert_with(|| (writes.next(), clock.now())).clone()
    }

    /// The writer's connection.
    pub(crate) fn link(&self) -> &Link {
        &self.link
    }

    fn execute(&self, sql: &str) -> Result<(), Error> {
        let link = self.link();
        let done = link.db.prepare_cached(sql).and_then(|mut statement| statement.execute([]));
        done.map(drop).map_err(|e| link.place.fault(e))
    }
}

/// The writer's side: transactions and jobs.
impl Tx {
    pub(crate) fn new(link: Link, clock: Clock, once_kept: Duration) -> Tx {
        Tx {
            link,
            clock,
            once_kept,
            writes: Writes { word: chance::word(10), count: 0 },
            newest: 0,
            changes: Vec::new(),
            has_written: false,
            lost: None,
            job: Progress::default(),
        }
    }

    /// Begins a transaction; gives the newest position, by whomever it was written.
    pub(crate) fn begin(&mut self) -> Result<i64, Error> {
        self.execute("BEGIN IMMEDIATE")?;
        match self.newest() {
            Ok(newest) => self.newest = newest,
            Err(error) => {
                self.roll_back();
                return Err(side::left(&self.link().db, error));
            }
        }
        self.changes.clear();
        (self.has_written, self.lost) = (false, None);
        Ok(self.newest)
    }

    /// True while the transaction goes on.
    pub(crate) fn is_open(&self) -> bool {
        !self.link().db.is_autocommit()
    }

    pub(crate) fn begin_job(&mut self) {
        let (newest_before, changes_before) = (self.newest, self.changes.len());
        self.job = Progress { newest_before, changes_before, ..Progress::default() };
    }

    /// Keeps what the job did, until the commit.
    pub(crate) fn end_job(&mut self) -> Result<(), Error> {
        if let Some(error) = self.job.poison.take() {
            return Err(error);
        }
        if !self.is_open() {
            return Err(aborted());
        }
        if self.job.has_savepoint {
            self.execute("RELEASE job")?;
        }
        self.has_written |= self.job.has_written;
        Ok(())
    }

    /// Undoes what the job did.
    pub(crate) fn undo_job(&mut self) {
        self.changes.truncate(self.job.changes_before);
        self.newest = self.job.newest_before;
        if !self.is_open() {
            self.lost = Some(self.job.poison.take().unwrap_or_else(aborted));
        } else if self.job.has_savepoint {
            let undone = self.execute("ROLLBACK TO job").and_then(|()| self.execute("RELEASE job"));
            if let Err(error) = undone {
                self.roll_back();
                self.lost = Some(error);
            }
        } else if self.job.has_written {
            self.roll_back();
        }
    }

    /// Makes everything durable; gives the changes to be published. On an error nothing of the transaction is left.
    pub(crate) fn commit(&mut self) -> Result<Vec<Change>, Error> {
        if let Some(error) = self.lost.take() {
            self.roll_back();
            return Err(error);
        }
        if self.is_open()
            && let Err(error) = self.execute("COMMIT")
        {
            self.roll_back();
            return Err(error);
        }
        Ok(mem::take(&mut self.changes))
    }

    /// Ends the transaction, if there is one, and leaves nothing of it.
    pub(crate) fn roll_back(&mut self) {
        self.changes.clear();
        if self.is_open()
            && let Err(error) = self.execute("ROLLBACK")
        {
            tracing::error!("roll back: {}", base::error::chain(&error));
        }
    }

    /// The newest position in the database.
    pub(crate) fn newest(&self) -> Result<i64, Error> {
        let link = self.link();
        log::newest(&link.db).map_err(|e| link.place.fault(e))
    }

    /// A number that is another one after another process has committed.
    pub(crate) fn data_version(&self) -> Result<i64, Error> {
        let link = self.link();
        let version = link.db.prepare_cached("PRAGMA data_version");
        version.and_then(|mut s| s.query_row([], |row| row.get(0))).map_err(|e| link.place.fault(e))
    }

    /// Trims the log, and the keys of writes, by one step; true when there is more to trim.
    pub(crate) fn trim(&self, keep: u64, step: u64) -> Result<bool, Error> {
        let link = self.link();
        let until = expired(self.clock.now(), self.once_kept);
        let more =
            log::trim(&link.db, keep, step).and_then(|more| Ok(more | once::trim(&link.db, until, step)?));
        more.map_err(|e| link.place.fault(e))
    }

    /// Writes the WAL into the database and empties it, as far as readers allow.
    pub(crate) fn checkpoint(&self) {
        let done = self.link().db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        if let Err(error) = done {
            tracing::warn!("checkpoint: {}", base::error::chain(&error));
        }
    }
}

impl Writes {
    fn next(&mut self) -> Arc<str> {
        self.count += 1;
        format!("{}{}", self.word, self.count).into()
    }
}

/// The transaction ended under the write: what SQLite does on a full disk or an I/O error.
fn aborted() -> Error {
    Error::engine(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_ABORT_ROLLBACK), None))
}
