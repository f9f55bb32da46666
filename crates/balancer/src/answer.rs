//! An answer's body on its way to the client: piece by piece as it comes, never for ever.
//!
//! With its last byte the connection goes back to the backend's idle ones and the place to the desk.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep};
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::backend::Backend;
use crate::desk::Place;
use crate::line::Line;

/// Why a body ends before its time.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Cut {
    #[error("the web server's answer broke off: {0}")]
    BrokeOff(String),
    #[error("the web server was silent within its answer for {0:?}")]
    Silent(Duration),
}

/// An answer's body.
pub(crate) struct Answer {
    /// `None` when all of it has come, or it broke off.
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

impl Held {
    /// Gives all of it back, after the last byte.
    pub(crate) fn done(self) {
        self.backend.keep(self.line, self.idle_max);
        drop(self.place);
    }
}

impl Answer {
    pub(crate) fn new(held: Held, silence_max: Duration) -> Answer {
        let mut answer =
            Answer { held: Some(held), silence_max, alarm: None, silent_since: None, stop: None };
        answer.settle();
        answer
    }

    /// The same as a stream that ends at a stop.
    pub(crate) fn until(self, stop: WaitForCancellationFutureOwned) -> Answer {
        Answer { stop: Some(Box::pin(stop)), ..self }
    }

    /// Gives back what it holds, if the last byte has come.
    fn settle(&mut self) {
        if let Some(held) = self.held.take_if(|held| held.line.is_over()) {
            held.done();
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
        let Some(held) = &mut this.held else { return Poll::Ready(None) };
        match held.line.poll_piece(cx) {
            Poll::Ready(Some(Ok(piece))) => {
                this.silent_since = None;
                this.settle();
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            Poll::Ready(Some(Err(why))) => {
                this.held = None;
                Poll::Ready(Some(Err(Cut::BrokeOff(why))))
            }
            Poll::Ready(None) => {
                this.settle();
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
        self.held.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.held {
            Some(held) => held.line.left().map_or_else(SizeHint::default, SizeHint::with_exact),
            None => SizeHint::with_exact(0),
        }
    }
}
