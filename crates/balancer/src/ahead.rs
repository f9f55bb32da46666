//! A long answer, taken in ahead of a client that is slower than its backend: the backend is free early.
//!
//! What is short, or fits into what the system takes from us at once, is passed on as it comes. Then a task takes in, up to
//! a bound; from there on it goes no faster than the client takes it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::task::TaskTracker;

use crate::answer::{Answer, Cut};

/// Bytes that are passed on before anything is taken in ahead.
pub(crate) const DIRECT: u64 = 64 << 10;

/// An answer's body.
pub(crate) struct Ahead {
    state: State,
    passed: u64,
    left: SizeHint,
    means: Option<Means>,
}

/// What it needs to take in ahead.
pub(crate) struct Means {
    pub(crate) tasks: TaskTracker,
    /// Bytes of this answer.
    pub(crate) most: u32,
    /// Bytes of all.
    pub(crate) all: Arc<Semaphore>,
}

type Piece = (Result<Frame<Bytes>, Cut>, Option<OwnedSemaphorePermit>);

#[expect(clippy::large_enum_variant, reason = "the whole lies in a piece of memory of its own")]
enum State {
    Direct(Answer),
    /// What a task has read, and its share of what may be ahead.
    Fed {
        from: mpsc::UnboundedReceiver<Piece>,
        _room: OwnedSemaphorePermit,
    },
    Over,
}

impl Ahead {
    pub(crate) fn new(answer: Answer, means: Means) -> Ahead {
        let left = answer.size_hint();
        Ahead { state: State::Direct(answer), passed: 0, left, means: Some(means) }
    }

    /// Lets a task take in what follows, if there is room for that.
    fn hand_over(&mut self) {
        let Some(Means { tasks, most, all }) = self.means.take() else { return };
        let Ok(room) = all.try_acquire_many_owned(most) else { return };
        let State::Direct(answer) = std::mem::replace(&mut self.state, State::Over) else { return };
        let (to, from) = mpsc::unbounded_channel();
        tasks.spawn(feed(answer, to, most));
        self.state = State::Fed { from, _room: room };
    }
}

/// Reads to the end, or until nobody wants it any more.
async fn feed(mut answer: Answer, to: mpsc::UnboundedSender<Piece>, most: u32) {
    let own = Arc::new(Semaphore::new(most as usize));
    loop {
        let frame = tokio::select! {
            frame = answer.frame() => frame,
            () = to.closed() => return,
        };
        let Some(frame) = frame else { return };
        let length = frame.as_ref().ok().and_then(Frame::data_ref).map_or(0, Bytes::len);
        let length = u32::try_from(length).unwrap_or(u32::MAX).min(most);
        let permit = tokio::select! {
            permit = own.clone().acquire_many_owned(length) => permit.ok(),
            () = to.closed() => return,
        };
        let is_over = frame.is_err() || answer.is_end_stream();
        if to.send((frame, permit)).is_err() || is_over {
            return;
        }
    }
}

impl Body for Ahead {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let this = self.get_mut();
        if this.passed >= DIRECT && this.means.is_some() {
            this.hand_over();
        }
        let polled = match &mut this.state {
            State::Direct(answer) => Pin::new(answer).poll_frame(cx),
            State::Fed { from, .. } => from.poll_recv(cx).map(|piece| piece.map(|(frame, _)| frame)),
            State::Over => Poll::Ready(None),
        };
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            let length = frame.data_ref().map_or(0, Bytes::len) as u64;
            this.passed += length;
            if let Some(left) = this.left.exact() {
                this.left = SizeHint::with_exact(left.saturating_sub(length));
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        match &self.state {
            State::Direct(answer) => answer.is_end_stream(),
            State::Fed { .. } => self.left.exact() == Some(0),
            State::Over => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.state {
            State::Direct(answer) => answer.size_hint(),
            _ => self.left,
        }
    }
}
