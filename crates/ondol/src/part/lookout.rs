//! What the console is told of all hosts, and what is remembered for it: where the primary was, and how many writes there were.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use base::moment::Moment;
use base::time::Clock;
use console::continuity::{Looking, State, Watch};
use store::Store;
use tokio::time::sleep;

use super::core::{self, Seen, Trail};
use super::keys::Keys;
use super::reach::Eyes;
use super::reach::gather::{Gathered, gather};
use crate::config::Config;
use crate::failure::Failure;
use crate::topology::core::Topology;

/// How often the primary's position is noted.
const NOTE_EVERY: Duration = Duration::from_millis(500);
/// How long a host may take to answer when somebody looks.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(1);

/// Who looks out.
pub(crate) struct Lookout {
    config: Config,
    topology: Topology,
    keys: Keys,
    eyes: Eyes,
    trail: Mutex<Trail>,
    /// Where writes are counted, once this host's web role has opened it.
    store: OnceLock<Store>,
}

impl Lookout {
    pub(crate) fn new(config: &Config, topology: &Topology, keys: &Keys, eyes: &Eyes) -> Arc<Lookout> {
        Arc::new(Lookout {
            config: config.clone(),
            topology: topology.clone(),
            keys: keys.clone(),
            eyes: eyes.clone(),
            trail: Mutex::default(),
            store: OnceLock::new(),
        })
    }

    /// Counts writes there from now on.
    pub(crate) fn count_in(&self, store: &Store) {
        // the first one lasts as long as we do
        let _ = self.store.set(store.clone());
    }

    /// Notes where the primary is, for as long as it is asked to.
    pub(crate) async fn run(self: Arc<Lookout>) {
        loop {
            self.note();
            sleep(NOTE_EVERY).await;
        }
    }

    fn note(&self) {
        let view = self.eyes.view.borrow();
        let Some(leader) = view.leader.as_ref().map(|leader| &leader.what) else { return };
        let Some(primary) = view.members.get(&leader.host) else { return };
        let writes = self.store.get().and_then(|store| u64::try_from(store.position().0).ok());
        self.trail().note(Moment::now(), leader.epoch, primary.what.received.offset, writes);
    }

    async fn seen(&self) -> Result<State, Failure> {
        let gathered = gather(&self.config, &self.topology, &self.keys, &self.eyes, ANSWER_TIME_MAX).await?;
        let Gathered { view, voices, web, fronts, caches } = gathered;
        let trail = self.trail();
        let seen = Seen {
            service: &self.config.service,
            topology: &self.topology,
            view: &view,
            voices,
            web,
            fronts,
            caches,
            mirrors: core::mirrors(&self.config.mirrors, &view, Clock::System.now()),
            trail: Some((&trail, Moment::now())),
        };
        Ok(seen.facts())
    }

    fn trail(&self) -> MutexGuard<'_, Trail> {
        self.trail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch for Lookout {
    fn look(&self) -> Looking<'_> {
        Box::pin(async { self.seen().await.map_err(|failure| failure.lines.join("; ")) })
    }
}
