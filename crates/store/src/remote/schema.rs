//! Our tables on a server, and the statements on tables, views and settings.
//!
//! # Format 1
//!
//! - `meta(name, value)`: settings of the whole database (`setting.NAME`), the view of each table (`view.TABLE`), names to
//!   be alone with (`alone.NAME`), and `format`.
//! - `change(write_id, i, pos, seq, epoch, tbl, record, kind, at)`: the change log. A write adds its changes, numbered by
//!   `i`, in its own transaction, with `pos` NULL and `seq` counted up by the server (with holes; of one record it grows in the
//!   order of commits, because the record is locked when it is taken). `pos` is given afterwards, in the order in which
//!   changes have become visible: see `log`. The key refuses a write that is done twice.
//!   In a database that was left it is called `change_moved`, so that nobody writes to it any more: see `moving`.
//! - `gone(write_id, i, tbl, record, rev, shape, body)`: deleted records as they last were, as long as their change.
//! - `head(id, pos)`: one row, the newest position; who holds its lock gives out positions.
//! - `once(name, fingerprint, write_id, at, answer)`: the keys of writes that are done once: see `once`.
//! - `idx(name, tbl, …)`: the indexes that are wanted and how far they are: see `indexes`.
//! - `r_TABLE(id, rev, shape, n, body)`: the records of a table. `rev` grows with every write of a record; `n` is the order
//!   of insertion.
//!
//! Every table has a key, and no transaction of ours locks more than the records it writes, but for `head`'s row.

use crate::dialect::{mariadb, postgres};
use crate::error::Error;
use crate::query::View;
use crate::remote::words::{self, Kind, name, text};
use crate::remote::{Link, Remote};
use crate::row::Table;

/// The format that this program writes and the newest that it knows.
const FORMAT: i64 = 1;
/// Tries to make the tables: several servers may be at it at once.
const TRIES: u32 = 5;

const POSTGRES: [&str; 9] = [
    "CREATE TABLE IF NOT EXISTS meta(name text COLLATE \"C\" PRIMARY KEY, value text NOT NULL)",
    "CREATE SEQUENCE IF NOT EXISTS change_seq",
    "CREATE TABLE IF NOT EXISTS change(
        write_id text COLLATE \"C\" NOT NULL, i int NOT NULL, pos bigint UNIQUE,
        seq bigint NOT NULL DEFAULT nextval('change_seq'), epoch bigint NOT NULL, tbl text COLLATE \"C\" NOT NULL,
        record text COLLATE \"C\" NOT NULL, kind text NOT NULL, at bigint NOT NULL, PRIMARY KEY(write_id, i))",
    "CREATE TABLE IF NOT EXISTS gone(
        write_id text COLLATE \"C\" NOT NULL, i int NOT NULL, tbl text COLLATE \"C\" NOT NULL,
        record text COLLATE \"C\" NOT NULL, rev bigint NOT NULL, shape bigint NOT NULL, body json NOT NULL,
        PRIMARY KEY(tbl, record, write_id, i))",
    "CREATE TABLE IF NOT EXISTS head(id int PRIMARY KEY, pos bigint NOT NULL)",
    "CREATE TABLE IF NOT EXISTS idx(
        name text COLLATE \"C\" PRIMARY KEY, tbl text COLLATE \"C\" NOT NULL, state text NOT NULL,
        definition text NOT NULL, note text NOT NULL, owner text NOT NULL, until bigint NOT NULL)",
    "CREATE TABLE IF NOT EXISTS once(
        name text COLLATE \"C\" PRIMARY KEY, fingerprint text NOT NULL, write_id text NOT NULL, at bigint NOT NULL,
        answer text NOT NULL)",
    "CREATE INDEX IF NOT EXISTS once_at ON once(at)",
    "INSERT INTO head(id, pos) VALUES (1, 0) ON CONFLICT DO NOTHING",
];

