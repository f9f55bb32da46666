//! The store: opening it, reading, writing, following.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use base::time::Clock;

use crate::change::{Position, Tail};
use crate::config::{self, Config};
use crate::conn::Conn;
use crate::error::Error;
use crate::files::Files;
use crate::live::Live;
use crate::moving::MOVING;
use crate::once::Earlier;
use crate::remote::{Remote, mirror};
use crate::row::Table;
use crate::sqlite;
use crate::tx::Tx;

/// A file in a folder that several web servers share may still be arriving if it was written to within this time.
const UPLOAD_TIME_MAX: Duration = Duration::from_secs(86_400);

/// Pause before a folder that another process serves is asked for again.
const CLAIM_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// A future that borrows a transaction: what a write's closure gives back.
pub type Step<'a, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>;

/// The store. Cheap to clone; the last clone that is dropped closes it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Engine,
    files: Files,
}

/// Which of the two kinds it is.
pub(crate) enum Engine {
    Embedded(sqlite::Engine),
    Remote(Arc<Remote>),
}

impl Store {
    /// Opens the store, making what is missing. Several processes may have it open; of the embedded engine the server
    /// among them must [`claim`](Store::claim) it.
    ///
    /// [`Error::Moved`] when its data have moved to another engine, [`Error::Unfit`] when a move to it was not finished.
    pub async fn open(config: Config, clock: Clock) -> Result<Store, Error> {
        let store = Store::open_moving(config, clock).await?;
        if store.reader().await?.setting(MOVING).await?.is_some_and(|mark| !mark.is_empty()) {
            store.close().await;
            let what =
                "a move to this database was not finished: say the same `ondol move` again, or empty it";
            return Err(Error::Unfit { what: what.into() });
        }
        if store.reader().await?.setting(mirror::MARK).await?.is_some_and(|mark| mirror::forbids(&mark)) {
            store.close().await;
            let what = "this database is a mirror, which follows another one: `ondol takeover --to NAME` releases it, NAME being \
                        that of [mirror.NAME] in the service file";
            return Err(Error::Unfit { what: what.into() });
        }
        Ok(store)
    }

    /// The same of a database that data may be moving to.
    pub(crate) async fn open_moving(config: Config, clock: Clock) -> Result<Store, Error> {
        std::fs::create_dir_all(&config.dir).map_err(|e| Error::io(&config.dir, e))?;
        let files = Files::new(config.dir.join("storage"));
        let engine = match &config.engine {
            config::Engine::Sqlite => Engine::Embedded(sqlite::Engine::open(&config, clock)?),
            _ => Engine::Remote(Remote::open(config, clock).await?),
        };
        Ok(Store { inner: Arc::new(Inner { engine, files }) })
    }

    /// Makes this process the server of the folder: [`Error::Locked`] when another one is. Only the server trims the change
    /// log and clears away files whose arrival broke off. A process that is not the server pauses a little after each of
    /// its commits, so that the server's writes get in: whoever measures claims the folder first.
    ///
    /// On a database server there is no such claim: there may be many web servers.
    pub fn claim(&self) -> Result<(), Error> {
        match &self.inner.engine {
            Engine::Embedded(engine) => {
                engine.claim()?;
                self.inner.files.clear_arriving(Duration::ZERO)
            }
            // other web servers may share the folder, and be taking files in it
            Engine::Remote(_) => self.inner.files.clear_arriving(UPLOAD_TIME_MAX),
        }
    }

    /// Waits until this process can be the server of the folder, and makes it that: for a process that serves already while
    /// the one before it ends. Until then the two are company: see [`Store::keep_company`].
    pub async fn claim_in_turn(&self) -> Result<(), Error> {
        loop {
            match self.claim() {
                Err(Error::Locked { .. }) => tokio::time::sleep(CLAIM_AGAIN_AFTER).await,
                done => return done,
            }
        }
    }

    /// Says that another server writes to the same data for a while, or no longer. The embedded engine then asks the file
    /// what the newest change is, as [`Store::newest`]; a database server always knows.
    pub fn keep_company(&self, has_company: bool) {
        if let Engine::Embedded(engine) = &self.inner.engine {
            engine.keep_company(has_company);
        }
    }

    /// Whether the embedded engine's file is written to by another server too.
    pub fn has_company(&self) -> bool {
        matches!(&self.inner.engine, Engine::Embedded(engine) if engine.has_company())
    }

