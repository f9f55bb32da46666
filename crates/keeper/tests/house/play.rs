//! The part of a host: a keeper with its database, in a process of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base::secret::Secret;
use base::time::Clock;
use cluster::Cluster;
use engine::Hands;
use engine::mariadb::MariaDb;
use engine::postgres::Postgres;
use keeper::core::deadline::Terms;
use keeper::core::name::{Host, Site};
use keeper::core::policy::{Confirm, Patience, Policy, Without};
use keeper::core::step::StepKind;
use keeper::{Address, Config, GuardProgram, Limits, Means, Mishap, Service, Trip};
use tokio_util::sync::CancellationToken;

/// The test that plays a host.
pub(crate) const NAME: &str = "play::a_host_is_played_where_one_is_asked_for";
/// The test that plays the guard beside it.
const GUARD: &str = "play::a_guard_is_played_where_one_is_asked_for";
/// The variable with the part to be played: see [`Part`].
pub(crate) const PART: &str = "KEEPER_TEST_PART";
pub(crate) const SECRET: &str = "geheim";
pub(crate) const HOSTS: [&str; 3] = ["seoul-1", "oregon-1", "third-1"];

/// The database under the keepers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Database {
    Postgres,
    MariaDb,
}

/// What a played host is told, a line each.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// Which of [`HOSTS`].
    pub(crate) host: usize,
    pub(crate) database: Database,
    /// The ports of all databases: how many hosts there are.
    pub(crate) ports: Vec<u16>,
    /// Where the third host stands, if there is one.
    pub(crate) third: String,
    pub(crate) folder: PathBuf,
    pub(crate) etcd: Vec<String>,
    /// What goes wrong: the name of a step, and a word of [`MISHAPS`].
    pub(crate) trips: Vec<(String, String)>,
}

/// How a step can be made to go wrong.
const MISHAPS: [(&str, Mishap); 3] =
    [("dies", Mishap::Dies), ("fails", Mishap::Fails), ("fails unheard", Mishap::FailsUnheard)];

/// The steps that can be made to go wrong, by name.
const STEPS: [(&str, StepKind); 18] = [
    ("init", StepKind::Init),
    ("start", StepKind::Start),
    ("establish", StepKind::Establish),
    ("secure", StepKind::Secure),
    ("depose", StepKind::Depose),
    ("acquire", StepKind::Acquire),
    ("acks", StepKind::Acks),
    ("promote", StepKind::Promote),
    ("record", StepKind::Record),
    ("checkpoint", StepKind::Checkpoint),
    ("eligible", StepKind::Eligible),
    ("drain", StepKind::Drain),
    ("hand over", StepKind::HandOver),
    ("follow", StepKind::Follow),
    ("rewind", StepKind::Rewind),
    ("clone", StepKind::Clone),
    ("release", StepKind::Release),
    ("fence", StepKind::Fence),
];

impl Part {
    pub(crate) fn to_text(&self) -> String {
        let ports: Vec<String> = self.ports.iter().map(u16::to_string).collect();
        let trips: Vec<String> = self.trips.iter().map(|(step, how)| format!("{step}:{how}")).collect();
        let (host, third, folder) = (self.host, &self.third, self.folder.display());
        format!(
            "{host}\n{}\n{third}\n{folder}\n{}\n{}\n{:?}\n",
            ports.join(","),
            self.etcd.join(","),
            trips.join(","),
            self.database
        )
    }

    fn of(text: &str) -> Part {
        let lines: Vec<&str> = text.lines().collect();
        let trips = lines[5].split(',').filter_map(|trip| trip.split_once(':'));
        Part {
            host: lines[0].parse().unwrap(),
            database: if lines[6] == "MariaDb" { Database::MariaDb } else { Database::Postgres },
            ports: lines[1].split(',').map(|port| port.parse().unwrap()).collect(),
            third: lines[2].to_owned(),
            folder: lines[3].into(),
            etcd: lines[4].split(',').map(str::to_owned).collect(),
            trips: trips.map(|(step, how)| (step.to_owned(), how.to_owned())).collect(),
        }
    }

    fn trips(&self) -> Vec<Trip> {
        let step =
            |name: &str| STEPS.iter().find(|(known, _)| *known == name).expect("a step that is named").1;
        let how = |name: &str| MISHAPS.iter().find(|(known, _)| *known == name).expect("a mishap").1;
        self.trips.iter().map(|(at, what)| Trip { at: step(at), how: how(what) }).collect()
    }

