//! Three web servers of one database, and those who read and write through them.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use base::time::Clock;
use records::{Draft, Limits, Records, Request, Shape};
use serde_json::{Value, json};
use store::{Config, Engine, Position, Store, Tail};
use testbed::{Database, Memcached, Options};
use tokio::task::JoinHandle;

use crate::disturbance::{self, Done};

const SERVERS: usize = 3;
/// Records that all of them write to.
const RECORDS: usize = 12;
const WRITERS: u64 = 3;
const READERS: u64 = 6;
/// Longest wait for the log to have been told to its end.
const TOLD_MAX: Duration = Duration::from_secs(30);

pub(crate) struct Team {
    servers: Vec<Server>,
    ids: Vec<String>,
    memcached: Memcached,
}

struct Server {
    records: Records,
    following: JoinHandle<()>,
    _dir: tempfile::TempDir,
}

/// What all know: the least that a read of each record may give from now on.
struct Known {
    least: Vec<AtomicI64>,
    reads: AtomicU64,
    writes: AtomicU64,
    stop: AtomicBool,
    /// All who read and write have ended: `writes` is final.
    have_ended: AtomicBool,
}

/// What happened in a run.
#[derive(Debug)]
pub(crate) struct Told {
    reads: u64,
    writes: u64,
    hits: u64,
    asked: u64,
    done: Done,
}

impl Team {
    pub(crate) async fn gather(database: &Database) -> Team {
        let memcached = Memcached::start(&Options::default());
        let mut servers = Vec::new();
        for _ in 0..SERVERS {
            servers.push(Server::start(&database.url(), memcached.address()).await);
        }
        let first = &servers[0].records;
        let sent = json!({
            "name": "counters", "type": "base", "fields": [{ "name": "n", "type": "number" }],
            "listRule": "", "viewRule": "", "createRule": "", "updateRule": "", "deleteRule": "",
        });
        first.create_collection(sent.as_object().unwrap()).await.unwrap();
        let mut ids = Vec::new();
        for _ in 0..RECORDS {
            let draft = draft(&json!({ "n": 0 }));
            let made = first.create(&Request::default(), "counters", draft, &Shape::default()).await.unwrap();
            ids.push(made.row.id.clone());
        }
        Team { servers, ids, memcached }
    }

    /// Lets all work for a while; panics where a history is wrong.
    pub(crate) async fn work(&mut self, time: Duration, seed: u64) -> Told {
        let known = Arc::new(Known::new());
        let store = self.servers[0].records.store();
        let began = store.newest().await.unwrap();
        let listening = listen(store.tail(began), self.ids.clone(), Arc::clone(&known));
        let mut clients = Vec::new();
        for n in 0..WRITERS + READERS {
            let client = Client {
                servers: self.servers.iter().map(|server| server.records.clone()).collect(),
                ids: self.ids.clone(),
                known: Arc::clone(&known),
                chance: seed ^ (n << 32),
            };
            clients.push(tokio::spawn(async move {
                if n < WRITERS { client.write().await } else { client.read().await }
            }));
        }
        let done = self.disturb_for(time, seed, &known).await;
        for client in clients {
            client.await.unwrap();
        }
        known.have_ended.store(true, Ordering::SeqCst);
        let writes = known.writes.load(Ordering::SeqCst);
        let listened =
            tokio::time::timeout(TOLD_MAX, listening).await.expect("all changes are told").unwrap();
        assert_eq!(listened, writes, "each write is one change");
        let reports = self.servers.iter().filter_map(|server| server.records.cache_report());
        let (hits, asked) =
            reports.fold((0, 0), |(hits, asked), report| (hits + report.hits, asked + report.questions));
        assert!(hits > 0, "nothing ever came out of the cache");
        Told { reads: known.reads.load(Ordering::SeqCst), writes, hits, asked, done }
    }

    async fn disturb_for(&mut self, time: Duration, seed: u64, known: &Arc<Known>) -> Done {
        let watch = Arc::clone(known);
        let timing = tokio::spawn(async move {
            tokio::time::sleep(time).await;
            watch.stop.store(true, Ordering::SeqCst);
        });
        let done =
            tokio::task::block_in_place(|| disturbance::disturb(&mut self.memcached, seed, &known.stop));
        timing.await.unwrap();
        done
    }

    pub(crate) async fn part(self) {
        for server in self.servers {
            server.records.store().close().await;
            server.following.await.unwrap();
        }
    }
}

