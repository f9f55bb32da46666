//! `ondol up`: this host's part of the service that the file describes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use web::Stop;

use super::say;
use crate::config::{self, Config};
use crate::failure::Failure;
use crate::house::House;
use crate::lifecycle::{self, Signals};
use crate::log;
use crate::part::core::Part;
use crate::part::running::Running;
use crate::swap::{Upgrades, notify};
use crate::topology::{self, Named};

/// Time that work on other threads gets once everything else has ended.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// Why this process is not swapped.
pub(super) const NO_SWAP: &str = "`ondol up` also looks after this host's database and its voice, which end with it, so that it \
    is not swapped under way; put the new program in place, then stop and start one host after the other (`systemctl restart \
    ondol`), the primary's last: a stop hands over first, and no write is lost";

#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    /// The service file [default: ondol.toml]
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The folder of the data [default: data]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Which of the file's hosts this machine is [default: found by its own addresses]
    #[arg(long = "as", value_name = "HOST")]
    named: Option<String>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let (config, part) = read(args)?;
    log::begin(&config.log);
    say(&format!("Ondol runs {} of {}: {}", part.host, part.site, part.words()))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start: {error}")))?;
    let done = runtime.block_on(up(config, part, args.clone()));
    runtime.shutdown_timeout(LAST_WAIT);
    done
}

/// The file, and what it means for this host.
fn read(args: &Args) -> Result<(Config, Part), Failure> {
    let mut config = Config::read(args.file.as_deref().unwrap_or(Path::new(config::FILE)))?;
    if let Some(dir) = &args.dir {
        config.store.dir.clone_from(dir);
    }
    // programs that are started from here work in other folders
    config.store.dir = std::path::absolute(&config.store.dir).unwrap_or(config.store.dir);
    let Some(topology) = &config.topology else {
        return Err(Failure::usage(
            "the file names no sites, so that all runs on this box: `ondol serve`; docs/continuity.md says how several \
             hosts are named",
        ));
    };
    let (site, host) = topology::find(topology, Named::of(args.named.as_deref()))?;
    let part = Part::new(&config.service, topology, site, host);
    match (&mut config.balancer, &part.behind) {
        (Some(settings), Some(_)) => settings.backends = part.backends(),
        _ => config.balancer = None,
    }
    Ok((config, part))
}

async fn up(config: Config, part: Part, args: Args) -> Result<(), Failure> {
    let signals =
        Signals::new().map_err(|error| Failure::failed(format!("cannot listen for signals: {error}")))?;
    let stop = Stop::new();
    let mut upgrades =
        Upgrades::new().map_err(|error| Failure::failed(format!("cannot listen for signals: {error}")))?;
    #[expect(clippy::disallowed_methods, reason = "it listens as long as the process lives")]
    tokio::spawn(async move {
        loop {
            upgrades.next().await;
            tracing::error!("SIGUSR2: {NO_SWAP}");
        }
    });
    let running = Running::start(config, part, &stop).await?;
    if let Some((origin, behind)) = running.fronts() {
        say(&format!("Ondol balances {origin} in front of {behind}"))?;
    }
    notify::tell("READY=1");
    tokio::select! {
        done = running.run(stop.clone(), greet, move || read(&args).map(|(config, _)| config)) => done,
        () = lifecycle::obey(signals, stop) => {
            Err(Failure::degraded("stopped at once by a second signal; requests in flight were cut off"))
        }
    }
}

fn greet(house: &House) {
    let origin = house.origin();
    // a closed stdout stops no service
    let _ = say(&format!("Ondol serves {origin}"));
    if let Some(key) = house.first_run_key() {
        let _ = say(&format!("  first superuser  {origin}/_/first-run?key={}", key.reveal()));
    }
}
