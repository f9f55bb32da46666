//! The leader's signs of life, and when each was seen here first.
//!
//! A watch hears each as it is left: a look alone would see the last one only after a change of the store's own leader, and
//! count from then.

use std::cell::RefCell;

use base::moment::Moment;
use cluster::{Cluster, Entry, Event, Layout};

use crate::config::Limits;
use crate::ear;

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
        let hear = |events: &[Event]| {
            for event in events {
                // a prefix is heard: another service's name may go on where this one's ends
                if let Event::Put(entry) = event
                    && entry.key == self.key
                {
                    self.see(entry.clone());
                }
            }
        };
        ear::listen(&self.cluster, &self.key, limits, hear).await;
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cluster::Txn;
    use cluster::memory::Memory;
    use tokio::time::{sleep, timeout};

    use super::*;

    fn entry(lease: i64, modified: u64) -> Entry {
        let (key, value) = (Layout::new("popong.com").pulse().to_owned(), format!("{lease} {modified}"));
        Entry { key, value, created: 1, modified, lease }
    }

    /// So that the next moment is another one, whatever the clock's step.
    fn later() {
        std::thread::sleep(Duration::from_millis(2));
    }

    fn pulse() -> Pulse {
        Pulse::new(Cluster::memory(&Memory::default()), &Layout::new("popong.com"))
    }

    #[tokio::test]
    async fn each_is_heard_as_it_is_left_though_nobody_looks() {
        let pulse = pulse();
        let heard = async {
            for beat in 0.. {
                pulse.cluster.txn(&Txn::new().put(&pulse.key, beat.to_string())).await.unwrap();
                sleep(Duration::from_millis(1)).await;
                if pulse.last.borrow().is_some() {
                    break;
                }
            }
        };
        let listened = async {
            tokio::select! {
                () = pulse.listen(Limits::default()) => unreachable!("it is heard for ever"),
                () = heard => {}
            }
        };
        timeout(Duration::from_secs(20), listened).await.expect("none was heard");
    }

    #[test]
    fn one_that_is_seen_again_was_seen_when_it_was_seen_first() {
        let pulse = pulse();
        let first = pulse.see(entry(7, 5));
        later();
        assert_eq!(pulse.see(entry(7, 5)), first);
        let next = pulse.see(entry(7, 6));
        assert_eq!(next.0.modified, 6);
        assert!(next.1 > first.1, "it counts from then");
    }

    #[test]
    fn a_look_that_is_overtaken_takes_nothing_back() {
        let pulse = pulse();
        let heard = pulse.see(entry(7, 6));
        later();
        assert_eq!(pulse.see(entry(7, 5)), heard);
    }

    #[test]
    fn another_lease_begins_anew_whatever_its_revision() {
        let pulse = pulse();
        let old = pulse.see(entry(7, 900));
        later();
        let new = pulse.see(entry(8, 3));
        assert_eq!(new.0, entry(8, 3));
        assert!(new.1 > old.1, "the old one's silence is not its own");
    }
}
