//! The embedded engine as one side of a move: a connection of its own beside whoever serves.

use std::sync::Arc;

use rusqlite::{Connection, OpenFlags, params};

use crate::change::ChangeKind;
use crate::config::Config;
use crate::error::Error;
use crate::moving::{Change, Claim, MOVED, PAGE};
use crate::row::{Row, Table};
use crate::sqlite::{Link, Place, log, open, rows};

/// A connection that reads a whole database, and can hold it.
pub(crate) struct Side {
    link: Link,
    /// What is being read, and the last rowid that was.
    open: Option<(Table, i64)>,
}

impl Side {
    pub(super) fn new(link: Link) -> Side {
        Side { link, open: None }
    }

    pub(crate) fn settings(&self) -> Result<Vec<(String, String)>, Error> {
        self.ask(|db| {
            let sql = "SELECT substr(name, 9), value FROM meta WHERE name GLOB 'setting.*'";
            db.prepare(sql)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })
    }

    pub(crate) fn claims(&self, at: i64, name: &str, limit: usize) -> Result<Vec<Claim>, Error> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.ask(|db| {
            let sql = "SELECT name, fingerprint, write_id, at, answer FROM once WHERE (at, name) > (?1, ?2)
                       ORDER BY at, name LIMIT ?3";
            let claim = |row: &rusqlite::Row<'_>| {
                let (name, fingerprint, write) = (row.get(0)?, row.get(1)?, row.get(2)?);
                Ok(Claim { name, fingerprint, write, at: row.get(3)?, answer: row.get(4)? })
            };
            db.prepare_cached(sql)?.query_map(params![at, name, limit], claim)?.collect()
        })
    }

    pub(crate) fn tables(&self) -> Result<Vec<Table>, Error> {
        self.ask(|db| {
            let sql = "SELECT substr(name, 3) FROM sqlite_master WHERE type = 'table' AND name GLOB 'r_*'";
            db.prepare(sql)?.query_map([], |row| Ok(Table::new(row.get_ref(0)?.as_str()?)))?.collect()
        })
    }

    pub(crate) fn newest(&self) -> Result<i64, Error> {
        self.ask(log::newest)
    }

    pub(crate) fn open(&mut self, table: &Table) -> Result<(), Error> {
        self.open = Some((table.clone(), i64::MIN));
        Ok(())
    }

    pub(crate) fn next(&mut self) -> Result<Vec<Row>, Error> {
        let Some((table, after)) = self.open.clone() else { return Ok(Vec::new()) };
        let found: Vec<(i64, Row)> = self.ask(|db| {
            let sql = format!(
                "SELECT rowid, id, rev, shape, body FROM \"r_{table}\" WHERE rowid > ?1 ORDER BY rowid LIMIT {PAGE}"
            );
            let row = |row: &rusqlite::Row<'_>| {
                let (id, rev, shape, body) = (row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
                Ok((row.get(0)?, Row { id, rev, shape, body }))
            };
            db.prepare_cached(&sql)?.query_map([after], row)?.collect()
        })?;
        self.open = found.last().map(|(rowid, _)| (table, *rowid));
        Ok(found.into_iter().map(|(_, row)| row).collect())
    }

    pub(crate) fn changed(&self, after: i64, limit: usize) -> Result<Vec<Change>, Error> {
        let limit =
            if self.link.db.is_autocommit() { i64::try_from(limit).unwrap_or(i64::MAX) } else { i64::MAX };
        let found: Vec<Change> = self.ask(|db| {
            let sql = "SELECT seq, tbl, record, kind FROM change WHERE seq > ?1 ORDER BY seq LIMIT ?2";
            let change = |row: &rusqlite::Row<'_>| {
                Ok(Change {
                    position: row.get(0)?,
                    table: Arc::from(row.get_ref(1)?.as_str()?),
                    record: Arc::from(row.get_ref(2)?.as_str()?),
                    kind: ChangeKind::of(row.get_ref(3)?.as_str()?),
                })
            };
            db.prepare_cached(sql)?.query_map(params![after, limit], change)?.collect()
        })?;
        match found.first() {
            Some(first) if first.position != after + 1 => Err(Error::Gone),
            _ => Ok(found),
        }
    }

    pub(crate) fn rows(&self, table: &Table, ids: &[Arc<str>]) -> Result<Vec<Row>, Error> {
        self.ask(|db| {
            let sql = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'r_' || ?1";
            if !db.prepare_cached(sql)?.exists([table.as_str()])? {
                return Ok(Vec::new());
            }
            let found: rusqlite::Result<Vec<Option<Row>>> =
                ids.iter().map(|id| rows::get(db, table, id)).collect();
            Ok(found?.into_iter().flatten().collect())
        })
    }

    pub(crate) fn freeze(&self) -> Result<(), Error> {
        // the moment is that of the first reading
        self.run("BEGIN")?;
        self.newest().map(drop)
    }

    pub(crate) fn thaw(&self) -> Result<(), Error> {
        self.run("COMMIT")
    }

    pub(crate) fn hold(&self) -> Result<(), Error> {
        self.run("BEGIN IMMEDIATE")
    }

    pub(crate) fn release(&self) {
        if !self.link.db.is_autocommit()
            && let Err(error) = self.run("ROLLBACK")
        {
            tracing::error!("let writers in again: {}", base::error::chain(&error));
        }
    }

    pub(crate) fn leave(&self, to: &str) -> Result<(), Error> {
        self.ask(|db| rows::set_setting(db, MOVED, to))?;
        self.run("ALTER TABLE change RENAME TO change_moved")?;
        self.run("COMMIT")
    }

    fn run(&self, sql: &str) -> Result<(), Error> {
        self.ask(|db| db.execute_batch(sql))
    }

    fn ask<T>(&self, ask: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Error> {
        ask(&self.link.db).map_err(|error| self.link.place.fault(error))
    }
}

/// Where the data of a database moved that was left, in the place of the error by which that shows itself.
pub(super) fn left(db: &Connection, error: Error) -> Error {
    match error {
        Error::Moved { .. } => {
            Error::Moved { to: rows::setting(db, MOVED).ok().flatten().unwrap_or_default() }
        }
        error => error,
    }
}

/// Lets a database that was left be written to again.
pub(crate) fn come_back(config: &Config) -> Result<(), Error> {
    let place = Place { path: config.dir.join("data.db"), read_time_max: config.read_time_max };
    let db = open::connect(&place, OpenFlags::empty())?;
    db.execute_batch(&format!(
        "BEGIN IMMEDIATE; ALTER TABLE change_moved RENAME TO change;
         DELETE FROM meta WHERE name = 'setting.{MOVED}'; COMMIT"
    ))
    .map_err(|error| place.fault(error))
}
