//! A connection that can't be held open by silence.
//!
//! hyper has a timer for reading headers, at the price of one timer per request. Here reads and writes leave a mark of
//! the time, and one look at the marks every few seconds decides whether the connection goes on: see `rounds`.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::server::TlsStream;

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
    /// It is to give back the memory that it needs for requests only.
    may_rest: AtomicBool,
}

/// Silence after which a connection gives back what it needs for requests only.
const REST_AFTER: Duration = Duration::from_secs(1);
/// Bytes of pieces that are written as one.
const JOINED_BYTES_MAX: usize = 4 << 10;

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
            may_rest: AtomicBool::new(false),
        }
    }

    /// Lets the connection give back what it needs for requests only, if it is idle and has not done so.
    pub(crate) fn let_rest(&self) {
        if self.is_idle(REST_AFTER) && !self.may_rest.swap(true, Ordering::SeqCst) {
            self.task.wake();
        }
    }

    /// Whether the connection may do so, now that it looks itself.
    pub(crate) fn rests(&self) -> bool {
        self.may_rest.load(Ordering::Relaxed) && self.is_idle(REST_AFTER)
    }

    /// Notes that the connection has what it needs for requests again.
    pub(crate) fn wakes(&self) {
        self.may_rest.store(false, Ordering::Relaxed);
    }

    /// Whether nothing has gone through for so long, nothing is being answered, and nothing half done.
    fn is_idle(&self, time: Duration) -> bool {
        let is_clear = |mark: &AtomicU64| mark.load(Ordering::Relaxed) == 0;
        let silence = self.now().saturating_sub(self.active.load(Ordering::Relaxed));
        self.turns == Turns::One
            && self.requests_open.load(Ordering::Relaxed) == 0
            && is_clear(&self.head)
            && is_clear(&self.stall)
            && u128::from(silence) >= time.as_millis()
    }

    /// Notes that a head has begun though no more of it is being read.
    pub(crate) fn began_head(&self) {
        let _ = self.head.compare_exchange(0, self.now(), Ordering::Relaxed, Ordering::Relaxed);
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
        self.may_rest.store(false, Ordering::Relaxed);
        // while a request is open, its end is the mark that counts
        if self.requests_open.load(Ordering::Relaxed) == 0 {
            let now = self.now();
            self.active.store(now, Ordering::Relaxed);
            let _ = self.head.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    fn wrote(&self) {
        if self.turns == Turns::One && self.requests_open.load(Ordering::Relaxed) == 0 {
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

/// What tells when something has come, without taking it.
pub(crate) trait Comes {
    fn poll_comes(&self, cx: &mut Context<'_>) -> Poll<()>;
}

impl Comes for TcpStream {
    fn poll_comes(&self, cx: &mut Context<'_>) -> Poll<()> {
        // an error is met again by whoever reads
        self.poll_read_ready(cx).map(drop)
    }
}

impl Comes for TlsStream<TcpStream> {
    fn poll_comes(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.get_ref().0.poll_comes(cx)
    }
}

/// A socket that leaves marks.
pub(crate) struct Wire<S> {
    io: TokioIo<S>,
    watch: Arc<Watch>,
    /// What was read before, and comes first.
    early: Bytes,
}

impl<S: Comes + AsyncWrite + Unpin> Wire<S> {
    /// Waits until something comes; nothing is kept ready for it.
    pub(crate) fn poll_comes(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.early.is_empty() { self.io.inner().poll_comes(cx) } else { Poll::Ready(()) }
    }

    /// Says goodbye, if that can be done at once.
    pub(crate) fn end(&mut self) {
        let _ = Pin::new(self.io.inner_mut()).poll_shutdown(&mut Context::from_waker(Waker::noop()));
    }
}

impl<S> Wire<S> {
    pub(crate) fn new(socket: S, watch: Arc<Watch>) -> Wire<S> {
        Wire { io: TokioIo::new(socket), watch, early: Bytes::new() }
    }

    /// Lets these bytes come first.
    pub(crate) fn put_back(&mut self, early: Bytes) {
        if !early.is_empty() {
            self.watch.began_head();
            self.early = early;
        }
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
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.early.is_empty() {
            let length = self.early.len().min(buffer.remaining());
            buffer.put_slice(&self.early.split_to(length));
            return Poll::Ready(Ok(()));
        }
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
        let length: usize = slices.iter().map(|slice| slice.len()).sum();
        if slices.len() > 1 && length <= JOINED_BYTES_MAX {
            // to copy so few costs less than to have the system gather them
            let mut joined = Vec::with_capacity(length);
            slices.iter().for_each(|slice| joined.extend_from_slice(slice));
            return self.poll_write(cx, &joined);
        }
        let poll = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        self.mark(poll)
    }
}