/// `seq` is no sequence's default: with prepared statements that takes MariaDB 10.11.19 down once tables are opened anew.
const MARIADB: [&str; 7] = [
    "CREATE TABLE IF NOT EXISTS meta(
        name VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin PRIMARY KEY, value LONGTEXT NOT NULL)
        ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin",
    "CREATE TABLE IF NOT EXISTS \"change\"(
        write_id VARCHAR(40) NOT NULL, i INT NOT NULL, pos BIGINT UNIQUE, seq BIGINT NOT NULL AUTO_INCREMENT UNIQUE,
        epoch BIGINT NOT NULL, tbl VARCHAR(100) NOT NULL, record VARCHAR(100) NOT NULL, kind VARCHAR(10) NOT NULL,
        at BIGINT NOT NULL, PRIMARY KEY(write_id, i))
        ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin",
    "CREATE TABLE IF NOT EXISTS gone(
        write_id VARCHAR(40) NOT NULL, i INT NOT NULL, tbl VARCHAR(100) NOT NULL, record VARCHAR(100) NOT NULL,
        rev BIGINT NOT NULL, shape BIGINT NOT NULL, body LONGTEXT NOT NULL, PRIMARY KEY(tbl, record, write_id, i))
        ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin",
    "CREATE TABLE IF NOT EXISTS head(id INT PRIMARY KEY, pos BIGINT NOT NULL) ENGINE=InnoDB",
    "CREATE TABLE IF NOT EXISTS idx(
        name VARCHAR(200) PRIMARY KEY, tbl VARCHAR(100) NOT NULL, state VARCHAR(20) NOT NULL, definition LONGTEXT NOT NULL,
        note LONGTEXT NOT NULL, owner VARCHAR(40) NOT NULL, until BIGINT NOT NULL)
        ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin",
    "CREATE TABLE IF NOT EXISTS once(
        name VARCHAR(100) PRIMARY KEY, fingerprint VARCHAR(100) NOT NULL, write_id VARCHAR(40) NOT NULL,
        at BIGINT NOT NULL, answer LONGTEXT NOT NULL, INDEX once_at(at))
        ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin",
    "INSERT IGNORE INTO head(id, pos) VALUES (1, 0)",
];

impl Remote {
    /// Makes our tables where they are missing; refuses those of a newer program.
    pub(super) async fn make(&self) -> Result<(), Error> {
        if let Some(to) = self.left().await? {
            return Err(Error::Moved { to });
        }
        let mut tries = 1;
        while let Err(error) = self.try_make().await {
            if tries == TRIES || matches!(error, Error::Newer { .. }) {
                return Err(error);
            }
            tries += 1;
        }
        Ok(())
    }

    async fn try_make(&self) -> Result<(), Error> {
        let mut link = self.pool.take().await?;
        let statements: &[&str] = self.kind.either(&POSTGRES, &MARIADB);
        for statement in statements {
            link.run(statement).await?;
        }
        // the last one is no definition
        if self.kind == Kind::MariaDb {
            link.commit().await?;
        }
        let found = setting_of(&mut link, self.kind, "format").await?;
        match found.and_then(|format| format.parse::<i64>().ok()) {
            None => {
                drop(link);
                let format = FORMAT.to_string();
                self.aside(async |link: &mut Link| put(link, self.kind, "format", &format).await).await
            }
            Some(found) if found > FORMAT => {
                Err(Error::Newer { path: self.pool.server().to_string(), found, known: FORMAT })
            }
            Some(_) => Ok(()),
        }
    }
}

/// The definition of a table of records.
pub(super) fn create_table(kind: Kind, table: &Table) -> String {
    let quoted = words::quoted(table);
    kind.either(
        format!(
            "CREATE TABLE IF NOT EXISTS {quoted}(id text COLLATE \"C\" PRIMARY KEY, rev bigint NOT NULL, \
             shape bigint NOT NULL, n bigint GENERATED ALWAYS AS IDENTITY, body json NOT NULL)"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS {quoted}(id VARCHAR(100) PRIMARY KEY, rev BIGINT NOT NULL, \
             shape BIGINT NOT NULL, n BIGINT NOT NULL AUTO_INCREMENT UNIQUE, body LONGTEXT NOT NULL) \
             ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin"
        ),
    )
}

