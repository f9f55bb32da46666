//! The connections that short questions share: many at once on each, sent without waiting for the answers before them.
//!
//! Two of them cost the client about half of what a connection of its own for each question costs.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::error::Error;
use crate::postgres::place::Place;
use crate::postgres::wire::Wire;

/// The shared connections, made when they are first needed.
pub(super) struct Shared {
    place: Arc<Place>,
    slots: Vec<Slot>,
    next: AtomicUsize,
    closing: CancellationToken,
}

#[derive(Default)]
struct Slot {
    wire: Mutex<Option<Arc<Wire>>>,
    /// Held by whoever connects; what came of it last, when it failed.
    making: tokio::sync::Mutex<Option<(Instant, Error)>>,
}

impl Shared {
    pub(super) fn new(place: Arc<Place>, count: usize, closing: CancellationToken) -> Shared {
        let slots = (0..count.max(1)).map(|_| Slot::default()).collect();
        Shared { place, slots, next: AtomicUsize::new(0), closing }
    }

    /// One of them in turn; a dead one is replaced.
    pub(super) async fn wire(&self) -> Result<Arc<Wire>, Error> {
        let slot = &self.slots[self.next.fetch_add(1, Ordering::Relaxed) % self.slots.len()];
        if let Some(wire) = slot.live() {
            return Ok(wire);
        }
        let asked = Instant::now();
        let mut failed = slot.making.lock().await;
        if let Some(wire) = slot.live() {
            return Ok(wire);
        }
        // whoever waited here while another one tried in vain does not try again
        if let Some((at, error)) = &*failed
            && *at >= asked
        {
            return Err(error.again());
        }
        // rare and large
        match Box::pin(Wire::connect(&self.place)).await {
            Ok(wire) => self.fill(slot, Arc::new(wire)),
            Err(error) => {
                *failed = Some((Instant::now(), error.again()));
                Err(error)
            }
        }
    }

    /// Lets all of them go, once what is asked is answered.
    pub(super) fn close(&self) {
        for slot in &self.slots {
            slot.lock().take();
        }
    }

    fn fill(&self, slot: &Slot, wire: Arc<Wire>) -> Result<Arc<Wire>, Error> {
        let mut place = slot.lock();
        if self.closing.is_cancelled() {
            return Err(Error::Busy);
        }
        *place = Some(Arc::clone(&wire));
        Ok(wire)
    }
}

impl Slot {
    fn live(&self) -> Option<Arc<Wire>> {
        self.lock().as_ref().filter(|wire| wire.is_live()).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Wire>>> {
        self.wire.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
