//! Indexes on a server: wanted in a transaction, built after it while others write, known when they serve.
//!
//! `idx` holds a row for each index: its definition, and how far it is.
//!
//! | state | means | next |
//! | --- | --- | --- |
//! | `wanted` | declared by a committed write | a server takes it on and builds it |
//! | `made` | its columns are there (MariaDB), the index is being built | the same |
//! | `ready` | it serves | – |
//! | `failed` | the data do not fit it; `note` says why | whoever wanted it takes it back |
//! | `unwanted` | no longer declared | it is dropped |
//! | `leaving` | dropped; its columns stay until no server can be using them | the row goes |
//!
//! A server that builds holds the row for a while and renews its hold; when it dies another one begins anew. A query
//! never depends on an index: PostgreSQL uses none that is not valid, and MariaDB's virtual columns are right from the
//! moment they are there.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base::error::chain;
use base::id;
use tokio::time::{Instant, sleep};

use crate::dialect::{mariadb, postgres};
use crate::error::Error;
use crate::query::{Index, Value};
use crate::remote::words::{self, Kind, name, text};
use crate::remote::{Cells, Link, Remote, Tx};
use crate::row::Table;

/// How long a server holds an index that it builds, unless it renews its hold.
const HOLD: Duration = Duration::from_secs(10);
/// How often it renews it.
const RENEW_EVERY: Duration = Duration::from_secs(2);
/// How long a dropped index's columns stay: longer than any server goes on with what it knew.
const LEAVE_AFTER: Duration = Duration::from_secs(15);
/// Wait between two looks at an index that is being built.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Tries to get a table for a moment, each of which keeps its writers waiting for a second at the most.
const TRIES: u32 = 60;

/// The virtual columns that queries may use.
#[derive(Default)]
pub(super) struct Known {
    columns: Mutex<Arc<mariadb::Columns>>,
    /// One builder at a time in this process.
    building: tokio::sync::Mutex<()>,
}

/// A row of `idx`.
struct Job {
    name: String,
    table: Table,
    state: String,
    definition: Definition,
}

/// What makes an index, as it is kept in `idx`: lines of `column NAME STATEMENT` and one of `index STATEMENT`.
struct Definition {
    columns: Vec<(String, String)>,
    index: String,
}

impl Definition {
    fn of(kind: Kind, table: &Table, index: &Index) -> Result<Definition, Error> {
        Ok(match kind {
            Kind::Postgres => Definition {
                columns: Vec::new(),
                index: postgres::create_index(table, index, postgres::Making::Concurrently)?,
            },
            Kind::MariaDb => Definition {
                columns: mariadb::columns_of(index)?
                    .into_iter()
                    .map(|column| (column.name.clone(), mariadb::add_column(table, &column)))
                    .collect(),
                index: mariadb::create_index(table, index),
            },
        })
    }

    fn print(&self) -> String {
        let line = |text: &str| text.replace('\\', "\\\\").replace('\n', "\\n");
        let columns = self.columns.iter().map(|(name, made)| format!("column {name} {}\n", line(made)));
        format!("{}index {}", columns.collect::<String>(), line(&self.index))
    }

    fn read(printed: &str) -> Definition {
        let mut definition = Definition { columns: Vec::new(), index: String::new() };
        for line in printed.lines() {
            let line = line.replace("\\n", "\n").replace("\\\\", "\\");
            match (
                line.strip_prefix("column ").and_then(|rest| rest.split_once(' ')),
                line.strip_prefix("index "),
            ) {
                (Some((name, made)), _) => definition.columns.push((name.to_owned(), made.to_owned())),
                (None, Some(made)) => made.clone_into(&mut definition.index),
                (None, None) => {}
            }
        }
        definition
    }
}

