//! A database moved to another engine while it is written to: the steps, each of them one call, in this order.
//!
//! 1. [`Move::begin`] opens both sides, refuses a target that holds anything, and notes the source's position.
//! 2. [`Move::copy`] copies settings and all tables in the order of insertion, page by page.
//! 3. [`Move::follow`] brings over what has changed meanwhile, by the source's change log.
//! 4. Whoever knows the collections declares indexes and views on the target ([`Move::target`]).
//! 5. [`Move::compare`] reads both sides whole and compares them, while the source goes on.
//! 6. [`Move::hand_over`] holds all writers out, brings over the rest, compares it row by row, and leaves the source.
//!
//! **How both sides are compared.** Reading all rows takes too long for a pause. So `compare` reads them while the source
//! is written to: the target, which nobody else writes to, and the source frozen at a moment after the position up to
//! which the target has followed it. Both are summed up ([`sum::Sum`]) but for the records that the log names after that
//! position. From then on every record that changes is noted, and in the pause these records, and no others, are compared
//! one by one. So each row was compared, none of it by what the mover remembers of it.
//!
//! The keys of writes that are done once come over too, the last ones in the pause: who asks the new place again for a write
//! that the old one has done is told so.
//!
//! **How the source is left.** As the very last act its table `change` is renamed to `change_moved`, in the transaction
//! (MariaDB: under the lock) that holds writers out, and the setting `moved` says where to. Every write adds to `change`,
//! so none can succeed any more, by whichever server: they fail with [`Error::Moved`]. Whatever ends a move before that
//! leaves the source as it was.
//!
//! **The mark of the target.** The setting `moving` is there from the first to after the last act. A store with it is not
//! opened for anything else, and a new move to it begins anew. It says [`COPIED`] once all is there: should the mover die
//! between leaving the source and taking the mark away, the same move said again finds both, and takes it away.
//!
//! The change log is not moved. The target's positions begin far above the source's, so that whoever comes back with a
//! position of the source is told to begin anew.

mod course;
mod side;
mod sum;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use base::time::Clock;

use crate::change::ChangeKind;
use crate::config::{Config, Engine};
use crate::error::Error;
use crate::remote;
use crate::row::Table;
use crate::sqlite;
use crate::store::Store;

pub(crate) use side::PAGE;
use side::Side;

/// The setting of a source that was left: where its data are now.
pub(crate) const MOVED: &str = "moved";
/// The setting of a target that is not complete.
pub(crate) const MOVING: &str = "moving";
/// Its value while rows arrive.
const ARRIVING: &str = "arriving";
/// Its value when all is there.
const COPIED: &str = "copied";

/// Why a move ended.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// One of the databases failed.
    #[error(transparent)]
    Store(#[from] Error),
    /// It can't be done; the sentence says why, and what to do.
    #[error("{0}")]
    Refused(String),
    /// Whoever watches wanted it to end.
    #[error("stopped")]
    Stopped,
}

/// Whoever watches a move.
pub trait Watch {
    /// So many rows have been copied, or compared.
    fn at(&mut self, rows: u64);
    /// Whether the move is to end. It is asked often, but not in the pause.
    fn is_stopped(&self) -> bool;
}

/// A change that the log names.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// Its position; 0 when it has none yet.
    pub(crate) position: i64,
    pub(crate) table: Arc<str>,
    pub(crate) record: Arc<str>,
    pub(crate) kind: ChangeKind,
}

/// A write that was done under a key: see `once`.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) name: String,
    pub(crate) fingerprint: String,
    pub(crate) write: String,
    pub(crate) at: i64,
    pub(crate) answer: String,
}

/// How rows are written over those that are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// One after the other.
    Over,
    /// All of those are taken away first, so that a value may go from one to another; they come back in their places.
    Aside,
}

/// What a beginning comes to.
pub enum Begun {
    /// A move.
    Move(Box<Move>),
    /// All has been moved by an earlier one, which died before it could say so.
    Done,
}

/// What a handing over comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handed {
    /// The source is left.
    Over {
        /// How long writers were held out.
        pause: Duration,
        /// Rows that the target holds.
        rows: u64,
    },
    /// Not in the time that writers wait: they have been let in again. Follow, and try again.
    NotYet,
    /// Tables were declared anew meanwhile: writers have been let in again. Declare indexes and views again.
    Declared,
}

/// A move under way.
pub struct Move {
    source: Side,
    source_store: Store,
    target: Side,
    target_store: Store,
    /// Where the data go, in words.
    to: String,
    /// The table whose records declare the others.
    declaring: Table,
    /// The position up to which the target has followed.
    position: i64,
    /// The newest version that was brought over.
    newest_rev: i64,
    /// Tables that are on the target.
    tables: HashSet<Table>,
    /// Records that the target refused for now, because of others that are still to come.
    pending: HashMap<Table, Vec<Arc<str>>>,
    /// Records that have changed since both sides were compared.
    touched: HashMap<Table, HashSet<Arc<str>>>,
    /// Claims of this moment and before are on the target.
    claimed_until: i64,
    /// Records that declare tables have changed since this was last asked.
    has_declared: bool,
    rows: u64,
}

