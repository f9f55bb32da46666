//! Nobody is told less than they could have read, whatever lies in memcached.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use cache::Config;
use testbed::{Memcached, Options};
use tokio::task::JoinSet;

use crate::ledger::Ledger;
use crate::{Running, memcached, raw, wait_until};

fn server() -> Memcached {
    Memcached::start(&Options::default())
}

#[tokio::test]
async fn an_old_value_that_is_put_back_is_refused_by_all_who_look() {
    let server = server();
    let ledger = Arc::new(Ledger::default());
    let config = memcached(&[server.address()], "truth");
    let [one, other] = [(), ()].map(|()| Running::new(config.clone(), &ledger));
    ledger.write("bills", "a");
    one.warm("a").await;
    assert_eq!(other.warm("a").await, 1);
    let key = "ondol:truth:bills:a";
    let old = raw::get(&server, key).unwrap();
    ledger.write("bills", "a");
    assert_eq!(one.warm("a").await, 2);
    raw::set(&server, key, &old);
    // Somebody who has just started has seen no change at all.
    let young = Running::new(config, &ledger);
    wait_until("it serves", || young.cache.report().servers[0].out_for.is_none()).await;
    for running in [&one, &other, &young] {
        raw::set(&server, key, &old);
        let before = running.cache.report().refused_old;
        assert_eq!(running.read("a").await, (2, false));
        assert_eq!(running.cache.report().refused_old, before + 1);
        running.warm("a").await;
    }
}

#[tokio::test]
async fn garbage_and_the_value_of_another_key_are_refused() {
    let server = server();
    let ledger = Arc::new(Ledger::default());
    let running = Running::new(memcached(&[server.address()], "truth"), &ledger);
    let elsewhere = Running::new(memcached(&[server.address()], "rehearsal"), &ledger);
    for id in ["a", "b"] {
        ledger.write("bills", id);
        running.warm(id).await;
        elsewhere.warm(id).await;
    }
    let right = raw::get(&server, "ondol:truth:bills:a").unwrap();
    let mut flipped = right.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let wrong = [
        b"garbage".to_vec(),
        Vec::new(),
        right[..right.len() - 1].to_vec(),
        flipped,
        raw::get(&server, "ondol:truth:bills:b").unwrap(),
        raw::get(&server, "ondol:rehearsal:bills:a").unwrap(),
    ];
    for (nth, value) in (1..).zip(wrong) {
        raw::set(&server, "ondol:truth:bills:a", &value);
        assert_eq!(running.read("a").await, (1, false));
        assert_eq!(running.cache.report().refused_garbled, nth);
        running.warm("a").await;
    }
}

/// What readers and writers on all caches share.
struct World {
    ledger: Arc<Ledger>,
    caches: Vec<Arc<Running>>,
    /// The newest revision that somebody was told of, by id.
    told: Vec<AtomicI64>,
    is_over: AtomicBool,
}

impl World {
    async fn read_on(&self, reader: usize) -> usize {
        let (mut hits, mut at) = (0, reader);
        while !self.is_over.load(Ordering::SeqCst) {
            at = at.wrapping_mul(31).wrapping_add(7);
            let id = at % self.told.len();
            let told = self.told[id].load(Ordering::SeqCst);
            let (rev, is_hit) = self.caches[at % self.caches.len()].read(&format!("id{id}")).await;
            assert!(rev >= told, "id{id} was {told} already, and is now {rev}");
            self.told[id].fetch_max(rev, Ordering::SeqCst);
            hits += usize::from(is_hit);
        }
        hits
    }

    async fn write_on(&self) {
        let begin = Instant::now();
        for write in 0.. {
            let id = write % self.told.len();
            let rev = self.ledger.write("bills", &format!("id{id}"));
            self.told[id].fetch_max(rev, Ordering::SeqCst);
            if begin.elapsed() > Duration::from_secs(2) {
                break;
            }
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
        self.is_over.store(true, Ordering::SeqCst);
    }
}

/// Lets readers and a writer run on these caches, and says how often a reader was told from a cache.
async fn live(ledger: Arc<Ledger>, caches: Vec<Running>) -> usize {
    let world = Arc::new(World {
        ledger,
        caches: caches.into_iter().map(Arc::new).collect(),
        told: (0..8).map(|_| AtomicI64::new(0)).collect(),
        is_over: AtomicBool::new(false),
    });
    let mut readers = JoinSet::new();
    for reader in 0..32 {
        let world = world.clone();
        readers.spawn(async move { world.read_on(reader).await });
    }
    world.write_on().await;
    readers.join_all().await.into_iter().sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_read_is_older_than_an_earlier_one_on_servers_that_share_memcached() {
    let server = Arc::new(server());
    let ledger = Arc::new(Ledger::default());
    let config = memcached(&[server.address()], "live");
    let caches = (0..3).map(|_| Running::new(config.clone(), &ledger)).collect();
    let is_over = Arc::new(AtomicBool::new(false));
    let (vandal_server, vandal_over) = (server.clone(), is_over.clone());
    let vandal = std::thread::spawn(move || {
        let mut old: Vec<(String, Vec<u8>)> = Vec::new();
        for turn in 0_usize.. {
            if vandal_over.load(Ordering::SeqCst) {
                break;
            }
            let key = format!("ondol:live:bills:id{}", turn % 8);
            old.extend(raw::get(&vandal_server, &key).map(|value| (key, value)));
            if let Some((key, value)) = old.get(turn.wrapping_mul(17) % old.len().max(1)) {
                raw::set(&vandal_server, key, value);
            }
        }
    });
    let hits = live(ledger, caches).await;
    is_over.store(true, Ordering::SeqCst);
    vandal.join().unwrap();
    assert!(hits > 0, "nothing was ever given out");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_read_is_older_than_an_earlier_one_on_servers_that_keep_their_own() {
    let ledger = Arc::new(Ledger::default());
    let caches = (0..3).map(|_| Running::new(Config::in_process(1 << 20), &ledger)).collect();
    assert!(live(ledger, caches).await > 0, "nothing was ever given out");
}
