//! `ondol serve`: everything on this box, with routes in front of it where the file has some, or a balancer; by itself, or in the place of the process before.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use balancer::Service;
use serde_json::Value;
use web::Stop;

use super::place::Place;
use super::say;
use crate::balancing::{Balancing, Reloads, follow};
use crate::config::Config;
use crate::failure::Failure;
use crate::house::{Coming, House};
use crate::lifecycle::{self, Signals};
use crate::log;
use crate::swap::control::{Answers, Control};
use crate::swap::{self, Heir, Program, Sockets, Swapper, Turn, Upgrades};

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

/// What a process begins with, beside its settings.
struct Birth {
    program: Program,
    sockets: Sockets,
    /// The process before, if this one is to take over from it.
    heir: Option<Arc<Heir>>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let heir = Heir::take()?.map(Arc::new);
    let served = begin(args, heir.clone());
    if let (Err(failure), Some(heir)) = (&served, heir) {
        heir.fail(failure);
    }
    served
}

fn begin(args: &Args, heir: Option<Arc<Heir>>) -> Result<(), Failure> {
    let program = Program::own()
        .map_err(|error| Failure::failed(format!("cannot find out where this program lies: {error}")))?;
    let sockets = match &heir {
        Some(heir) => heir.sockets(),
        None => Sockets::activated()?,
    };
    let birth = Birth { program, sockets, heir };
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
        match config.balancer.take_if(|settings| !settings.has_local()) {
            Some(settings) => balance(config, settings, args.place.clone(), birth).await,
            None => serve(config, args.place.clone(), birth).await,
        }
    });
    runtime.shutdown_timeout(LAST_WAIT);
    served
}

async fn serve(config: Config, place: Place, birth: Birth) -> Result<(), Failure> {
    let (dir, limits) = (config.store.dir.clone(), config.web.clone());
    let coming = if birth.heir.is_some() { Coming::AfterAnother } else { Coming::Alone };
    let house = House::open_on(config, &birth.sockets, coming, None).await?;
    let (signals, reloads) = (Signals::new().map_err(unheard)?, Reloads::new().map_err(unheard)?);
    let (stop, store, routes) = (Stop::new(), house.store(), house.routes());
    if let (Some(heir), Some(routes)) = (&birth.heir, &routes) {
        routes.remember(heir.keepsake());
        routes.warm().await;
    }
    // from here on the two write to one file, where it is one
    let (swapper, known) = (birth.swapper(&stop, &limits, move || store.keep_company(true)), routes.clone());
    let swapper = swapper.with_keepsake(move || known.as_ref().map_or(Value::Null, Service::keepsake));
    let answers = Arc::new(Web(routes.clone()));
    let Some(swaps) = birth.start(&dir, &stop, swapper, answers).await? else { return Ok(()) };
    greet(&house, &dir.display().to_string())?;
    swap::heir::serves(birth.heir.as_deref());
    let certificates = house.certificates();
    let run = house.run(stop.clone());
    let run = async {
        tokio::select! {
            () = run => {}
            () = follow(routes.as_ref(), certificates, reloads, move || place.config()) => {}
        }
    };
    until_the_end(run, swaps, signals, &stop).await
}

/// Serves as a front of other web servers only.
async fn balance(
    config: Config,
    settings: balancer::Config,
    place: Place,
    birth: Birth,
) -> Result<(), Failure> {
    let (dir, limits) = (config.store.dir.clone(), config.web.clone());
    let balancing =
        Balancing::open(config, settings, &birth.sockets, Stop::new(), None, |folder| Arc::new(folder))
            .await?;
    let (signals, reloads) = (Signals::new().map_err(unheard)?, Reloads::new().map_err(unheard)?);
    let stop = balancing.stop();
    let service = balancing.service();
    if let Some(heir) = &birth.heir {
        service.remember(heir.keepsake());
        balancing.warm().await;
    }
    let keepsake = service.clone();
    let swapper = birth.swapper(&stop, &limits, || {}).with_keepsake(move || keepsake.keepsake());
    let answers = Arc::new(Front(service));
    let Some(swaps) = birth.start(&dir, &stop, swapper, answers).await? else { return Ok(()) };
    say(&format!("Ondol serves {}", balancing.origin()))?;
    say(&format!("  in front of      {}", balancing.backends().join(" ")))?;
    swap::heir::serves(birth.heir.as_deref());
    let run = balancing.run(reloads, move || place.config());
    until_the_end(run, swaps, signals, &stop).await
}

