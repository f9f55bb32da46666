//! Statements on the keys of writes that are done once.
//!
//! Older programs make databases without the table and pass it over where it is, so the format's number is the same.

use base::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use crate::once::{Earlier, Once};

/// The table. Rows come in the order of time, so the oldest are found without an index.
pub(super) const SCHEMA: &str = "
    CREATE TABLE once(
        name TEXT PRIMARY KEY NOT NULL, fingerprint TEXT NOT NULL, write_id TEXT NOT NULL, at INTEGER NOT NULL,
        answer TEXT NOT NULL
    ) STRICT;";

/// Makes the table in a database that an older program has made.
pub(super) fn add(db: &Connection) -> rusqlite::Result<()> {
    if is_there(db)? {
        return Ok(());
    }
    let tx = Transaction::new_unchecked(db, TransactionBehavior::Immediate)?;
    if !is_there(&tx)? {
        move_view(&tx)?;
        tx.execute_batch(SCHEMA)?;
    }
    tx.commit()
}

fn is_there(db: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'once')";
    db.query_row(sql, [], |row| row.get(0))
}

/// A collection named `once` may have a view in the table's place: the view becomes `v_once`, as it would be called were
/// it made now, or goes when that name is taken too.
fn move_view(db: &Connection) -> rusqlite::Result<()> {
    let sql = "SELECT name, sql FROM sqlite_master WHERE type = 'view' AND lower(name) = 'once'";
    let found = db.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let Some((name, sql)): Option<(String, String)> = found else { return Ok(()) };
    db.execute_batch(&format!("DROP VIEW \"{name}\""))?;
    let taken = "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE lower(name) = 'v_once')";
    if db.query_row(taken, [], |row| row.get(0))? {
        return db.execute("DELETE FROM meta WHERE name LIKE 'view.%' AND value = ?1", [&name]).map(drop);
    }
    db.execute_batch(&sql.replacen(&format!("\"{name}\""), &format!("\"v_{name}\""), 1))?;
    let sql = "UPDATE meta SET value = 'v_' || value WHERE name LIKE 'view.%' AND value = ?1";
    db.execute(sql, [&name]).map(drop)
}

/// What was done under a key after a moment.
pub(crate) fn find(db: &Connection, key: &str, after: i64) -> rusqlite::Result<Option<Earlier>> {
    let sql = "SELECT fingerprint, answer FROM once WHERE name = ?1 AND at > ?2";
    let mut statement = db.prepare_cached(sql)?;
    let earlier = |row: &rusqlite::Row<'_>| Ok(Earlier { fingerprint: row.get(0)?, answer: row.get(1)? });
    statement.query_row(params![key, after], earlier).optional()
}

/// Claims a key that is free, or whose claim counts no longer.
pub(super) fn claim(db: &Connection, once: &Once, write: &str, at: Timestamp) -> rusqlite::Result<()> {
    let sql =
        "INSERT OR REPLACE INTO once(name, fingerprint, write_id, at, answer) VALUES (?1, ?2, ?3, ?4, '')";
    db.prepare_cached(sql)?.execute(params![once.key, once.fingerprint, write, at.0]).map(drop)
}

/// Keeps the answer of a claimed write.
pub(super) fn keep(db: &Connection, key: &str, answer: &str) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE once SET answer = ?2 WHERE name = ?1")?.execute([key, answer]).map(drop)
}

/// Deletes up to `step` of the oldest claims that count no longer. True when there may be more of them.
pub(super) fn trim(db: &Connection, until: i64, step: u64) -> rusqlite::Result<bool> {
    let oldest = "SELECT at FROM once ORDER BY rowid LIMIT 1";
    let oldest: Option<i64> = db.prepare_cached(oldest)?.query_row([], |row| row.get(0)).optional()?;
    if oldest.is_none_or(|at| at > until) {
        return Ok(false);
    }
    let step = i64::try_from(step).unwrap_or(i64::MAX);
    let sql = "DELETE FROM once WHERE at <= ?1 AND rowid IN (SELECT rowid FROM once ORDER BY rowid LIMIT ?2)";
    let count = db.prepare_cached(sql)?.execute([until, step])?;
    Ok(i64::try_from(count).is_ok_and(|count| count == step))
}
