//! The part of a host: a keeper with its database, in a process of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base::secret::Secret;
use base::time::Clock;
use cluster::Cluster;
use engine::postgres::Postgres;
use keeper::core::deadline::Terms;
use keeper::core::name::{Host, Site};
use keeper::core::policy::{Confirm, Patience, Policy, Without};
use keeper::core::step::StepKind;
use keeper::{Address, Config, GuardProgram, Limits, Means, Service};
use tokio_util::sync::CancellationToken;

/// The test that plays a host.
pub(crate) const NAME: &str = "play::a_host_is_played_where_one_is_asked_for";
/// The test that plays the guard beside it.
const GUARD: &str = "play::a_guard_is_played_where_one_is_asked_for";
/// The variable with the part to be played: see [`Part`].
pub(crate) const PART: &str = "KEEPER_TEST_PART";
pub(crate) const SECRET: &str = "geheim";
pub(crate) const HOSTS: [&str; 2] = ["seoul-1", "oregon-1"];

/// What a played host is told: `key=value` lines.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// Which of [`HOSTS`].
    pub(crate) host: usize,
    /// The ports of both databases.
    pub(crate) ports: [u16; 2],
    pub(crate) folder: PathBuf,
    pub(crate) etcd: Vec<String>,
    pub(crate) dies_after: Option<&'static str>,
}

/// The steps after which a keeper can be made to die, by name.
pub(crate) const STEPS: [(&str, StepKind); 15] = [
    ("init", StepKind::Init),
    ("start", StepKind::Start),
    ("establish", StepKind::Establish),
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
];

impl Part {
    pub(crate) fn to_text(&self) -> String {
        let [one, other] = self.ports;
        let (host, folder, etcd) = (self.host, self.folder.display(), self.etcd.join(","));
        format!("{host}\n{one}\n{other}\n{folder}\n{etcd}\n{}\n", self.dies_after.unwrap_or_default())
    }

    fn of(text: &str) -> Part {
        let lines: Vec<&str> = text.lines().collect();
        let dies_after = STEPS.iter().map(|(name, _)| *name).find(|name| lines.get(5) == Some(name));
        Part {
            host: lines[0].parse().unwrap(),
            ports: [lines[1].parse().unwrap(), lines[2].parse().unwrap()],
            folder: lines[3].into(),
            etcd: lines[4].split(',').map(str::to_owned).collect(),
            dies_after,
        }
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
    let database = Arc::new(Postgres::new(database(&part)).unwrap().into());
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
    if std::env::var(PART).is_ok() && folder.is_absolute() {
        engine::guard::watch_over(folder, std::io::stdin());
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
    let dies_after = STEPS.iter().find(|(name, _)| Some(*name) == part.dies_after).map(|(_, kind)| *kind);
    Config {
        service: "test".to_owned(),
        host: host(part.host),
        policy: Policy {
            confirm: Confirm::Abroad,
            without: Without::GoOn { after: Duration::from_secs(2) },
            sites: BTreeMap::from([(host(0), Site::new("seoul")), (host(1), Site::new("oregon"))]),
            founder: host(0),
            patience: Patience { stuck: Duration::from_secs(15), ..Patience::default() },
            handover_lag_max: 1 << 20,
        },
        addresses: [0, 1].map(|i| (host(i), address(part.ports[i]))).into(),
        voters: BTreeMap::new(),
        folder: part.folder.join("keeper"),
        terms: Terms::default(),
        limits: Limits::default(),
        guard: Some(GuardProgram {
            program: std::env::current_exe().unwrap(),
            args: ["--exact", GUARD, "--nocapture"].map(str::to_owned).into(),
        }),
        dies_after,
    }
}

fn address(port: u16) -> Address {
    Address { host: "127.0.0.1".to_owned(), port }
}

fn database(part: &Part) -> engine::postgres::Config {
    let mut config = engine::postgres::Config::new(HOSTS[part.host], part.folder.join("pg"), programs());
    config.listen = vec!["127.0.0.1".to_owned()];
    config.port = part.ports[part.host];
    config.replication = Secret::new(SECRET);
    config.secret = Secret::new(SECRET);
    config.settings.insert("shared_buffers".to_owned(), "16MB".to_owned());
    config
}

/// PostgreSQL's newest programs on this machine.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).max();
    let newest = newest.expect("PostgreSQL is not on this machine; `cargo x test` brings it");
    Path::new("/usr/lib/postgresql").join(newest.to_string()).join("bin")
}
