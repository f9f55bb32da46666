//! A server as one side of a move: read table by table, frozen at a moment, and held.
//!
//! PostgreSQL is held by a transaction that locks the change log against writers; the same transaction renames it in the
//! end. MariaDB is held by a connection that has locked the change log (`LOCK TABLES`), and so may read nothing else:
//! records are read beside it, and none of them can change, since every write adds to the log before it commits.

use std::sync::Arc;
use std::time::Duration;

use crate::change::ChangeKind;
use crate::config::Config;
use crate::dialect::Sql;
use crate::error::Error;
use crate::moving::{Change, Claim, MOVED, PAGE};
use crate::query::Value;
use crate::remote::probe::has_table;
use crate::remote::words::{self, Kind, text};
use crate::remote::{Cells, Link, Pool, Remote, first_int, int, schema, string};
use crate::row::{Row, Table};

/// All changes after a position, those without one too.
const ALL_CHANGED: &str = "SELECT coalesce(pos, 0), tbl, record, kind FROM \"change\" WHERE pos > ?i OR pos IS NULL \
                           ORDER BY CASE WHEN pos IS NULL THEN 1 ELSE 0 END, pos, seq";

/// A server that is read as a whole, and can be held.
pub(crate) struct Side {
    remote: Arc<Remote>,
    stage: Stage,
    /// A connection in a transaction: of a reading on PostgreSQL, of a frozen moment, of PostgreSQL's hold.
    link: Option<Link>,
    /// MariaDB's hold.
    holder: Option<Link>,
    /// What is being read, and the last place in the order of insertion that was.
    open: Option<(Table, i64)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Free,
    Frozen,
    Held,
}

impl Side {
    pub(crate) fn new(remote: Arc<Remote>) -> Side {
        Side { remote, stage: Stage::Free, link: None, holder: None, open: None }
    }

    pub(crate) async fn settings(&mut self) -> Result<Vec<(String, String)>, Error> {
        let found =
            self.query("SELECT name, value FROM meta WHERE name LIKE 'setting.%'", Vec::new()).await?;
        let setting =
            |row: &Cells| Some((string(row, 0).strip_prefix("setting.")?.to_owned(), string(row, 1)));
        Ok(found.iter().filter_map(setting).collect())
    }

    pub(crate) async fn claims(&mut self, at: i64, name: &str, limit: usize) -> Result<Vec<Claim>, Error> {
        let sql = "SELECT name, fingerprint, write_id, at, answer FROM once WHERE at > ?i OR at = ?i AND name > ?t \
                   ORDER BY at, name LIMIT ?i";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let values = vec![Value::Int(at), Value::Int(at), text(name), Value::Int(limit)];
        let found = self.query(sql, values).await?;
        let claim = |row: &Cells| Claim {
            name: string(row, 0),
            fingerprint: string(row, 1),
            write: string(row, 2),
            at: int(row, 3),
            answer: string(row, 4),
        };
        Ok(found.iter().map(claim).collect())
    }

    pub(crate) async fn tables(&mut self) -> Result<Vec<Table>, Error> {
        let schema = self.kind().either("current_schema()", "database()");
        let sql = format!(
            "SELECT table_name FROM information_schema.tables \
             WHERE table_schema = {schema} AND table_type = 'BASE TABLE' AND table_name LIKE 'r!_%' ESCAPE '!'"
        );
        let found = self.query(&sql, Vec::new()).await?;
        Ok(found.iter().map(|row| Table::new(&string(row, 0)[2..])).collect())
    }

    pub(crate) async fn newest(&mut self) -> Result<i64, Error> {
        if self.stage == Stage::Free {
            return self.remote.newest().await;
        }
        let head = first_int(&self.query("SELECT pos FROM head WHERE id = 1", Vec::new()).await?);
        let fresh = self.log("SELECT count(*) FROM \"change\" WHERE pos IS NULL", Vec::new()).await?;
        Ok(head + first_int(&fresh))
    }

    pub(crate) async fn open(&mut self, table: &Table) -> Result<(), Error> {
        self.open = Some((table.clone(), i64::MIN));
        if self.kind() == Kind::Postgres {
            let sql = format!(
                "DECLARE reading NO SCROLL CURSOR FOR SELECT id,rev,shape,body FROM {} ORDER BY n",
                words::quoted(table)
            );
            if self.stage == Stage::Free {
                let mut link = self.remote.pool.take().await?;
                link.begin().await?;
                self.link = Some(link);
            }
            self.link()?.run(&sql).await?;
        }
        Ok(())
    }

