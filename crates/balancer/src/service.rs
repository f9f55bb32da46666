//! The balancer as the house knows it: made, run, given new settings, asked for its numbers.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use trust::Tls;
use web::Pass;
use web::limiter::Limiter;
use web::metrics::{Kind, Page, Source, Telling};

use crate::backend::Tally;
use crate::config::Config;
use crate::core::health::State;
use crate::desk::{Desk, Seen};
use crate::plan::{Desks, Plan};
use crate::probe;
use crate::proxy::Proxy;
use crate::spool::Disk;
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
    /// By which hosts of the service are reached.
    pub hosts: Option<Tls>,
}

/// The balancer. Cheap to clone.
#[derive(Clone)]
pub struct Service {
    desks: Arc<Mutex<Desks>>,
    /// The settings in force, for those who look after the backends.
    config: Arc<ArcSwap<Config>>,
    plan: Arc<ArcSwap<Plan>>,
    key: Key,
    proxy: Arc<Proxy>,
    tunnels_max: u32,
    tls: Option<Tls>,
    tasks: TaskTracker,
}

impl Service {
    /// Begins to look after the backends; within a runtime.
    pub fn new(config: Config, means: Means) -> Service {
        Service::over(config, means, None)
    }

    /// The same, with whoever answers in this process what the routes leave to it.
    pub fn over(config: Config, means: Means, local: Option<Arc<dyn Pass>>) -> Service {
        let tasks = TaskTracker::new();
        let spools =
            usize::try_from(config.spools_bytes_max.0).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        let tunnels_max = u32::try_from(config.tunnels_max.min(Semaphore::MAX_PERMITS)).unwrap_or(u32::MAX);
        let tunnels = Arc::new(Semaphore::new(tunnels_max as usize));
        let key = Key::draw();
        let room = |most: usize| Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)));
        let ahead = usize::try_from(config.answers_ahead_max.0).unwrap_or(usize::MAX);
        let (uploads, compressions) = (Disk::new(&config), room(config.compressions_max));
        let plan = Arc::new(ArcSwap::from_pointee(Plan::new(config.clone(), &Desks::new())));
        let proxy = Arc::new(Proxy {
            plan: plan.clone(),
            local,
            limiter: means.limiter,
            trusted: means.trusted_proxies,
            spools: Arc::new(Semaphore::new(spools)),
            uploads,
            ahead: room(ahead),
            compressions,
            tunnels,
            stop: means.stop,
            tasks: tasks.clone(),
        });
        let desks = Arc::<Mutex<Desks>>::default();
        let config = Arc::new(ArcSwap::from_pointee(config));
        let tls = means.hosts;
        let service = Service { desks, config, plan, key, proxy, tunnels_max, tls, tasks };
        service.settle();
        service
    }

    /// Whoever answers requests.
    pub fn pass(&self) -> Arc<dyn Pass> {
        self.proxy.clone()
    }

    /// Waits until each backend was asked how it is at least once since it was named, a bounded time for each.
    pub async fn warm(&self) {
        for (_, desk) in self.desks() {
            for backend in desk.backends() {
                // one that is gone meanwhile need not be known
                let _ = backend.asked.subscribe().wait_for(|asked| *asked > 0).await;
            }
        }
    }

    /// Waits until no websocket is open.
    pub async fn tunnels_ended(&self) {
        // the semaphore is never closed
        let _ = self.proxy.tunnels.acquire_many(self.tunnels_max).await;
    }

    /// Whether anybody answers in this process.
    pub fn has_local(&self) -> bool {
        self.proxy.local.is_some()
    }

    /// Takes new settings; connections that are open and requests that are under way go on as they were. What was sized
    /// at the start (`tunnels_max`, `spools_bytes_max`, `uploads_bytes_max`, `answers_ahead_max`, `compressions_max`,
    /// `connections_per_address_max`) stays.
    pub fn reload(&self, config: Config) {
        self.config.store(Arc::new(config));
        self.settle();
    }

    /// Waits for the stop, and for what ends with it.
    pub async fn run(&self, until: CancellationToken) {
        until.cancelled().await;
        for (_, desk) in self.desks() {
            let (seen, _) = desk.seen();
            for Seen { backend, .. } in seen {
                backend.gone.cancel();
            }
        }
        self.tasks.close();
    }

    /// Makes the desks and the routes what the settings say. A pool that is named no longer finishes what it has.
    fn settle(&self) {
        let config = self.config.load_full();
        let mut desks = self.desks.lock().expect("nobody panics while holding it");
        for (name, desk) in &*desks {
            if !name.is_empty() && !config.pools.contains_key(name) {
                desk.settle(&[], &config, &self.key, &self.tasks);
            }
        }
        desks.retain(|name, _| name.is_empty() || config.pools.contains_key(name));
        let main = (String::new(), &config.backends);
        let pools = config.pools.iter().map(|(name, places)| (name.clone(), places));
        for (name, places) in std::iter::once(main).chain(pools) {
            let desk = desks.entry(name).or_insert_with(|| Arc::new(Desk::new(&config, self.tls.clone())));
            for backend in desk.settle(places, &config, &self.key, &self.tasks) {
                self.tasks.spawn(probe::watch(desk.clone(), backend, self.config.clone()));
            }
        }
        self.plan.store(Arc::new(Plan::new(Config::clone(&config), &desks)));
        for desk in desks.values() {
            desk.call();
        }
    }

    /// The desks by the names of their pools.
    pub(crate) fn desks(&self) -> Vec<(String, Arc<Desk>)> {
        let desks = self.desks.lock().expect("nobody panics while holding it");
        desks.iter().map(|(name, desk)| (name.clone(), desk.clone())).collect()
    }

    fn report(&self, page: &mut Page) {
        let seen: Vec<(String, Vec<Seen>, (usize, u64))> = self
            .desks()
            .into_iter()
            .map(|(name, desk)| {
                let (seen, waiting) = desk.seen();
                (name, seen, waiting)
            })
            .collect();
        let seen: Vec<_> =
            seen.iter().map(|(name, seen, waiting)| (name.as_str(), seen.as_slice(), *waiting)).collect();
        let each = |page: &mut Page, kind, name, help: &str, value: fn(&Seen) -> u64| {
            let mut family = page.family(kind, name, help);
            for (pool, seen, _) in &seen {
                for seen in *seen {
                    family.number(&labels(pool, &seen.backend.address, None), value(seen));
                }
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
        let waiting = |page: &mut Page, name, help: &str, value: fn((usize, u64)) -> u64| {
            let mut family = page.family(Kind::Gauge, name, help);
            for (pool, _, waiting) in &seen {
                match pool.is_empty() {
                    true => family.number(&[], value(*waiting)),
                    false => family.number(&[("pool", *pool)], value(*waiting)),
                }
            }
        };
        let help = "Requests that wait for a backend";
        waiting(page, "ondol_balancer_waiting_requests", help, |(requests, _)| requests as u64);
        let help = "Bytes of bodies that wait for a backend";
        waiting(page, "ondol_balancer_waiting_bytes", help, |(_, bytes)| bytes);
    }
}

/// The servers of `backends` are known by their addresses, those of pools by their pools' names besides.
fn labels<'l>(pool: &'l str, address: &'l str, more: Option<(&'l str, &'l str)>) -> Vec<(&'l str, &'l str)> {
    let pool = (!pool.is_empty()).then_some(("pool", pool));
    std::iter::once(("backend", address)).chain(pool).chain(more).collect()
}

type Labelled<'t> = Vec<(&'static str, &'t AtomicU64)>;

fn numbers(
    page: &mut Page,
    seen: &[(&str, &[Seen], (usize, u64))],
    name: &'static str,
    help: &str,
    label: &str,
    of: for<'t> fn(&'t Tally) -> Labelled<'t>,
) {
    let mut family = page.family(Kind::Counter, name, help);
    for (pool, seen, _) in seen {
        for Seen { backend, .. } in *seen {
            for (value, number) in of(&backend.tally) {
                family.number(&labels(pool, &backend.address, Some((label, value))), number.load(Relaxed));
            }
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
