//! The connections for reading: a pool that is used in place, and the slow lane beside it.
//!
//! A read takes a connection only while it runs, so that whoever waits for something else between two reads keeps
//! nobody out.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit, TryAcquireError};

use crate::config::Config;
use crate::error::Error;
use crate::sqlite::fault::is_interrupt;
use crate::sqlite::{Link, Place, open};

/// The connections for reading.
pub(crate) struct Readers {
    place: Arc<Place>,
    steps_max: i64,
    quick: Lane,
    slow: Lane,
}

/// Connections of one purpose: so many at once, opened when first needed.
struct Lane {
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Link>>,
}

impl Readers {
    /// No connection is opened yet.
    pub(crate) fn new(place: Arc<Place>, config: &Config) -> Readers {
        Readers {
            place,
            steps_max: i64::from(config.read_steps_max),
            quick: Lane::new(config.readers),
            slow: Lane::new(config.slow_reads_max),
        }
    }

    /// The file.
    pub(crate) fn place(&self) -> &Arc<Place> {
        &self.place
    }

    /// Runs a read that is known to be short.
    pub(crate) async fn brief<T>(
        &self,
        ask: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        let permit = self.quick.permit().await?;
        self.in_place(permit, i64::MAX, ask)?.map_err(|e| self.place.fault(e))
    }

    /// Runs a read in place; when that takes too many steps, once more in the slow lane.
    pub(crate) async fn run<T, F>(self: &Arc<Self>, ask: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let permit = self.quick.permit().await?;
        match self.in_place(permit, self.steps_max, &ask)? {
            Err(e) if is_interrupt(&e) => self.slowly(ask).await,
            answer => answer.map_err(|e| self.place.fault(e)),
        }
    }

    /// No read begins any more; idle connections are closed.
    pub(crate) fn close(&self) {
        self.quick.close();
        self.slow.close();
    }

    fn in_place<T>(
        &self,
        _permit: SemaphorePermit<'_>,
        steps: i64,
        ask: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<rusqlite::Result<T>, Error> {
        let link = self.quick.link(&self.place)?;
        link.leash.give_steps(steps);
        let answer = ask(&link.db);
        self.quick.put_back(link);
        Ok(answer)
    }

    /// The answer of a read that runs on a thread of its own. When nobody waits for it any more, it is broken off; its
    /// connection goes back in any case.
    async fn slowly<T, F>(self: &Arc<Self>, ask: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let since = Instant::now();
        let time = self.place.read_time_max;
        let permit = tokio::time::timeout(time, self.slow.owned_permit()).await;
        let permit = permit.map_err(|_| self.place.slow())??;
        let link = self.slow.link(&self.place)?;
        link.leash.give(i64::MAX, time.saturating_sub(since.elapsed()).max(Duration::from_millis(1)));
        let _stopper = link.leash.stopper();
        let readers = Arc::clone(self);
        let work = tokio::task::spawn_blocking(move || {
            let answer = ask(&link.db);
            link.leash.loosen();
            readers.slow.put_back(link);
            drop(permit);
            answer
        });
        match work.await {
            Ok(answer) => answer.map_err(|e| self.place.fault(e)),
            Err(_) => Err(Error::Broken { what: "a read broke off" }),
        }
    }
}

impl Lane {
    fn new(count: usize) -> Lane {
        Lane { permits: Arc::new(Semaphore::new(count.max(1))), idle: Mutex::default() }
    }

    async fn permit(&self) -> Result<SemaphorePermit<'_>, Error> {
        match self.permits.try_acquire() {
            Ok(permit) => Ok(permit),
            Err(TryAcquireError::Closed) => Err(Error::Busy),
            Err(TryAcquireError::NoPermits) => self.permits.acquire().await.map_err(|_| Error::Busy),
        }
    }

    fn owned_permit(&self) -> impl Future<Output = Result<OwnedSemaphorePermit, Error>> + Send + use<> {
        let permits = Arc::clone(&self.permits);
        async move { permits.acquire_owned().await.map_err(|_| Error::Busy) }
    }

    /// An idle connection, or a new one.
    fn link(&self, place: &Arc<Place>) -> Result<Link, Error> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| open::reader(place), Ok)
    }

    fn put_back(&self, link: Link) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.permits.is_closed() {
            idle.push(link);
        }
    }

    fn close(&self) {
        self.permits.close();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