    pub(crate) async fn next(&mut self) -> Result<Vec<Row>, Error> {
        let Some((table, after)) = self.open.clone() else { return Ok(Vec::new()) };
        match self.kind() {
            Kind::Postgres => {
                let sql = self.kind().sql(&format!("FETCH FORWARD {PAGE} FROM reading"), Vec::new());
                let rows = self.link()?.rows(&sql, usize::MAX).await?.unwrap_or_default();
                if rows.is_empty() {
                    self.open = None;
                    self.link()?.run("CLOSE reading").await?;
                    if self.stage == Stage::Free {
                        self.link()?.commit().await?;
                        self.link = None;
                    }
                }
                Ok(rows)
            }
            Kind::MariaDb => {
                let sql = format!(
                    "SELECT n,id,rev,shape,body FROM {} WHERE n > ?i ORDER BY n LIMIT {PAGE}",
                    words::quoted(&table)
                );
                let found = self.query(&sql, vec![Value::Int(after)]).await?;
                self.open = found.last().map(|row| (table, int(row, 0)));
                let row = |row: &Cells| Row {
                    id: string(row, 1),
                    rev: int(row, 2),
                    shape: int(row, 3),
                    body: string(row, 4),
                };
                Ok(found.iter().map(row).collect())
            }
        }
    }

    pub(crate) async fn changed(&mut self, after: i64, limit: usize) -> Result<Vec<Change>, Error> {
        let found = match self.stage {
            Stage::Free => {
                let newest = self.remote.newest().await?;
                let sql =
                    "SELECT pos, tbl, record, kind FROM \"change\" WHERE pos > ?i ORDER BY pos LIMIT ?i";
                let limit = i64::try_from(limit).unwrap_or(i64::MAX);
                let found = self.log(sql, vec![Value::Int(after), Value::Int(limit)]).await?;
                if found.is_empty() && newest > after {
                    return Err(Error::Gone);
                }
                found
            }
            _ => self.log(ALL_CHANGED, vec![Value::Int(after)]).await?,
        };
        match found.first() {
            Some(first) if int(first, 0) != after + 1 && int(first, 0) != 0 => Err(Error::Gone),
            _ => Ok(found.iter().map(change).collect()),
        }
    }

    pub(crate) async fn rows(&mut self, table: &Table, ids: &[Arc<str>]) -> Result<Vec<Row>, Error> {
        let (kind, mut rows) = (self.kind(), Vec::with_capacity(ids.len()));
        for ids in ids.chunks(words::LOOK_UP_MAX) {
            let (quoted, (places, values)) = (words::quoted(table), words::filled(ids));
            let sql = format!("SELECT id,rev,shape,body FROM {quoted} WHERE id IN {places}");
            let sql = kind.sql(&sql, values);
            let found = match &mut self.link {
                Some(link) => link.rows(&sql, usize::MAX).await,
                None => self.remote.pool.rows(&sql, usize::MAX).await,
            };
            match found {
                Ok(found) => rows.extend(found.unwrap_or_default()),
                // inside a transaction it would end that: `tables` is asked before
                Err(Error::NoTable) if self.link.is_none() => return Ok(rows),
                Err(error) => return Err(error),
            }
        }
        Ok(rows)
    }

    pub(crate) async fn freeze(&mut self) -> Result<(), Error> {
        let mut link = self.remote.pool.take().await?;
        match self.kind() {
            Kind::Postgres => {
                link.begin().await?;
                link.run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY").await?;
                link.query(&self.kind().sql("SELECT pos FROM head", Vec::new())).await?;
            }
            Kind::MariaDb => {
                link.run(
                    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; \
                     START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
                )
                .await?;
            }
        }
        (self.link, self.stage) = (Some(link), Stage::Frozen);
        Ok(())
    }

    pub(crate) async fn thaw(&mut self) -> Result<(), Error> {
        self.stage = Stage::Free;
        match self.link.take() {
            Some(mut link) => link.commit().await,
            None => Ok(()),
        }
    }

    /// Ends whatever was begun.
    pub(super) async fn end(&mut self) {
        self.open = None;
        self.release().await;
    }