    /// The site of each host.
    pub(crate) fn sites(&self) -> Vec<(Host, Site)> {
        let sites = ["seoul", "oregon", &self.third];
        let all = HOSTS.iter().zip(sites).take(self.ports.len());
        all.map(|(host, site)| (Host::new(host), Site::new(site))).collect()
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the part comes from the test that started this process")]
fn a_host_is_played_where_one_is_asked_for() {
    let Ok(part) = std::env::var(PART) else { return };
    let _ = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_env_filter("keeper=debug,engine=debug,cluster=info")
        .try_init();
    let part = Part::of(&part);
    let stop = CancellationToken::new();
    let cluster = Cluster::etcd(cluster::Config::new(part.etcd.clone()));
    let database: Hands = match part.database {
        Database::Postgres => Postgres::new(postgres(&part)).unwrap().into(),
        Database::MariaDb => MariaDb::new(mariadb(&part)).unwrap().into(),
    };
    let database = Arc::new(database);
    let means = Means { cluster, database, clock: Clock::System };
    let service = Service::new(config(&part), means).unwrap();
    end_on_terminate(stop.clone());
    let ended = service.run(&stop);
    println!("the keeper ended: {ended:?}");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "it is played for the host that started this process only")]
fn a_guard_is_played_where_one_is_asked_for() {
    let folder = PathBuf::from(std::env::args().next_back().unwrap());
    if let Ok(part) = std::env::var(PART)
        && folder.is_absolute()
    {
        let agreement = move || Some(Cluster::etcd(cluster::Config::new(Part::of(&part).etcd)));
        keeper::guard::run(folder, std::io::stdin(), agreement);
    }
}

/// As a service manager would have it.
fn end_on_terminate(stop: CancellationToken) {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut signal =
                tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).unwrap();
            signal.recv().await;
            stop.cancel();
        });
    });
}

fn config(part: &Part) -> Config {
    let host = |i: usize| Host::new(HOSTS[i]);
    Config {
        service: "test".to_owned(),
        host: host(part.host),
        policy: Policy {
            confirm: Confirm::Abroad,
            without: Without::GoOn { after: Duration::from_secs(2) },
            sites: part.sites().into_iter().collect(),
            barred: BTreeSet::new(),
            founder: host(0),
            patience: Patience { stuck: Duration::from_secs(15), ..Patience::default() },
            handover_lag_max: 1 << 20,
        },
        addresses: part.ports.iter().enumerate().map(|(i, port)| (host(i), address(*port))).collect(),
        voters: BTreeMap::new(),
        folder: part.folder.join("keeper"),
        terms: Terms::default(),
        limits: Limits::default(),
        guard: Some(GuardProgram {
            program: std::env::current_exe().unwrap(),
            args: ["--exact", GUARD, "--nocapture"].map(str::to_owned).into(),
        }),
        trips: part.trips(),
    }
}

fn address(port: u16) -> Address {
    Address { host: "127.0.0.1".to_owned(), port }
}

fn postgres(part: &Part) -> engine::postgres::Config {
    let mut config = engine::postgres::Config::new(HOSTS[part.host], part.folder.join("db"), programs());
    config.listen = vec!["127.0.0.1".to_owned()];
    config.port = part.ports[part.host];
    config.replication = Secret::new(SECRET);
    config.secret = Secret::new(SECRET);
    config.settings.insert("shared_buffers".to_owned(), "16MB".to_owned());
    config
}

fn mariadb(part: &Part) -> engine::mariadb::Config {
    let folder = part.folder.join("db");
    let mut config = engine::mariadb::Config::new(HOSTS[part.host], folder, PathBuf::from("/usr"));
    config.listen = vec!["127.0.0.1".to_owned()];
    config.port = part.ports[part.host];
    config.replication = Secret::new(SECRET);
    config.secret = Secret::new(SECRET);
    for (name, value) in [("innodb_buffer_pool_size", "32M"), ("innodb_log_file_size", "16M")] {
        config.settings.insert(name.to_owned(), value.to_owned());
    }
    let others = part.ports.iter().enumerate().filter(|(host, _)| *host != part.host);
    let peer = |(host, port): (usize, &u16)| engine::Upstream {
        host: HOSTS[host].to_owned(),
        address: "127.0.0.1".to_owned(),
        port: *port,
    };
    config.peers = others.map(peer).collect();
    config
}

/// PostgreSQL's newest programs on this machine.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).max();
    let newest = newest.expect("PostgreSQL is not on this machine; `cargo x test` brings it");
    Path::new("/usr/lib/postgresql").join(newest.to_string()).join("bin")
}
