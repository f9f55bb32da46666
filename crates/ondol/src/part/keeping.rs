//! This host's keeper and its database, on a thread of their own: nothing that the web service does can hold them up.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base::error::chain;
use base::secret::Secret;
use base::time::Clock;
use cluster::Cluster;
use engine::mariadb::MariaDb;
use engine::postgres::Postgres;
use engine::{Hands, Upstream};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::core::{self, Part};
use super::keys::{self, Keys};
use crate::config::Config;
use crate::failure::Failure;
use crate::topology::core::{Role, Topology};

/// Where Debian keeps PostgreSQL's programs, a folder for each version.
const POSTGRES_PROGRAMS: &str = "/usr/lib/postgresql";
/// Where it keeps MariaDB's, in `bin` and `sbin`.
const MARIADB_PROGRAMS: &str = "/usr";
/// Those of MariaDB's that are needed, each with its package.
const MARIADB_NEEDS: [(&str, &str); 4] = [
    ("sbin/mariadbd", "mariadb-server"),
    ("bin/mariadb-install-db", "mariadb-server"),
    ("bin/mariadb-backup", "mariadb-backup"),
    ("bin/mbstream", "mariadb-backup"),
];

/// Comes when a keeper has ended: with why, if that was not asked for.
pub(crate) type Ended = oneshot::Receiver<Result<(), Failure>>;

/// Starts it; it ends with `stop`, after it has given everything away.
pub(crate) fn start(
    config: &Config,
    topology: &Topology,
    part: &Part,
    keys: &Keys,
    stop: CancellationToken,
) -> Result<Ended, Failure> {
    let mut settled = core::keeper(part, topology, &config.store.engine, &config.store.dir);
    let program = std::env::current_exe()
        .map_err(|error| Failure::failed(format!("cannot find this program itself: {error}")))?;
    let folder = keys::folder(&config.store.dir).display().to_string();
    let args = [crate::cli::GUARD, "--etcd", &part.endpoints().join(","), "--keys", &folder];
    let args = args.map(str::to_owned).into();
    settled.guard = Some(keeper::GuardProgram { program, args });
    let database = hands(config, topology, part, keys)?;
    let means = keeper::Means {
        // its own: what the web service asks must not stand before it
        cluster: Cluster::etcd(cluster::Config {
            tls: Some(keys.tls.clone()),
            ..cluster::Config::new(part.endpoints())
        }),
        database: Arc::new(database),
        clock: Clock::System,
    };
    let service = keeper::Service::new(settled, means).map_err(|error| failure(&error))?;
    let (tell, ended) = oneshot::channel();
    let keep = move || {
        let done = service.run(&stop).map_err(|error| failure(&error));
        // nobody listens any more when all ends at once
        let _ = tell.send(done);
    };
    std::thread::Builder::new()
        .name("keeper".into())
        .spawn(keep)
        .map_err(|error| Failure::failed(format!("cannot start the keeper's thread: {error}")))?;
    Ok(ended)
}

/// Hands on the database of this host.
fn hands(config: &Config, topology: &Topology, part: &Part, keys: &Keys) -> Result<Hands, Failure> {
    match &config.store.engine {
        store::Engine::MariaDb(server) => {
            let settled = mariadb(config, server, topology, part, keys)?;
            Ok(MariaDb::new(settled).map_err(|error| failure(&error))?.into())
        }
        store::Engine::Postgres(server) => {
            let settled = postgres(config, server, topology, part, keys)?;
            Ok(Postgres::new(settled).map_err(|error| failure(&error))?.into())
        }
        store::Engine::Sqlite => Err(Failure::usage("SQLite is one host's alone")),
    }
}

fn postgres(
    config: &Config,
    server: &store::Server,
    topology: &Topology,
    part: &Part,
    keys: &Keys,
) -> Result<engine::postgres::Config, Failure> {
    let folder = folder(&config.store);
    let mut database =
        engine::postgres::Config::new(&part.host, folder, programs(Path::new(POSTGRES_PROGRAMS))?);
    if crate::topology::is_own(&part.host) {
        database.listen = vec![part.host.clone()];
    }
    let secret = server.secret.clone().unwrap_or_else(|| Secret::new(""));
    database.port = core::database_port(&config.store.engine);
    database.replication = secret.clone();
    database.secret = secret;
    database.papers = Some(keys.papers.clone());
    database.user.clone_from(&server.user);
    database.database.clone_from(&server.database);
    database.clients = topology.hosts().map(|(_, host)| core::network(&host.address)).collect();
    database.clients.extend(config.clients.iter().cloned());
    Ok(database)
}

fn mariadb(
    config: &Config,
    server: &store::Server,
    topology: &Topology,
    part: &Part,
    keys: &Keys,
) -> Result<engine::mariadb::Config, Failure> {
    let under = Path::new(MARIADB_PROGRAMS);
    if let Some((program, package)) = MARIADB_NEEDS.iter().find(|(program, _)| !under.join(program).is_file())
    {
        let what = format!("there is no {}: apt install {package}", under.join(program).display());
        return Err(Failure::failed(what));
    }
    let port = core::database_port(&config.store.engine);
    let mut database = engine::mariadb::Config::new(&part.host, folder(&config.store), under.to_owned());
    if crate::topology::is_own(&part.host) {
        database.listen = vec![part.host.clone()];
    }
    let secret = server.secret.clone().unwrap_or_else(|| Secret::new(""));
    database.port = port;
    database.replication = secret.clone();
    database.secret = secret;
    database.papers = Some(keys.papers.clone());
    database.user.clone_from(&server.user);
    database.database.clone_from(&server.database);
    let networks =
        topology.hosts().map(|(_, host)| core::network(&host.address)).chain(config.clients.clone());
    database.clients = core::mariadb_clients(networks);
    let others = topology.with(Role::Database).filter(|(_, host)| host.address != part.host);
    let peer = |address: &str| Upstream { host: address.to_owned(), address: address.to_owned(), port };
    database.peers = others.map(|(_, host)| peer(&host.address)).collect();
    Ok(database)
}

/// Where the database of this host lies.
fn folder(store: &store::Config) -> PathBuf {
    store.dir.join(core::database_folder(&store.engine))
}

/// The programs of the newest PostgreSQL on this machine.
fn programs(under: &Path) -> Result<PathBuf, Failure> {
    let entries = std::fs::read_dir(under).into_iter().flatten().flatten();
    let newest = entries
        .filter_map(|entry| {
            let version: u32 = entry.file_name().to_str()?.parse().ok()?;
            let bin = entry.path().join("bin");
            bin.join("postgres").is_file().then_some((version, bin))
        })
        .max();
    newest.map(|(_, bin)| bin).ok_or_else(|| {
        Failure::failed(format!("there is no PostgreSQL under {}: apt install postgresql", under.display()))
    })
}

fn failure(error: &dyn std::error::Error) -> Failure {
    Failure::failed(chain(error))
}
