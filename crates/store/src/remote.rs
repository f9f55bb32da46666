//! What both kinds of database server have in common: the records, the change log and the indexes on them.
//!
//! Map, in reading order: `link` (the connections, one face for both kinds), `words` (statements in the words of a kind),
//! `schema` (our tables), `tx` (a transaction), `write` (run, run again, never done twice), `log` (positions and reading),
//! `once` (keys of writes that are done once), `follow` (the task that does both), `indexes` (built while others write),
//! `progress` (how far they are), `deputy` (reads while the primary is silent), `probe` (a look before anything is made), `side` and `put` (a server that data move
//! from, and to), `mirror` (a server that follows this one by a login alone).
//!
//! Invariant: nothing here names a driver.

mod deputy;
mod follow;
mod indexes;
mod link;
mod log;
pub mod mirror;
mod once;
mod probe;
mod progress;
mod put;
mod schema;
pub(crate) mod side;
mod tx;
mod words;
mod write;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base::error::chain;
use base::time::Clock;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::config::Config;
use crate::dialect::{self, Sql};
use crate::error::Error;
use crate::live::Live;
use crate::query::{Select, Value};
use crate::row::{Row, Table};

pub(crate) use deputy::{Proof, Standing};
pub(crate) use link::{Cells, Link, Pool, permit};
pub use probe::{Seen, look};
pub(crate) use side::Side;
pub(crate) use tx::Tx;

use deputy::{Desk, Touches};
use tx::Chore;
use words::{Kind, text};

/// Pause before a read whose server has gone is tried again; it doubles up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_millis(320);
/// The same where others say who is primary.
const PAUSE_LED_MAX: Duration = Duration::from_millis(40);
/// How often a question is said, each time by what is known of the tables then.
const PRINTS_MAX: u32 = 3;

/// A database on a server.
pub(crate) struct Remote {
    pool: Arc<Pool>,
    kind: Kind,
    config: Config,
    clock: Clock,
    live: Arc<Live>,
    /// Places for writes that run or wait.
    writes: Semaphore,
    /// Wakes the follower.
    woken: Arc<Notify>,
    indexes: indexes::Known,
    /// Who answers reads while the primary is silent, where somebody may.
    desk: Option<Desk>,
    is_closed: AtomicBool,
    follower: Mutex<Option<JoinHandle<()>>>,
}

impl Remote {
    /// Connects, makes our tables where they are missing, and begins to follow the log.
    pub(crate) async fn open(config: Config, clock: Clock) -> Result<Arc<Remote>, Error> {
        let remote = Remote::open_still(config, clock).await?;
        #[expect(clippy::disallowed_methods, reason = "the store keeps the handle and ends the task itself")]
        let follower = tokio::spawn(follow::run(Arc::downgrade(&remote)));
        *remote.follower.lock().unwrap_or_else(PoisonError::into_inner) = Some(follower);
        remote.build_indexes_aside();
        Ok(remote)
    }

    /// The same without anything that is done by itself.
    async fn open_still(config: Config, clock: Clock) -> Result<Arc<Remote>, Error> {
        let kind = Kind::of(&config.engine).expect("the embedded engine is opened elsewhere");
        let pool = Arc::new(Pool::open(&config).await?);
        let writes = Semaphore::new(config.write_queue_max.clamp(1, Semaphore::MAX_PERMITS));
        let desk = Desk::new(&config);
        let mut remote = Remote {
            pool,
            kind,
            config,
            clock,
            live: Arc::new(Live::new(0)),
            writes,
            woken: Arc::default(),
            indexes: indexes::Known::default(),
            desk,
            is_closed: AtomicBool::new(false),
            follower: Mutex::default(),
        };
        remote.make().await?;
        remote.live = Arc::new(Live::new(remote.ends().await?.newest));
        remote.learn_indexes().await?;
        Ok(Arc::new(remote))
    }

    /// What was committed of late.
    pub(crate) fn live(&self) -> &Arc<Live> {
        &self.live
    }

    /// Asks the server where the log stands, without patience.
    pub(crate) async fn pulse(&self) -> Result<i64, Error> {
        Ok(self.ends().await?.newest)
    }

