//! One web server: its connections, and what came of the requests that it got.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use axum::body::Body;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::HeaderValue;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::core::health::Event;
use crate::core::retry::Failed;
use crate::core::roster::Id;

/// A connection on which a request can be sent.
pub(crate) type Line = SendRequest<Body>;

/// Bytes of an answer's head.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// Headers of an answer.
const HEADERS_MAX: usize = 200;
/// Longest time that a connection serves, so that a name's new address is found.
const AGE_MAX: Duration = Duration::from_secs(600);

/// A web server.
pub(crate) struct Backend {
    pub(crate) id: Id,
    pub(crate) address: String,
    /// What stands for it in a cookie.
    pub(crate) tag: String,
    pub(crate) tally: Tally,
    /// Wakes its prober.
    pub(crate) look: Notify,
    /// It is no longer in the list.
    pub(crate) gone: CancellationToken,
    idle: Mutex<Vec<Idle>>,
    tasks: TaskTracker,
}

struct Idle {
    line: Line,
    since: Instant,
    made: Instant,
}

/// A connection with its age.
pub(crate) struct Lent {
    pub(crate) line: Line,
    made: Instant,
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
    pub(crate) request: Option<Box<Request<Body>>>,
}

/// Why a request failed.
#[derive(Debug)]
pub(crate) enum Why {
    Said(String),
    Hyper(hyper::Error),
}

/// A request that failed under way: by the backend, or by the client's own body.
fn broken(error: hyper::Error) -> Trouble {
    let (failed, event) = match error.is_user() {
        true => (Failed::ByClient, None),
        false => (Failed::BrokeOff, Some(Event::BrokeOff)),
    };
    Trouble { failed, event, why: Why::Hyper(error), request: None }
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
    pub(crate) fn new(id: Id, address: &str, tag: String, tasks: TaskTracker) -> Backend {
        Backend {
            id,
            address: address.to_owned(),
            tag,
            tally: Tally::default(),
            look: Notify::new(),
            gone: CancellationToken::new(),
            idle: Mutex::default(),
            tasks,
        }
    }

    /// Sends a request, on a connection that is there or a new one, and waits for the answer's head.
    pub(crate) async fn send(
        &self,
        request: Request<Body>,
        times: Times,
    ) -> Result<(Response<Incoming>, Lent), Trouble> {
        let sending = self.try_to_send(request, times);
        let Some(limit) = times.answer_max else { return sending.await };
        let late = || Trouble {
            failed: Failed::TimedOut,
            event: Some(Event::TimedOut),
            why: Why::Said(format!("no answer for {} ms", limit.as_millis())),
            request: None,
        };
        let sent = timeout(limit, sending).await.unwrap_or_else(|_| Err(late()));
        if let Err(Trouble { failed, .. }) = &sent {
            tracing::debug!(backend = self.address, ?failed, "try failed");
        }
        sent
    }

    async fn try_to_send(
        &self,
        mut request: Request<Body>,
        times: Times,
    ) -> Result<(Response<Incoming>, Lent), Trouble> {
        loop {
            let (mut lent, is_new) = match self.take(times.idle_max) {
                Some(lent) => (lent, false),
                None => match self.connect(times.connect_max).await {
                    Ok(lent) => (lent, true),
                    Err(why) => return Err(self.unsent(request, why)),
                },
            };
            match lent.line.try_send_request(request).await {
                Ok(answer) => return Ok((answer, lent)),
                Err(mut error) => match error.take_message() {
                    // an idle connection had been closed: that says nothing
                    Some(unsent) if !is_new => request = unsent,
                    Some(unsent) => return Err(self.unsent(unsent, error.error().to_string())),
                    None => return Err(broken(error.into_error())),
                },
            }
        }
    }

    fn unsent(&self, request: Request<Body>, why: String) -> Trouble {
        let (failed, event) = (Failed::Unsent, Some(Event::ConnectFailed));
        Trouble { failed, event, why: Why::Said(why), request: Some(Box::new(request)) }
    }

    /// Makes a connection.
    pub(crate) async fn connect(&self, limit: Duration) -> Result<Lent, String> {
        let connecting = async {
            let socket = TcpStream::connect(&self.address).await?;
            socket.set_nodelay(true)?;
            Ok::<_, std::io::Error>(socket)
        };
        let socket = match timeout(limit, connecting).await {
            Ok(Ok(socket)) => socket,
            Ok(Err(error)) => return Err(error.to_string()),
            Err(_) => return Err(format!("no connection for {} ms", limit.as_millis())),
        };
        let (line, connection) = http1::Builder::new()
            .max_buf_size(HEAD_BYTES_MAX)
            .max_headers(HEADERS_MAX)
            .handshake(TokioIo::new(socket))
            .await
            .map_err(|error| error.to_string())?;
        self.tally.connections.fetch_add(1, Relaxed);
        // it ends with its line, or by itself; its errors are told to whoever waits on the line
        self.tasks.spawn(async move { drop(connection.with_upgrades().await) });
        Ok(Lent { line, made: Instant::now() })
    }

    /// The connection that was used last, of those that can be.
    fn take(&self, idle_max: Duration) -> Option<Lent> {
        let mut idle = self.idle.lock().expect("nobody panics while holding it");
        while let Some(Idle { line, since, made }) = idle.pop() {
            if !line.is_closed() && line.is_ready() && since.elapsed() < idle_max && made.elapsed() < AGE_MAX
            {
                return Some(Lent { line, made });
            }
        }
        None
    }

    /// Keeps a connection whose answer has been taken in whole, if there is room for it.
    pub(crate) fn keep(&self, lent: Lent, most: usize) {
        if lent.line.is_closed() || !lent.line.is_ready() || self.gone.is_cancelled() {
            return;
        }
        let mut idle = self.idle.lock().expect("nobody panics while holding it");
        if idle.len() < most {
            idle.push(Idle { line: lent.line, since: Instant::now(), made: lent.made });
        }
    }

    /// Lets go of connections that are closed or have been idle for long; how many are left.
    pub(crate) fn tidy(&self, idle_max: Duration) -> usize {
        let mut idle = self.idle.lock().expect("nobody panics while holding it");
        idle.retain(|idle| !idle.line.is_closed() && idle.since.elapsed() < idle_max);
        idle.len()
    }

    /// Lets go of all idle connections.
    pub(crate) fn empty(&self) {
        self.idle.lock().expect("nobody panics while holding it").clear();
    }

    /// Its address as a `Host`.
    pub(crate) fn host(&self) -> Option<HeaderValue> {
        HeaderValue::try_from(&self.address).ok()
    }
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backend").field("address", &self.address).finish_non_exhaustive()
    }
}
