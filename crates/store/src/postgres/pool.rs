//! All connections to the server: those for one transaction or one long read at a time, those that short reads share,
//! and the one that listens.
//!
//! Connections for transactions are made when they are needed, as many as there are permits; the one that came back last
//! is taken first.
//!
//! Invariant: what is idle here has no transaction open and no answer outstanding.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, Server};
use crate::dialect::Sql;
use crate::error::Error;
use crate::postgres::Link;
use crate::postgres::ear::Ear;
use crate::postgres::fit;
use crate::postgres::place::Place;
use crate::postgres::shared::Shared;
use crate::postgres::wire::Wire;
use crate::query::Value;
use crate::remote::{Cells, Standing, permit};
use crate::row::Row;
use crate::seat::{self, Seat};

/// All connections to one server.
pub(crate) struct Pool {
    home: Arc<Home>,
    shared: Shared,
    ear: Ear,
    closing: CancellationToken,
    version: String,
    wait_max: Duration,
}

/// Where connections for transactions come from and go back to.
pub(super) struct Home {
    pub(super) place: Arc<Place>,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Arc<Wire>>>,
}

impl Pool {
    /// Connects once, to learn that it works and what the server is.
    pub(crate) async fn open(server: &Server, config: &Config) -> Result<Pool, Error> {
        let place = Arc::new(Place::new(server, config));
        let closing = CancellationToken::new();
        if let Some(mut primary) = config.primary.clone() {
            place.go_to(&primary.borrow_and_update());
            go_ahead(&place, &closing);
            let (going, until) = (Arc::downgrade(&place), closing.clone());
            place.spawn(seat::follow(primary, closing.clone(), move |primary| {
                let Some(place) = going.upgrade() else { return false };
                place.go_to(primary);
                go_ahead(&place, &until);
                true
            }));
        }
        let (wire, version) = first(&place).await?;
        let mut idle = Vec::new();
        match look(&wire, &place).await? {
            Durability::Synced => idle.push(wire),
            Durability::Unsynced => place.insist_on_sync(),
        }
        Ok(Pool::new(place, closing, idle, version, config))
    }

    /// Connects to a replica, whose tables are its primary's.
    pub(crate) async fn open_deputy(server: &Server, config: &Config) -> Result<Pool, Error> {
        let place = Arc::new(Place::of_deputy(server, config));
        let (wire, version) = first(&place).await?;
        Ok(Pool::new(place, CancellationToken::new(), vec![wire], version, config))
    }

    fn new(
        place: Arc<Place>,
        closing: CancellationToken,
        idle: Vec<Arc<Wire>>,
        version: String,
        config: &Config,
    ) -> Pool {
        let permits = Arc::new(Semaphore::new(config.connections.max(1)));
        let home = Home { place: Arc::clone(&place), permits, idle: Mutex::new(idle) };
        Pool {
            home: Arc::new(home),
            shared: Shared::new(Arc::clone(&place), config.brief_connections, closing.clone()),
            ear: Ear::new(place, closing.clone()),
            closing,
            version,
            wait_max: config.connection_wait_max,
        }
    }

    /// How far a replica has come. What it has received is asked before what it has applied.
    pub(crate) async fn standing(&self) -> Result<Standing, Error> {
        let text = "SELECT pg_is_in_recovery(), (pg_last_wal_receive_lsn() - '0/0')::bigint, \
                    (pg_last_wal_replay_lsn() - '0/0')::bigint, \
                    (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint, \
                    extract(epoch FROM clock_timestamp() - pg_postmaster_start_time())::bigint";
        let told = self.brief(&Sql { text: text.into(), values: Vec::new() }).await?;
        let row = told.first().map_or(&[][..], Vec::as_slice);
        let number = |column: usize| match row.get(column) {
            Some(Value::Int(number)) => Some(*number),
            _ => None,
        };
        Ok(Standing {
            follows: row.first() == Some(&Value::Bool(true)),
            received: number(1),
            applied: number(2).unwrap_or(0),
            birth: number(3).unwrap_or(0),
            runs_s: number(4).unwrap_or(0),
        })
    }

    /// A connection for a transaction.
    pub(crate) async fn take(&self) -> Result<Link, Error> {
        let permit = permit(&self.home.permits, self.wait_max).await?;
        let wire = match self.home.idle() {
            Some(wire) => wire,
            // rare and large
            None => Arc::new(Box::pin(Wire::connect(&self.home.place)).await?),
        };
        Ok(Link::new(Arc::clone(&self.home), wire, permit))
    }

    /// A question that is known to be short, on a connection that others use at the same time.
    ///
    /// Dropped, its answer is thrown away when it comes; it can't be broken off without hitting its neighbours.
    pub(crate) async fn brief(&self, sql: &Sql) -> Result<Vec<Cells>, Error> {
        let wire = self.shared.wire().await?;
        let limit = self.home.place.read_time_max;
        match wire.within(limit, pin!(wire.query(sql))).await {
            // its tables have changed, or it met others: nothing is open, so it can be asked again
            Err(Error::Met) => wire.within(limit, Box::pin(wire.query(sql))).await,
            answer => answer,
        }
    }

