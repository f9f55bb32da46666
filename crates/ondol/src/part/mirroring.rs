//! The mirrors of the service: looked after by the host that leads, each in a task of its own, and told of in etcd.
//!
//! Nothing that the keeper does waits for this: it stands on the web service's runtime, has connections of its own, and
//! only reads the primary.

use std::time::Duration;

use base::error::chain;
use base::moment::Moment;
use base::time::Clock;
use cluster::Txn;
use cluster::layout::{Mirror as Told, MirrorStage};
use records::Records;
use store::mirror::{Declaring, Fault, Mirror, Stage, Step, Term};
use store::{Engine, Error, moving};
use tokio::sync::watch;
use tokio::time::sleep;

use super::reach::Eyes;
use crate::config::Config;

/// How often it is looked whether this host leads, and whether there is something new.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How often a mirror is told of at the most, when something changed.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// How often it is told of though nothing did.
const TELL_ANEW_EVERY: Duration = Duration::from_secs(10);
/// Pauses after a failure: the first one, and the longest; it doubles.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// How long a mirror's own task waits for the primary before it tells of it.
const OUTAGE_WAIT: Duration = Duration::from_secs(2);
/// Connections to either side.
const CONNECTIONS: usize = 4;

/// The two sides of a mirror, as the store is to open them. `time_max` is the longest time of a transaction or read.
pub(crate) fn sides(
    config: &Config,
    eyes: &Eyes,
    engine: &Engine,
    time_max: Duration,
) -> (store::Config, store::Config) {
    let mut source = config.store.clone();
    source.primary = Some(eyes.primary.clone());
    (source.connections, source.brief_connections) = (CONNECTIONS, 1);
    (source.outage_wait_max, source.connection_wait_max) = (OUTAGE_WAIT, OUTAGE_WAIT);
    (source.read_time_max, source.write_time_max) = (time_max, time_max);
    let target = store::Config { engine: engine.clone(), primary: None, ..source.clone() };
    (source, target)
}

/// Which records declare tables.
pub(crate) fn declaring() -> Declaring {
    Declaring { table: Records::declaring(), declared: Records::declared }
}

/// Looks after a mirror whenever this host leads; it ends with the runtime.
pub(crate) async fn run(config: Config, host: String, eyes: Eyes, name: String, engine: Engine) {
    let (tell, told) = watch::channel(Told { host: host.clone(), ..Told::default() });
    let key = eyes.layout.mirror(&name);
    let tender = Tender { config, host, eyes: eyes.clone(), name, engine, tell };
    tokio::join!(tender.run(), publish(eyes, key, told));
}

/// Whoever looks after one.
struct Tender {
    config: Config,
    host: String,
    eyes: Eyes,
    name: String,
    engine: Engine,
    tell: watch::Sender<Told>,
}

impl Tender {
    async fn run(&self) {
        let (mut pause, mut said) = (PAUSE_MIN, None);
        loop {
            if !self.leads() {
                sleep(LOOK_EVERY).await;
                continue;
            }
            let Err(fault) = self.tend(&mut said).await else { continue };
            let was_well = self.tell.borrow().trouble.is_none();
            if was_well {
                pause = PAUSE_MIN;
            }
            match self.trouble(&fault) {
                Some(why) => {
                    if said.as_ref() != Some(&why) {
                        tracing::warn!(mirror = self.name, "the mirror does not go on: {why}");
                        said = Some(why.clone());
                    }
                    self.tell.send_modify(|told| told.trouble = Some(why));
                }
                None => self.tell.send_modify(|told| {
                    (told.stage, told.trouble) = (MirrorStage::Released, None);
                }),
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    fn leads(&self) -> bool {
        self.eyes.view.borrow().is_led_by(&self.host) && self.eyes.primary.borrow().address.is_some()
    }

    /// Looks after it for as long as this host leads.
    async fn tend(&self, said: &mut Option<String>) -> Result<(), Fault> {
        let (source, target) =
            sides(&self.config, &self.eyes, &self.engine, self.config.store.write_time_max);
        let mut mirror = Mirror::open(source, target, Clock::System, declaring(), Term::Meanwhile).await?;
        let done = self.follow(&mut mirror, said).await;
        mirror.close().await;
        done
    }

    async fn follow(&self, mirror: &mut Mirror, said: &mut Option<String>) -> Result<(), Fault> {
        while self.leads() {
            let step = mirror.step().await?;
            if step == Step::Left {
                // somebody's command has it: it tells of it itself
                sleep(LOOK_EVERY).await;
                continue;
            }
            let before = self.tell.borrow().stage;
            let now = told(mirror.told(), &self.host);
            if now.stage != before {
                tracing::info!(mirror = self.name, "the mirror {}", words(now.stage));
            }
            *said = None;
            self.tell.send_if_modified(|told| std::mem::replace(told, now.clone()) != now);
            if step == Step::Rest {
                sleep(LOOK_EVERY).await;
            }
        }
        Ok(())
    }

    /// Why it does not go on; `None`: it is the service's own database by now.
    fn trouble(&self, fault: &Fault) -> Option<String> {
        let place =
            moving::place(&store::Config { engine: self.engine.clone(), ..self.config.store.clone() });
        match fault {
            Fault::Released => None,
            Fault::Store(Error::Moved { to }) if *to == place => None,
            fault => Some(chain(fault)),
        }
    }
}

/// What a mirror is told of with.
fn told(of: &store::mirror::Told, host: &str) -> Told {
    Told {
        stage: match of.stage {
            Stage::Unknown => MirrorStage::Unknown,
            Stage::Copying => MirrorStage::Copying,
            Stage::Mending => MirrorStage::Mending,
            Stage::Following => MirrorStage::Following,
            Stage::Released => MirrorStage::Released,
        },
        position: of.position,
        newest: of.newest,
        as_of: of.as_of,
        told: 0,
        host: host.to_owned(),
        rows: of.rows,
        rows_about: of.rows_about,
        version: of.version.clone(),
        trouble: of.trouble.clone(),
    }
}

fn words(stage: MirrorStage) -> &'static str {
    match stage {
        MirrorStage::Unknown => "is looked at",
        MirrorStage::Copying => "is being copied",
        MirrorStage::Mending => "is being compared and mended",
        MirrorStage::Following => "follows",
        MirrorStage::Released => "is a database of its own",
    }
}

/// Puts down what is told, for as long as this host leads.
async fn publish(eyes: Eyes, key: String, mut told: watch::Receiver<Told>) {
    let mut last: Option<(Told, Moment)> = None;
    loop {
        sleep(TELL_EVERY).await;
        let now = told.borrow_and_update().clone();
        let leads = eyes.view.borrow().is_led_by(&now.host);
        if !leads || now == (Told { host: now.host.clone(), ..Told::default() }) {
            last = None;
            continue;
        }
        // of one that rests only the moment changes
        let is_news = |before: &Told| Told { as_of: 0, ..before.clone() } != Told { as_of: 0, ..now.clone() };
        let is_due = last
            .as_ref()
            .is_none_or(|(before, at)| is_news(before) || Moment::now().since(*at) > TELL_ANEW_EVERY);
        if !is_due {
            continue;
        }
        let text = serde_json::to_string(&Told { told: Clock::System.now().0, ..now.clone() })
            .expect("a document of ours is JSON");
        match eyes.cluster.txn(&Txn::new().put(key.clone(), text)).await {
            Ok(_) => last = Some((now, Moment::now())),
            Err(error) => tracing::debug!("a mirror is not told of: {error}"),
        }
    }
}
