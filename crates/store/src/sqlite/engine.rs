//! The embedded engine as a whole: the file, its writer's thread, its readers, and the claim on the folder.

use std::fs::{File, TryLockError};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use base::time::Clock;
use tokio::sync::oneshot;

use crate::config::Config;
use crate::error::Error;
use crate::live::Live;
use crate::once::{Earlier, expired};
use crate::sqlite::{self, Message, Place, Readers, Shared, Tx, Work, Writer, log, once};
use crate::state::About;
use crate::store::Step;

/// An open database file. Dropping it ends the writer and closes the file.
pub(crate) struct Engine {
    queue: SyncSender<Message>,
    shared: Shared,
    readers: Arc<Readers>,
    clock: Clock,
    once_kept: Duration,
    /// Another server writes to the same file for a while.
    has_company: AtomicBool,
    lock_path: PathBuf,
    lock: Mutex<Option<File>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Engine {
    /// Opens the file in the folder, making it when it is missing.
    pub(crate) fn open(config: &Config, clock: Clock) -> Result<Engine, Error> {
        let path = config.dir.join("data.db");
        let place = Arc::new(Place { path, read_time_max: config.read_time_max });
        let tx = Tx::new(sqlite::prepare(&place)?, clock.clone(), config.once_kept);
        let shared = Shared {
            live: Arc::new(Live::new(tx.newest()?)),
            is_stopping: Arc::default(),
            is_claimed: Arc::default(),
        };
        let readers = Arc::new(Readers::new(place, config));
        let (queue, waiting) = mpsc::sync_channel(config.write_queue_max.max(1));
        let writer =
            Writer::new(tx, waiting, shared.clone(), config.commit_group_max, config.change_log_rows_max);
        let thread = thread::Builder::new().name("store-writer".into()).spawn(move || writer.run());
        let thread = thread.map_err(|e| Error::io(&config.dir, e))?;
        Ok(Engine {
            queue,
            shared,
            readers,
            clock,
            once_kept: config.once_kept,
            has_company: AtomicBool::new(false),
            lock_path: config.dir.join("lock"),
            lock: Mutex::new(None),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Makes this process the server of the folder.
    pub(crate) fn claim(&self) -> Result<(), Error> {
        let path = &self.lock_path;
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
        *lock(&self.lock) = Some(file);
        self.shared.is_claimed.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Notes whether another server writes to the same file.
    pub(crate) fn keep_company(&self, has_company: bool) {
        self.has_company.store(has_company, Ordering::SeqCst);
    }

    /// Whether another server writes to the same file.
    pub(crate) fn has_company(&self) -> bool {
        self.has_company.load(Ordering::SeqCst)
    }

    /// The newest committed position: what this process has committed, or what the file says while others commit too.
    pub(crate) async fn newest(&self) -> Result<i64, Error> {
        if self.has_company() {
            self.shared.live.advance(self.readers.brief(log::newest).await?);
        }
        Ok(self.shared.live.position())
    }

    /// The connections for reading.
    pub(crate) fn readers(&self) -> &Arc<Readers> {
        &self.readers
    }

    /// The database as a side of a move.
    pub(crate) fn side(&self) -> Result<sqlite::Side, Error> {
        Ok(sqlite::Side::new(sqlite::prepare(self.readers.place())?))
    }

    /// The engine, and the bytes of its files.
    pub(crate) fn about(&self) -> About {
        let folder = self.lock_path.parent().unwrap_or(&self.lock_path);
        let sizes = ["data.db", "data.db-wal"].map(|name| std::fs::metadata(folder.join(name)));
        let bytes = sizes.into_iter().flatten().map(|about| about.len()).sum();
        About { engine: format!("SQLite {}", rusqlite::version()), bytes: Some(bytes) }
    }

    /// What was committed of late.
    pub(crate) fn live(&self) -> &Arc<Live> {
        &self.shared.live
    }

    /// Does a write: see `Store::write`.
    pub(crate) async fn write<T, E, F>(&self, write: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: for<'a> FnOnce(&'a mut crate::Tx) -> Step<'a, T, E> + Send + 'static,
    {
        if self.shared.is_stopping.load(Ordering::SeqCst) {
            return Err(Error::Busy.into());
        }
        let (reply, answer) = oneshot::channel();
        match self.queue.try_send(Message::Write(Box::new(Work::new(write, reply)))) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => return Err(Error::Busy.into()),
        }
        // no answer: the writer ended with this write still in its queue
        answer.await.unwrap_or_else(|_| Err(Error::Busy.into()))
    }

    /// What was done under the key of a write.
    pub(crate) async fn earlier(&self, key: &str) -> Result<Option<Earlier>, Error> {
        let after = expired(self.clock.now(), self.once_kept);
        self.readers.brief(|db| once::find(db, key, after)).await
    }

    /// Ends the writer after what waits has been written, and closes the file.
    pub(crate) async fn close(&self) {
        self.stop();
        let mut news = self.shared.live.listen();
        // an error would say that `live` is gone, and we hold it
        let _ = news.wait_for(|news| news.is_closed).await;
        self.end();
    }

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

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop();
        self.end();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
