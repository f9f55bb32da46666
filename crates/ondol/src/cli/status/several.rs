//! `ondol status` of a service on several hosts.

use base::moment::Moment;
use base::time::Clock;
use tokio_util::task::TaskTracker;

use super::ANSWER_TIME_MAX;
use crate::config::Config;
use crate::failure::Failure;
use crate::part::core::{self, Part, Seen, State, Trail};
use crate::part::keys::Keys;
use crate::part::reach::Eyes;
use crate::part::reach::gather::{Gathered, gather};
use crate::topology::core::Topology;

/// Whoever looks on: what it has seen lately says how old is what a replica lacks.
pub(super) struct Onlooker<'c> {
    config: &'c Config,
    topology: &'c Topology,
    keys: Keys,
    eyes: Eyes,
    trail: Trail,
}

impl<'c> Onlooker<'c> {
    /// Must be called in the runtime that is to look.
    pub(super) fn new(config: &'c Config, topology: &'c Topology) -> Result<Onlooker<'c>, Failure> {
        let keys = Keys::of(config, None)?;
        let eyes = Eyes::open(&Part::outside(&config.service, topology), &keys, &TaskTracker::new());
        Ok(Onlooker { config, topology, keys, eyes, trail: Trail::default() })
    }

    /// Looks at all hosts once.
    pub(super) async fn look(&mut self) -> Result<State, Failure> {
        let gathered = gather(self.config, self.topology, &self.keys, &self.eyes, ANSWER_TIME_MAX).await?;
        let Gathered { view, voices, web, fronts, caches } = gathered;
        let now = Moment::now();
        let leader = view.leader.as_ref().map(|leader| &leader.what);
        let written = leader.and_then(|leader| Some((leader.epoch, view.members.get(&leader.host)?)));
        if let Some((epoch, primary)) = written {
            self.trail.note(now, epoch, primary.what.received.offset, None);
        }
        let (service, topology) = (&self.config.service, self.topology);
        let trail = Some((&self.trail, now));
        let mirrors = core::mirrors(&self.config.mirrors, &view, Clock::System.now());
        let view = &view;
        Ok(core::state(&Seen { service, topology, view, voices, web, fronts, caches, mirrors, trail }))
    }
}
