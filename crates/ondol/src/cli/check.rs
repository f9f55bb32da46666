//! `ondol check`: every mistake of the service file at once, what the file comes to, whether its database server can be
//! used, and whether https can be spoken.

mod mirrors;
mod tls;

use std::net::{TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

use store::{Engine, Seen};

use super::{say, short};
use crate::config::{self, Config, Kept, engine_name};
use crate::failure::Failure;
use crate::topology::core::{self, Confirm, Topology};
use crate::topology::{self, Named};

/// What a look at a server may take beside making the connection.
const LOOK_TIME_MAX: Duration = Duration::from_secs(5);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The service file [default: ondol.toml]
    #[arg(value_name = "FILE", conflicts_with = "file")]
    given: Option<PathBuf>,
    /// The service file, as the other verbs take it
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Which of the file's hosts this machine is [default: found by its own addresses]
    #[arg(long = "as", value_name = "HOST")]
    named: Option<String>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let named = args.given.as_deref().or(args.file.as_deref());
    let path = named.unwrap_or(Path::new(config::FILE));
    if named.is_none() && !path.exists() {
        say("There is no service file, and none is needed: `ondol serve` runs with the defaults.")?;
        return Ok(());
    }
    let config = Config::read(path)?;
    crate::house::addresses(&config.listen)?;
    say(&format!("{} is well.", path.display()))?;
    config.advice.iter().try_for_each(|advice| say(&format!("  note: {advice}")))?;
    let amiss = tls::look(&config)?;
    match reckon(&config, args) {
        Err(failure) => Err(Failure { lines: [amiss, failure.lines].concat(), ..failure }),
        Ok(()) if amiss.is_empty() => Ok(()),
        Ok(()) => Err(Failure { lines: amiss, code: 3 }),
    }
}

/// What the file comes to, and whether what it names is there.
fn reckon(config: &Config, args: &Args) -> Result<(), Failure> {
    let service = if config.service.is_empty() { "a service without a name yet" } else { &config.service };
    if let Some(topology) = &config.topology {
        several(service, &config.store.engine, topology, args.named.as_deref())?;
        return mirrors::look(config);
    }
    if let Some(settings) = &config.balancer {
        if !settings.has_local() {
            let (listen, count) = (&config.listen, settings.backends.len());
            say(&format!("  {service}: a balancer, which opens no database"))?;
            say(&format!("  listens on {listen}, in front of {count} web servers"))?;
            return reach(settings);
        }
        say(&format!("  {} routes in front of what this process answers itself", settings.routes.len()))?;
        reach(settings)?;
    }
    let (listen, dir, kept) = (&config.listen, config.store.dir.display(), Kept(&config.store.engine));
    if let Engine::Sqlite = config.store.engine {
        say(&format!("  {service}: dev, one process on one box, SQLite"))?;
        say(&format!("  listens on {listen}, keeps its data in {dir}"))?;
        return say("  lose this box: everything since the last copy of that folder is lost");
    }
    say(&format!("  {service}: web servers in front of {kept}"))?;
    say(&format!("  listens on {listen}, keeps its records on that server and its files in {dir}"))?;
    say("  lose this box: files since the last copy of that folder are lost")?;
    say("  lose the server: records since its last backup are lost")?;
    match short(look(&config.store)) {
        Ok(Seen { version, is_new }) => {
            let holds =
                if is_new { "empty: the tables are made at the first start" } else { "holds the records" };
            say(&format!("  the server answers: version {version}, fit, {holds}"))
        }
        Err(Failure { lines, .. }) => Err(Failure { lines, code: 3 }),
    }
}

/// Several hosts: who is what, and what each loss would cost.
fn several(service: &str, engine: &Engine, topology: &Topology, named: Option<&str>) -> Result<(), Failure> {
    let kind = engine_name(engine);
    let (hosts, sites) = (topology.hosts().count(), topology.sites.len());
    let sites = if sites == 1 { "one site".to_owned() } else { format!("{sites} sites") };
    say(&format!("  {service}: {hosts} hosts in {sites}, {kind} with takeover by itself"))?;
    core::words(topology, core::Times::default()).iter().try_for_each(|line| say(&format!("  {line}")))?;
    if let Engine::MariaDb(_) = engine
        && topology.confirm != Confirm::Here
    {
        say(
            "  MariaDB's replica confirms what it has received, a moment before its disk has it: only if it loses power \
             in the moment in which the primary is lost for good are writes lost, and then it does not take over by itself",
        )?;
    }
    match topology::find(topology, Named::of(named)) {
        Ok((site, host)) => say(&format!("  this machine is {} of {}", host.address, site.name)),
        Err(failure) if named.is_some() => Err(failure),
        // the file may be looked at anywhere
        Err(_) => Ok(()),
    }
}

/// Whom routes lead to, and who of them answers; which folders are there.
fn reach(settings: &balancer::Config) -> Result<(), Failure> {
    let most = settings.connect_time_max.0;
    let mut away = Vec::new();
    for place in settings.backends.iter().chain(settings.pools.values().flatten()) {
        let is_there = place.address.to_socket_addrs().is_ok_and(|mut addresses| {
            addresses.any(|address| TcpStream::connect_timeout(&address, most).is_ok())
        });
        say(&format!("  {} {}", place.address, if is_there { "is there" } else { "can't be reached" }))?;
        if !is_there {
            away.push(format!(
                "the web server {} can't be reached; see that it runs and listens there",
                place.address
            ));
        }
    }
    for (name, path) in settings.roots.iter().filter(|(_, path)| !path.is_dir()) {
        away.push(format!("the folder {} of the root {name} is not there; make it", path.display()));
    }
    if away.is_empty() { Ok(()) } else { Err(Failure { lines: away, code: 3 }) }
}

/// Looks at the server for a bounded time.
pub(super) async fn look(config: &store::Config) -> Result<Seen, Failure> {
    let time = config.connect_time_max + LOOK_TIME_MAX;
    match tokio::time::timeout(time, store::look(config)).await {
        Ok(seen) => Ok(seen?.expect("it is a server")),
        Err(_) => Err(Failure::failed(format!(
            "{} has not answered for {} s; see that it runs, and that nothing between keeps it from answering",
            Kept(&config.engine),
            time.as_secs()
        ))),
    }
}