impl Server {
    async fn start(url: &str, memcached: String) -> Server {
        let dir = tempfile::tempdir().unwrap();
        let config = Config { engine: Engine::from_url(url).unwrap(), ..Config::new(dir.path()) };
        let store = Store::open(config, Clock::System).await.unwrap();
        let cache = cache::Config::memcached(vec![memcached], "");
        let records =
            Records::open_cached(store, Clock::System, Limits::default(), Some(cache)).await.unwrap();
        let follower = records.clone();
        let following = tokio::spawn(async move { follower.follow().await });
        Server { records, following, _dir: dir }
    }
}

impl Known {
    fn new() -> Known {
        Known {
            least: (0..RECORDS).map(|_| AtomicI64::new(0)).collect(),
            reads: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            have_ended: AtomicBool::new(false),
        }
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
}

/// One who goes from server to server.
struct Client {
    servers: Vec<Records>,
    ids: Vec<String>,
    known: Arc<Known>,
    chance: u64,
}

impl Client {
    async fn write(mut self) {
        let by_one = json!({ "n+": 1 });
        while !self.known.is_over() {
            let (server, which) = self.choose();
            let asking = Request { method: "PATCH".into(), ..Request::default() };
            let done =
                server.update(&asking, "counters", &self.ids[which], draft(&by_one), &Shape::default()).await;
            let n = number(&done.expect("a write is answered").json);
            self.known.writes.fetch_add(1, Ordering::SeqCst);
            self.known.least[which].fetch_max(n, Ordering::SeqCst);
        }
    }

    async fn read(mut self) {
        while !self.known.is_over() {
            let (server, which) = self.choose();
            let least = self.known.least[which].load(Ordering::SeqCst);
            let mut asking = Request::default();
            if self.chance.is_multiple_of(2) {
                // as a web server begins each request: the rest of it may read as of that moment
                asking.moment = server.keep_up().await.expect("the log is there");
            }
            let seen = server.view(&asking, "counters", &self.ids[which], &Shape::default()).await;
            let n = number(&seen.expect("a read is answered"));
            assert!(n >= least, "{} was {least} already, and then {n}", self.ids[which]);
            self.known.reads.fetch_add(1, Ordering::SeqCst);
            self.known.least[which].fetch_max(n, Ordering::SeqCst);
        }
    }

    fn choose(&mut self) -> (Records, usize) {
        let chance = usize::try_from(disturbance::next(&mut self.chance) >> 1).unwrap();
        (self.servers[chance % SERVERS].clone(), chance / SERVERS % RECORDS)
    }
}

/// Follows the log until it has told of all writes; gives how many changes there were.
fn listen(mut tail: Tail, ids: Vec<String>, known: Arc<Known>) -> JoinHandle<u64> {
    tokio::spawn(async move {
        let (mut changes, mut newest) = (0, Position(0));
        let mut versions: HashMap<Arc<str>, i64> = HashMap::new();
        while !known.have_ended.load(Ordering::SeqCst) || changes < known.writes.load(Ordering::SeqCst) {
            let Ok(told) = tokio::time::timeout(Duration::from_millis(100), tail.next()).await else {
                continue;
            };
            for change in told.expect("the log is there").iter() {
                assert!(change.position > newest, "positions go up");
                newest = change.position;
                if !ids.iter().any(|id| **id == *change.record) {
                    continue;
                }
                let rev = change.row.as_ref().expect("the record is there").rev;
                let before = versions.insert(Arc::clone(&change.record), rev).unwrap_or(0);
                assert!(rev >= before, "{} went back from {before} to {rev}", change.record);
                changes += 1;
            }
        }
        changes
    })
}

fn draft(values: &Value) -> Draft {
    Draft { values: values.as_object().unwrap().clone(), uploads: Vec::new() }
}

#[expect(clippy::cast_possible_truncation, reason = "counts are small")]
fn number(json: &str) -> i64 {
    let record: Value = serde_json::from_str(json).unwrap();
    record["n"].as_f64().unwrap() as i64
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Told { reads, writes, hits, asked, done } = self;
        write!(
            f,
            "{reads} reads ({hits} out of the cache, {asked} questions to the log), {writes} writes; memcached killed {} \
             times, frozen {} times, {} old values put back",
            done.killed, done.frozen, done.put_back
        )
    }
}
