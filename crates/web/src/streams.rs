//! The streams of an HTTP/2 connection: each a task of its own, which is let go of when its client takes nothing.
//!
//! A client that reads the connection but gives one stream no room holds that stream's answer for as long as it likes: hyper
//! does not ask a body for more while there is no room. So each body leaves a mark when it has handed something on, and takes
//! it back when it is asked again; a mark that stays too long ends the stream.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use hyper::body::{Body as _, Frame, SizeHint};
use hyper::rt::Executor;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::wire::Open;

tokio::task_local! {
    /// The marks of the stream whose task this is.
    static MARKS: Arc<Marks>;
}

/// Where the streams of a connection run.
#[derive(Clone)]
pub(crate) struct Streams {
    pub(crate) tasks: TaskTracker,
    pub(crate) hard: CancellationToken,
    pub(crate) stall_max: Duration,
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let (hard, stall_max) = (self.hard.clone(), self.stall_max);
        self.tasks.spawn(async move {
            let marks = Arc::new(Marks::new());
            let served = MARKS.scope(marks.clone(), stream);
            tokio::select! {
                () = served => {}
                () = hard.cancelled() => {}
                () = marks.stalled(stall_max) => tracing::debug!("stream let go of: its client takes nothing"),
            }
        });
    }
}

/// How an answer's body comes along.
struct Marks {
    began: Instant,
    /// Since when the body has not been asked for more, in milliseconds; 0 while it is being asked.
    handed: AtomicU64,
    /// Called when there is a first mark.
    first: Notify,
}

impl Marks {
    fn new() -> Marks {
        Marks { began: Instant::now(), handed: AtomicU64::new(0), first: Notify::new() }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX).max(1)
    }

    /// Ends when a mark has stayed for so long.
    async fn stalled(&self, longest: Duration) {
        self.first.notified().await;
        let longest_ms = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX);
        loop {
            let since = self.handed.load(Relaxed);
            let passed = if since == 0 { 0 } else { self.now().saturating_sub(since) };
            if passed >= longest_ms {
                return;
            }
            tokio::time::sleep(Duration::from_millis(longest_ms - passed)).await;
        }
    }
}

/// An answer whose request counts as open until its last byte.
pub(crate) fn lasting(answer: Response, open: Open) -> hyper::Response<Lasting> {
    answer.map(|inner| {
        let is_over = inner.is_end_stream();
        Lasting { inner, has_handed: false, _open: (!is_over).then_some(open) }
    })
}

/// Such an answer's body.
pub(crate) struct Lasting {
    inner: Body,
    has_handed: bool,
    _open: Option<Open>,
}

impl hyper::body::Body for Lasting {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_frame(cx);
        let has_handed = polled.is_ready() && !this.inner.is_end_stream();
        if has_handed || this.has_handed {
            // a body that is read elsewhere has no marks
            let _ = MARKS.try_with(|marks| {
                marks.handed.store(if has_handed { marks.now() } else { 0 }, Relaxed);
                if !this.has_handed {
                    marks.first.notify_one();
                }
            });
            this.has_handed = true;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