    /// The engine's name.
    pub(crate) fn engine(&self) -> &'static str {
        self.kind.either("postgres", "mariadb")
    }

    /// The server's version.
    pub(crate) fn version(&self) -> String {
        self.pool.version()
    }

    /// A record by id.
    pub(crate) async fn get(&self, table: &Table, id: &str) -> Result<Option<Row>, Error> {
        let sql = "SELECT id,rev,shape,body FROM ?r WHERE id = ?t";
        let sql = self.kind.sql_of(table, sql, vec![text(id)]);
        let ask = |pool: Arc<Pool>| {
            let sql = &sql;
            async move { pool.brief_rows(sql).await }
        };
        Ok(Box::pin(self.read(Touches::Record(table, id), ask)).await?.pop())
    }

    pub(crate) async fn page(&self, select: &Select, bytes_max: usize) -> Result<Option<Vec<Row>>, Error> {
        let mut tries_left = PRINTS_MAX;
        loop {
            let sql = self.select(select)?;
            tries_left -= 1;
            let ask = |pool: Arc<Pool>| {
                let sql = &sql;
                async move { pool.rows(sql, bytes_max).await }
            };
            match Box::pin(self.read(Touches::Selection(select), ask)).await {
                // it named a column that is gone, perhaps
                Err(Error::Met) if tries_left > 0 => Box::pin(self.learn_indexes()).await?,
                rows => return rows,
            }
        }
    }

    pub(crate) async fn count(&self, select: &Select) -> Result<i64, Error> {
        self.figure(select, || self.count_of(select)).await
    }

    pub(crate) async fn exists(&self, select: &Select) -> Result<bool, Error> {
        Ok(self.figure(select, || self.exists_of(select)).await? != 0)
    }

    pub(crate) async fn setting(&self, name: &str) -> Result<Option<String>, Error> {
        let sql = "SELECT value FROM meta WHERE name = ?t";
        let sql = self.kind.sql(sql, vec![text(&format!("setting.{name}"))]);
        let ask = |pool: Arc<Pool>| {
            let sql = &sql;
            async move { pool.brief(sql).await }
        };
        Ok(first_text(&Box::pin(self.read(Touches::Nothing, ask)).await?))
    }

    /// Waits for what is under way, and closes the connections.
    pub(crate) async fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
        self.writes.close();
        self.wake();
        let follower = self.follower.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(follower) = follower {
            // what it could say has been logged
            let _ = follower.await;
        }
        self.live.close();
        self.pool.close();
        self.desk.iter().for_each(Desk::close);
    }

    fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::SeqCst)
    }

    /// Tells the follower that there may be news.
    fn wake(&self) {
        self.woken.notify_one();
    }

    /// Whether the same may succeed once another server is primary: nobody answers, or, where there are others, its disk is full.
    fn may_pass(&self, error: &Error) -> bool {
        match error {
            Error::Lost { .. } => true,
            Error::Full => self.config.primary.is_some(),
            _ => false,
        }
    }

    /// Asks again while the server is gone, for as long as `Config::outage_wait_max`.
    async fn patiently<T, A>(&self, mut ask: impl FnMut() -> A) -> Result<T, Error>
    where
        A: Future<Output = Result<T, Error>>,
    {
        let until = Instant::now() + self.config.outage_wait_max;
        let mut pause = PAUSE_MIN;
        loop {
            match ask().await {
                Err(error)
                    if self.may_pass(&error) && Instant::now() + pause < until && !self.is_closed() =>
                {
                    pause = self.rest(pause).await;
                }
                answer => return answer,
            }
        }
    }

    /// Pauses; not after another server has become the one to ask, which is asked soon. How long the next pause is.
    async fn rest(&self, pause: Duration) -> Duration {
        // where others say who is primary, connections are not tried in vain: one goes ahead for all
        let pause_max = if self.config.primary.is_some() { PAUSE_LED_MAX } else { PAUSE_MAX };
        tokio::select! {
            () = sleep(pause) => (pause * 2).min(pause_max),
            () = self.pool.left() => PAUSE_MIN,
        }
    }

    /// The number that a question gives; it is said anew where it does not fit the tables any more.
    async fn figure(&self, select: &Select, print: impl Fn() -> Result<Sql, Error>) -> Result<i64, Error> {
        let mut tries_left = PRINTS_MAX;
        loop {
            let sql = print()?;
            tries_left -= 1;
            let ask = |pool: Arc<Pool>| {
                let sql = &sql;
                async move { pool.query(sql).await }
            };
            match Box::pin(self.read(Touches::Selection(select), ask)).await {
                Err(Error::Met) if tries_left > 0 => Box::pin(self.learn_indexes()).await?,
                found => return Ok(first_int(&found?)),
            }
        }
    }

    fn select(&self, select: &Select) -> Result<Sql, Error> {
        match self.kind {
            Kind::Postgres => Ok(dialect::postgres::select(select)?),
            Kind::MariaDb => Ok(dialect::mariadb::select(select, &self.columns())?),
        }
    }

    fn count_of(&self, select: &Select) -> Result<Sql, Error> {
        match self.kind {
            Kind::Postgres => Ok(dialect::postgres::count(select)?),
            Kind::MariaDb => Ok(dialect::mariadb::count(select, &self.columns())?),
        }
    }

    fn exists_of(&self, select: &Select) -> Result<Sql, Error> {
        match self.kind {
            Kind::Postgres => Ok(dialect::postgres::exists(select)?),
            Kind::MariaDb => Ok(dialect::mariadb::exists(select, &self.columns())?),
        }
    }

    /// Does what waited for a commit. A failure is told in the log only: the write has happened.
    async fn chore(self: &Arc<Remote>, chore: Chore) {
        let done = match chore {
            Chore::BuildIndexes => return self.build_indexes_aside(),
            Chore::DropTable(table) => self.drop_table(&table).await,
            Chore::SetView(table, view) => {
                self.aside(async |link: &mut Link| {
                    schema::set_view(link, self.kind, &table, view.as_ref()).await
                })
                .await
            }
        };
        if let Err(error) = done {
            tracing::warn!("a table or view was left as it was: {}", chain(&error));
        }
    }

    async fn drop_table(&self, table: &Table) -> Result<(), Error> {
        self.aside(async |link: &mut Link| {
            schema::set_view(link, self.kind, table, None).await?;
            link.run(&format!("DROP TABLE IF EXISTS {}", words::quoted(table))).await?;
            let sql = self.kind.sql("DELETE FROM idx WHERE tbl=?t", vec![text(table.as_str())]);
            link.execute(&sql).await.map(drop)
        })
        .await
    }

    /// Runs statements of our own in a transaction of their own.
    async fn aside<T>(&self, run: impl AsyncFnOnce(&mut Link) -> Result<T, Error>) -> Result<T, Error> {
        let mut link = self.pool.take().await?;
        link.begin().await?;
        let answer = run(&mut link).await?;
        link.commit().await?;
        Ok(answer)
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.pool.close();
        self.desk.iter().for_each(Desk::close);
        self.live.close();
    }
}

