//! The connections to a database server: one face for both kinds.
//!
//! Whatever knows a driver lies behind this; whatever is above speaks in [`Sql`] and [`Value`]s.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::config::Config;
use crate::dialect::Sql;
use crate::error::Error;
use crate::mariadb;
use crate::postgres;
use crate::query::Value;
use crate::remote::Standing;
use crate::row::Row;

/// A row of values, in the order of the columns: whole numbers as `Int`, numbers with a fraction as `Real`, truth as
/// `Bool` or `Int`, all else as `Text`.
pub(crate) type Cells = Vec<Value>;

/// All connections to one server.
pub(crate) enum Pool {
    Postgres(Box<postgres::Pool>),
    MariaDb(Box<mariadb::Pool>),
}

/// A connection for one transaction. Dropped, it goes back to the pool if it is whole and idle, and is closed otherwise.
pub(crate) enum Link {
    Postgres(postgres::Link),
    MariaDb(mariadb::Link),
}

/// A place among those that have a connection; [`Error::Busy`] when none is free in time.
pub(crate) async fn permit(of: &Arc<Semaphore>, wait_max: Duration) -> Result<OwnedSemaphorePermit, Error> {
    // mostly one is free: that needs no timer
    if let Ok(permit) = Arc::clone(of).try_acquire_owned() {
        return Ok(permit);
    }
    let waited = timeout(wait_max, pin!(Arc::clone(of).acquire_owned())).await;
    waited.ok().and_then(Result::ok).ok_or(Error::Busy)
}

/// The same call on whichever it is.
macro_rules! on_server {
    ($kind:ident, $self:ident, $it:ident => $call:expr) => {
        match $self {
            $kind::Postgres($it) => $call,
            $kind::MariaDb($it) => $call,
        }
    };
}

impl Pool {
    /// Connects once, to learn that it works and what the server is. [`Error::Unfit`] in words for the person who set it
    /// up, [`Error::Lost`] when nothing answers.
    pub(crate) async fn open(config: &Config) -> Result<Pool, Error> {
        match &config.engine {
            crate::config::Engine::MariaDb(server) => {
                Ok(Pool::MariaDb(Box::new(mariadb::Pool::open(server, config).await?)))
            }
            crate::config::Engine::Postgres(server) => {
                Ok(Pool::Postgres(Box::new(postgres::Pool::open(server, config).await?)))
            }
            crate::config::Engine::Sqlite => unreachable!("the embedded engine has no pool"),
        }
    }

    /// Those to a replica that others follow the primary with: nothing is written there.
    pub(crate) async fn open_deputy(config: &Config) -> Result<Pool, Error> {
        match &config.engine {
            crate::config::Engine::MariaDb(server) => {
                Ok(Pool::MariaDb(Box::new(mariadb::Pool::open_deputy(server, config).await?)))
            }
            crate::config::Engine::Postgres(server) => {
                Ok(Pool::Postgres(Box::new(postgres::Pool::open_deputy(server, config).await?)))
            }
            crate::config::Engine::Sqlite => unreachable!("the embedded engine has no pool"),
        }
    }

    /// How far a replica has come.
    pub(crate) async fn standing(&self) -> Result<Standing, Error> {
        on_server!(Pool, self, pool => pool.standing().await)
    }

    /// Whether others say who is primary, and nobody is.
    pub(crate) fn is_led_by_nobody(&self) -> bool {
        on_server!(Pool, self, pool => pool.seat()).is_led_by_nobody()
    }

    /// A connection for a transaction. Waits at most `Config::connection_wait_max`, then [`Error::Busy`].
    pub(crate) async fn take(&self) -> Result<Link, Error> {
        Ok(match self {
            Pool::Postgres(pool) => Link::Postgres(pool.take().await?),
            Pool::MariaDb(pool) => Link::MariaDb(pool.take().await?),
        })
    }

    /// A question outside of any transaction that is known to be short.
    pub(crate) async fn brief(&self, sql: &Sql) -> Result<Vec<Cells>, Error> {
        on_server!(Pool, self, pool => pool.brief(sql).await)
    }

    /// The same, of a statement with the columns id, rev, shape, body.
    pub(crate) async fn brief_rows(&self, sql: &Sql) -> Result<Vec<Row>, Error> {
        on_server!(Pool, self, pool => pool.brief_rows(sql).await)
    }