impl Move {
    /// Opens both sides. `declaring` is the table whose records declare the others.
    pub async fn begin(
        source: Config,
        target: Config,
        clock: Clock,
        declaring: Table,
    ) -> Result<Begun, Fault> {
        let to = place(&target);
        if to == place(&source) {
            return Err(Fault::Refused(format!("the data are in {to} already")));
        }
        let source_store = match Store::open(source, clock.clone()).await {
            Err(Error::Moved { to: gone }) if gone == to => return finish(target, clock).await,
            opened => opened?,
        };
        let target_store = empty(target, clock, &to).await?;
        let (mut source, target) = (Side::new(&source_store)?, Side::new(&target_store)?);
        let position = source.newest().await?;
        Ok(Begun::Move(Box::new(Move {
            source,
            source_store,
            target,
            target_store,
            to,
            declaring,
            position,
            newest_rev: 0,
            tables: HashSet::new(),
            pending: HashMap::new(),
            touched: HashMap::new(),
            claimed_until: i64::MIN,
            has_declared: false,
            rows: 0,
        })))
    }

    /// About how many rows are to be copied.
    pub async fn rows_about(&mut self) -> Result<u64, Fault> {
        let mut rows = 0;
        for table in self.source.tables().await? {
            rows += self.source_store.count_about(&table).await?;
        }
        Ok(rows)
    }

    /// Where indexes and views are to be declared.
    pub fn target(&self) -> &Store {
        &self.target_store
    }

    /// Where the data go, in words and without a secret.
    pub fn place(&self) -> &str {
        &self.to
    }

    /// Whether tables have been declared anew since this was last asked.
    pub fn was_declared(&mut self) -> bool {
        std::mem::take(&mut self.has_declared)
    }

    /// Closes both sides.
    pub async fn close(self) {
        self.source_store.close().await;
        self.target_store.close().await;
    }
}

/// Lets a database that was left be written to again. What was written since to the place where its data moved is not in it.
pub async fn come_back(config: Config, clock: Clock) -> Result<(), Fault> {
    let not_moved = || Fault::Refused("its data have not moved: there is nothing to take back".into());
    match Store::open(config.clone(), clock).await {
        Err(Error::Moved { .. }) => {}
        Err(error) => return Err(error.into()),
        Ok(store) => {
            store.close().await;
            return Err(not_moved());
        }
    }
    match &config.engine {
        Engine::Sqlite => sqlite::side::come_back(&config)?,
        _ => remote::side::come_back(&config).await?,
    }
    Ok(())
}

/// Where a store's data are, in words and without a secret: `sqlite:/srv/data`, `postgres://ondol@10.0.0.5:5432/ondol`.
pub fn place(config: &Config) -> String {
    let (scheme, server) = match &config.engine {
        Engine::Sqlite => {
            let dir = std::path::absolute(&config.dir).unwrap_or_else(|_| config.dir.clone());
            return format!("sqlite:{}", dir.display());
        }
        Engine::Postgres(server) => ("postgres", server),
        Engine::MariaDb(server) => ("mariadb", server),
    };
    format!("{scheme}://{}@{}:{}/{}", server.user, server.host, server.port, server.database)
}

/// Takes the mark away from a target that is complete.
async fn finish(target: Config, clock: Clock) -> Result<Begun, Fault> {
    let store = Store::open_moving(target, clock).await?;
    let mark = store.reader().await?.setting(MOVING).await?.unwrap_or_default();
    if mark == COPIED {
        mark_target(&store, "").await?;
    }
    store.close().await;
    match mark.as_str() {
        COPIED | "" => Ok(Begun::Done),
        _ => Err(Fault::Refused(
            "the data have moved there, but it is not complete: begin from a backup".into(),
        )),
    }
}

/// Opens a target that holds nothing, or what a move that was broken off has left; throws that away.
async fn empty(target: Config, clock: Clock, to: &str) -> Result<Store, Fault> {
    let store = match Store::open_moving(target, clock).await {
        Err(Error::Moved { to: further }) => {
            return Err(Fault::Refused(format!(
                "{to} holds data that have moved to {further}; move them away first, or name another place"
            )));
        }
        opened => opened?,
    };
    let mark = store.reader().await?.setting(MOVING).await?.unwrap_or_default();
    let tables = Side::new(&store)?.tables().await?;
    if mark.is_empty() && !tables.is_empty() {
        store.close().await;
        return Err(Fault::Refused(format!(
            "{to} is not empty: it holds a service's records; name an empty place, or empty it first"
        )));
    }
    mark_target(&store, ARRIVING).await?;
    for table in tables {
        store.write(move |tx| Box::pin(async move { tx.drop_table(&table).await })).await?;
    }
    Ok(store)
}

async fn mark_target(store: &Store, mark: &'static str) -> Result<(), Error> {
    store.write(move |tx| Box::pin(async move { tx.set_setting(MOVING, mark).await })).await
}
