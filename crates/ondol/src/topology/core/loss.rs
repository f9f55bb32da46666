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
    /// Another database takes over; nothing acknowledged is lost.
    Move(&'a Site, &'a Host),
    /// They wait for the one that confirms them, for ever or for a while.
    Wait(Without),
    /// There is one that could go on, but it may lack writes, so that a person has to say so.
    AskLoss(&'a Site, &'a Host),
    /// There are too few voices to agree on anything; nothing is lost.
    Stop,
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
        let Some((site, heir)) = self.with(Role::Database).find(|(_, host)| is_left(host)) else {
            return Writes::Gone;
        };
        if !can_agree {
            return Writes::Stop;
        }
        match is_left(primary) {
            false if self.confirms(home, site) => Writes::Move(site, heir),
            false => Writes::AskLoss(site, heir),
            true if self.confirm == Confirm::Here => Writes::GoOn,
            true => {
                let mut others =
                    self.with(Role::Database).filter(|(_, host)| host.address != primary.address);
                match others.any(|(of, host)| self.confirms(home, of) && is_left(host)) {
                    true => Writes::GoOn,
                    false => Writes::Wait(self.without),
                }
            }
        }
    }

    /// Whether what is in a site confirms the writes of a primary at home.
    fn confirms(&self, home: &Site, site: &Site) -> bool {
        match self.confirm {
            Confirm::Here => false,
            Confirm::Site => site.name == home.name,
            Confirm::Abroad => site.name != home.name,
        }
    }
}
