//! Statements on the change log.

use std::collections::HashMap;
use std::sync::Arc;

use base::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::change::{Change, ChangeKind, Entry, Position};
use crate::row::{Row, Table};
use crate::sqlite::rows;

/// Bytes of bodies after which one reading of the log ends early.
const READ_BYTES_MAX: usize = 4 << 20;

/// The newest position; 0 when nothing was ever written.
pub(crate) fn newest(db: &Connection) -> rusqlite::Result<i64> {
    db.prepare_cached("SELECT coalesce(max(seq), 0) FROM change")?.query_row([], |row| row.get(0))
}

/// Adds a change to the log.
pub(crate) fn append(db: &Connection, change: &Change) -> rusqlite::Result<()> {
    let sql = "INSERT INTO change(seq, epoch, write_id, tbl, record, kind, at, rev, shape, body)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    let last = change.row.as_ref().filter(|_| change.kind == ChangeKind::Delete);
    db.prepare_cached(sql)?
        .execute(params![
            change.position.0,
            change.epoch,
            &*change.write,
            &*change.table,
            &*change.record,
            change.kind.word(),
            change.at.0,
            last.map(|row| row.rev),
            last.map(|row| row.shape),
            last.map(|row| &row.body),
        ])
        .map(drop)
}

/// Reads changes after a position, each with its record as it is by now or as it last was.
pub(crate) fn after(db: &Connection, after: i64, limit: usize) -> rusqlite::Result<Entry> {
    if !db.is_autocommit() {
        return read(db, after, limit);
    }
    // the log and the records must be of one moment
    let moment = db.unchecked_transaction()?;
    let entry = read(&moment, after, limit)?;
    moment.commit()?;
    Ok(entry)
}

fn read(db: &Connection, after: i64, limit: usize) -> rusqlite::Result<Entry> {
    let ends =
        "SELECT coalesce((SELECT min(seq) FROM change), 1), coalesce((SELECT max(seq) FROM change), 0)";
    let (oldest, newest): (i64, i64) =
        db.prepare_cached(ends)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if after > newest || after + 1 < oldest {
        return Ok(Entry::Gone);
    }
    let sql = "SELECT seq, epoch, write_id, tbl, record, kind, at, rev, shape, body
               FROM change WHERE seq > ?1 ORDER BY seq LIMIT ?2";
    let mut statement = db.prepare_cached(sql)?;
    let mut found = statement.query(params![after, i64::try_from(limit).unwrap_or(i64::MAX)])?;
    let (mut changes, mut records, mut bytes) = (Vec::new(), Records::new(db), 0);
    while let Some(row) = found.next()? {
        let mut change = entry(row)?;
        change.row = records.newest(&change)?;
        bytes += change.row.as_ref().map_or(0, |row| row.body.len());
        changes.push(change);
        if bytes > READ_BYTES_MAX {
            break;
        }
    }
    Ok(Entry::Changes(changes))
}

fn entry(row: &rusqlite::Row<'_>) -> rusqlite::Result<Change> {
    let text = |index| row.get_ref(index).and_then(|v| Ok(Arc::<str>::from(v.as_str()?)));
    let record = text(4)?;
    let kind = ChangeKind::of(row.get_ref(5)?.as_str()?);
    let last = match (kind, row.get::<_, Option<String>>(9)?) {
        (ChangeKind::Delete, Some(body)) => {
            Some(Arc::new(Row { id: record.to_string(), rev: row.get(7)?, shape: row.get(8)?, body }))
        }
        _ => None,
    };
    Ok(Change {
        position: Position(row.get(0)?),
        epoch: row.get(1)?,
        write: text(2)?,
        table: text(3)?,
        record,
        kind,
        at: Timestamp(row.get(6)?),
        row: last,
    })
}

/// A record: its table and its id.
type Key = (Arc<str>, Arc<str>);

/// Looks records up for the log, each once.
struct Records<'a> {
    db: &'a Connection,
    tables: HashMap<Arc<str>, Option<Table>>,
    found: HashMap<Key, Option<Arc<Row>>>,
}

impl<'a> Records<'a> {
    fn new(db: &'a Connection) -> Records<'a> {
        Records { db, tables: HashMap::new(), found: HashMap::new() }
    }

    /// The record of a change as it is now; else as its newest delete left it; none of a dropped table.
    fn newest(&mut self, change: &Change) -> rusqlite::Result<Option<Arc<Row>>> {
        let key = (Arc::clone(&change.table), Arc::clone(&change.record));
        if let Some(known) = self.found.get(&key) {
            return Ok(known.clone());
        }
        let row = match self.table(&change.table)? {
            None => None,
            Some(table) => match rows::get(self.db, &table, &change.record)? {
                Some(row) => Some(Arc::new(row)),
                None => self.last(change)?,
            },
        };
        self.found.insert(key, row.clone());
        Ok(row)
    }

    fn table(&mut self, name: &Arc<str>) -> rusqlite::Result<Option<Table>> {
        if let Some(known) = self.tables.get(name) {
            return Ok(known.clone());
        }
        let sql = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'r_' || ?1";
        let table = self.db.prepare_cached(sql)?.exists([name])?.then(|| Table::new(name));
        self.tables.insert(Arc::clone(name), table.clone());
        Ok(table)
    }

    fn last(&self, change: &Change) -> rusqlite::Result<Option<Arc<Row>>> {
        let sql = "SELECT rev, shape, body FROM change
                   WHERE tbl = ?1 AND record = ?2 AND kind = 'delete' ORDER BY seq DESC LIMIT 1";
        let mut statement = self.db.prepare_cached(sql)?;
        let row = statement.query_row([&change.table, &change.record], |row| {
            Ok(Row { id: change.record.to_string(), rev: row.get(0)?, shape: row.get(1)?, body: row.get(2)? })
        });
        Ok(row.optional()?.map(Arc::new))
    }
}

/// Deletes up to `step` of the oldest changes, so that at least `keep` stay, and the newest in any case. True when there
/// is more to trim.
pub(crate) fn trim(db: &Connection, keep: u64, step: u64) -> rusqlite::Result<bool> {
    let ends =
        "SELECT coalesce((SELECT min(seq) FROM change), 0), coalesce((SELECT max(seq) FROM change), 0)";
    let (oldest, newest): (i64, i64) =
        db.prepare_cached(ends)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let keep = i64::try_from(keep.max(1)).unwrap_or(i64::MAX);
    let step = i64::try_from(step).unwrap_or(i64::MAX);
    let first_kept = newest.saturating_sub(keep - 1);
    if oldest >= first_kept {
        return Ok(false);
    }
    let until = first_kept.min(oldest.saturating_add(step));
    db.prepare_cached("DELETE FROM change WHERE seq < ?1")?.execute([until])?;
    Ok(until < first_kept)
}
