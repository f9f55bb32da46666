//! `ondol serve`: everything on this box.

use std::path::PathBuf;
use std::time::Duration;

use web::Stop;

use super::place::Place;
use super::say;
use crate::balancing::{Balancing, Reloads};
use crate::config::Config;
use crate::failure::Failure;
use crate::house::House;
use crate::lifecycle::{self, Signals};
use crate::log;

/// Time that work on other threads gets once everything else has ended.
const LAST_WAIT: Duration = Duration::from_secs(1);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
    /// Where to listen [default: 127.0.0.1:8090]; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// The folder of your own pages, served at `/` [default: public]
    #[arg(long, value_name = "DIR")]
    public: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let mut config = args.place.config()?;
    if let Some(listen) = &args.listen {
        config.listen.clone_from(listen);
    }
    if let Some(public) = &args.public {
        config.public.clone_from(public);
    }
    if config.topology.is_some() {
        return Err(Failure::usage("the file names sites: `ondol up` runs this host's part of them"));
    }
    log::begin(&config.log);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start: {error}")))?;
    let served = runtime.block_on(async {
        match config.balancer.take() {
            Some(settings) => balance(config, settings, args.place.clone()).await,
            None => serve(config).await,
        }
    });
    runtime.shutdown_timeout(LAST_WAIT);
    served
}

async fn serve(config: Config) -> Result<(), Failure> {
    let dir = config.store.dir.display().to_string();
    let house = House::open(config).await?;
    let signals =
        Signals::new().map_err(|error| Failure::failed(format!("cannot listen for signals: {error}")))?;
    let mut reloads =
        Reloads::new().map_err(|error| Failure::failed(format!("cannot listen for signals: {error}")))?;
    let certificates = house.certificates();
    greet(&house, &dir)?;
    let stop = Stop::new();
    let soft = stop.soft.clone();
    let reloading = async {
        loop {
            reloads.next().await;
            match &certificates {
                Some(certificates) => certificates.reload(),
                None => tracing::info!(
                    "SIGHUP: there are no certificates to read again; settings are read at a start"
                ),
            }
        }
    };
    tokio::select! {
        () = house.run(stop) => Ok(()),
        () = reloading => Ok(()),
        () = lifecycle::obey(signals, soft) => {
            Err(Failure::degraded("stopped at once by a second signal; requests in flight were cut off"))
        }
    }
}

/// Serves as a front of other web servers only.
async fn balance(config: Config, settings: balancer::Config, place: Place) -> Result<(), Failure> {
    let unheard = |error| Failure::failed(format!("cannot listen for signals: {error}"));
    let balancing = Balancing::open(config, settings).await?;
    let (signals, reloads) = (Signals::new().map_err(unheard)?, Reloads::new().map_err(unheard)?);
    say(&format!("Ondol serves {}", balancing.origin()))?;
    say(&format!("  in front of      {}", balancing.backends().join(" ")))?;
    let soft = balancing.stop().soft.clone();
    tokio::select! {
        () = balancing.run(reloads, move || place.config()) => Ok(()),
        () = lifecycle::obey(signals, soft) => {
            Err(Failure::degraded("stopped at once by a second signal; requests in flight were cut off"))
        }
    }
}

/// The first line is read by programs: it says that the service is ready, and where.
fn greet(house: &House, dir: &str) -> Result<(), Failure> {
    let origin = house.origin();
    say(&format!("Ondol serves {origin}"))?;
    say(&format!("  console          {origin}/_/"))?;
    if let Some(key) = house.first_run_key() {
        // whoever starts the service is the one who may make its first superuser
        say(&format!("  first superuser  {origin}/_/first-run?key={}", key.reveal()))?;
        say(&format!("                   or: ondol superuser upsert EMAIL --dir {dir}"))?;
    }
    Ok(())
}
