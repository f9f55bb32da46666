//! The keeper's doors: made from a config and its means, run on a thread of its own, asked through a handle.

use std::rc::Rc;
use std::sync::Arc;

use base::chance;
use base::time::Clock;
use cluster::{Cluster, Event, Layout};
use engine::Hands;
use tokio::sync::{Notify, watch};
use tokio::task::LocalSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::agree::Agreement;
use crate::config::{Config, Limits};
use crate::core::name::{Epoch, Host};
use crate::core::view::Wish;
use crate::disk::Disk;
use crate::ear;
use crate::error::Error;
use crate::herald::Herald;
use crate::judge::Courthouse;
use crate::keeper::Keeper;
use crate::lease::Lease;
use crate::lineage;
use crate::memory::Memory;
use crate::pulse::Pulse;
use crate::report::Report;
use crate::sentry::Sentry;

/// How many characters tell one run of a keeper from another.
const INCARNATION_LENGTH: usize = 12;

/// What a keeper works with.
#[derive(Clone, Debug)]
pub struct Means {
    /// Where hosts agree.
    pub cluster: Cluster,
    /// The database of this host.
    pub database: Arc<Hands>,
    /// For what people read; nothing is decided by it.
    pub clock: Clock,
}

/// The keeper of this host.
#[derive(Debug)]
pub struct Service {
    config: Arc<Config>,
    means: Means,
    report: watch::Sender<Report>,
    wish: watch::Sender<Option<Wish>>,
}

/// What others may ask of the keeper.
#[derive(Clone, Debug)]
pub struct Handle {
    agreement: Arc<Agreement>,
    report: watch::Receiver<Report>,
    wish: watch::Sender<Option<Wish>>,
}

impl Handle {
    /// How things are, as it changes.
    pub fn report(&self) -> watch::Receiver<Report> {
        self.report.clone()
    }

    /// Asks the primary to give way, to `to` or to the best; whoever it is reads it in the store.
    ///
    /// # Errors
    /// When the store does not take it, or a change was asked for already.
    pub async fn hand_over(&self, to: Option<&Host>) -> Result<(), Error> {
        self.agreement.ask(to).await
    }

    /// Lets this host become primary though it may lack writes of epoch `of`. It does once there is no leader, and only if
    /// that is still the last epoch then.
    pub fn accept_loss(&self, of: Epoch) {
        self.wish.send_replace(Some(Wish::AcceptLoss { of }));
    }
}

impl Service {
    /// A keeper that does nothing yet.
    ///
    /// # Errors
    /// [`Error::Settings`].
    pub fn new(config: Config, means: Means) -> Result<Service, Error> {
        for host in config.policy.sites.keys().chain([&config.host]) {
            if !config.addresses.contains_key(host) || !config.policy.sites.contains_key(host) {
                let what = format!("{host} needs an address and a site to take part");
                return Err(Error::Settings { what });
            }
        }
        let (report, wish) = (watch::Sender::new(Report::default()), watch::Sender::new(None));
        Ok(Service { config: Arc::new(config), means, report, wish })
    }

    /// For those who want to ask it.
    pub fn handle(&self) -> Handle {
        let agreement = Arc::new(self.agreement());
        Handle { agreement, report: self.report.subscribe(), wish: self.wish.clone() }
    }

    /// Keeps, until `stop`: then it gives everything away, in order, and ends. It blocks: give it a thread of its own, which
    /// no other work can starve. The database ends with it.
    ///
    /// # Errors
    /// [`Error::Duplicate`] when another keeper has this host's name; [`Error::System`].
    pub fn run(self, stop: &CancellationToken) -> Result<(), Error> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|source| Error::System { what: "start the keeper's runtime".to_owned(), source })?;
        LocalSet::new().block_on(&runtime, self.keep(stop))
    }

    async fn keep(self, stop: &CancellationToken) -> Result<(), Error> {
        let (config, limits) = (self.config.clone(), self.config.limits);
        let layout = Layout::new(&config.service);
        let cluster = self.means.cluster.clone();
        let herald = Rc::new(Herald::new(cluster.clone(), &layout, &config.host));
        tokio::select! {
            alone = herald.wait_alone(&config.host, limits) => alone?,
            () = stop.cancelled() => return Ok(()),
        }
        let sentry = Sentry::new(config.guard.clone(), self.means.database.data());
        let lease = Rc::new(Lease::new(cluster.clone(), &layout, config.terms, limits, sentry));
        let here = config.policy.sites.get(&config.host).cloned();
        let courthouse = Rc::new(Courthouse::new(cluster.clone(), config.voters.clone(), here));
        let pulse = Rc::new(Pulse::new(cluster.clone(), &layout));
        let disk = Rc::new(Disk::new(self.means.database.clone()));
        let mut keeper = Keeper {
            database: self.means.database.clone(),
            agreement: self.agreement(),
            lease: lease.clone(),
            herald: herald.clone(),
            courthouse: courthouse.clone(),
            pulse: pulse.clone(),
            disk: disk.clone(),
            memory: Memory::new(
                lineage::read(&config.folder, limits.file_time_max).await?,
                limits.track_marks_max,
            ),
            report: self.report.clone(),
            wish: self.wish.subscribe(),
            incarnation: chance::word(INCARNATION_LENGTH),
            is_leaving: false,
            tasks: TaskTracker::new(),
            checkpoint: None,
            slots_at: None,
            last: None,
            trips: config.trips.clone(),
            config,
        };
        // whatever an earlier keeper has left is not known to this one
        keeper.fence().await?;
        let wake = Notify::new();
        let done = tokio::select! {
            done = keeper.rounds(stop, &wake) => done,
            () = lease.keep() => Ok(()),
            () = herald.run(&lease, limits) => Ok(()),
            () = courthouse.watch(&lease, limits) => Ok(()),
            () = pulse.listen(limits) => Ok(()),
            () = disk.watch(limits) => Ok(()),
            () = listen(&cluster, &layout, limits, &wake) => Ok(()),
        };
        if !matches!(done, Err(Error::Died)) {
            keeper.stop().await?;
            lease.revoke().await;
        }
        done
    }

    fn agreement(&self) -> Agreement {
        let address = self.config.addresses.get(&self.config.host);
        Agreement {
            cluster: self.means.cluster.clone(),
            layout: Layout::new(&self.config.service),
            host: self.config.host.clone(),
            address: address.map(|it| format!("{}:{}", it.host, it.port)).unwrap_or_default(),
            clock: self.means.clock.clone(),
        }
    }
}

/// Wakes the keeper when something happens in the store that it may have to act on. What hosts say of themselves is read in
/// the next round anyway.
async fn listen(cluster: &Cluster, layout: &Layout, limits: Limits, wake: &Notify) {
    let members = layout.members();
    let hear = |events: &[Event]| {
        if events.is_empty() || events.iter().any(|event| !event.key().starts_with(&members)) {
            wake.notify_one();
        }
    };
    ear::listen(cluster, layout.prefix(), limits, hear).await;
}
