//! What the team asked for, and the patience of the rules.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::name::{Host, Position, Site};

/// Everything that the service file and the defaults say about deciding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// When a write counts.
    pub confirm: Confirm,
    /// What happens while who should confirm is missing.
    pub without: Without,
    /// Every host that keeps a database, and its site.
    pub sites: BTreeMap<Host, Site>,
    /// Those of them that stay replicas, whatever happens.
    pub barred: BTreeSet<Host>,
    /// Who makes the first database of a new service.
    pub founder: Host,
    /// How long the rules wait.
    pub patience: Patience,
    /// How far a replica may be behind when a planned change begins, so that the writers' pause is short.
    pub handover_lag_max: Position,
}

/// When a write counts as done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Confirm {
    /// When it is on the primary's disk.
    Here,
    /// When it is on a second machine of the primary's site too.
    Site,
    /// When it is on a machine of another site too.
    Abroad,
}

/// What happens to writes while who should confirm them is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Without {
    /// They wait.
    Block,
    /// They are answered without, after this time.
    GoOn {
        /// For how long it must have been missing.
        after: Duration,
    },
}

/// How long the rules wait before they believe something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patience {
    /// How long a candidate leaves the vacancy to a better one, which may have to apply what it has received first. As long as
    /// a lease: one that is gone is not there any more by then.
    pub defer: Duration,
    /// How long a replica must be away to count as missing.
    pub missing: Duration,
    /// How long a replica must have been there before commits wait for it, so that one that comes and goes stops nothing.
    pub settled: Duration,
    /// How long a database may be silent before it is killed.
    pub hung: Duration,
    /// How long a replica that receives nothing is left alone before it is made anew.
    pub stuck: Duration,
    /// The first wait before a database that died soon after its start is started again; it doubles.
    pub backoff: Duration,
    /// Its longest.
    pub backoff_max: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            defer: Duration::from_secs(3),
            missing: Duration::from_millis(1000),
            settled: Duration::from_millis(500),
            hung: Duration::from_secs(5),
            stuck: Duration::from_secs(30),
            backoff: Duration::from_millis(500),
            backoff_max: Duration::from_secs(60),
        }
    }
}

impl Patience {
    /// How long to wait before the next start after so many failures in a row.
    pub fn backoff(&self, failures: u32) -> Duration {
        match failures {
            0 => Duration::ZERO,
            n => self.backoff.saturating_mul(1 << (n - 1).min(16)).min(self.backoff_max),
        }
    }
}

impl Policy {
    /// Whether two hosts are of one site.
    pub fn is_same_site(&self, one: &Host, other: &Host) -> bool {
        matches!((self.sites.get(one), self.sites.get(other)), (Some(one), Some(other)) if one == other)
    }

    /// Whether a write that is on `primary` and on `others` counts.
    pub fn is_enough(&self, primary: &Host, others: &BTreeSet<Host>) -> bool {
        match self.confirm {
            Confirm::Here => true,
            Confirm::Site => others.iter().any(|other| self.is_same_site(primary, other)),
            Confirm::Abroad => others.iter().any(|other| !self.is_same_site(primary, other)),
        }
    }
}