    /// The records of a statement with the columns id, rev, shape, body; `None` when the bodies are longer than that
    /// together.
    pub(crate) async fn rows(&self, sql: &Sql, bytes_max: usize) -> Result<Option<Vec<Row>>, Error> {
        on_server!(Pool, self, pool => pool.rows(sql, bytes_max).await)
    }

    /// Any other question outside of a transaction.
    pub(crate) async fn query(&self, sql: &Sql) -> Result<Vec<Cells>, Error> {
        on_server!(Pool, self, pool => pool.query(sql).await)
    }

    /// Waits until another server has told (by `NOTIFY ondol`) that the log has grown, or a while has passed: where a
    /// server can't tell, `Config::log_poll_every`. The first call begins to listen. A connection that breaks is made anew by a later call.
    pub(crate) async fn hear(&self) {
        on_server!(Pool, self, pool => pool.hear().await);
    }

    /// Takes what was told until now as heard.
    pub(crate) fn forget(&self) {
        match self {
            Pool::Postgres(pool) => pool.forget(),
            // nothing is told there
            Pool::MariaDb(_) => {}
        }
    }

    /// Host and port, or the socket, for errors.
    pub(crate) fn server(&self) -> Arc<str> {
        on_server!(Pool, self, pool => pool.server())
    }

    /// The reign of the server that is connected to.
    pub(crate) fn epoch(&self) -> i64 {
        on_server!(Pool, self, pool => pool.seat()).epoch()
    }

    /// Returns once another server is the one to ask; never where there is only one.
    pub(crate) async fn left(&self) {
        on_server!(Pool, self, pool => pool.seat()).left().await;
    }

    /// Grows with each loss of a connection, and whenever another server becomes the one to ask: where it is the same before
    /// and after, all that was asked in between was asked of one server.
    pub(crate) fn era(&self) -> u64 {
        on_server!(Pool, self, pool => pool.era())
    }

    /// The server's version as it says it: `15.18`, `10.11.19-MariaDB`.
    pub(crate) fn version(&self) -> String {
        on_server!(Pool, self, pool => pool.version())
    }

    /// No connection is made any more; idle ones are closed.
    pub(crate) fn close(&self) {
        on_server!(Pool, self, pool => pool.close());
    }
}

impl Link {
    /// Begins a transaction, at the latest together with the first statement after this.
    pub(crate) async fn begin(&mut self) -> Result<(), Error> {
        on_server!(Link, self, link => link.begin().await)
    }

    /// The records of a statement with the columns id, rev, shape, body.
    pub(crate) async fn rows(&mut self, sql: &Sql, bytes_max: usize) -> Result<Option<Vec<Row>>, Error> {
        on_server!(Link, self, link => link.rows(sql, bytes_max).await)
    }

    /// What a statement gives.
    pub(crate) async fn query(&mut self, sql: &Sql) -> Result<Vec<Cells>, Error> {
        on_server!(Link, self, link => link.query(sql).await)
    }

    /// Runs a statement; gives the number of rows that it touched.
    pub(crate) async fn execute(&mut self, sql: &Sql) -> Result<u64, Error> {
        on_server!(Link, self, link => link.execute(sql).await)
    }

    /// Runs statements of our own, which bind nothing, as they are: definitions.
    pub(crate) async fn run(&mut self, text: &str) -> Result<(), Error> {
        on_server!(Link, self, link => link.run(text).await)
    }

    /// Goes back to a savepoint, though a statement has failed after it.
    pub(crate) async fn back_to(&mut self, savepoint: &str) -> Result<(), Error> {
        match self {
            Link::Postgres(link) => link.back_to(savepoint).await,
            Link::MariaDb(link) => link.run(&format!("ROLLBACK TO SAVEPOINT {savepoint}")).await,
        }
    }

    /// Makes the transaction durable. [`Error::Lost`] when it is not known whether it is.
    pub(crate) async fn commit(&mut self) -> Result<(), Error> {
        on_server!(Link, self, link => link.commit().await)
    }

    /// Undoes the transaction, as far as it is there.
    pub(crate) async fn roll_back(&mut self) {
        on_server!(Link, self, link => link.roll_back().await);
    }
}
