//! A takeover by a mirror: by hand only. The service goes on from a database that no host of the file runs, and the file has to
//! say so.
//!
//! Planned, it is handed over to with all that was acknowledged, compared to the last record. Without a primary nobody can know
//! what it lacks: it is said what it has, asked, and no host may lead any more.

use std::collections::BTreeSet;
use std::time::Duration;

use base::time::{Clock, Timestamp};
use cluster::layout::{Mirror as Told, MirrorStage, Sync};
use cluster::{Compare, Error, Txn, View};
use store::mirror::{Fault, Handed, Holds, Mirror, Stage, Term, look, release};
use store::moving::{self, Watch};
use store::{Engine, Error as Broken};
use tokio_util::task::TaskTracker;

use super::accept;
use crate::cli::progress::Progress;
use crate::cli::{say, short};
use crate::config::Config;
use crate::failure::Failure;
use crate::part::core::Part;
use crate::part::keys::Keys;
use crate::part::mirroring;
use crate::part::reach::Eyes;
use crate::topology::core::Topology;

/// Longest time of one read or transaction: tables are compared from end to end.
const TIME_MAX: Duration = Duration::from_secs(24 * 3_600);
/// Tries to hand over before the service is too busy for it, and the pause between two.
const TRIES: u32 = 20;
const TRY_EVERY: Duration = Duration::from_millis(500);
/// Tries to get the mirror from the host that looks after it.
const CLAIMS: u32 = 5;

/// A mirror that is to take over.
struct Heir<'a> {
    name: &'a str,
    engine: &'a Engine,
    /// Where it is, as databases that were left say it.
    place: String,
}

pub(super) fn run(
    config: &mut Config,
    topology: &Topology,
    name: &str,
    engine: &Engine,
    accepts_loss: bool,
    is_sure: bool,
) -> Result<(), Failure> {
    let place = moving::place(&store::Config { engine: engine.clone(), ..config.store.clone() });
    let heir = Heir { name, engine, place };
    short(async {
        let tasks = TaskTracker::new();
        let keys = Keys::of(config, None)?;
        keys.equip(config);
        let eyes = Eyes::open(&Part::outside(&config.service, topology), &keys, &tasks);
        match accepts_loss {
            true => heir.accept(eyes, config, is_sure).await?,
            false => heir.planned(eyes, config).await?,
        }
        heir.advise()
    })
}