impl Tx {
    /// Writes down which indexes a table is to have.
    pub(super) async fn want_indexes(&mut self, table: &Table, indexes: &[Index]) -> Result<(), Error> {
        let kind = self.remote.kind;
        let sql = "SELECT name, state FROM idx WHERE tbl=?t FOR UPDATE";
        let present = self.query(sql, vec![text(table.as_str())]).await?;
        let present: Vec<(String, String)> =
            present.iter().map(|row| (string(row, 0), string(row, 1))).collect();
        for (name, _) in present.iter().filter(|(name, _)| indexes.iter().all(|index| index.name != *name)) {
            self.execute(
                "UPDATE idx SET state='unwanted', owner='', until=0 WHERE name=?t",
                vec![text(name)],
            )
            .await?;
        }
        for index in indexes {
            let is_kept = present.iter().any(|(name, state)| {
                *name == index.name && !matches!(state.as_str(), "unwanted" | "leaving" | "failed")
            });
            if is_kept {
                continue;
            }
            let definition = Definition::of(kind, table, index)?;
            let state =
                if self.has_made(table) { self.build_in_new(table, &definition).await? } else { "wanted" };
            let sql = kind.either(
                "INSERT INTO idx(name,tbl,state,definition,note,owner,until) VALUES (?t,?t,?t,?t,'','',0) \
                 ON CONFLICT (name) DO UPDATE SET state=excluded.state, definition=excluded.definition, note='', owner='', until=0",
                "INSERT INTO idx(name,tbl,state,definition,note,owner,until) VALUES (?t,?t,?t,?t,'','',0) \
                 ON DUPLICATE KEY UPDATE state=VALUES(state), definition=VALUES(definition), note='', owner='', until=0",
            );
            let values =
                vec![text(&index.name), text(table.as_str()), text(state), text(&definition.print())];
            self.execute(sql, values).await?;
        }
        Ok(())
    }

    /// Builds an index of a table that nobody else has seen yet; gives the state that it is in then.
    async fn build_in_new(&mut self, table: &Table, definition: &Definition) -> Result<&'static str, Error> {
        if self.remote.kind == Kind::Postgres {
            let plain = definition.index.replacen(" CONCURRENTLY", "", 1);
            self.link.run(&plain).await?;
            return Ok("ready");
        }
        let mut aside = self.remote.pool.take().await?;
        self.remote.add_columns(&mut aside, definition).await?;
        self.remote.create(&mut aside, table, definition).await?;
        Ok("ready")
    }
}

