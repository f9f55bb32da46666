//! What becomes of the service when some of its hosts go.
//!
//! It is reckoned from the file alone, for the time when everything is well and the first site leads.

use super::{Confirm, Host, Role, Site, Topology, Without};

/// Hosts that are gone.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lost<'a> {
    Host(&'a Host),
    Site(&'a Site),
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome<'a> {
    /// Of writes.
    pub(crate) writes: Writes<'a>,
    /// How many web hosts are left, of how many.
    pub(crate) web: (usize, usize),
    /// How many balancers are left, of how many.
    pub(crate) balancers: (usize, usize),
    /// A site whose web hosts have lost a cache and are still there.
    pub(crate) uncached: Option<&'a Site>,
    /// Whether the next loss of a voter would stop the writes.
    pub(crate) is_last_voice: bool,
}

/// What becomes of writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writes<'a> {
    /// Nothing.
    GoOn,
    /// Another database takes over; nothing acknowledged is lost. Whether there is one to confirm its writes then.
    Move(&'a Site, &'a Host, bool),
    /// They wait for the one that confirms them, for ever or for a while; and another one of the site that has them too.
    Wait(Without, Option<&'a Host>),
    /// There is one that could go on, but it may lack writes, so that a person has to say so.
    AskLoss(&'a Site, &'a Host),
    /// There are too few voices to agree on anything; nothing is lost.
    Stop,
    /// Only one is left that stays a replica.
    Barred(&'a Host),
    /// No database is left.
    Gone,
}

impl Lost<'_> {
    fn has(&self, host: &Host) -> bool {
        match self {
            Lost::Host(lost) => lost.address == host.address,
            Lost::Site(site) => site.hosts.iter().any(|of| of.address == host.address),
        }
    }
}

impl Topology {
    /// What a loss would come to.
    pub(crate) fn outcome(&self, lost: Lost<'_>) -> Outcome<'_> {
        let left = |role: Role| self.with(role).filter(|(_, host)| !lost.has(host)).count();
        let voices = self.voters().count();
        let voices_left = self.voters().filter(|(_, host)| !lost.has(host)).count();
        Outcome {
            writes: self.writes(lost, voices_left * 2 > voices),
            web: (left(Role::Web), self.with(Role::Web).count()),
            balancers: (left(Role::Balancer), self.with(Role::Balancer).count()),
            uncached: self.sites.iter().find(|site| {
                let of = |role: Role| site.hosts.iter().filter(move |host| host.is(role));
                of(Role::Cache).any(|host| lost.has(host)) && of(Role::Web).any(|host| !lost.has(host))
            }),
            is_last_voice: voices_left < voices && voices_left.saturating_sub(1) * 2 <= voices,
        }
    }

    fn writes(&self, lost: Lost<'_>, can_agree: bool) -> Writes<'_> {
        let is_left = |host: &Host| !lost.has(host);
        let Some((home, primary)) = self.leads() else { return Writes::Gone };
        let left = || self.with(Role::Database).filter(|(_, host)| is_left(host));
        if left().next().is_none() {
            return Writes::Gone;
        }
        if !can_agree {
            return Writes::Stop;
        }
        let others = || left().filter(|(_, host)| host.address != primary.address);
        let near = others().find(|(site, _)| site.name == home.name);
        let far = others().find(|(site, _)| site.name != home.name);
        if is_left(primary) {
            let is_confirmed = match self.confirm {
                Confirm::Here => true,
                Confirm::Site => near.is_some(),
                Confirm::Abroad => far.is_some(),
            };
            let also = near.filter(|_| self.confirm == Confirm::Abroad).map(|(_, host)| host);
            return if is_confirmed { Writes::GoOn } else { Writes::Wait(self.without, also) };
        }
        // one that stays a replica confirms, but takes nothing over
        let able = || others().filter(|(_, host)| !host.is(Role::Replica));
        let near = able().find(|(site, _)| site.name == home.name);
        let far = able().find(|(site, _)| site.name != home.name);
        // where writes count abroad, one of the site confirms them too
        let heir = match self.confirm {
            Confirm::Here => None,
            Confirm::Site => near,
            Confirm::Abroad => near.or(far),
        };
        match (heir, near.or(far)) {
            (Some((site, heir)), _) => {
                let mut rest = left().filter(|(_, host)| host.address != heir.address);
                let is_followed =
                    rest.any(|(of, _)| (of.name == site.name) == (self.confirm == Confirm::Site));
                Writes::Move(site, heir, is_followed)
            }
            (None, Some((site, heir))) => Writes::AskLoss(site, heir),
            (None, None) => others().next().map_or(Writes::Gone, |(_, host)| Writes::Barred(host)),
        }
    }
}
