//! One listener: a queue with an end for the hub and an end that is the body of its answer.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::{Instant, Sleep};

use crate::config::Config;
use crate::realtime::registry::{Registry, Tally};

/// A sign of life that clients pass over.
const HEARTBEAT: &[u8] = b":\n\n";

/// The hub's end of a listener.
pub(super) struct Listener {
    /// The client's id.
    pub(super) id: Arc<str>,
    queue: Mutex<Option<mpsc::Sender<Bytes>>>,
    waiting: AtomicUsize,
    waiting_max: usize,
    tally: Arc<Tally>,
}

/// The client's end: the body of the answer to its GET.
pub(crate) struct Events {
    listener: Arc<Listener>,
    registry: Arc<Registry>,
    queue: mpsc::Receiver<Bytes>,
    heartbeat: Pin<Box<Sleep>>,
    opened: Instant,
    config: Config,
}

/// Makes both ends.
pub(super) fn open(id: &str, config: &Config, registry: Arc<Registry>) -> (Arc<Listener>, Events) {
    let (sender, queue) = mpsc::channel(config.queue_events_max.max(1));
    let listener = Arc::new(Listener {
        id: id.into(),
        queue: Mutex::new(Some(sender)),
        waiting: AtomicUsize::new(0),
        waiting_max: usize::try_from(config.queue_bytes_max.0).unwrap_or(usize::MAX),
        tally: registry.tally.clone(),
    });
    let heartbeat = Box::pin(tokio::time::sleep(config.heartbeat.0));
    let opened = Instant::now();
    let events =
        Events { listener: listener.clone(), registry, queue, heartbeat, opened, config: config.clone() };
    (listener, events)
}

impl Listener {
    /// Hands an event over. A listener whose queue is full is let go of: what waits is still sent, then its connection
    /// ends, and it may resume from the last event that it got.
    pub(super) fn push(&self, event: Bytes) {
        let mut queue = self.queue.lock().expect("nobody panics while holding it");
        let Some(sender) = queue.as_ref() else { return };
        let length = event.len();
        let before = self.waiting.fetch_add(length, Ordering::Relaxed);
        // one event always fits, however large
        let is_over = before > 0 && before + length > self.waiting_max;
        if is_over || matches!(sender.try_send(event), Err(TrySendError::Full(_) | TrySendError::Closed(_))) {
            tracing::debug!(client = &*self.id, "a realtime listener can't keep up");
            self.tally.let_go.fetch_add(1, Ordering::Relaxed);
            *queue = None;
        }
    }

    /// Hands an event over as soon as there is room; false when the listener is gone.
    pub(super) async fn push_patiently(&self, event: Bytes) -> bool {
        let Some(sender) = self.queue.lock().expect("nobody panics while holding it").clone() else {
            return false;
        };
        self.waiting.fetch_add(event.len(), Ordering::Relaxed);
        sender.send(event).await.is_ok()
    }

    /// Ends the connection once what waits has been sent.
    pub(super) fn end(&self) {
        *self.queue.lock().expect("nobody panics while holding it") = None;
    }
}

impl Events {
    /// The connection has lived long enough.
    fn is_over(&self) -> bool {
        let age = self.opened.elapsed();
        age > self.config.listen_time_max.0
            || (age > self.config.unsubscribed_time_max.0
                && !self.registry.has_subscriptions(&self.listener.id))
    }
}

impl Stream for Events {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if let Poll::Ready(event) = this.queue.poll_recv(cx) {
            return Poll::Ready(event.map(|event| {
                this.listener.waiting.fetch_sub(event.len(), Ordering::Relaxed);
                this.listener.tally.events.fetch_add(1, Ordering::Relaxed);
                Ok(event)
            }));
        }
        if this.heartbeat.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        if this.is_over() {
            return Poll::Ready(None);
        }
        this.heartbeat.as_mut().reset(Instant::now() + this.config.heartbeat.0);
        // asked for once, so that the new time is heard of
        let _ = this.heartbeat.as_mut().poll(cx);
        Poll::Ready(Some(Ok(Bytes::from_static(HEARTBEAT))))
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.listener.end();
        self.registry.close(&self.listener.id);
    }
}
