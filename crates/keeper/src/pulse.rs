//! The leader's signs of life, and when each was seen here first.
//!
//! A watch hears each as it is left: a look alone would see the last one only after a change of the store's own leader, and
//! count from then.

use std::cell::RefCell;

use base::moment::Moment;
use cluster::{Cluster, Entry, Event, Layout};
use tokio::time::sleep;

use crate::config::Limits;

/// Who hears them.
#[derive(Debug)]
pub(crate) struct Pulse {
    cluster: Cluster,
    key: String,
    /// The last one, and when it was seen first.
    last: RefCell<Option<(Entry, Moment)>>,
}

impl Pulse {
    pub(crate) fn new(cluster: Cluster, layout: &Layout) -> Pulse {
        Pulse { cluster, key: layout.pulse().to_owned(), last: RefCell::new(None) }
    }

    /// Hears them: run this beside everything else.
    pub(crate) async fn listen(&self, limits: Limits) {
        loop {
            if let Ok(read) = self.cluster.get(&self.key).await {
                let mut watch = self.cluster.watch(&self.key, read.revision + 1);
                while let Ok(events) = watch.next().await {
                    for event in &events {
                        if let Event::Put(entry) = event
                            && entry.key == self.key
                        {
                            self.see(entry.clone());
                        }
                    }
                }
            }
            sleep(limits.failure_rest).await;
        }
    }

    /// The last one in the store, if any, and when it was seen first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub(crate) async fn last(&self) -> Result<Option<(Entry, Moment)>, cluster::Error> {
        Ok(self.cluster.get(&self.key).await?.entry.map(|entry| self.see(entry)))
    }

    /// One that is there, or was a moment ago; the last one of that lease, with when it was seen first.
    fn see(&self, entry: Entry) -> (Entry, Moment) {
        let is_no_older = |known: &Entry| known.lease == entry.lease && known.modified >= entry.modified;
        let mut last = self.last.borrow_mut();
        let known = last.take().filter(|(known, _)| is_no_older(known));
        last.insert(known.unwrap_or_else(|| (entry, Moment::now()))).clone()
    }
}
