//! The store: opening it, reading, writing, following.

use std::fs::{File, TryLockError};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use base::time::Clock;
use tokio::sync::oneshot;

use crate::change::{Position, Tail};
use crate::config::Config;
use crate::conn::Conn;
use crate::error::Error;
use crate::files::Files;
use crate::sqlite::{self, Live, Message, Place, Readers, Shared, Work, Writer};
use crate::tx::Tx;

/// A future that borrows a transaction: what a write's closure gives back.
pub type Step<'a, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>;

/// The store. Cheap to clone; the last clone that is dropped closes it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    queue: SyncSender<Message>,
    shared: Shared,
    readers: Arc<Readers>,
    files: Files,
    lock_path: std::path::PathBuf,
    lock: Mutex<Option<File>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Store {
    /// Opens the store in its folder, making what is missing. Several processes may have it open; the server among them
    /// must [`claim`](Store::claim) it.
    pub fn open(config: Config, clock: Clock) -> Result<Store, Error> {
        std::fs::create_dir_all(&config.dir).map_err(|e| Error::io(&config.dir, e))?;
        let path = config.dir.join("data.db");
        let place = Arc::new(Place { path, read_time_max: config.read_time_max });
        let tx = Tx::new(sqlite::prepare(&place)?, clock);
        let shared = Shared {
            live: Arc::new(Live::new(tx.newest()?)),
            is_stopping: Arc::default(),
            is_claimed: Arc::default(),
        };
        let readers = Arc::new(Readers::new(place, &config));
        let (queue, waiting) = mpsc::sync_channel(config.write_queue_max.max(1));
        let writer =
            Writer::new(tx, waiting, shared.clone(), config.commit_group_max, config.change_log_rows_max);
        let thread = thread::Builder::new().name("store-writer".into()).spawn(move || writer.run());
        let thread = thread.map_err(|e| Error::io(&config.dir, e))?;
        let inner = Inner {
            queue,
            shared,
            readers,
            files: Files::new(config.dir.join("storage")),
            lock_path: config.dir.join("lock"),
            lock: Mutex::new(None),
            thread: Mutex::new(Some(thread)),
        };
        Ok(Store { inner: Arc::new(inner) })
    }

    /// Makes this process the server of the folder: [`Error::Locked`] when another one is. Only the server trims the change
    /// log and clears away files whose arrival broke off. A process that is not the server pauses a little after each of
    /// its commits, so that the server's writes get in: whoever measures claims the folder first.
    pub fn claim(&self) -> Result<(), Error> {
        let path = &self.inner.lock_path;
        let mut options = File::options();
        let file =
            options.create(true).truncate(false).write(true).open(path).map_err(|e| Error::io(path, e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let folder = path.parent().unwrap_or(path);
                return Err(Error::Locked { path: folder.display().to_string() });
            }
            Err(TryLockError::Error(e)) => return Err(Error::io(path, e)),
        }
        *lock(&self.inner.lock) = Some(file);
        self.inner.shared.is_claimed.store(true, Ordering::Relaxed);
        self.inner.files.clear_arriving()
    }

    /// A connection for reading. Cheap: its reads take a connection of the database only while they run, and wait when
    /// all are taken.
    pub async fn reader(&self) -> Result<Conn, Error> {
        Ok(Conn::reader(Arc::clone(&self.inner.readers)))
    }

    /// Does a write: the closure runs in a transaction of its own, which is durable on disk when this returns `Ok` and
    /// has left nothing when it returns `Err`. Writes that arrive together share one commit.
    ///
    /// The closure may await nothing but the transaction's own methods. When this future is dropped, the write may or may
    /// not be done.
    pub async fn write<T, E, F>(&self, write: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: for<'a> FnOnce(&'a mut Tx) -> Step<'a, T, E> + Send + 'static,
    {
        if self.inner.shared.is_stopping.load(Ordering::SeqCst) {
            return Err(Error::Busy.into());
        }
        let (reply, answer) = oneshot::channel();
        match self.inner.queue.try_send(Message::Write(Box::new(Work::new(write, reply)))) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => return Err(Error::Busy.into()),
        }
        // no answer: the writer ended with this write still in its queue
        answer.await.unwrap_or_else(|_| Err(Error::Busy.into()))
    }

    /// The newest committed position.
    pub fn position(&self) -> Position {
        Position(self.inner.shared.live.position())
    }

    /// Follows the change log after a position.
    pub fn tail(&self, after: Position) -> Tail {
        let conn = Conn::reader(Arc::clone(&self.inner.readers));
        Tail::new(Arc::clone(&self.inner.shared.live), conn, after)
    }

    /// The files beside the records.
    pub fn files(&self) -> &Files {
        &self.inner.files
    }

    /// Ends the writer after what waits has been written, and closes the database. Later writes are refused as busy.
    pub async fn close(&self) {
        self.inner.stop();
        let mut news = self.inner.shared.live.listen();
        // an error would say that `live` is gone, and we hold it
        let _ = news.wait_for(|news| news.is_closed).await;
        self.inner.end();
    }
}

#[cfg(test)]
impl Store {
    pub(crate) fn inner_live(&self) -> &Live {
        &self.inner.shared.live
    }
}

impl Inner {
    /// Asks the writer to end.
    fn stop(&self) {
        self.shared.is_stopping.store(true, Ordering::SeqCst);
        // a full queue means that the writer is awake, and it looks at the flag after each group
        let _ = self.queue.try_send(Message::Wake);
    }

    /// Waits for the writer's thread, and closes the rest.
    fn end(&self) {
        self.readers.close();
        if let Some(thread) = lock(&self.thread).take()
            && thread.thread().id() != thread::current().id()
        {
            // the thread catches its panics; what it could say has been logged
            let _ = thread.join();
        }
        lock(&self.lock).take();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop();
        self.end();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