    /// A connection for reading. Cheap: its reads take a connection of the database only while they run, and wait when
    /// all are taken.
    pub async fn reader(&self) -> Result<Conn, Error> {
        Ok(self.conn())
    }

    /// Does a write: the closure runs in a transaction of its own, which is durable when this returns `Ok` and has left
    /// nothing when it returns `Err`, but for [`Error::Doubt`]. Writes that arrive together may share one commit.
    ///
    /// The closure may await nothing but the transaction's own methods. On a server it is run again, on a clone of what it
    /// holds, when its transaction met another one or its connection broke; a write whose commit may have happened is
    /// looked up in the change log first, so that it is never done twice. When this future is dropped, the write may or
    /// may not be done.
    pub async fn write<T, E, F>(&self, write: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: for<'a> FnOnce(&'a mut Tx) -> Step<'a, T, E> + Clone + Send + 'static,
    {
        match &self.inner.engine {
            Engine::Embedded(engine) => engine.write(write).await,
            Engine::Remote(remote) => remote.write(write).await,
        }
    }

    /// What was done under the key of a write: see [`Tx::once`].
    pub async fn earlier(&self, key: &str) -> Result<Option<Earlier>, Error> {
        match &self.inner.engine {
            Engine::Embedded(engine) => engine.earlier(key).await,
            Engine::Remote(remote) => remote.earlier(key).await,
        }
    }

    /// Waits for the indexes of a table that are being built, at most `Config::index_wait_max`. [`Error::Unique`] when the
    /// data do not fit one of them: it is not there, and whoever asked for it takes it back.
    pub async fn settle(&self, table: &Table) -> Result<(), Error> {
        match &self.inner.engine {
            Engine::Embedded(_) => Ok(()),
            Engine::Remote(remote) => remote.settle(table).await,
        }
    }

    /// Whether other web servers may write to the database: then what has been committed may be told here a moment later,
    /// and only the database itself, or [`Store::newest`], knows what is the newest.
    pub fn is_shared(&self) -> bool {
        self.remote().is_some()
    }

    /// Whether deputies may answer reads while the primary is silent.
    pub fn has_deputies(&self) -> bool {
        self.remote().is_some_and(|remote| remote.has_deputies())
    }

    /// The newest position that followers have been told of; the embedded engine's newest committed one.
    pub fn position(&self) -> Position {
        Position(self.live().position())
    }

    /// The position of the newest change that was committed before this was asked, by whomever; followers may be told of
    /// it a moment later.
    pub async fn newest(&self) -> Result<Position, Error> {
        match &self.inner.engine {
            Engine::Embedded(engine) => engine.newest().await.map(Position),
            Engine::Remote(remote) => remote.newest().await.map(Position),
        }
    }

    /// The same; `None` where it can't be said now, and a deputy answers what this request reads.
    pub async fn newest_or_deputy(&self) -> Result<Option<Position>, Error> {
        match &self.inner.engine {
            Engine::Embedded(engine) => engine.newest().await.map(|position| Some(Position(position))),
            Engine::Remote(remote) => Ok(remote.newest_or_deputy().await?.map(Position)),
        }
    }

    /// Follows the change log after a position.
    pub fn tail(&self, after: Position) -> Tail {
        Tail::new(Arc::clone(self.live()), self.conn(), after)
    }

    /// The files beside the records.
    pub fn files(&self) -> &Files {
        &self.inner.files
    }

    /// Ends after what waits has been written, and closes the database. Later writes are refused as busy.
    pub async fn close(&self) {
        match &self.inner.engine {
            Engine::Embedded(engine) => engine.close().await,
            Engine::Remote(remote) => remote.close().await,
        }
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    /// The server that keeps the records, where one does.
    pub(crate) fn remote(&self) -> Option<&Arc<Remote>> {
        match &self.inner.engine {
            Engine::Embedded(_) => None,
            Engine::Remote(remote) => Some(remote),
        }
    }

    fn conn(&self) -> Conn {
        match &self.inner.engine {
            Engine::Embedded(engine) => Conn::embedded(Arc::clone(engine.readers())),
            Engine::Remote(remote) => Conn::remote(Arc::clone(remote)),
        }
    }

    fn live(&self) -> &Arc<Live> {
        match &self.inner.engine {
            Engine::Embedded(engine) => engine.live(),
            Engine::Remote(remote) => remote.live(),
        }
    }
}

#[cfg(test)]
impl Store {
    pub(crate) fn inner_live(&self) -> &Live {
        self.live()
    }
}
