//! The cache with its two backs, over a small database of its own, and with a true memcached that fails in every way.

#![expect(clippy::unwrap_used, reason = "a test ends at the first failure")]

mod face;
mod ledger;
mod lines;
mod outages;
mod raw;
mod truth;

use std::sync::Arc;
use std::time::{Duration, Instant};

use cache::{Back, Cache, Config, Found, Kept};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use ledger::Ledger;

/// A cache that runs until it is dropped.
struct Running {
    cache: Arc<Cache>,
    ledger: Arc<Ledger>,
    _tasks: JoinSet<()>,
}

impl Running {
    fn new(config: Config, ledger: &Arc<Ledger>) -> Running {
        let cache = Arc::new(Cache::new(config, ledger.clone()).unwrap());
        let mut tasks = JoinSet::new();
        let runs = cache.clone();
        tasks.spawn(async move { runs.run(CancellationToken::new()).await });
        Running { cache, ledger: ledger.clone(), _tasks: tasks }
    }

    /// Looks a value up as a server does: what is not kept is read from the ledger, and kept.
    async fn read(&self, id: &str) -> (i64, bool) {
        match self.cache.get("bills", id).await {
            Found::Hit(Kept { rev, value }) => {
                assert_eq!(value, Ledger::value(rev));
                (rev, true)
            }
            Found::Miss(ticket) => {
                let rev = self.ledger.read("bills", id);
                self.cache.put(ticket, "bills", id, rev, Ledger::value(rev));
                (rev, false)
            }
            Found::Unsure => (self.ledger.read("bills", id), false),
        }
    }

    /// Reads until the value comes out of the cache.
    async fn warm(&self, id: &str) -> i64 {
        let begin = Instant::now();
        loop {
            if let (rev, true) = self.read(id).await {
                return rev;
            }
            assert!(
                begin.elapsed() < Duration::from_secs(30),
                "{id} is never kept: {:?}",
                self.cache.report()
            );
            sleep(Duration::from_millis(2)).await;
        }
    }
}

/// Settings for memcached at `addresses`, patient with a busy machine and quick to try again.
fn memcached(addresses: &[String], namespace: &str) -> Config {
    let mut config = Config::memcached(addresses.to_vec(), namespace);
    let Back::Memcached(memcached) = &mut config.back else { unreachable!("it was asked for") };
    memcached.answer_time_max = Duration::from_millis(300);
    memcached.rest_time = Duration::from_millis(50);
    config
}

async fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(30), "it never came about that {what}");
        sleep(Duration::from_millis(2)).await;
    }
}
