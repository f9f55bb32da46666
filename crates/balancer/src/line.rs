//! One connection to a backend.
//!
//! It is moved by whoever has it: a request, the connection it goes out on and the answer are one task, which sleeps until
//! its own socket wakes it. Nothing is handed from task to task, and on several threads nobody else is woken. Only when a
//! request's body is still coming in, the connection gets a task of its own: the body goes up whether or not anybody takes
//! the answer.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axum::body::Body;
use hyper::body::{Body as _, Bytes, Frame, Incoming};
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_util::task::TaskTracker;

/// Bytes of an answer's head.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// Headers of an answer.
const HEADERS_MAX: usize = 200;
/// Longest time that a connection serves, so that a name's new address is found.
const AGE_MAX: Duration = Duration::from_secs(600);

/// The connection itself, as a task that is polled by hand; hyper does not name its type.
type Link = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

/// A connection on which a request can be sent.
pub(crate) struct Line {
    handle: SendRequest<Body>,
    /// `None` when it has ended, or is moved by a task of its own.
    link: Option<Link>,
    made: Instant,
}

impl Line {
    /// Makes a connection.
    pub(crate) async fn open(address: &str, limit: Duration) -> Result<Line, String> {
        let connecting = async {
            let socket = TcpStream::connect(address).await?;
            socket.set_nodelay(true)?;
            Ok::<_, std::io::Error>(socket)
        };
        let socket = match timeout(limit, connecting).await {
            Ok(Ok(socket)) => socket,
            Ok(Err(error)) => return Err(error.to_string()),
            Err(_) => return Err(format!("no connection for {} ms", limit.as_millis())),
        };
        let (handle, link) = http1::Builder::new()
            .max_buf_size(HEAD_BYTES_MAX)
            .max_headers(HEADERS_MAX)
            .handshake(TokioIo::new(socket))
            .await
            .map_err(|error| error.to_string())?;
        Ok(Line { handle, link: Some(Box::pin(link.with_upgrades())), made: Instant::now() })
    }

    /// Whether another request can be sent on it, as far as can be told.
    pub(crate) fn is_good(&mut self, now: Instant) -> bool {
        // what has come meanwhile is seen now: the other side's goodbye, most of all
        if let Some(link) = &mut self.link
            && link.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
        {
            self.link = None;
            return false;
        }
        !self.handle.is_closed()
            && self.handle.is_ready()
            && now.saturating_duration_since(self.made) < AGE_MAX
    }

    /// Sends a request and waits for the answer's head.
    pub(crate) async fn send(
        &mut self,
        request: Request<Body>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Body>>> {
        let mut answer = pin!(self.handle.try_send_request(request));
        poll_fn(|cx| self.advance(cx, |cx| answer.as_mut().poll(cx))).await
    }

    /// The next piece of an answer's body.
    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
        body: &mut Incoming,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.advance(cx, |cx| Pin::new(body).poll_frame(cx))
    }

    /// Lets the connection go on by itself.
    pub(crate) fn part(&mut self, tasks: &TaskTracker) {
        if let Some(link) = self.link.take() {
            // it ends with its handle, or by itself; its errors are told to whoever waits for the answer
            tasks.spawn(async move { drop(link.await) });
        }
    }

    /// Moves the connection, and takes what has come of it.
    fn advance<T>(
        &mut self,
        cx: &mut Context<'_>,
        take: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        if let Some(link) = &mut self.link {
            if link.as_mut().poll(cx).is_pending() {
                // whatever comes, comes out of the line above: nobody else has to wake us
                return take(&mut Context::from_waker(Waker::noop()));
            }
            // its errors are told to whoever waits for the answer
            self.link = None;
        }
        take(cx)
    }
}
