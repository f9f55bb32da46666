//! One member of etcd: connections to it, and one question at a time on each.
//!
//! A connection whose answer did not come in time is closed, never used again: its answer may still come.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use trust::Tls;

use crate::config::Config;

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The question did not leave this host.
    NotSent(String),
    /// It may have arrived.
    Lost(String),
}

impl Trouble {
    pub(super) fn text(&self) -> &str {
        match self {
            Trouble::NotSent(text) | Trouble::Lost(text) => text,
        }
    }
}

/// An answer: the status, and the body as it came.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) is_ok: bool,
    pub(super) body: Bytes,
}

type Wire = SendRequest<Full<Bytes>>;

#[derive(Debug)]
pub(super) struct Member {
    address: String,
    tls: Option<Tls>,
    attempt_time_max: Duration,
    answer_bytes_max: usize,
    idle_max: usize,
    idle: Mutex<Vec<Wire>>,
    tasks: TaskTracker,
}

impl Member {
    pub(super) fn new(address: &str, config: &Config, tasks: TaskTracker) -> Member {
        Member {
            address: address.to_owned(),
            tls: config.tls.clone(),
            attempt_time_max: config.attempt_time_max,
            answer_bytes_max: config.answer_bytes_max,
            idle_max: config.idle_connections_max,
            idle: Mutex::default(),
            tasks,
        }
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Asks once, within the time for one attempt.
    pub(super) async fn ask(&self, path: &str, body: &Bytes) -> Result<Answer, Trouble> {
        let limit = self.attempt_time_max;
        let late = |what: &str| format!("{what} within {} ms", limit.as_millis());
        let begin = tokio::time::Instant::now();
        let mut wire = match timeout(limit, self.wire()).await {
            Ok(wire) => wire?,
            Err(_) => return Err(Trouble::NotSent(late("no connection"))),
        };
        let exchange = async {
            let answer = self.send(&mut wire, path, body).await?;
            let is_ok = answer.status().is_success();
            let body = Limited::new(answer.into_body(), self.answer_bytes_max).collect().await;
            let body = body.map_err(|error| Trouble::Lost(format!("the answer broke off: {error}")))?;
            Ok(Answer { is_ok, body: body.to_bytes() })
        };
        match timeout(limit.saturating_sub(begin.elapsed()), exchange).await {
            Ok(answer) => {
                let answer = answer?;
                self.put_back(wire);
                Ok(answer)
            }
            Err(_) => Err(Trouble::Lost(late("no answer"))),
        }
    }

    /// Opens a stream on a connection of its own.
    pub(super) async fn open(&self, path: &str, body: &Bytes) -> Result<Stream, Trouble> {
        let begun = async {
            let mut wire = self.connect().await?;
            let answer = self.send(&mut wire, path, body).await?;
            Ok(Stream { _wire: wire, body: answer.into_body() })
        };
        let late = |_| Trouble::Lost(format!("no stream within {} ms", self.attempt_time_max.as_millis()));
        timeout(self.attempt_time_max, begun).await.map_err(late)?
    }

    async fn send(&self, wire: &mut Wire, path: &str, body: &Bytes) -> Result<Response<Incoming>, Trouble> {
        let request = Request::post(path)
            .header("host", &self.address)
            .header("content-type", "application/json")
            // a member that has lost the others is to end the stream
            .header("grpc-metadata-hasleader", "true")
            .body(Full::new(body.clone()))
            .map_err(|error| Trouble::NotSent(error.to_string()))?;
        let lost = |error: hyper::Error| {
            let text = base::error::chain(&error);
            if error.is_canceled() { Trouble::NotSent(text) } else { Trouble::Lost(text) }
        };
        wire.send_request(request).await.map_err(lost)
    }

    /// A connection that is ready: one that is idle, or a new one.
    async fn wire(&self) -> Result<Wire, Trouble> {
        loop {
            let Some(mut wire) = self.lock().pop() else { return self.connect().await };
            if !wire.is_closed() && wire.ready().await.is_ok() {
                return Ok(wire);
            }
        }
    }

    async fn connect(&self) -> Result<Wire, Trouble> {
        let not_sent = |error: &dyn std::error::Error| Trouble::NotSent(base::error::chain(error));
        let stream = TcpStream::connect(&self.address).await.map_err(|error| not_sent(&error))?;
        // a question is one small packet, and waits for nothing
        stream.set_nodelay(true).map_err(|error| not_sent(&error))?;
        match &self.tls {
            None => self.begin(stream).await,
            Some(tls) => {
                let host = self.address.rsplit_once(':').map_or(self.address.as_str(), |(host, _)| host);
                self.begin(tls.encrypt(host, stream).await.map_err(|error| not_sent(&error))?).await
            }
        }
    }

    async fn begin<S>(&self, stream: S) -> Result<Wire, Trouble>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let not_sent = |error: hyper::Error| Trouble::NotSent(base::error::chain(&error));
        let (wire, driver) = handshake(TokioIo::new(stream)).await.map_err(not_sent)?;
        self.tasks.spawn(async move {
            // whoever asks on it is told the same
            let _ = driver.await;
        });
        Ok(wire)
    }

    fn put_back(&self, wire: Wire) {
        let mut idle = self.lock();
        if idle.len() < self.idle_max && !wire.is_closed() {
            idle.push(wire);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Wire>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream of lines. It ends when it is dropped.
#[derive(Debug)]
pub(super) struct Stream {
    _wire: Wire,
    body: Incoming,
}

impl Stream {
    /// What comes next; `None` at the end.
    pub(super) async fn next(&mut self) -> Option<Result<Bytes, hyper::Error>> {
        loop {
            match self.body.frame().await? {
                Ok(frame) => {
                    if let Ok(data) = frame.into_data() {
                        return Some(Ok(data));
                    }
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