/// The one whole number, or truth, that a question gives.
fn first_int(found: &[Cells]) -> i64 {
    match found.first().and_then(|row| row.first()) {
        Some(Value::Int(number)) => *number,
        Some(Value::Bool(is_true)) => i64::from(*is_true),
        _ => 0,
    }
}

/// The one text that a question gives.
fn first_text(found: &[Cells]) -> Option<String> {
    match found.first()?.first()? {
        Value::Text(text) => Some(text.to_string()),
        _ => None,
    }
}

/// A whole number of a row; 0 where there is none.
fn int(row: &Cells, column: usize) -> i64 {
    match row.get(column) {
        Some(Value::Int(number)) => *number,
        _ => 0,
    }
}

/// A text of a row; empty where there is none.
fn string(row: &Cells, column: usize) -> String {
    match row.get(column) {
        Some(Value::Text(text)) => text.to_string(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of a read that is under way: each is put into a piece of memory of its own.
    const READ_BYTES_MAX: usize = 4 << 10;

    #[tokio::test]
    async fn a_read_carries_nothing_of_what_is_rare_in_it() {
        let database = testbed::postgres().database();
        let engine = crate::config::Engine::from_url(&database.url()).expect("a server's address");
        let config = Config { engine, ..Config::new("/nowhere") };
        let remote = Remote::open(config, Clock::System).await.expect("opens");
        let sql = remote.kind.sql("SELECT id,rev,shape,body FROM r_notes", Vec::new());
        let ask = |pool: Arc<Pool>| {
            let sql = &sql;
            async move { pool.rows(sql, 1).await }
        };
        assert!(size_of_val(&remote.read(Touches::Nothing, ask)) < READ_BYTES_MAX);
        remote.close().await;
    }
}