impl Remote {
    /// The virtual columns that queries may use now.
    pub(super) fn columns(&self) -> Arc<mariadb::Columns> {
        Arc::clone(&self.indexes.columns.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Learns which virtual columns queries may use.
    pub(super) async fn learn_indexes(&self) -> Result<(), Error> {
        if self.kind == Kind::Postgres {
            return Ok(());
        }
        let sql = "SELECT name,tbl,state,definition FROM idx WHERE state IN ('made','ready')";
        let found = self.pool.query(&self.kind.sql(sql, Vec::new())).await?;
        let mut columns = mariadb::Columns::default();
        for job in found.iter().map(job) {
            for (name, _) in &job.definition.columns {
                columns.insert(&job.table, name);
            }
        }
        *self.indexes.columns.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(columns);
        Ok(())
    }

    /// Waits for the indexes of a table: see `Store::settle`.
    pub(crate) async fn settle(&self, table: &Table) -> Result<(), Error> {
        let until = Instant::now() + self.config.index_wait_max;
        loop {
            let sql =
                "SELECT name, state FROM idx WHERE tbl=?t AND state IN ('wanted','made','unwanted','failed')";
            let found = self.pool.query(&self.kind.sql(sql, vec![text(table.as_str())])).await?;
            if let Some(failed) = found.iter().find(|row| string(row, 1) == "failed") {
                return Err(Error::Unique { index: string(failed, 0) });
            }
            if found.is_empty() || Instant::now() >= until {
                return Ok(());
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Builds what is wanted, in a task of its own.
    pub(super) fn build_indexes_aside(self: &Arc<Remote>) {
        let remote = Arc::downgrade(self);
        #[expect(
            clippy::disallowed_methods,
            reason = "the hold on an index lapses if the process ends in the middle"
        )]
        tokio::spawn(async move {
            let Some(remote) = remote.upgrade() else { return };
            if let Err(error) = remote.build_indexes().await
                && !remote.is_closed()
            {
                tracing::warn!("indexes wait to be built: {}", chain(&error));
            }
        });
    }

    /// Builds what another web server has left behind, and learns what others have built or dropped; now and then.
    pub(super) fn look_after_indexes(self: &Arc<Remote>) {
        if self.indexes.building.try_lock().is_ok() {
            self.build_indexes_aside();
        }
    }

    /// Builds and drops what is to be, one index after another.
    pub(super) async fn build_indexes(&self) -> Result<(), Error> {
        let _alone = self.indexes.building.lock().await;
        let owner = id::make_long(self.clock.now());
        while !self.is_closed() {
            let Some(job) = self.next_job(&owner).await? else { return self.learn_indexes().await };
            self.work(&job, &owner).await?;
            self.learn_indexes().await?;
        }
        Ok(())
    }

    /// Takes on an index that nobody holds.
    async fn next_job(&self, owner: &str) -> Result<Option<Job>, Error> {
        let now = self.clock.now().0;
        let sql = "SELECT name,tbl,state,definition FROM idx \
                   WHERE state IN ('wanted','made','unwanted','leaving') AND until < ?i ORDER BY name LIMIT 10";
        let found = self.pool.query(&self.kind.sql(sql, vec![Value::Int(now)])).await?;
        for job in found.iter().map(job) {
            let sql = "UPDATE idx SET owner=?t, until=?i WHERE name=?t AND state=?t AND until < ?i";
            let values = vec![
                text(owner),
                Value::Int(self.after(HOLD)),
                text(&job.name),
                text(&job.state),
                Value::Int(now),
            ];
            let sql = self.kind.sql(sql, values);
            if self.aside(async |link: &mut Link| link.execute(&sql).await).await? == 1 {
                return Ok(Some(job));
            }
        }
        Ok(None)
    }

    /// Does what an index's state asks for, renewing the hold meanwhile.
    async fn work(&self, job: &Job, owner: &str) -> Result<(), Error> {
        let renew = async {
            loop {
                sleep(RENEW_EVERY).await;
                let sql = "UPDATE idx SET until=?i WHERE name=?t AND owner=?t";
                let values = vec![Value::Int(self.after(HOLD)), text(&job.name), text(owner)];
                let sql = self.kind.sql(sql, values);
                if let Err(error) = self.aside(async |link: &mut Link| link.execute(&sql).await).await {
                    tracing::warn!(
                        index = job.name,
                        "the hold on an index can't be renewed: {}",
                        chain(&error)
                    );
                }
            }
        };
        let act = async {
            match job.state.as_str() {
                "unwanted" => self.take_down(job, owner).await,
                "leaving" => self.forget(job, owner).await,
                _ => self.build(job, owner).await,
            }
        };
        tokio::select! {
            done = act => done,
            () = renew => Ok(()),
        }
    }

    async fn build(&self, job: &Job, owner: &str) -> Result<(), Error> {
        let mut link = self.pool.take().await?;
        if self.kind == Kind::MariaDb {
            self.add_columns(&mut link, &job.definition).await?;
            self.put_state(job, owner, "made", "").await?;
            self.learn_indexes().await?;
        }
        match self.create(&mut link, &job.table, &job.definition).await {
            Ok(()) => self.put_state(job, owner, "ready", "").await,
            Err(Error::NoTable) => self.forget(job, owner).await,
            Err(error @ (Error::Unique { .. } | Error::TooLong { .. })) => {
                self.drop_index(&mut link, job).await?;
                tracing::warn!(index = job.name, "the index can't be built: {error}");
                self.put_state(job, owner, "failed", &error.to_string()).await
            }
            Err(error) => Err(error),
        }
    }

    async fn take_down(&self, job: &Job, owner: &str) -> Result<(), Error> {
        let mut link = self.pool.take().await?;
        self.drop_index(&mut link, job).await?;
        let sql = "UPDATE idx SET state='leaving', owner='', until=?i WHERE name=?t AND owner=?t AND state='unwanted'";
        let values = vec![Value::Int(self.after(LEAVE_AFTER)), text(&job.name), text(owner)];
        drop(link);
        let sql = self.kind.sql(sql, values);
        self.aside(async |link: &mut Link| link.execute(&sql).await.map(drop)).await
    }

    /// Drops the columns that no other index of the table needs, then the row.
    async fn forget(&self, job: &Job, owner: &str) -> Result<(), Error> {
        let mut link = self.pool.take().await?;
        let sql = "SELECT name,tbl,state,definition FROM idx WHERE tbl=?t AND name<>?t";
        let others =
            self.pool.query(&self.kind.sql(sql, vec![text(job.table.as_str()), text(&job.name)])).await?;
        let needed: BTreeSet<String> =
            others.iter().flat_map(|row| self::job(row).definition.columns).map(|(name, _)| name).collect();
        for (column, _) in job.definition.columns.iter().filter(|(column, _)| !needed.contains(column)) {
            match self.define(&mut link, &mariadb::drop_column(&job.table, column)).await {
                Err(Error::NoTable) => break,
                done => done?,
            }
        }
        let sql = "DELETE FROM idx WHERE name=?t AND owner=?t";
        drop(link);
        let sql = self.kind.sql(sql, vec![text(&job.name), text(owner)]);
        self.aside(async |link: &mut Link| link.execute(&sql).await.map(drop)).await
    }

    async fn add_columns(&self, link: &mut Link, definition: &Definition) -> Result<(), Error> {
        for (_, made) in &definition.columns {
            self.define(link, made).await?;
        }
        Ok(())
    }

    /// Makes the index itself; one that an earlier builder left half-way is made anew.
    async fn create(&self, link: &mut Link, table: &Table, definition: &Definition) -> Result<(), Error> {
        if self.kind == Kind::MariaDb {
            return self.define(link, &definition.index).await;
        }
        let sql = "SELECT i.indisvalid, c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
                   JOIN pg_class r ON r.oid = i.indrelid WHERE r.relname = ?t AND NOT i.indisvalid";
        let left = link.query(&self.kind.sql(sql, vec![text(&format!("r_{table}"))])).await?;
        for row in left.iter().filter(|row| definition.index.contains(&name(&string(row, 1)))) {
            self.define(link, &format!("DROP INDEX CONCURRENTLY IF EXISTS {}", name(&string(row, 1))))
                .await?;
        }
        self.define(link, &definition.index).await
    }

    async fn drop_index(&self, link: &mut Link, job: &Job) -> Result<(), Error> {
        let index = name(&job.name);
        let sql = self.kind.either(
            format!("DROP INDEX CONCURRENTLY IF EXISTS {index}"),
            format!("ALTER TABLE {} DROP INDEX IF EXISTS {index}", words::quoted(&job.table)),
        );
        match self.define(link, &sql).await {
            Err(Error::NoTable) => Ok(()),
            done => done,
        }
    }

    /// Runs a definition that may take as long as it needs, but keeps nobody waiting for the table longer than a moment.
    ///
    /// A replica of MariaDB begins it when it is begun here, and not once it is done here: so it stays close behind.
    async fn define(&self, link: &mut Link, sql: &str) -> Result<(), Error> {
        if self.kind == Kind::Postgres {
            // no limit of time holds for definitions outside of a transaction
            return link.run(sql).await;
        }
        let sql = format!(
            "SET STATEMENT max_statement_time=0, lock_wait_timeout=1, binlog_alter_two_phase=1 FOR {sql}"
        );
        let mut tries = 1;
        loop {
            link.begin().await?;
            match link.run(&sql).await {
                Err(Error::Met) if tries < TRIES => {
                    tries += 1;
                    sleep(LOOK_EVERY * tries).await;
                }
                done => return done,
            }
        }
    }

    async fn put_state(&self, job: &Job, owner: &str, state: &str, note: &str) -> Result<(), Error> {
        let sql = "UPDATE idx SET state=?t, note=?t, until=CASE WHEN ?t='made' THEN until ELSE 0 END \
                   WHERE name=?t AND owner=?t AND state IN ('wanted','made')";
        let values = vec![text(state), text(note), text(state), text(&job.name), text(owner)];
        let sql = self.kind.sql(sql, values);
        self.aside(async |link: &mut Link| link.execute(&sql).await.map(drop)).await
    }

    /// A moment from now, in milliseconds since 1970.
    fn after(&self, span: Duration) -> i64 {
        self.clock.now().0 + i64::try_from(span.as_millis()).unwrap_or(0)
    }
}

fn job(row: &Cells) -> Job {
    Job {
        name: string(row, 0),
        table: Table::new(&string(row, 1)),
        state: string(row, 2),
        definition: Definition::read(&string(row, 3)),
    }
}

fn string(row: &Cells, column: usize) -> String {
    match row.get(column) {
        Some(Value::Text(text)) => text.to_string(),
        _ => String::new(),
    }
}
