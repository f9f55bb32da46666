//! This host's keeper and its database, on a thread of their own: nothing that the web service does can hold them up.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base::error::chain;
use base::time::Clock;
use cluster::Cluster;
use engine::postgres::Postgres;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::core::{self, Part};
use super::keys::{self, Keys};
use crate::config::Config;
use crate::failure::Failure;
use crate::topology::core::Topology;

/// Where Debian keeps PostgreSQL's programs, a folder for each version.
const PROGRAMS: &str = "/usr/lib/postgresql";

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
    let mut settled = core::keeper(part, topology, &config.store.dir);
    let program = std::env::current_exe()
        .map_err(|error| Failure::failed(format!("cannot find this program itself: {error}")))?;
    let folder = keys::folder(&config.store.dir).display().to_string();
    let args = [crate::cli::GUARD, "--etcd", &part.endpoints().join(","), "--keys", &folder];
    let args = args.map(str::to_owned).into();
    settled.guard = Some(keeper::GuardProgram { program, args });
    let database = Postgres::new(database(config, topology, part, keys)?).map_err(|error| failure(&error))?;
    let means = keeper::Means {
        // its own: what the web service asks must not stand before it
        cluster: Cluster::etcd(cluster::Config {
            tls: Some(keys.tls.clone()),
            ..cluster::Config::new(part.endpoints())
        }),
        database: Arc::new(database.into()),
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

/// The database of this host, in the engine's words.
fn database(
    config: &Config,
    topology: &Topology,
    part: &Part,
    keys: &Keys,
) -> Result<engine::postgres::Config, Failure> {
    let store::Engine::Postgres(server) = &config.store.engine else {
        return Err(Failure::usage("takeover is built for PostgreSQL so far"));
    };
    let secret = server.secret.clone().unwrap_or_else(|| base::secret::Secret::new(""));
    let mut database = engine::postgres::Config::new(
        &part.host,
        config.store.dir.join("postgres"),
        programs(Path::new(PROGRAMS))?,
    );
    if crate::topology::is_own(&part.host) {
        database.listen = vec![part.host.clone()];
    }
    database.port = core::DATABASE_PORT;
    database.replication = secret.clone();
    database.secret = secret;
    database.papers = Some(keys.papers.clone());
    database.user.clone_from(&server.user);
    database.database.clone_from(&server.database);
    database.clients = topology.hosts().map(|(_, host)| core::network(&host.address)).collect();
    database.clients.extend(config.clients.iter().cloned());
    Ok(database)
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
