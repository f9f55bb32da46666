//! A connection that can't be held open by silence.
//!
//! hyper has a timer for reading headers, at the price of one timer per request. Here reads and writes leave a mark of
//! the time, and one look at the marks every few seconds decides whether the connection goes on.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::config::Config;

/// The marks of one connection; times in milliseconds since it began.
pub(crate) struct Watch {
    began: Instant,
    requests_open: AtomicU32,
    /// Last time that any byte went through.
    active: AtomicU64,
    /// Since when an unfinished head is being read; 0 for none.
    head: AtomicU64,
    /// Since when a write waits for the client; 0 for none.
    stall: AtomicU64,
    /// An answer on it is an event stream, or it has become a websocket.
    lasts: AtomicBool,
}

/// A request that is being answered.
pub(crate) struct Open<'a>(&'a Watch);

/// What a look at the marks says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Go on.
    Fine,
    /// Nothing happens here any more: close as soon as no request is open.
    Idle,
    /// The client holds us up: close at once.
    Stuck,
}

impl Watch {
    pub(crate) fn new() -> Watch {
        let zero = || AtomicU64::new(0);
        Watch {
            began: Instant::now(),
            requests_open: AtomicU32::new(0),
            active: zero(),
            head: zero(),
            stall: zero(),
            lasts: AtomicBool::new(false),
        }
    }

    /// Notes that what goes on here has no end of its own.
    pub(crate) fn last(&self) {
        self.lasts.store(true, Ordering::Relaxed);
    }

    /// Whether what goes on here has no end of its own.
    pub(crate) fn lasts(&self) -> bool {
        self.lasts.load(Ordering::Relaxed)
    }

    /// Notes that a request's head is complete and it is being answered, until the guard is dropped.
    pub(crate) fn open(&self) -> Open<'_> {
        self.requests_open.fetch_add(1, Ordering::Relaxed);
        self.head.store(0, Ordering::Relaxed);
        Open(self)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX).max(1)
    }

    fn read(&self) {
        let now = self.now();
        self.active.store(now, Ordering::Relaxed);
        if self.requests_open.load(Ordering::Relaxed) == 0 {
            let _ = self.head.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    fn wrote(&self) {
        self.active.store(self.now(), Ordering::Relaxed);
        self.stall.store(0, Ordering::Relaxed);
    }

    fn stalled(&self) {
        let _ = self.stall.compare_exchange(0, self.now(), Ordering::Relaxed, Ordering::Relaxed);
    }

    pub(crate) fn verdict(&self, config: &Config) -> Verdict {
        let now = self.now();
        let older = |mark: u64, limit: Duration| {
            mark != 0 && u128::from(now.saturating_sub(mark)) > limit.as_millis()
        };
        if older(self.head.load(Ordering::Relaxed), config.head_time_max.0)
            || older(self.stall.load(Ordering::Relaxed), config.write_stall_max.0)
        {
            return Verdict::Stuck;
        }
        let is_open = self.requests_open.load(Ordering::Relaxed) > 0;
        match !is_open && older(self.active.load(Ordering::Relaxed).max(1), config.idle_time_max.0) {
            true => Verdict::Idle,
            false => Verdict::Fine,
        }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.requests_open.fetch_sub(1, Ordering::Relaxed);
        self.0.active.store(self.0.now(), Ordering::Relaxed);
    }
}

/// A socket that leaves marks.
pub(crate) struct Wire {
    io: TokioIo<TcpStream>,
    watch: Arc<Watch>,
}

impl Wire {
    pub(crate) fn new(socket: TcpStream, watch: Arc<Watch>) -> Wire {
        Wire { io: TokioIo::new(socket), watch }
    }

    fn mark<T>(&self, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match &poll {
            Poll::Ready(_) => self.watch.wrote(),
            Poll::Pending => self.watch.stalled(),
        }
        poll
    }
}

impl Read for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.io).poll_read(cx, buffer))?;
        self.watch.read();
        Poll::Ready(Ok(()))
    }
}

impl Write for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.mark(poll)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        self.mark(poll)
    }
}
