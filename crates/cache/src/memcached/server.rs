//! One server: a queue of questions, the connection that takes them, and its rest when it failed.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Mutex, Notify, mpsc, oneshot};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::config;
use crate::core::parcel;
use crate::outage::Outage;

use super::talk::{Ask, Talk};

/// What came of a question.
pub(super) enum Asked {
    /// The bytes that it has.
    Value(Bytes),
    /// It has none.
    Missing,
    /// It was not asked, or did not answer in time.
    Skipped,
}

pub(super) struct Server {
    address: String,
    config: config::Memcached,
    value_bytes_max: usize,
    questions: mpsc::Sender<Ask>,
    /// Locked by [`Server::run`] alone.
    queue: Mutex<mpsc::Receiver<Ask>>,
    serves: AtomicBool,
    outage: Outage,
    /// Somebody waited for too long.
    is_slow: Notify,
}

impl Server {
    pub(super) fn new(address: &str, config: &config::Memcached, value_bytes_max: usize) -> Server {
        let (questions, queue) = mpsc::channel(config.queue_max.max(1));
        Server {
            address: address.to_owned(),
            config: config.clone(),
            // A parcel has more in it than the value; names are of a few hundred bytes at most.
            value_bytes_max: value_bytes_max + parcel::WRAPPING_BYTES_MAX,
            questions,
            queue: Mutex::new(queue),
            serves: AtomicBool::new(false),
            outage: Outage::not_yet(format!("memcached {address}")),
            is_slow: Notify::new(),
        }
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Whether it is to be asked now.
    pub(super) fn serves(&self) -> bool {
        self.serves.load(Ordering::Acquire)
    }

    pub(super) fn out_for(&self) -> Option<Duration> {
        self.outage.lasts()
    }

    pub(super) async fn get(&self, key: String) -> Asked {
        let (reply, answer) = oneshot::channel();
        if self.questions.try_send(Ask::Get { key, reply }).is_err() {
            return Asked::Skipped;
        }
        match timeout(self.config.answer_time_max, answer).await {
            Ok(Ok(Some(bytes))) => Asked::Value(bytes),
            Ok(Ok(None)) => Asked::Missing,
            Ok(Err(_)) => Asked::Skipped,
            Err(_) => {
                self.is_slow.notify_one();
                Asked::Skipped
            }
        }
    }

    /// Has a value stored, unless the queue is full.
    pub(super) fn put(&self, key: String, value: Bytes) {
        let _ = self.questions.try_send(Ask::Set { key, value });
    }

    /// Connects, serves, and rests when that fails, until `stop`.
    pub(super) async fn run(&self, stop: &CancellationToken) {
        let mut queue = self.queue.lock().await;
        let life = async {
            loop {
                let fault = self.serve(&mut queue).await;
                self.serves.store(false, Ordering::Release);
                self.outage.begin(&fault);
                // Whoever asked in the meantime is let go: their reply is dropped.
                while queue.try_recv().is_ok() {}
                sleep(self.config.rest_time).await;
            }
        };
        stop.run_until_cancelled(life).await;
        self.serves.store(false, Ordering::Release);
    }

    /// Serves until it fails, and says why.
    async fn serve(&self, queue: &mut mpsc::Receiver<Ask>) -> io::Error {
        let greeting = Talk::begin(&self.address, self.config.tls.as_ref(), self.value_bytes_max);
        let talk = match timeout(self.config.connect_time_max, greeting).await {
            Ok(Ok(talk)) => talk,
            Ok(Err(fault)) => return fault,
            Err(_) => return hang(self.config.connect_time_max),
        };
        self.serves.store(true, Ordering::Release);
        self.outage.end();
        talk.run(queue, &self.is_slow, self.config.answer_time_max).await
    }
}

/// A server that says nothing.
pub(super) fn hang(limit: Duration) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("it did not answer within {} ms", limit.as_millis()))
}