impl Heir<'_> {
    /// With everything.
    async fn planned(&self, eyes: Eyes, config: &Config) -> Result<(), Failure> {
        let view = eyes.seen().await?;
        if view.leader.is_none() {
            let name = self.name;
            return Err(Failure::failed(format!(
                "nobody is primary, so that it can't be known whether {name} has everything. `ondol status` says who could lead; only \
                 if none of them returns: `ondol takeover --to {name} --accept-loss`"
            )));
        }
        let (source, target) = mirroring::sides(config, &eyes, self.engine, TIME_MAX);
        let opened =
            Mirror::open(source, target.clone(), Clock::System, mirroring::declaring(), Term::Alone).await;
        let mut mirror = match opened {
            // an earlier command died after the hosts' databases were left
            Err(Fault::Store(Broken::Moved { to })) if to == self.place => {
                let released = release(target, Clock::System, false).await?;
                self.tell(&eyes, released.position, released.as_of).await;
                return say(&format!("{} has everything, up to change {}.", self.name, released.position));
            }
            opened => opened?,
        };
        let handed = self.hand_over(&mut mirror).await;
        let told = mirror.told().clone();
        mirror.close().await;
        let (pause, position) = handed?;
        self.tell(&eyes, position, told.as_of).await;
        let ms = pause.as_millis();
        say(&format!(
            "{} has everything, up to change {position}, compared with the primary record by record. Writers waited {ms} ms; \
             nothing was lost.",
            self.name
        ))
    }

    async fn hand_over(&self, mirror: &mut Mirror) -> Result<(Duration, i64), Failure> {
        let mut quiet = Onlooker(None);
        let mut tries_left = CLAIMS;
        loop {
            match mirror.approach(&mut quiet).await {
                // the host that looks after it has been at it in this moment
                Err(Fault::Displaced) if tries_left > 0 => tries_left -= 1,
                near => break near?,
            }
            tokio::time::sleep(TRY_EVERY).await;
        }
        let rows = mirror.rows_about().await.map_err(Failure::from)?;
        let mut comparing = Onlooker(Some(Progress::rows("comparing", rows)));
        let rows = mirror.compare(&mut comparing).await?;
        comparing.end();
        say(&format!("{rows} records are the same on both sides; now writers wait for a moment"))?;
        for _ in 0..TRIES {
            match mirror.hand_over(&self.place, &mut quiet).await? {
                Handed::Over { pause, position } => return Ok((pause, position)),
                Handed::NotYet => tokio::time::sleep(TRY_EVERY).await,
                Handed::CompareAgain => drop(mirror.compare(&mut quiet).await?),
            }
        }
        Err(Failure::failed(format!(
            "the service is too busy to be handed over: {TRIES} times writers were let in again; try when less is written"
        )))
    }

    /// With what it has.
    async fn accept(&self, eyes: Eyes, config: &Config, is_sure: bool) -> Result<(), Failure> {
        let view = eyes.seen().await.ok();
        if let Some(leader) = view.as_ref().and_then(|view| view.leader.as_ref()) {
            return Err(Failure::failed(format!(
                "{} is primary, so that nothing has to be lost: say `ondol takeover --to {}` without --accept-loss",
                leader.what.host, self.name
            )));
        }
        let (_, target) = mirroring::sides(config, &eyes, self.engine, TIME_MAX);
        let seen = look(&target).await.map_err(Failure::from)?;
        let Holds::Mirror { stage, position, as_of } = seen.holds else {
            return Err(Failure::failed(format!(
                "the database {} is no mirror: there is nothing to go on with",
                self.place
            )));
        };
        if !matches!(stage, Stage::Following | Stage::Released) {
            return Err(Failure::failed(format!(
                "{} was never whole, or was being mended: it can't be used in place of the hosts' databases. Bring one of \
                 them back, or restore a backup",
                self.name
            )));
        }
        self.say_loss(view.as_ref(), position, as_of)?;
        if !is_sure {
            accept::ask(self.name)?;
        }
        if let Some(view) = &view {
            self.give_away(&eyes, view, position, as_of).await?;
        }
        release(target, Clock::System, true).await?;
        say(&format!("{} is a database of its own now, with everything up to change {position}.", self.name))
    }

    fn say_loss(&self, view: Option<&View>, position: i64, as_of: i64) -> Result<(), Failure> {
        let name = self.name;
        say(&format!("{name} has everything up to change {position}, as it was at {}.", Timestamp(as_of)))?;
        let newest = view.and_then(|view| view.mirrors.get(name)).map(|told| told.what.newest);
        let known = match newest.map(|newest| newest - position) {
            Some(lacks) if lacks > 0 => format!("; it was {lacks} changes behind when it was last heard of"),
            _ => String::new(),
        };
        say(&format!(
            "What was acknowledged after that is LOST, however much it is{known}. The hosts' databases stay as they are, and must \
             never serve again beside it: with this, no host becomes primary any more."
        ))?;
        if view.is_none() {
            say(
                "No majority of the hosts that have a voice answers, so that they can't be told of it: see to it yourself that \
                 `ondol up` is never started again on them with this file.",
            )?;
        }
        Ok(())
    }

    /// Takes from all hosts the right to lead.
    async fn give_away(&self, eyes: &Eyes, view: &View, position: i64, as_of: i64) -> Result<(), Failure> {
        let Some(sync) = view.sync.as_ref() else { return Ok(()) };
        let nobody = Sync { eligible: BTreeSet::new(), ..sync.what.clone() };
        let text = serde_json::to_string(&nobody).expect("a document of ours is JSON");
        // nobody has come to lead meanwhile, and it is the same reign
        let txn = Txn::new()
            .when(Compare::absent(eyes.layout.leader()))
            .when(Compare::modified(eyes.layout.sync(), sync.modified))
            .put(eyes.layout.sync(), text)
            .put(eyes.layout.mirror(self.name), document(position, as_of));
        match eyes.cluster.txn(&txn).await {
            Ok(_) => Ok(()),
            Err(Error::Refused { .. }) => Err(Failure::failed(
                "something changed at this very moment, and nothing was done; look with `ondol status`",
            )),
            Err(error) => Err(Failure::failed(format!("the word could not be put down: {error}"))),
        }
    }

    /// Tells those who look on.
    async fn tell(&self, eyes: &Eyes, position: i64, as_of: i64) {
        let txn = Txn::new().put(eyes.layout.mirror(self.name), document(position, as_of));
        if let Err(error) = eyes.cluster.txn(&txn).await {
            tracing::warn!("the hosts could not be told: {error}");
        }
    }

    /// What the file is to say now.
    fn advise(&self) -> Result<(), Failure> {
        let (word, server, usual) = match self.engine {
            Engine::Postgres(server) => ("postgres", server, 5432),
            Engine::MariaDb(server) => ("mariadb", server, 3306),
            Engine::Sqlite => return Ok(()),
        };
        let port = if server.port == usual { String::new() } else { format!(":{}", server.port) };
        let tls = if server.tls.is_some() { "\n  tls     = …      # as in [mirror]" } else { "" };
        say(&format!(
            "Until the service file says so, writes are refused. On each web host take the sites, [mirror.{}] and the lines of \
             [database] out of it, write this in their place, and start `ondol serve` instead of `ondol up`:\n\n  [database]\n  \
             engine  = \"{word}\"\n  address = \"{}{port}\"\n  name    = \"{}\"\n  user    = \"{}\"\n  \
             secret  = …      # as in [mirror.{}]{tls}\n\nFiles of records stay where they are, in `dir` of the web hosts.",
            self.name, server.host, server.database, server.user, self.name
        ))
    }
}

/// What those who look on are told of a mirror that was released.
fn document(position: i64, as_of: i64) -> String {
    let told = Clock::System.now().0;
    let stage = MirrorStage::Released;
    let told = Told { stage, position, newest: position, as_of, told, ..Told::default() };
    serde_json::to_string(&told).expect("a document of ours is JSON")
}

/// Shows how far a step is.
struct Onlooker(Option<Progress>);

impl Onlooker {
    fn end(&self) {
        self.0.iter().for_each(Progress::end);
    }
}

impl Watch for Onlooker {
    fn at(&mut self, rows: u64) {
        self.0.iter_mut().for_each(|progress| progress.at(rows));
    }

    // an end of the command ends everything: the primary lets writers in again by itself
    fn is_stopped(&self) -> bool {
        false
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Failure {
        match fault {
            Fault::Store(error) => error.into(),
            fault => Failure::failed(fault.to_string()),
        }
    }
}
