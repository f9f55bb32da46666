//! Who may answer reads while the primary is silent.

use std::time::Duration;

use base::moment::Moment;
use cluster::View;
use cluster::layout::Role;
use store::deputy::Deputy;

use super::primary::split;

/// How much longer than a lease nobody must have led, until the old primary is certain to be gone: it ends before its lease does,
/// also where somebody took that lease away.
const MARGIN: Duration = Duration::from_secs(1);

/// Since when nobody leads, and after which reign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Vacant {
    epoch: u64,
    since: Moment,
}

impl Vacant {
    /// For how long.
    pub(crate) fn lasts(self, now: Moment) -> Duration {
        now.since(self.since)
    }
}

/// Since when it is so by this view, given what was known before.
pub(crate) fn vacant(view: &View, before: Option<Vacant>, now: Moment) -> Option<Vacant> {
    let epoch = view.sync.as_ref().filter(|_| view.leader.is_none())?.what.epoch;
    // whoever led in between would have raised the epoch
    Some(before.filter(|before| before.epoch == epoch).unwrap_or(Vacant { epoch, since: now }))
}

/// The hosts that a view counts on and whose database follows, in the order of `nearest`. What MariaDB's replicas are unfit for is having
/// thrown away what they had received, so that these are no deputies there.
pub(crate) fn deputies(
    view: &View,
    nearest: &[String],
    engine: &store::Engine,
    vacant_for: Option<Duration>,
    lease: Duration,
) -> Vec<Deputy> {
    let Some(sync) = view.sync.as_ref().map(|sync| &sync.what) else { return Vec::new() };
    let is_of_its_reign = view.leader.as_ref().is_none_or(|leader| leader.what.epoch == sync.epoch);
    let heirs = sync.eligible.iter().filter(|host| **host != sync.primary).count();
    let is_vacant = vacant_for.is_some_and(|time| time >= lease + MARGIN);
    let keeps_what_it_received = |member: &cluster::layout::Member| {
        matches!(engine, store::Engine::Postgres(_)) || member.unfit.is_none()
    };
    let deputy = |host: &String| {
        let member = &view.members.get(host)?.what;
        let is_one =
            sync.eligible.contains(host) && member.role == Role::Replica && keeps_what_it_received(member);
        let address = split(&member.address).filter(|_| is_one && is_of_its_reign)?;
        Some(Deputy { address, is_heir: is_vacant && heirs == 1 && *host != sync.primary })
    };
    nearest.iter().filter_map(deputy).collect()
}
