//! How fast a loss is noticed: by the distance between the sites, since what is slow must not be taken for gone.

use std::time::Duration;

use crate::topology::core::Topology;

/// The times by which hosts believe in each other. All hosts must have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timers {
    /// Between two signs of life of etcd's leader; about the longest way to a member and back.
    pub(crate) heartbeat: Duration,
    /// Without one, its members elect another one; ten times that.
    pub(crate) election: Duration,
    /// A primary that has not renewed its lease for so long is not the primary any more. etcd's least is one and a half
    /// elections.
    pub(crate) lease: Duration,
}

impl Timers {
    /// Within one site, or between sites.
    pub(crate) fn of(topology: &Topology) -> Timers {
        let mut sites = topology.voters().map(|(site, _)| site.name.as_str());
        let first = sites.next();
        match sites.all(|site| Some(site) == first) {
            true => Timers::new(50, 500, 3),
            false => Timers::new(100, 1_000, 3),
        }
    }

    fn new(heartbeat_ms: u64, election_ms: u64, lease_s: u64) -> Timers {
        Timers {
            heartbeat: Duration::from_millis(heartbeat_ms),
            election: Duration::from_millis(election_ms),
            lease: Duration::from_secs(lease_s),
        }
    }
}
