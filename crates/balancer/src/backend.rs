//! One web server: its connections, and what came of the requests that it got.

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use hyper::StatusCode;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use trust::Tls;

use crate::core::health::Event;
use crate::core::retry::Failed;
use crate::core::roster::Id;
use crate::framing::Head;
use crate::letter::Letter;
use crate::line::{Line, Stuck};
use crate::recent::Recent;

/// A web server.
pub(crate) struct Backend {
    pub(crate) id: Id,
    pub(crate) address: String,
    /// By which it is reached, where it is a host of the service.
    tls: Option<Tls>,
    /// What stands for it in a cookie.
    pub(crate) tag: String,
    pub(crate) tally: Tally,
    /// Wakes its prober.
    pub(crate) look: Notify,
    /// How often it has been asked how it is.
    pub(crate) asked: watch::Sender<u64>,
    /// It is no longer in the list.
    pub(crate) gone: CancellationToken,
    /// What went wrong here last.
    pub(crate) trouble: Mutex<Option<String>>,
    idle: Mutex<Vec<Idle>>,
    /// Where bodies are written that come in while they go out.
    pub(crate) tasks: TaskTracker,
}

struct Idle {
    line: Line,
    since: Instant,
}

/// What it was asked for, and what came of it.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Answers by the first digit of their status.
    pub(crate) classes: [AtomicU64; 5],
    pub(crate) unsent: AtomicU64,
    pub(crate) broke_off: AtomicU64,
    pub(crate) timed_out: AtomicU64,
    pub(crate) connections: AtomicU64,
    /// Requests that were tried again after they had failed here.
    pub(crate) again: AtomicU64,
    /// How long its answers took of late.
    pub(crate) recent: Recent,
}

impl Tally {
    pub(crate) fn answer(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).clamp(1, 5) - 1;
        self.classes[class].fetch_add(1, Relaxed);
    }
}

/// A request that failed.
pub(crate) struct Trouble {
    pub(crate) failed: Failed,
    /// What it says of the backend; `None` when nothing.
    pub(crate) event: Option<Event>,
    pub(crate) why: Why,
    /// The request, if it was never sent.
    pub(crate) letter: Option<Box<Letter>>,
}

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Why {
    #[error("{0}")]
    Said(String),
    /// Its own body broke off.
    #[error(transparent)]
    ByClient(axum::Error),
}

impl Trouble {
    fn unsent(letter: Box<Letter>, why: String) -> Trouble {
        let (failed, event) = (Failed::Unsent, Some(Event::ConnectFailed));
        Trouble { failed, event, why: Why::Said(why), letter: Some(letter) }
    }
}

/// The times of one try.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    pub(crate) connect_max: Duration,
    /// To the answer's head; `None` waits as long as the client does.
    pub(crate) answer_max: Option<Duration>,
    pub(crate) idle_max: Duration,
}

impl Backend {
    pub(crate) fn new(id: Id, address: &str, tls: Option<Tls>, tag: String, tasks: TaskTracker) -> Backend {
        Backend {
            id,
            address: address.to_owned(),
            tls,
            tag,
            tally: Tally::default(),
            look: Notify::new(),
            asked: watch::Sender::new(0),
            gone: CancellationToken::new(),
            trouble: Mutex::default(),
            idle: Mutex::default(),
            tasks,
        }
    }

    /// Sends a request, on a connection that is there or a new one, and waits for the answer's head.
    pub(crate) async fn send(&self, letter: Box<Letter>, times: Times) -> Result<(Head, Line), Trouble> {
        let sending = self.try_to_send(letter, times);
        let Some(limit) = times.answer_max else { return sending.await };
        let late = || Trouble {
            failed: Failed::TimedOut,
            event: Some(Event::TimedOut),
            why: Why::Said(format!("no answer for {} ms", limit.as_millis())),
            letter: None,
        };
        timeout(limit, sending).await.unwrap_or_else(|_| Err(late()))
    }

    async fn try_to_send(&self, mut letter: Box<Letter>, times: Times) -> Result<(Head, Line), Trouble> {
        loop {
            let (mut line, is_new) = match self.take(times.idle_max) {
                Some(line) => (line, false),
                None => match self.connect(times.connect_max).await {
                    Ok(line) => (line, true),
                    Err(why) => return Err(Trouble::unsent(letter, why)),
                },
            };
            let broken = |failed, event, why| Trouble { failed, event, why, letter: None };
            return match line.send(*letter, &self.tasks).await {
                Ok(head) => Ok((head, line)),
                Err(Stuck::Unsent(back, _)) if !is_new => {
                    // an idle connection had been closed: that says nothing
                    letter = back;
                    continue;
                }
                Err(Stuck::Unsent(back, why)) => Err(Trouble::unsent(back, why)),
                Err(Stuck::Broken(why)) => {
                    Err(broken(Failed::BrokeOff, Some(Event::BrokeOff), Why::Said(why)))
                }
                Err(Stuck::ByClient(error)) => Err(broken(Failed::ByClient, None, Why::ByClient(error))),
            };
        }
    }

    /// Has it asked how it is, and waits until that is known or it is gone.
    pub(crate) async fn look_again(&self) {
        let mut asked = self.asked.subscribe();
        self.look.notify_one();
        tokio::select! {
            // the sender is ours
            _ = asked.changed() => {}
            () = self.gone.cancelled() => {}
        }
    }

    /// Notes what went wrong.
    pub(crate) fn blame(&self, why: impl Into<String>) {
        *self.trouble.lock().expect("nobody panics while holding it") = Some(why.into());
    }

    /// Makes a connection.
    pub(crate) async fn connect(&self, limit: Duration) -> Result<Line, String> {
        let line = Line::open(&self.address, self.tls.as_ref(), limit).await?;
        self.tally.connections.fetch_add(1, Relaxed);
        Ok(line)
    }

    /// The connection that was used last, of those that can be.
    fn take(&self, idle_max: Duration) -> Option<Line> {
        let now = Instant::now();
        loop {
            let Idle { mut line, since } = self.lock().pop()?;
            if now.saturating_duration_since(since) < idle_max && line.is_good(now) {
                return Some(line);
            }
        }
    }

    /// Keeps a connection whose answer has been taken in whole, if there is room for it.
    pub(crate) fn keep(&self, mut line: Line, most: usize) {
        let now = Instant::now();
        line.rest();
        if !line.is_good(now) || self.gone.is_cancelled() {
            return;
        }
        let mut idle = self.lock();
        if idle.len() < most {
            idle.push(Idle { line, since: now });
        }
    }

    /// Lets go of connections that are closed or have been idle for long; how many are left.
    pub(crate) fn tidy(&self, idle_max: Duration) -> usize {
        let now = Instant::now();
        let mut idle = self.lock();
        idle.retain_mut(|idle| {
            now.saturating_duration_since(idle.since) < idle_max && idle.line.is_good(now)
        });
        idle.len()
    }

    /// Lets go of all idle connections.
    pub(crate) fn empty(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().expect("nobody panics while holding it")
    }
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backend").field("address", &self.address).finish_non_exhaustive()
    }
}