impl Birth {
    fn swapper(
        &self,
        stop: &Stop,
        limits: &web::Config,
        before: impl Fn() + Send + Sync + 'static,
    ) -> Swapper {
        let generation = self.heir.as_ref().map_or(0, |heir| heir.generation());
        let (program, sockets) = (self.program.clone(), self.sockets.clone());
        Swapper::new(program, sockets, stop.clone(), generation, limits, before)
    }

    /// Takes this process's turn: at once, or when the one before says so. Gives what listens to those who ask for the next
    /// swap; `None` when this process was only to be tried out.
    #[expect(clippy::disallowed_methods, reason = "both tasks end when the process leaves")]
    async fn start(
        &self,
        dir: &Path,
        stop: &Stop,
        swapper: Swapper,
        answers: Arc<dyn Answers>,
    ) -> Result<Option<impl Future<Output = ()> + use<>>, Failure> {
        // a copy that stayed open would take connections that nobody answers
        let (sockets, leave) = (self.sockets.clone(), stop.leave.clone());
        tokio::spawn(async move {
            leave.cancelled().await;
            sockets.close();
        });
        let upgrades = Upgrades::new().map_err(unheard)?;
        match &self.heir {
            Some(heir) if heir.ready().await? == Turn::End => return Ok(None),
            Some(heir) => {
                let (heir, leave) = (heir.clone(), stop.leave.clone());
                tokio::spawn(async move {
                    leave.cancelled().await;
                    heir.leave();
                });
            }
            None => {
                for address in self.sockets.settle() {
                    tracing::warn!(%address, "systemd opened a socket that the service file does not name");
                }
            }
        }
        let control = Control::open(dir)
            .inspect_err(|error| {
                let dir = dir.display();
                tracing::warn!(%error, "no control socket in {dir}: `ondol upgrade` does not find this process; SIGUSR2 does");
            })
            .ok();
        Ok(Some(async move {
            let asked = async {
                match control {
                    Some(control) => control.run(swapper.clone(), answers).await,
                    None => std::future::pending().await,
                }
            };
            tokio::join!(asked, obey_upgrades(upgrades, &swapper));
        }))
    }
}

/// Swaps at each signal.
async fn obey_upgrades(mut upgrades: Upgrades, swapper: &Swapper) {
    loop {
        upgrades.next().await;
        // how it went has been logged
        let _ = swapper.swap().await;
    }
}

/// Runs to the end that a signal or a swap brings about.
async fn until_the_end(
    run: impl Future<Output = ()>,
    swaps: impl Future<Output = ()>,
    signals: Signals,
    stop: &Stop,
) -> Result<(), Failure> {
    let obeying = lifecycle::obey(signals, stop.clone());
    tokio::select! {
        () = run => Ok(()),
        () = obeying => {
            Err(Failure::degraded("stopped at once by a second signal; requests in flight were cut off"))
        }
        () = swaps => unreachable!("it listens for ever"),
    }
}

/// A web server, as it answers at its control socket, with the routes in front of it if it has any.
struct Web(Option<Service>);

impl Answers for Web {
    fn role(&self) -> &'static str {
        "web"
    }

    fn status(&self) -> Option<Value> {
        self.0.as_ref().map(Service::status)
    }

    fn drain(&self, backend: &str, is_drained: bool) -> Result<(), String> {
        match &self.0 {
            Some(routes) => routes.drain(backend, is_drained),
            None => Err("this is a web server; it is the balancer that drains one".into()),
        }
    }
}

/// A balancer, as it answers at its control socket.
struct Front(Service);

impl Answers for Front {
    fn role(&self) -> &'static str {
        "balancer"
    }

    fn status(&self) -> Option<Value> {
        Some(self.0.status())
    }

    fn drain(&self, backend: &str, is_drained: bool) -> Result<(), String> {
        self.0.drain(backend, is_drained)
    }
}

fn unheard(error: std::io::Error) -> Failure {
    Failure::failed(format!("cannot listen for signals: {error}"))
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
