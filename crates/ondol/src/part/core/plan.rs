//! The part of one host.

use super::Timers;
use crate::config::LISTEN;
use crate::topology::core::{Host, Role, Site, Topology};

/// Where members of etcd are asked, and where they talk with one another: its usual ports.
pub(crate) const CLIENT_PORT: u16 = 2379;
pub(super) const PEER_PORT: u16 = 2380;
/// Where a database is reached: the usual port of its kind. MariaDB's copies are handed out at the next one.
pub(crate) fn database_port(engine: &store::Engine) -> u16 {
    match engine {
        store::Engine::MariaDb(_) => 3306,
        store::Engine::Postgres(_) | store::Engine::Sqlite => 5432,
    }
}
/// Where a web host listens when nothing is said.
const WEB_PORT: u16 = 8090;
/// What a service without a name goes by.
const UNNAMED: &str = "ondol";

/// Where memcached is asked: its usual port.
pub(crate) const CACHE_PORT: u16 = 11211;
/// Where a balancer listens when nothing is said.
const BALANCER_PORT: u16 = 80;

/// A web host behind a balancer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Behind {
    pub(crate) host: String,
    /// It is of another site, and gets what its own site's can't take.
    pub(crate) is_spare: bool,
}

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
    pub(crate) has_cache: bool,
    /// The web hosts that it stands in front of, if it is a balancer: its own site's first, then the others', which are spares.
    pub(crate) behind: Option<Vec<Behind>>,
    /// The hosts of its site that cache, for its web role.
    pub(crate) caches: Vec<String>,
    /// The balancers of the service, this site's first: what they say of visitors is believed, and nobody else is let in to its web role.
    pub(crate) balancers: Vec<String>,
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
            has_cache: host.is(Role::Cache),
            behind: host.is(Role::Balancer).then(|| behind(topology, site)),
            caches: site
                .hosts
                .iter()
                .filter(|host| host.is(Role::Cache))
                .map(|host| host.address.clone())
                .collect(),
            balancers: nearest_balancers(topology, site),
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
            has_cache: false,
            behind: None,
            caches: Vec::new(),
            balancers: balancers(topology),
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
        format!("https://{}", at(host, PEER_PORT))
    }

    /// Where this host's web role listens, when the file says that. With balancers in the file, what it says is theirs.
    pub(crate) fn listens(&self, said: &str) -> String {
        if said == LISTEN || !self.balancers.is_empty() { at(&self.host, WEB_PORT) } else { said.to_owned() }
    }

    /// Where this host's balancer listens, when the file says that.
    pub(crate) fn fronts(&self, said: &str) -> String {
        if said == LISTEN { at(&self.host, BALANCER_PORT) } else { said.to_owned() }
    }

    /// What its balancer is in front of, as the balancer takes it.
    pub(crate) fn backends(&self) -> Vec<balancer::Place> {
        let place = |behind: &Behind| balancer::Place {
            address: at(&behind.host, WEB_PORT),
            weight: 1,
            is_spare: behind.is_spare,
            is_host: true,
        };
        self.behind.iter().flatten().map(place).collect()
    }

    /// Where its web role caches.
    pub(crate) fn cached_at(&self) -> Vec<String> {
        self.caches.iter().map(|host| at(host, CACHE_PORT)).collect()
    }

    /// Where visitors reach a web host of a service that has balancers, as far as that is known here: this site's first.
    pub(crate) fn fronted_at(&self, said: &str) -> Option<String> {
        let port = self.fronts(said).rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        let balancer = self.balancers.first()?;
        Some(at(balancer, port.unwrap_or(BALANCER_PORT)))
    }

    /// Where its balancer is asked by others.
    pub(crate) fn front(&self, said: &str) -> String {
        self.elsewhere(&self.fronts(said), BALANCER_PORT)
    }

    /// Where its web role is asked by others.
    pub(crate) fn asked(&self, said: &str) -> String {
        self.elsewhere(&self.listens(said), WEB_PORT)
    }

    /// This host's address with the port that something listens at.
    fn elsewhere(&self, listens: &str, usual_port: u16) -> String {
        let port = listens.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        at(&self.host, port.unwrap_or(usual_port))
    }

    /// What it runs, in words.
    pub(crate) fn words(&self) -> String {
        let parts = [
            (self.has_database, "a database with its keeper"),
            (self.votes, "a voice in who is primary"),
            (self.has_web, "the web service"),
            (self.has_cache, "a cache"),
            (self.behind.is_some(), "a balancer"),
        ];
        let parts: Vec<&str> = parts.into_iter().filter(|(has, _)| *has).map(|(_, word)| word).collect();
        parts.join(", ")
    }
}

/// All web hosts as a balancer of a site sees them.
fn behind(topology: &Topology, site: &Site) -> Vec<Behind> {
    let mut behind: Vec<Behind> = topology
        .with(Role::Web)
        .map(|(of, host)| Behind { host: host.address.clone(), is_spare: of.name != site.name })
        .collect();
    // of a site without web hosts nobody is more at home than others
    if behind.iter().all(|behind| behind.is_spare) {
        behind.iter_mut().for_each(|behind| behind.is_spare = false);
    }
    behind.sort_by_key(|behind| behind.is_spare);
    behind
}

fn nearest_balancers(topology: &Topology, site: &Site) -> Vec<String> {
    let mut nearest: Vec<(bool, String)> = topology
        .with(Role::Balancer)
        .map(|(of, host)| (of.name != site.name, host.address.clone()))
        .collect();
    nearest.sort_by_key(|(is_away, _)| *is_away);
    nearest.into_iter().map(|(_, address)| address).collect()
}

fn balancers(topology: &Topology) -> Vec<String> {
    topology.with(Role::Balancer).map(|(_, host)| host.address.clone()).collect()
}

/// `HOST:PORT`.
pub(crate) fn at(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

fn name(service: &str) -> String {
    if service.is_empty() { UNNAMED.to_owned() } else { service.to_owned() }
}