    pub(crate) async fn hold(&mut self, wait: Duration) -> Result<(), Error> {
        let (mut link, seconds) = (self.remote.pool.take().await?, wait.as_secs().max(1));
        match self.kind() {
            Kind::Postgres => {
                link.begin().await?;
                let sql =
                    format!("SET LOCAL lock_timeout='{seconds}s'; LOCK TABLE \"change\" IN EXCLUSIVE MODE");
                if let Err(error) = link.run(&sql).await {
                    link.roll_back().await;
                    return Err(error);
                }
                self.link = Some(link);
            }
            Kind::MariaDb => {
                link.run(&format!("SET SESSION lock_wait_timeout={seconds}; LOCK TABLES \"change\" WRITE"))
                    .await?;
                self.holder = Some(link);
            }
        }
        self.stage = Stage::Held;
        Ok(())
    }

    pub(crate) async fn release(&mut self) {
        self.stage = Stage::Free;
        if let Some(mut link) = self.link.take() {
            link.roll_back().await;
        }
        if let Some(mut holder) = self.holder.take()
            && let Err(error) = holder.run("UNLOCK TABLES").await
        {
            // the connection is closed then, and the lock goes with it
            tracing::warn!("let writers in again: {}", base::error::chain(&error));
        }
    }

    pub(crate) async fn leave(&mut self, to: &str) -> Result<(), Error> {
        let (kind, key) = (self.kind(), format!("setting.{MOVED}"));
        match kind {
            Kind::Postgres => {
                let link = self.link()?;
                schema::put(link, kind, &key, to).await?;
                link.run("ALTER TABLE \"change\" RENAME TO change_moved").await?;
                link.commit().await?;
            }
            Kind::MariaDb => {
                self.remote.aside(async |link: &mut Link| schema::put(link, kind, &key, to).await).await?;
                let holder = self.holder.as_mut().ok_or(NOT_HELD)?;
                holder.run("ALTER TABLE \"change\" RENAME TO change_moved; UNLOCK TABLES").await?;
            }
        }
        self.stage = Stage::Free;
        (self.link, self.holder) = (None, None);
        Ok(())
    }

    /// A question about anything but the change log.
    pub(super) async fn query(&mut self, sql: &str, values: Vec<Value>) -> Result<Vec<Cells>, Error> {
        let sql: Sql = self.kind().sql(sql, values);
        match &mut self.link {
            Some(link) => link.query(&sql).await,
            None => self.remote.patiently(|| self.remote.pool.query(&sql)).await,
        }
    }

    /// A question about the change log.
    pub(super) async fn log(&mut self, sql: &str, values: Vec<Value>) -> Result<Vec<Cells>, Error> {
        match &mut self.holder {
            Some(holder) => holder.query(&self.remote.kind.sql(sql, values)).await,
            None => self.query(sql, values).await,
        }
    }

    fn link(&mut self) -> Result<&mut Link, Error> {
        self.link.as_mut().ok_or(NOT_HELD)
    }

    fn kind(&self) -> Kind {
        self.remote.kind
    }
}

impl Remote {
    /// Where its data have moved, when it was left.
    pub(super) async fn left(&self) -> Result<Option<String>, Error> {
        if !has_table(&mut self.pool.take().await?, self.kind, "change_moved").await? {
            return Ok(None);
        }
        Ok(Some(self.setting(MOVED).await?.unwrap_or_default()))
    }

    /// What a missing table means where it is the change log.
    pub(super) async fn or_left<T>(&self, outcome: Result<T, Error>) -> Result<T, Error> {
        match outcome {
            Err(Error::NoTable) => match Box::pin(self.left()).await {
                Ok(Some(to)) => Err(Error::Moved { to }),
                _ => Err(Error::NoTable),
            },
            outcome => outcome,
        }
    }
}

/// Lets a database that was left be written to again.
pub(crate) async fn come_back(config: &Config) -> Result<(), Error> {
    let kind = Kind::of(&config.engine).expect("the embedded engine has its own");
    let pool = Pool::open(config).await?;
    let mut link = pool.take().await?;
    link.run("ALTER TABLE change_moved RENAME TO \"change\"").await?;
    link.begin().await?;
    let sql = kind.sql("DELETE FROM meta WHERE name = ?t", vec![text(&format!("setting.{MOVED}"))]);
    link.execute(&sql).await?;
    link.commit().await
}

const NOT_HELD: Error = Error::Broken { what: "a side of a move was used out of turn" };

fn change(row: &Cells) -> Change {
    Change {
        position: int(row, 0),
        table: Arc::from(string(row, 1)),
        record: Arc::from(string(row, 2)),
        kind: ChangeKind::of(&string(row, 3)),
    }
}