    /// The same, of a statement that gives records.
    pub(crate) async fn brief_rows(&self, sql: &Sql) -> Result<Vec<Row>, Error> {
        let wire = self.shared.wire().await?;
        let limit = self.home.place.read_time_max;
        let rows = match wire.within(limit, pin!(wire.rows(sql, usize::MAX))).await {
            Err(Error::Met) => wire.within(limit, Box::pin(wire.rows(sql, usize::MAX))).await,
            answer => answer,
        };
        Ok(rows?.unwrap_or_default())
    }

    /// The records of a statement; when they are too long, it is broken off and its connection is closed.
    pub(crate) async fn rows(&self, sql: &Sql, bytes_max: usize) -> Result<Option<Vec<Row>>, Error> {
        let mut link = self.take().await?;
        let mut rows = link.rows(sql, bytes_max).await;
        if let Err(Error::Met) = rows {
            rows = link.rows(sql, bytes_max).await;
        }
        if let Ok(None) = rows {
            link.break_off();
        }
        rows
    }

    /// Any other question.
    pub(crate) async fn query(&self, sql: &Sql) -> Result<Vec<Cells>, Error> {
        let mut link = self.take().await?;
        match link.query(sql).await {
            Err(Error::Met) => link.query(sql).await,
            answer => answer,
        }
    }

    /// Returns when another server has told that the log has grown, and at least each second.
    pub(crate) async fn hear(&self) {
        self.ear.hear().await;
    }

    /// Takes what was told until now as heard.
    pub(crate) fn forget(&self) {
        self.ear.forget();
    }

    /// Host and port, or the socket.
    pub(crate) fn server(&self) -> Arc<str> {
        self.home.place.name()
    }

    /// Where the primary is.
    pub(crate) fn seat(&self) -> &Seat {
        &self.home.place.seat
    }

    /// Grows with each loss of a connection, and whenever another server becomes the one to ask.
    pub(crate) fn era(&self) -> u64 {
        self.home.place.era()
    }

    /// The server's version when the pool was opened.
    pub(crate) fn version(&self) -> String {
        self.version.clone()
    }

    /// No connection is made any more, idle ones are closed, the others as soon as they are given back.
    pub(crate) fn close(&self) {
        self.closing.cancel();
        self.home.permits.close();
        self.home.lock().clear();
        self.shared.close();
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.close();
    }
}

impl Home {
    /// Takes a connection back that has nothing open.
    pub(super) fn put_back(&self, wire: Arc<Wire>) {
        let mut idle = self.lock();
        if wire.is_live() && !self.permits.is_closed() {
            idle.push(wire);
        }
    }

    /// An idle connection that nothing is known against.
    fn idle(&self) -> Option<Arc<Wire>> {
        let mut idle = self.lock();
        idle.retain(|wire| wire.is_live());
        idle.pop()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Wire>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first connection, and the server's version.
async fn first(place: &Arc<Place>) -> Result<(Arc<Wire>, String), Error> {
    let made = place.connect().await?;
    let version = made.driver.parameter("server_version").unwrap_or_default();
    let version = version.split(' ').next().unwrap_or_default().to_owned();
    Ok((Arc::new(Wire::new(place, made, || {})), version))
}

/// Has somebody wait there for the others.
fn go_ahead(place: &Arc<Place>, closing: &CancellationToken) {
    let (going, closing) = (Arc::clone(place), closing.clone());
    place.spawn(async move {
        let _ = closing.run_until_cancelled(going.go_ahead()).await;
    });
}

/// Whether the server's own settings let a commit wait for the disk.
#[derive(PartialEq, Eq)]
enum Durability {
    Synced,
    Unsynced,
}

/// Looks at what a server does not tell of itself.
async fn look(wire: &Wire, place: &Place) -> Result<Durability, Error> {
    let text = "SELECT current_schema(), has_schema_privilege(current_schema(), 'CREATE'), \
                pg_is_in_recovery(), current_setting('synchronous_commit')";
    let asked = Sql { text: text.into(), values: Vec::new() };
    let told = wire.within(place.read_time_max, wire.query(&asked)).await?.pop().unwrap_or_default();
    let [schema, may_create, follows, sync] = told.as_slice() else {
        return Err(Error::Broken { what: "the database answers with other columns than asked" });
    };
    if *follows == Value::Bool(true) {
        return Err(place.lost(fit::FOLLOWS));
    }
    let schema = if let Value::Text(schema) = schema { Some(&**schema) } else { None };
    fit::check_rights(schema, *may_create == Value::Bool(true), place.server())?;
    let is_off = *sync == Value::Text("off".into());
    Ok(if is_off { Durability::Unsynced } else { Durability::Synced })
}
