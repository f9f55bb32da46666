//! What this host's keeper is told.

use std::collections::BTreeMap;
use std::path::Path;

use keeper::core::deadline::Terms;
use keeper::core::name::{Host, Site};
use keeper::core::policy::{self, Patience, Policy};

use super::Part;
use super::plan::database_port;
use crate::topology::core::{Confirm, GO_ON_AFTER, Role, Topology, Without};

/// How far a replica may be behind when a planned takeover begins: PostgreSQL's in bytes, MariaDB's in transactions.
const HANDOVER_BYTES_MAX: u64 = 1 << 20;
const HANDOVER_TRANSACTIONS_MAX: u64 = 500;

/// The keeper's config for a database of that kind; its own things lie in `keeper` under a folder.
pub(crate) fn keeper(part: &Part, topology: &Topology, engine: &store::Engine, dir: &Path) -> keeper::Config {
    let databases = || topology.with(Role::Database);
    let sites = databases().map(|(site, host)| (Host::new(&host.address), Site::new(&site.name)));
    let address = |host: &str| keeper::Address { host: host.to_owned(), port: database_port(engine) };
    let founder = topology.leads().map_or("", |(_, host)| host.address.as_str());
    keeper::Config {
        service: part.service.clone(),
        host: Host::new(&part.host),
        policy: Policy {
            confirm: match topology.confirm {
                Confirm::Here => policy::Confirm::Here,
                Confirm::Site => policy::Confirm::Site,
                Confirm::Abroad => policy::Confirm::Abroad,
            },
            without: match topology.without {
                Without::Block => policy::Without::Block,
                Without::GoOn => policy::Without::GoOn { after: GO_ON_AFTER },
            },
            sites: sites.collect(),
            barred: topology.with(Role::Replica).map(|(_, host)| Host::new(&host.address)).collect(),
            founder: Host::new(founder),
            patience: Patience::default(),
            handover_lag_max: match engine {
                store::Engine::MariaDb(_) => HANDOVER_TRANSACTIONS_MAX,
                store::Engine::Postgres(_) | store::Engine::Sqlite => HANDOVER_BYTES_MAX,
            },
        },
        addresses: databases().map(|(_, host)| (Host::new(&host.address), address(&host.address))).collect(),
        voters: topology
            .voters()
            .map(|(site, host)| (host.address.clone(), Site::new(&site.name)))
            .collect::<BTreeMap<_, _>>(),
        folder: dir.join("keeper"),
        terms: Terms { ttl: part.timers.lease, ..Terms::default() },
        limits: keeper::Limits::default(),
        // where this program lies is not for the core to know
        guard: None,
        trips: Vec::new(),
    }
}

/// A host as a network of one address, as the database's list of clients has it.
pub(crate) fn network(host: &str) -> String {
    let is_ipv4 = host.split('.').count() == 4 && host.chars().all(|c| c.is_ascii_digit() || c == '.');
    match (is_ipv4, host.contains(':')) {
        (true, _) => format!("{host}/32"),
        (_, true) => format!("{host}/128"),
        _ => host.to_owned(),
    }
}

/// The same for MariaDB, which looks no names up: where there is one of them, whoever has the secret may come from anywhere.
pub(crate) fn mariadb_clients(networks: impl Iterator<Item = String>) -> Vec<String> {
    let networks: Vec<String> = networks.collect();
    let is_address = |network: &String| network.contains('/');
    if networks.iter().all(is_address) { networks } else { vec!["0.0.0.0/0".to_owned()] }
}

/// The folder that a host's database lies in.
pub(crate) fn database_folder(engine: &store::Engine) -> &'static str {
    match engine {
        store::Engine::MariaDb(_) => "mariadb",
        store::Engine::Postgres(_) | store::Engine::Sqlite => "postgres",
    }
}
