//! A connection that can't be held open by silence.
//!
//! hyper has a timer for reading headers, at the price of one timer per request. Here reads and writes leave a mark of
//! the time, and one look at the marks every few seconds decides whether the connection goes on: see `rounds`.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use crate::config::Config;

/// The marks of one connection; times in milliseconds since it began.
pub(crate) struct Watch {
    turns: Turns,
    peer: IpAddr,
    is_of_proxy: bool,
    /// What the connection has been told; a [`Notice`] as a number, which only grows.
    notice: AtomicU8,
    /// Its task.
    task: AtomicWaker,
    began: Instant,
    requests_open: AtomicU32,
    /// Last time that any byte went through.
    active: AtomicU64,
    /// Since when an unfinished head is being read; 0 for none.
    head: AtomicU64,
    /// Since when a write waits for the client; 0 for none.
    stall: AtomicU64,
    /// Since when the client has been told to send no more requests; 0 for not yet.
    ending: AtomicU64,
    /// An answer on it is an event stream, or it has become a websocket.
    lasts: AtomicBool,
}

/// How requests share a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turns {
    /// One after the other: whatever comes belongs to a request.
    One,
    /// Many at once: what comes may belong to none, and keeps no connection open by itself.
    Many,
}

/// What a connection is told by whoever looks after it; what comes later is the more urgent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Notice {
    /// Nothing: go on.
    None,
    /// Take no more requests, and end when all that have come are answered.
    Finish,
    /// End now.
    Cut,
}

/// A request that is being answered.
pub(crate) struct Open(Arc<Watch>);

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
    pub(crate) fn new(turns: Turns, peer: IpAddr, is_of_proxy: bool) -> Watch {
        let zero = || AtomicU64::new(0);
        Watch {
            turns,
            peer,
            is_of_proxy,
            notice: AtomicU8::new(Notice::None as u8),
            task: AtomicWaker::new(),
            began: Instant::now(),
            requests_open: AtomicU32::new(0),
            active: zero(),
            head: zero(),
            stall: zero(),
            ending: zero(),
            lasts: AtomicBool::new(false),
        }
    }

    /// Tells the connection something, and wakes it if that is new; whether it was.
    pub(crate) fn tell(&self, notice: Notice) -> bool {
        let is_new = self.notice.fetch_max(notice as u8, Ordering::SeqCst) < notice as u8;
        if is_new {
            self.task.wake();
        }
        is_new
    }

    /// What the connection has been told; its task is woken when it is told more.
    pub(crate) fn heed(&self, cx: &Context<'_>) -> Notice {
        self.task.register(cx.waker());
        match self.notice.load(Ordering::SeqCst) {
            0 => Notice::None,
            1 => Notice::Finish,
            _ => Notice::Cut,
        }
    }

    /// How requests share the connection.
    pub(crate) fn turns(&self) -> Turns {
        self.turns
    }

    /// Who is at the other end.
    pub(crate) fn peer(&self) -> IpAddr {
        self.peer
    }

    /// Whether that is a proxy that we trust.
    pub(crate) fn is_of_proxy(&self) -> bool {
        self.is_of_proxy
    }

    /// Since when the connection is there.
    pub(crate) fn began(&self) -> Instant {
        self.began
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
    pub(crate) fn open(self: &Arc<Watch>) -> Open {
        self.requests_open.fetch_add(1, Ordering::Relaxed);
        self.head.store(0, Ordering::Relaxed);
        Open(self.clone())
    }

    /// Notes that the client has been told to send no more requests.
    pub(crate) fn end(&self) {
        self.ending.store(self.now(), Ordering::Relaxed);
    }

    /// How long the connection has been there.
    pub(crate) fn age(&self) -> Duration {
        self.began.elapsed()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX).max(1)
    }

    fn read(&self) {
        if self.turns == Turns::Many {
            return;
        }
        let now = self.now();
        self.active.store(now, Ordering::Relaxed);
        if self.requests_open.load(Ordering::Relaxed) == 0 {
            let _ = self.head.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    fn wrote(&self) {
        if self.turns == Turns::One {
            self.active.store(self.now(), Ordering::Relaxed);
        }
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
        if !is_open && older(self.ending.load(Ordering::Relaxed), config.write_stall_max.0) {
            return Verdict::Stuck;
        }
        match !is_open && older(self.active.load(Ordering::Relaxed).max(1), config.idle_time_max.0) {
            true => Verdict::Idle,
            false => Verdict::Fine,
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.requests_open.fetch_sub(1, Ordering::Relaxed);
        self.0.active.store(self.0.now(), Ordering::Relaxed);
    }
}

/// A socket that leaves marks.
pub(crate) struct Wire<S> {
    io: TokioIo<S>,
    watch: Arc<Watch>,
}

impl<S> Wire<S> {
    pub(crate) fn new(socket: S, watch: Arc<Watch>) -> Wire<S> {
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

impl<S: AsyncRead + Unpin> Read for Wire<S> {
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

impl<S: AsyncWrite + Unpin> Write for Wire<S> {
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
