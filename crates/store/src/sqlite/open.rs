//! Opening the database file: making it, and refusing what is not ours, newer or damaged.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::dialect::sqlite;
use crate::error::Error;
use crate::sqlite::{APPLICATION, FORMAT, Link, Place, once, side};

/// Wait between two tries while another process writes. SQLite's own waits grow to 100 ms, and would hardly ever meet the
/// short gaps that an import leaves.
const BUSY_STEP: Duration = Duration::from_millis(1);
/// Tries before a write is refused as busy: about 10 seconds.
const BUSY_TRIES: i32 = 10_000;
/// How long opening goes on while another process keeps the file busy.
const OPEN_WAIT_MAX: Duration = Duration::from_secs(10);
/// Page cache of one connection, in KiB; taken only as pages are read. The file is not mapped: measured at a million
/// records, a map saves 2 of 10 µs of a get, but it shows as gigabytes of memory, and a disk's fault becomes a SIGBUS.
const CACHE_KIB: i64 = 4_096;
/// The WAL file is cut back to this size, in bytes, once it has been written into the database.
const WAL_BYTES_KEPT: i64 = 64 << 20;
/// Pages in the WAL after which a commit writes them into the database.
const CHECKPOINT_PAGES: i64 = 2_000;
/// Prepared statements that each connection keeps.
const STATEMENTS_KEPT: usize = 128;

pub(super) const SCHEMA: &str = "
    CREATE TABLE meta(name TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE change(
        seq INTEGER PRIMARY KEY NOT NULL, epoch INTEGER NOT NULL, write_id TEXT NOT NULL, tbl TEXT NOT NULL,
        record TEXT NOT NULL, kind TEXT NOT NULL, at INTEGER NOT NULL, rev INTEGER, shape INTEGER, body TEXT
    ) STRICT;
    CREATE INDEX change_deleted ON change(tbl, record, seq) WHERE kind = 'delete';";

/// Opens the database file for the writer, making it when it is missing. Another process may be at that too: SQLite then
/// refuses the change to WAL at once, without waiting as it does elsewhere, so it is tried again.
pub(crate) fn prepare(place: &Arc<Place>) -> Result<Link, Error> {
    let until = Instant::now() + OPEN_WAIT_MAX;
    loop {
        match try_prepare(place) {
            Err(Error::Busy) if Instant::now() < until => std::thread::sleep(BUSY_STEP),
            done => return done,
        }
    }
}

fn try_prepare(place: &Arc<Place>) -> Result<Link, Error> {
    let db = connect(place, OpenFlags::SQLITE_OPEN_CREATE)?;
    let is_ours = check(&db, place)?;
    if !is_ours {
        make(&db).map_err(|e| place.fault(e))?;
        check(&db, place)?;
        sync_folder(&place.path)?;
    }
    tune_writer(&db).and_then(|()| once::add(&db)).map_err(|e| place.fault(e))?;
    Link::new(db, Arc::clone(place))
}

/// A further connection, for reading.
pub(super) fn reader(place: &Arc<Place>) -> Result<Link, Error> {
    let db = connect(place, OpenFlags::empty())?;
    db.pragma_update(None, "query_only", true).map_err(|e| place.fault(e))?;
    Link::new(db, Arc::clone(place))
}

pub(super) fn connect(place: &Place, more: OpenFlags) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | more;
    let mut db = Connection::open_with_flags(&place.path, flags).map_err(|e| place.fault(e))?;
    tune(&mut db).map_err(|e| place.fault(e))?;
    db.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    Ok(db)
}

fn tune(db: &mut Connection) -> rusqlite::Result<()> {
    sqlite::prepare_connection(db)?;
    // else SQLite prepares a statement again whenever a LIMIT is bound anew: a fifth of the CPU of a list
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    db.busy_handler(Some(|tries| {
        std::thread::sleep(BUSY_STEP);
        tries < BUSY_TRIES
    }))?;
    db.pragma_update(None, "foreign_keys", false)?;
    db.pragma_update(None, "temp_store", "MEMORY")?;
    db.pragma_update(None, "cache_size", -CACHE_KIB)
}

fn tune_writer(db: &Connection) -> rusqlite::Result<()> {
    let mode: String = db.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    debug_assert_eq!(mode, "wal");
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update_and_check(None, "wal_autocheckpoint", CHECKPOINT_PAGES, |_| Ok(()))?;
    db.pragma_update_and_check(None, "journal_size_limit", WAL_BYTES_KEPT, |_| Ok(()))
}

/// True when the file holds our database, false when it is empty.
fn check(db: &Connection, place: &Place) -> Result<bool, Error> {
    let path = || place.path.display().to_string();
    if db.is_readonly("main").map_err(|e| place.fault(e))? {
        return Err(Error::Access { path: path(), source: std::io::ErrorKind::PermissionDenied.into() });
    }
    // of one moment: another process may be making the database
    let moment = db.unchecked_transaction().map_err(|e| place.fault(e))?;
    let number = |sql| moment.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(|e| place.fault(e));
    let application = number("PRAGMA application_id")?;
    let tables = number("SELECT count(*) FROM sqlite_master")?;
    if application == 0 && tables == 0 {
        return Ok(false);
    }
    if application != APPLICATION {
        return Err(Error::Damaged { path: path() });
    }
    let found = number("PRAGMA user_version")?;
    if found > FORMAT {
        return Err(Error::Newer { path: path(), found, known: FORMAT });
    }
    number("SELECT (SELECT count(*) FROM meta) + (SELECT count(*) FROM (SELECT 1 FROM change LIMIT 1))")
        .map_err(|error| side::left(db, error))?;
    Ok(true)
}

/// Makes the empty database. Two processes may be at it at once: the second finds it made.
fn make(db: &Connection) -> rusqlite::Result<()> {
    let _: String = db.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.execute_batch("BEGIN IMMEDIATE")?;
    let made: i64 = db.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let outcome = match made {
        0 => db.execute_batch(&format!(
            "{SCHEMA} {} PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {FORMAT}; COMMIT",
            once::SCHEMA
        )),
        _ => db.execute_batch("COMMIT"),
    };
    if outcome.is_err() && !db.is_autocommit() {
        db.execute_batch("ROLLBACK")?;
    }
    outcome
}

fn sync_folder(file: &Path) -> Result<(), Error> {
    let folder = file.parent().unwrap_or(Path::new("."));
    std::fs::File::open(folder).and_then(|f| f.sync_all()).map_err(|e| Error::io(folder, e))
}
