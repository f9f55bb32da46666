//! The face: a request takes a [`Moment`], and reads through it.

use std::fmt;
use std::hash::RandomState;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::barrier::Barrier;
use crate::config::{Back, Config};
use crate::core::parcel::Parcel;
use crate::core::window::{Stamp, WentBack, Window};
use crate::error::Error;
use crate::local::Local;
use crate::log::{Log, News, Place};
use crate::memcached::{Fetched, Pool};
use crate::outage::Outage;
use crate::report::{Counts, Report};

/// Values that were read lately.
pub struct Cache {
    log: Arc<dyn Log>,
    values: Values,
    window: Mutex<Window>,
    barrier: Barrier,
    log_outage: Outage,
    counts: Counts,
    config: Config,
}

enum Values {
    Here(Local),
    There(Pool),
}

/// A value that is the newest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The revision that it was put with.
    pub rev: i64,
    /// The value.
    pub value: Bytes,
}

/// The right to put in what is read from the database **after** it was given.
///
/// Assumption: what is read after that, from the primary and in no older snapshot, holds all changes up to the ticket's
/// place. A value that was just written has no ticket: its own position says nothing of those that commit beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(Stamp);

/// What a look-up found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The newest value.
    Hit(Kept),
    /// Nothing, or nothing that is certain to be the newest. Read the database, then [`Cache::put`] what it said.
    Miss(Ticket),
    /// The change log can't be asked. Read the database, and put nothing.
    Unsure,
}

/// The moment at which a request began: what is read through it is at least as new as what anybody could have read then.
///
/// A request takes one and drops it; one that is held for long gives out what was the newest long ago.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    cache: &'a Cache,
    ticket: Ticket,
}

impl Cache {
    /// An empty cache of what `log`'s database holds. Values in memcached are not reached until [`Cache::run`] is.
    ///
    /// # Errors
    /// When the settings are wrong.
    pub fn new(config: Config, log: Arc<dyn Log>) -> Result<Cache, Error> {
        config.check()?;
        let values = match &config.back {
            Back::InProcess { bytes_max } => Values::Here(Local::new(*bytes_max, config.value_bytes_max)),
            Back::Memcached(memcached) => Values::There(Pool::new(memcached, config.value_bytes_max)),
        };
        Ok(Cache {
            log,
            values,
            window: Mutex::new(Window::new(config.window_slots, RandomState::new())),
            barrier: Barrier::default(),
            log_outage: Outage::none("the cache"),
            counts: Counts::default(),
            config,
        })
    }

    /// Keeps the connections to memcached until `stop`; in this process there is nothing to do but wait for it.
    pub async fn run(&self, stop: CancellationToken) {
        match &self.values {
            Values::Here(_) => stop.cancelled().await,
            Values::There(pool) => pool.run(stop).await,
        }
    }

    /// Asks the change log what was committed before now, together with all who ask at this time. `None` when it can't be
    /// asked: read the database, and put nothing.
    pub async fn moment(&self) -> Option<Moment<'_>> {
        if !self.barrier.pass(|| self.ask()).await {
            self.counts.unsure.add();
            return None;
        }
        let Place { epoch, position } = self.window().place()?;
        Some(Moment { cache: self, ticket: Ticket(Stamp { epoch, as_of: position }) })
    }

    /// The moment that a ticket was given at, for a request that took one earlier and goes on elsewhere.
    pub fn at(&self, ticket: Ticket) -> Moment<'_> {
        Moment { cache: self, ticket }
    }

    /// Looks up one value. Who needs several takes a [`Cache::moment`] and looks them up through it.
    pub async fn get(&self, space: &str, id: &str) -> Found {
        match self.moment().await {
            Some(moment) => moment.get(space, id).await,
            None => Found::Unsure,
        }
    }

    /// Keeps what was read from the database after `ticket` was given. Never waits; what is too long, or finds no room in a
    /// queue, is not kept.
    pub fn put(&self, ticket: Ticket, space: &str, id: &str, rev: i64, value: Bytes) {
        if value.len() > self.config.value_bytes_max {
            return;
        }
        let parcel = Parcel { stamp: ticket.0, rev, value };
        match &self.values {
            Values::Here(local) => local.put(space, id, parcel),
            Values::There(pool) => pool.put(space, id, &parcel),
        }
    }

    /// What it did.
    pub fn report(&self) -> Report {
        let mut report = self.counts.report();
        report.log_out_for = self.log_outage.lasts();
        if let Values::There(pool) = &self.values {
            report.servers = pool.report();
        }
        report
    }

    /// Asks the log, and feeds the window. False when that can't be done.
    async fn ask(&self) -> bool {
        self.counts.questions.add();
        let place = self.window().place();
        let limit = self.config.question_time_max;
        let fault: Box<dyn std::error::Error + Send + Sync> =
            match timeout(limit, self.log.since(place, self.config.changes_max)).await {
                Ok(Ok(news)) => match self.feed(&news) {
                    Ok(()) => {
                        self.log_outage.end();
                        return true;
                    }
                    Err(fault) => fault.into(),
                },
                Ok(Err(fault)) => fault,
                Err(_) => format!("the change log did not answer within {} ms", limit.as_millis()).into(),
            };
        self.log_outage.begin(&base::error::chain(&*fault));
        false
    }

    fn feed(&self, news: &News) -> Result<(), WentBack> {
        let mut window = self.window();
        match news {
            News::Since { to, changes } => window.advance(*to, changes),
            News::Anew { place, newest } => window.begin(*place, *newest),
        }
    }

    fn window(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Moment<'_> {
    /// Looks up one value.
    pub async fn get(&self, space: &str, id: &str) -> Found {
        let Cache { counts, values, .. } = self.cache;
        let parcel = match values {
            Values::Here(local) => local.get(space, id).map_or(Fetched::Missing, Fetched::Parcel),
            Values::There(pool) => pool.get(space, id).await,
        };
        match parcel {
            Fetched::Parcel(parcel) if self.cache.window().is_newest(space, id, parcel.stamp) => {
                counts.hits.add();
                return Found::Hit(Kept { rev: parcel.rev, value: parcel.value });
            }
            Fetched::Parcel(_) => {
                counts.refused_old.add();
                if let Values::Here(local) = values {
                    local.remove(space, id);
                }
            }
            Fetched::Missing => counts.misses.add(),
            Fetched::Garbled => counts.refused_garbled.add(),
            Fetched::Skipped => counts.skipped.add(),
        }
        Found::Miss(self.ticket)
    }

    /// For what is read from the database from now on.
    pub fn ticket(&self) -> Ticket {
        self.ticket
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("config", &self.config).finish_non_exhaustive()
    }
}
