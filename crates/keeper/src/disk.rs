//! Whether the database's disk takes writes, and how much room it has: asked now and then, beside everything else, because what hangs on a disk can't be
//! seen by asking the database (it answers out of memory for a long time).

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use base::unit::Bytes;
use engine::Hands;
use tokio::time::sleep;

use crate::config::Limits;

/// The disk of this host's database.
#[derive(Debug)]
pub(crate) struct Disk {
    database: Arc<Hands>,
    fault: RefCell<Option<String>>,
    room: Cell<Option<Bytes>>,
}

impl Disk {
    pub(crate) fn new(database: Arc<Hands>) -> Disk {
        Disk { database, fault: RefCell::new(None), room: Cell::new(None) }
    }

    /// What was wrong with it when it was last written to.
    pub(crate) fn fault(&self) -> Option<String> {
        self.fault.borrow().clone()
    }

    /// How much room there was on it then.
    pub(crate) fn room(&self) -> Option<Bytes> {
        self.room.get()
    }

    /// Writes to it, now and then: run this beside everything else.
    pub(crate) async fn watch(&self, limits: Limits) {
        loop {
            sleep(limits.disk_every).await;
            let probed = self.database.probe_disk().await;
            self.room.set(probed.as_ref().ok().copied());
            *self.fault.borrow_mut() = probed.err().map(|error| base::error::chain(&error));
        }
    }
}
