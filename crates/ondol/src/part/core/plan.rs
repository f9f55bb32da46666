//! The part of one host.

use super::Timers;
use crate::config::LISTEN;
use crate::topology::core::{Host, Role, Site, Topology};

/// Where members of etcd are asked, and where they talk with one another: its usual ports.
pub(crate) const CLIENT_PORT: u16 = 2379;
pub(super) const PEER_PORT: u16 = 2380;
/// Where a database is reached: PostgreSQL's usual port.
pub(crate) const DATABASE_PORT: u16 = 5432;
/// Where a web host listens when nothing is said.
const WEB_PORT: u16 = 8090;
/// What a service without a name goes by.
const UNNAMED: &str = "ondol";

/// What a host runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// What the service goes by among the hosts.
    pub(crate) service: String,
    /// This host, by its address in the file.
    pub(crate) host: String,
    pub(crate) site: String,
    /// It has a member of etcd.
    pub(crate) votes: bool,
    pub(crate) has_database: bool,
    pub(crate) has_web: bool,
    /// The hosts that have one, this one first, then its site's.
    pub(crate) voters: Vec<String>,
    pub(crate) timers: Timers,
}

impl Part {
    /// The part of a host of a topology.
    pub(crate) fn new(service: &str, topology: &Topology, site: &Site, host: &Host) -> Part {
        let mut voters: Vec<(bool, bool, &str)> = topology
            .voters()
            .map(|(of, voter)| (voter.address != host.address, of.name != site.name, voter.address.as_str()))
            .collect();
        // stable: else in the order of the file
        voters.sort_by_key(|(is_other, is_away, _)| (*is_other, *is_away));
        Part {
            service: name(service),
            host: host.address.clone(),
            site: site.name.clone(),
            votes: topology.votes(host),
            has_database: host.is(Role::Database),
            has_web: host.is(Role::Web),
            voters: voters.into_iter().map(|(.., address)| address.to_owned()).collect(),
            timers: Timers::of(topology),
        }
    }

    /// The part of somebody who only looks on, from wherever.
    pub(crate) fn outside(service: &str, topology: &Topology) -> Part {
        Part {
            service: name(service),
            host: String::new(),
            site: String::new(),
            votes: false,
            has_database: false,
            has_web: false,
            voters: topology.voters().map(|(_, voter)| voter.address.clone()).collect(),
            timers: Timers::of(topology),
        }
    }

    /// Where etcd's members are asked.
    pub(crate) fn endpoints(&self) -> Vec<String> {
        self.voters.iter().map(|voter| at(voter, CLIENT_PORT)).collect()
    }

    /// Where etcd's member on a host talks with the others.
    pub(crate) fn peer_url(host: &str) -> String {
        format!("http://{}", at(host, PEER_PORT))
    }

    /// Where this host's web role listens, when the file says that.
    pub(crate) fn listens(&self, said: &str) -> String {
        if said == LISTEN { at(&self.host, WEB_PORT) } else { said.to_owned() }
    }

    /// Where its web role is asked by others.
    pub(crate) fn asked(&self, said: &str) -> String {
        let listens = self.listens(said);
        let port = listens.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        at(&self.host, port.unwrap_or(WEB_PORT))
    }

    /// What it runs, in words.
    pub(crate) fn words(&self) -> String {
        let parts = [
            (self.has_database, "a database with its keeper"),
            (self.votes, "a voice in who is primary"),
            (self.has_web, "the web service"),
        ];
        let parts: Vec<&str> = parts.into_iter().filter(|(has, _)| *has).map(|(_, word)| word).collect();
        parts.join(", ")
    }
}

/// `HOST:PORT`.
pub(crate) fn at(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

fn name(service: &str) -> String {
    if service.is_empty() { UNNAMED.to_owned() } else { service.to_owned() }
}
