//! The balancer as the house knows it: made, run, given new settings, asked for its numbers.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use arc_swap::ArcSwap;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use web::Pass;
use web::limiter::Limiter;
use web::metrics::{Kind, Page, Source, Telling};

use crate::backend::Tally;
use crate::config::Config;
use crate::core::health::State;
use crate::desk::{Desk, Seen};
use crate::probe;
use crate::proxy::Proxy;
use crate::sticky::Key;

/// What the balancer stands on.
#[derive(Clone, Debug)]
pub struct Means {
    /// How often an address may ask.
    pub limiter: Arc<Limiter>,
    /// Proxies in front of us, whose word about a client is taken.
    pub trusted_proxies: Vec<IpAddr>,
    /// Ends event streams and tunnels.
    pub stop: CancellationToken,
}

/// The balancer. Cheap to clone.
#[derive(Clone)]
pub struct Service {
    desk: Arc<Desk>,
    config: Arc<ArcSwap<Config>>,
    key: Key,
    proxy: Arc<Proxy>,
    tasks: TaskTracker,
}

impl Service {
    /// Begins to look after the backends; within a runtime.
    pub fn new(config: Config, means: Means) -> Service {
        let tasks = TaskTracker::new();
        let desk = Arc::new(Desk::new(&config));
        let spools =
            usize::try_from(config.spools_bytes_max.0).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        let tunnels = Arc::new(Semaphore::new(config.tunnels_max.min(Semaphore::MAX_PERMITS)));
        let key = Key::draw();
        let config = Arc::new(ArcSwap::from_pointee(config));
        let proxy = Arc::new(Proxy {
            desk: desk.clone(),
            config: config.clone(),
            limiter: means.limiter,
            trusted: means.trusted_proxies,
            spools: Arc::new(Semaphore::new(spools)),
            tunnels,
            stop: means.stop,
            tasks: tasks.clone(),
        });
        let service = Service { desk, config, key, proxy, tasks };
        service.settle();
        service
    }

    /// Whoever answers requests.
    pub fn pass(&self) -> Arc<dyn Pass> {
        self.proxy.clone()
    }

    /// Takes new settings; connections that are open and requests that are under way go on as they were. What was sized
    /// at the start (`tunnels_max`, `spools_bytes_max`, `connections_per_address_max`) stays.
    pub fn reload(&self, config: Config) {
        self.config.store(Arc::new(config));
        self.settle();
    }

    /// Waits for the stop, and for what ends with it.
    pub async fn run(&self, until: CancellationToken) {
        until.cancelled().await;
        let (seen, _) = self.desk.seen();
        for Seen { backend, .. } in seen {
            backend.gone.cancel();
        }
        self.tasks.close();
    }

    fn settle(&self) {
        let config = self.config.load_full();
        for backend in self.desk.settle(&config, &self.key, &self.tasks) {
            self.tasks.spawn(probe::watch(self.desk.clone(), backend, self.config.clone()));
        }
        self.desk.call();
    }

    fn report(&self, page: &mut Page) {
        let (seen, (waiting, bytes)) = self.desk.seen();
        let each = |page: &mut Page, kind, name, help: &str, value: fn(&Seen) -> u64| {
            let mut family = page.family(kind, name, help);
            for seen in &seen {
                family.number(&[("backend", &seen.backend.address)], value(seen));
            }
        };
        let help = "Whether a backend gets requests: 1 up, 0 doubted or out";
        each(page, Kind::Gauge, "ondol_balancer_backend_up", help, |s| u64::from(s.state == State::Up));
        let help = "Requests that a backend has in hand";
        each(page, Kind::Gauge, "ondol_balancer_backend_requests", help, |s| s.requests.into());
        let help = "Event streams and tunnels open to a backend";
        each(page, Kind::Gauge, "ondol_balancer_backend_streams", help, |s| s.lasting.into());
        let help = "Connections made to a backend";
        let name = "ondol_balancer_backend_connections_total";
        each(page, Kind::Counter, name, help, |s| s.backend.tally.connections.load(Relaxed));
        let help = "Answers of a backend, by class of status";
        numbers(page, &seen, "ondol_balancer_backend_answers_total", help, "class", classes);
        let help = "Tries that failed at a backend: unsent, broke_off, timed_out";
        numbers(page, &seen, "ondol_balancer_backend_failures_total", help, "kind", failures);
        page.gauge("ondol_balancer_waiting_requests", "Requests that wait for a backend", waiting);
        page.gauge("ondol_balancer_waiting_bytes", "Bytes of bodies that wait for a backend", bytes);
    }
}

type Labelled<'t> = Vec<(&'static str, &'t AtomicU64)>;

fn numbers(
    page: &mut Page,
    seen: &[Seen],
    name: &'static str,
    help: &str,
    label: &str,
    of: for<'t> fn(&'t Tally) -> Labelled<'t>,
) {
    let mut family = page.family(Kind::Counter, name, help);
    for Seen { backend, .. } in seen {
        for (value, number) in of(&backend.tally) {
            family.number(&[("backend", &backend.address), (label, value)], number.load(Relaxed));
        }
    }
}

fn classes(tally: &Tally) -> Labelled<'_> {
    ["1xx", "2xx", "3xx", "4xx", "5xx"].into_iter().zip(&tally.classes).collect()
}

fn failures(tally: &Tally) -> Labelled<'_> {
    vec![("unsent", &tally.unsent), ("broke_off", &tally.broke_off), ("timed_out", &tally.timed_out)]
}

impl Source for Service {
    fn tell<'a>(&'a self, page: &'a mut Page) -> Telling<'a> {
        self.report(page);
        Box::pin(std::future::ready(()))
    }
}
