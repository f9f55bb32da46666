//! An answer's body on its way to the client: piece by piece as it comes, never for ever.
//!
//! With its last byte the connection goes back to the backend's idle ones and the place to the desk.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep};
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::backend::Backend;
use crate::desk::Place;
use crate::line::Line;

/// Why a body ends before its time.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Cut {
    #[error("the web server's answer broke off: {0}")]
    BrokeOff(#[from] hyper::Error),
    #[error("the web server was silent within its answer for {0:?}")]
    Silent(Duration),
}

/// An answer's body.
pub(crate) struct Answer {
    inner: Incoming,
    held: Option<Held>,
    silence_max: Duration,
    /// Set while nothing comes; reset only when it goes off, not with every piece.
    alarm: Option<Pin<Box<Sleep>>>,
    /// When it was found silent first, after the last piece.
    silent_since: Option<Instant>,
    /// Ends a stream when the service stops; other bodies end by themselves.
    stop: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

/// What is given back at the end.
pub(crate) struct Held {
    pub(crate) backend: Arc<Backend>,
    pub(crate) line: Line,
    pub(crate) place: Place,
    pub(crate) idle_max: usize,
}

impl Answer {
    pub(crate) fn new(inner: Incoming, held: Held, silence_max: Duration) -> Answer {
        let mut answer =
            Answer { inner, held: Some(held), silence_max, alarm: None, silent_since: None, stop: None };
        if answer.inner.is_end_stream() {
            answer.done();
        }
        answer
    }

    /// The same as a stream that ends at a stop.
    pub(crate) fn until(self, stop: WaitForCancellationFutureOwned) -> Answer {
        Answer { stop: Some(Box::pin(stop)), ..self }
    }

    /// The last byte has come.
    fn done(&mut self) {
        if let Some(Held { backend, line, place, idle_max }) = self.held.take() {
            backend.keep(line, idle_max);
            drop(place);
        }
    }

    fn is_silent(&mut self, cx: &mut Context<'_>) -> bool {
        let until = *self.silent_since.get_or_insert_with(Instant::now) + self.silence_max;
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        while alarm.as_mut().poll(cx).is_ready() {
            if alarm.deadline() >= until {
                return true;
            }
            alarm.as_mut().reset(until);
        }
        false
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let this = self.get_mut();
        if let Some(stop) = &mut this.stop
            && stop.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(None);
        }
        let polled = match &mut this.held {
            Some(held) => held.line.poll_frame(cx, &mut this.inner),
            None => Pin::new(&mut this.inner).poll_frame(cx),
        };
        match polled {
            Poll::Ready(Some(Ok(frame))) => {
                this.silent_since = None;
                if this.inner.is_end_stream() {
                    this.done();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                this.held = None;
                Poll::Ready(Some(Err(error.into())))
            }
            Poll::Ready(None) => {
                this.done();
                Poll::Ready(None)
            }
            Poll::Pending if this.is_silent(cx) => {
                this.held = None;
                Poll::Ready(Some(Err(Cut::Silent(this.silence_max))))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
