//! All that a host runs, started and stopped in order: etcd first and last, then the keeper, then the web service, and what
//! stands in front of it.

use std::net::{IpAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use balancer::certificates;
use base::error::chain;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use trust::Door;
use web::Stop;

use super::caching::Caching;
use super::core::Part;
use super::deputies::Asked;
use super::etcd::Member;
use super::keeping::{self, Ended};
use super::keys::Keys;
use super::lead;
use super::lookout::Lookout;
use super::mirroring;
use super::reach::Eyes;
use super::shelf::Shared;
use crate::balancing::{Balancing, Reloads};
use crate::config::{Behind, Config};
use crate::failure::Failure;
use crate::house::{Coming, House};
use crate::swap::Sockets;
use crate::topology::core::Reads;

/// Pause before the web service is opened again after it could not be.
const OPEN_AGAIN_AFTER: Duration = Duration::from_secs(2);

/// A host's part that runs.
pub(crate) struct Running {
    config: Config,
    part: Part,
    keys: Keys,
    tasks: TaskTracker,
    member: Option<Member>,
    caching: Option<Caching>,
    balancing: Option<Balancing>,
    reloads: Reloads,
    keeping: Option<Ended>,
    keeper_stop: CancellationToken,
    eyes: Eyes,
}

impl Running {
    /// Starts what others need of this host.
    pub(crate) async fn start(config: Config, part: Part, stop: &Stop) -> Result<Running, Failure> {
        let mut config = config;
        let tasks = TaskTracker::new();
        let keys = Keys::of(&config, Some(&part.host))?;
        keys.equip(&mut config);
        // etcd reads them anew for each connection
        let files = keys.write(&config.store.dir)?;
        let member = match part.votes {
            true => Some(Member::start(&part, &config.store.dir, &keys, files.clone()).await?),
            false => None,
        };
        let caching = match part.has_cache {
            true => {
                Some(Caching::start(&part, &config.store.dir, &files, config.cache_host_bytes_max).await?)
            }
            false => None,
        };
        let reloads =
            Reloads::new().map_err(|error| Failure::failed(format!("cannot listen for signals: {error}")))?;
        let eyes = Eyes::open(&part, &keys, &tasks);
        let balancing = match part.behind {
            Some(_) => Some(balance(&config, &part, &keys, (&eyes, &tasks), stop).await?),
            None => None,
        };
        if part.has_database {
            tasks.spawn(lead::tell_work(eyes.view.clone(), part.host.clone()));
        }
        let keeper_stop = CancellationToken::new();
        let keeping = match &config.topology {
            Some(topology) if part.has_database => {
                Some(keeping::start(&config, topology, &part, &keys, keeper_stop.clone())?)
            }
            _ => None,
        };
        if part.has_database {
            for (name, engine) in config.mirrors.clone() {
                let (config, host, eyes) = (config.clone(), part.host.clone(), eyes.clone());
                tasks.spawn(mirroring::run(config, host, eyes, name, engine));
            }
        }
        Ok(Running {
            config,
            part,
            keys,
            tasks,
            member,
            caching,
            balancing,
            reloads,
            keeping,
            keeper_stop,
            eyes,
        })
    }

    /// Where its balancer listens, and whom it stands in front of.
    pub(crate) fn fronts(&self) -> Option<(String, String)> {
        let balancing = self.balancing.as_ref()?;
        Some((balancing.origin(), balancing.backends().join(" ")))
    }

    /// Runs until `stop`, or until the keeper ends by itself. `greet` is called when the web service is ready; `read` reads the
    /// file again when the balancer is to follow it.
    pub(crate) async fn run(
        self,
        stop: Stop,
        greet: impl Fn(&House),
        read: impl Fn() -> Result<Config, Failure> + Clone + Send + Sync + 'static,
    ) -> Result<(), Failure> {
        let Running {
            config,
            part,
            keys,
            tasks,
            member,
            caching,
            balancing,
            reloads,
            keeping,
            keeper_stop,
            eyes,
        } = self;
        let etcd_stop = CancellationToken::new();
        let etcd = member.map(|member| tasks.spawn(member.run(etcd_stop.clone())));
        let keeper = keeping.map(|ended| {
            let soft = stop.soft.clone();
            tasks.spawn(async move {
                let done = ended.await;
                // without its keeper this host is of no use: systemd begins it anew
                soft.cancel();
                done.unwrap_or_else(|_| {
                    Err(Failure::failed("the keeper broke off; its last words are in the log"))
                })
            })
        });
        let cache_stop = CancellationToken::new();
        let cache = caching.map(|caching| tasks.spawn(caching.run(cache_stop.clone())));
        // without a balancer the signal is taken all the same: it must not kill a host
        let front = match balancing {
            Some(balancing) => tasks.spawn(balancing.run(reloads, read)),
            None => tasks.spawn(stop.soft.clone().cancelled_owned()),
        };
        if part.has_web {
            serve(config, &part, &keys, eyes, &stop, greet).await;
        }
        stop.soft.cancelled().await;
        // what it had in hand has an answer, or was cut off
        let _ = front.await;
        cache_stop.cancel();
        if let Some(cache) = cache {
            let _ = cache.await;
        }
        keeper_stop.cancel();
        let kept = match keeper {
            Some(keeper) => keeper.await.unwrap_or(Ok(())),
            None => Ok(()),
        };
        etcd_stop.cancel();
        if let Some(etcd) = etcd {
            // what it could say has been logged
            let _ = etcd.await;
        }
        kept
    }
}

/// The balancer of this host.
async fn balance(
    config: &Config,
    part: &Part,
    keys: &Keys,
    (eyes, tasks): (&Eyes, &TaskTracker),
    stop: &Stop,
) -> Result<Balancing, Failure> {
    let settings = config.balancer.clone().unwrap_or_default();
    let listen = part.fronts(&config.listen);
    let front = Config { listen, ..config.clone() };
    let mut opener = None;
    let shelf = |folder| -> Arc<dyn certificates::Shelf> {
        let (shelf, opens) = Shared::new(config, eyes, folder);
        opener = Some(opens);
        Arc::new(shelf)
    };
    let hosts = Some(keys.tls.clone());
    let balancing = Balancing::open(front, settings, &Sockets::default(), stop.clone(), hosts, shelf).await?;
    if let (Some(opener), Some(certificates)) = (opener, balancing.certificates()) {
        let soft = stop.soft.clone();
        tasks.spawn(async move { opener.run(|| certificates.reload(), soft).await });
    }
    Ok(balancing)
}

/// The addresses that the hosts of a list come from. One that has none now is not believed until the next start.
fn addresses(hosts: &[String]) -> Vec<IpAddr> {
    let found = |host: &String| {
        (host.as_str(), 0).to_socket_addrs().map_err(|error| {
            tracing::warn!(
                "the balancer {host} has no address ({error}): what it says of visitors is not believed"
            );
        })
    };
    hosts.iter().flat_map(|host| found(host).into_iter().flatten()).map(|address| address.ip()).collect()
}

/// Serves once a primary is known, and until the stop.
async fn serve(config: Config, part: &Part, keys: &Keys, eyes: Eyes, stop: &Stop, greet: impl Fn(&House)) {
    let mut config = config;
    let listens = part.listens(&config.listen);
    let said = std::mem::replace(&mut config.listen, listens);
    // what stands in front of it has a listener of its own
    config.balancer = None;
    if let Some(front) = part.fronted_at(&said) {
        let door = match Door::among(&keys.papers) {
            Ok(door) => door,
            Err(error) => return tracing::error!(error = chain(&error), "the web role can't be opened"),
        };
        let scheme = if config.tls.take().is_some() { "https" } else { "http" };
        let url = Some(config.url.clone()).filter(|url| !url.is_empty());
        config.behind = Some(Behind { door, origin: url.unwrap_or_else(|| format!("{scheme}://{front}")) });
    }
    config.web.trusted_proxies.extend(addresses(&part.balancers));
    if let (Some(cache), false) = (&mut config.cache, part.caches.is_empty()) {
        let mut memcached = cache::Memcached::new(part.cached_at(), "");
        memcached.tls = Some(keys.tls.clone());
        cache.back = cache::Back::Memcached(memcached);
    }
    config.store.primary = Some(eyes.primary.clone());
    if let Some(topology) = config.topology.as_ref().filter(|topology| topology.reads == Reads::Replica) {
        config.store.deputies = Some(Arc::new(Asked::new(part, topology, &config.store.engine, &eyes)));
    }
    let lookout = config.topology.as_ref().map(|topology| Lookout::new(&config, topology, keys, &eyes));
    let Some(lookout) = lookout else { return };
    // ended with the web service
    let noting = TaskTracker::new().spawn(lookout.clone().run());
    let opening = async {
        let mut primary = eyes.primary.clone();
        loop {
            // nobody to tell means that we are about to end
            let _ = primary.wait_for(|primary| primary.address.is_some()).await;
            match House::open_on(config.clone(), &Sockets::default(), Coming::Alone, Some(lookout.clone()))
                .await
            {
                Ok(house) => {
                    lookout.count_in(&house.store());
                    return house;
                }
                Err(failure) => {
                    tracing::warn!("the web service can't be opened yet: {}", failure.lines.join("; "))
                }
            }
            tokio::time::sleep(OPEN_AGAIN_AFTER).await;
        }
    };
    if let Some(house) = stop.soft.run_until_cancelled(opening).await {
        greet(&house);
        house.run(stop.clone()).await;
    }
    noting.abort();
}