/// Keeps a row of `meta`.
pub(super) async fn put(link: &mut Link, kind: Kind, key: &str, value: &str) -> Result<(), Error> {
    let sql = kind.either(
        "INSERT INTO meta(name, value) VALUES (?t, ?t) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        "INSERT INTO meta(name, value) VALUES (?t, ?t) ON DUPLICATE KEY UPDATE value = VALUES(value)",
    );
    link.execute(&kind.sql(sql, vec![text(key), text(value)])).await.map(drop)
}

/// Makes a row of `meta` if it is not there, and waits to be alone with it.
pub(super) async fn lock(link: &mut Link, kind: Kind, key: &str) -> Result<(), Error> {
    let made = kind.either(
        "INSERT INTO meta(name, value) VALUES (?t, '') ON CONFLICT (name) DO NOTHING",
        "INSERT IGNORE INTO meta(name, value) VALUES (?t, '')",
    );
    link.execute(&kind.sql(made, vec![text(key)])).await?;
    let locked = "SELECT value FROM meta WHERE name = ?t FOR UPDATE";
    link.query(&kind.sql(locked, vec![text(key)])).await.map(drop)
}

async fn setting_of(link: &mut Link, kind: Kind, key: &str) -> Result<Option<String>, Error> {
    let found = link.query(&kind.sql("SELECT value FROM meta WHERE name = ?t", vec![text(key)])).await?;
    Ok(super::first_text(&found))
}

/// Makes or replaces the view of a table, or drops it: see the embedded engine's.
pub(super) async fn set_view(
    link: &mut Link,
    kind: Kind,
    table: &Table,
    view: Option<&View>,
) -> Result<(), Error> {
    let key = format!("view.{table}");
    let wanted = view.map(|view| definition(kind, table, view)).transpose()?;
    if let Some(old) = setting_of(link, kind, &key).await? {
        let (old_name, old_definition) = old.split_once('\n').unwrap_or((&old, ""));
        if view.is_some_and(|view| view.name == old_name) && wanted.as_deref() == Some(old_definition) {
            return Ok(());
        }
        link.run(&format!("DROP VIEW IF EXISTS {}", name(old_name))).await?;
        link.execute(&kind.sql("DELETE FROM meta WHERE name = ?t", vec![text(&key)])).await?;
    }
    let (Some(view), Some(wanted)) = (view, wanted) else { return Ok(()) };
    for free in [view.name.clone(), format!("v_{}", view.name)] {
        if is_free(link, kind, &free).await? {
            let view = View { name: free, columns: view.columns.clone() };
            link.run(&definition(kind, table, &view)?).await?;
            return put(link, kind, &key, &format!("{}\n{wanted}", view.name)).await;
        }
    }
    Ok(())
}

fn definition(kind: Kind, table: &Table, view: &View) -> Result<String, Error> {
    match kind {
        Kind::Postgres => Ok(postgres::create_view(table, view)?),
        Kind::MariaDb => Ok(mariadb::create_view(table, view)?),
    }
}

async fn is_free(link: &mut Link, kind: Kind, wanted: &str) -> Result<bool, Error> {
    let is_ours = wanted.to_ascii_lowercase().starts_with("r_");
    let schema = kind.either("current_schema()", "database()");
    let sql = format!(
        "SELECT count(*) FROM information_schema.tables WHERE table_schema = {schema} AND lower(table_name) = lower(?t)"
    );
    // longer names than a server takes
    Ok(!is_ours
        && wanted.len() <= 60
        && super::first_int(&link.query(&kind.sql(&sql, vec![text(wanted)])).await?) == 0)
}
