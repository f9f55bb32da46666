//! What must hold on a server while its connections break, it stops, and writes meet each other: nothing acknowledged is
//! lost, nothing is done twice, nothing is answered wrongly, and no reader of the log skips a change.

#![expect(clippy::unwrap_used, reason = "a test ends at the first failure")]

#[path = "outage/deputies.rs"]
mod deputies;
#[path = "outage/takeover.rs"]
mod takeover;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use base::time::Clock;
use futures_util::future::join_all;
use store::{Config, Engine, Error, Position, Store, Table, Tx};
use testbed::{Cut, Cutter, Database, Direction, Options};

/// Writes of each run with cuts.
const WRITES: u64 = 10_000;
/// Callers that write at once.
const CALLERS: u64 = 16;
/// Records that all callers count up.
const COUNTERS: u64 = 8;
/// One in so many pieces of the connections' traffic is where a connection is cut.
const CUT_ONE_IN: u64 = 400;

fn notes() -> Table {
    Table::new("notes")
}

async fn open(url: &str, set: impl FnOnce(&mut Config)) -> Store {
    let mut config = Config { engine: Engine::from_url(url).unwrap(), ..Config::new(std::env::temp_dir()) };
    set(&mut config);
    Store::open(config, Clock::System).await.unwrap()
}

async fn make_notes(store: &Store) {
    store.write(|tx| Box::pin(async move { tx.create_table(&notes()).await })).await.unwrap();
}

async fn insert(store: &Store, id: String) -> Result<(), Error> {
    store
        .write(move |tx| {
            Box::pin(async move { tx.insert(&notes(), &id, 1, "{\"n\":0}".into()).await.map(drop) })
        })
        .await
}

/// Reads a counter, adds one, writes it back; gives what it has become.
async fn count_up(store: &Store, id: String) -> Result<u64, Error> {
    store
        .write(move |tx: &mut Tx| {
            Box::pin(async move {
                let row = tx.get(&notes(), &id).await?.expect("the counter is there");
                let next = count_in(&row.body) + 1;
                tx.update(&notes(), &id, 1, format!("{{\"n\":{next}}}")).await?;
                Ok(next)
            })
        })
        .await
}

fn count_in(body: &str) -> u64 {
    body.trim_start_matches("{\"n\":").trim_end_matches('}').parse().unwrap()
}

/// Numbers that look random, the same in each run.
fn dice(seed: u64) -> impl FnMut() -> u64 + Send {
    let mut state = seed | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    }
}

async fn no_write_is_lost_or_done_twice_though_connections_are_cut_at_any_moment(
    database: &Database,
    port: u16,
) {
    if database.url().starts_with("mariadb") {
        // else it takes our own connections, cut while they are made, for an attack and locks us out
        database.sql("SET GLOBAL max_connect_errors = 1000000");
    }
    let cutter = Cutter::before(port);
    let store = open(&database.url_at(cutter.port()), |_| {}).await;
    make_notes(&store).await;
    for n in 0..COUNTERS {
        insert(&store, format!("c{n}")).await.unwrap();
    }
    let mut roll = dice(20_261_125);
    cutter.cut_when(move |_, _| match roll() % (CUT_ONE_IN * 3) {
        0 => Cut::DropBefore,
        1 => Cut::DropAfter,
        2 => Cut::LoseAnswer,
        _ => Cut::Pass,
    });
    let told: HashMap<u64, Arc<AtomicU64>> = (0..COUNTERS).map(|n| (n, Arc::default())).collect();
    let callers = (0..CALLERS).map(|caller| {
        let (store, told) = (store.clone(), told.clone());
        async move {
            for n in 0..WRITES / CALLERS {
                if n % 2 == 0 {
                    insert(&store, format!("r{caller}_{n}")).await.unwrap();
                } else {
                    let counter = (caller + n / 2) % COUNTERS;
                    count_up(&store, format!("c{counter}")).await.unwrap();
                    told[&counter].fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    });
    join_all(callers).await;
    assert!(cutter.cuts() > 50, "{} cuts tell nothing", cutter.cuts());
    let direct = open(&database.url(), |_| {}).await;
    let mut conn = direct.reader().await.unwrap();
    for (n, told) in told {
        let row = conn.get(&notes(), &format!("c{n}")).await.unwrap().unwrap();
        assert_eq!(count_in(&row.body), told.load(Ordering::Relaxed), "counter {n}");
    }
    let made = (WRITES / CALLERS).div_ceil(2) * CALLERS + COUNTERS;
    assert_eq!(database.sql("SELECT count(*) FROM r_notes").trim(), made.to_string());
    let log = "SELECT count(*) FROM \"change\" WHERE kind = 'create'";
    let log = if database.url().starts_with("mariadb") { log.replace('"', "`") } else { log.to_owned() };
    assert_eq!(database.sql(&log).trim(), made.to_string(), "each is in the log once");
    store.close().await;
    direct.close().await;
}

async fn a_commit_whose_answer_is_lost_is_found_in_the_log(database: &Database, port: u16) {
    let cutter = Cutter::before(port);
    let store = open(&database.url_at(cutter.port()), |_| {}).await;
    make_notes(&store).await;
    insert(&store, "c0".into()).await.unwrap();
    for (n, cut) in
        [Cut::DropBefore, Cut::DropAfter, Cut::LoseAnswer].into_iter().cycle().take(12).enumerate()
    {
        cutter.cut_at_text(Direction::ToServer, "COMMIT", cut);
        assert_eq!(count_up(&store, "c0".into()).await.unwrap(), n as u64 + 1, "{cut:?}");
    }
    assert_eq!(cutter.cuts(), 12);
    store.close().await;
}

async fn a_change_that_commits_late_is_skipped_by_nobody(database: &Database) {
    let stores = [open(&database.url(), |_| {}).await, open(&database.url(), |_| {}).await];
    make_notes(&stores[0]).await;
    insert(&stores[0], "c0".into()).await.unwrap();
    let begin = stores[0].newest().await.unwrap();
    let writes = (0..100_u64).map(|n| {
        let store = stores[n as usize % 2].clone();
        async move {
            let mut roll = dice(n + 7);
            let (early, late) = (roll() % 30, roll() % 30);
            let write = store.write(move |tx: &mut Tx| {
                Box::pin(async move {
                    tokio::time::sleep(Duration::from_millis(early)).await;
                    tx.insert(&notes(), &format!("r{n}"), 1, "{\"n\":0}".into()).await?;
                    let row = tx.get(&notes(), "c0").await?.expect("it is there");
                    tx.update(&notes(), "c0", 1, format!("{{\"n\":{}}}", count_in(&row.body) + 1)).await?;
                    tokio::time::sleep(Duration::from_millis(late)).await;
                    Ok::<_, Error>(())
                })
            });
            write.await.unwrap();
        }
    });
    let follow = |store: Store| async move {
        let (mut tail, mut seen) = (store.tail(begin), Vec::new());
        while seen.len() < 200 {
            let changes = tail.next().await.unwrap();
            seen.extend(
                changes.iter().map(|change| (change.position, change.record.clone(), change.write.clone())),
            );
        }
        seen
    };
    let ((a, b), _) = tokio::join!(
        async { tokio::join!(follow(stores[0].clone()), follow(stores[1].clone())) },
        join_all(writes)
    );
    assert_eq!(a, b, "both servers tell the same, in the same order");
    assert!(a.iter().map(|(position, ..)| *position).is_sorted_by(|a, b| a.0 + 1 == b.0), "without holes");
    let order: Vec<_> =
        a.iter().filter(|(_, record, _)| &**record == "c0").map(|(_, _, write)| write).collect();
    let by_seq = database.sql(&quoted(
        database,
        "SELECT write_id FROM \"change\" WHERE record = 'c0' AND kind = 'update' ORDER BY seq",
    ));
    let by_seq: Vec<&str> = by_seq.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(
        order.iter().map(|write| &***write).collect::<Vec<_>>(),
        by_seq,
        "of one record in the order of commits"
    );
    for store in stores {
        store.close().await;
    }
}

fn quoted(database: &Database, sql: &str) -> String {
    if database.url().starts_with("mariadb") { sql.replace('"', "`") } else { sql.to_owned() }
}

async fn requests_wait_for_a_server_that_comes_back(
    url: String,
    stop: impl FnOnce() + Send + 'static,
    mut start: impl FnMut() + Send + 'static,
) {
    let store = open(&url, |config| config.outage_wait_max = Duration::from_secs(60)).await;
    make_notes(&store).await;
    insert(&store, "c0".into()).await.unwrap();
    let writer = store.clone();
    let counting = async move {
        let mut counted = 0;
        let until = Instant::now() + Duration::from_secs(6);
        while Instant::now() < until {
            counted = count_up(&writer, "c0".into()).await.unwrap();
            writer.reader().await.unwrap().get(&notes(), "c0").await.unwrap().unwrap();
        }
        counted
    };
    let restart = tokio::task::spawn_blocking(move || {
        std::thread::sleep(Duration::from_millis(500));
        stop();
        start();
        start
    });
    let (counted, restarted) = tokio::join!(counting, restart);
    drop(restarted.unwrap());
    let row = store.reader().await.unwrap().get(&notes(), "c0").await.unwrap().unwrap();
    assert_eq!(count_in(&row.body), counted, "all that was answered, and nothing else");
    store.close().await;
}

async fn a_server_that_does_not_come_back_is_told_in_time(port: u16, database: &Database) {
    let mut cutter = Cutter::before(port);
    let store =
        open(&database.url_at(cutter.port()), |config| config.outage_wait_max = Duration::from_secs(1)).await;
    make_notes(&store).await;
    cutter.refuse();
    cutter.drop_all();
    let began = Instant::now();
    let refused = insert(&store, "a".into()).await;
    assert!(matches!(refused, Err(Error::Lost { .. })), "{refused:?}");
    let refused = store.reader().await.unwrap().get(&notes(), "a").await;
    assert!(matches!(refused, Err(Error::Lost { .. })), "{refused:?}");
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    cutter.pass();
    insert(&store, "a".into()).await.unwrap();
    assert_eq!(store.newest().await.unwrap(), Position(1));
    store.close().await;
}

macro_rules! on_a_server {
    ($engine:ident, $server:ident) => {
        mod $engine {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn no_write_is_lost_or_done_twice_though_connections_are_cut_at_any_moment() {
                let database = testbed::$engine().database();
                let port = testbed::$engine().port();
                super::no_write_is_lost_or_done_twice_though_connections_are_cut_at_any_moment(
                    &database, port,
                )
                .await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_commit_whose_answer_is_lost_is_found_in_the_log() {
                let (database, port) = (testbed::$engine().database(), testbed::$engine().port());
                super::a_commit_whose_answer_is_lost_is_found_in_the_log(&database, port).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_change_that_commits_late_is_skipped_by_nobody() {
                super::a_change_that_commits_late_is_skipped_by_nobody(&testbed::$engine().database()).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_server_that_does_not_come_back_is_told_in_time() {
                let (database, port) = (testbed::$engine().database(), testbed::$engine().port());
                super::a_server_that_does_not_come_back_is_told_in_time(port, &database).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn requests_wait_for_a_server_that_is_restarted() {
                let server = Arc::new(std::sync::Mutex::new(testbed::$server::start(&Options::default())));
                let database = server.lock().unwrap().database();
                let (stopping, starting) = (server.clone(), server.clone());
                super::requests_wait_for_a_server_that_comes_back(
                    database.url(),
                    move || stopping.lock().unwrap().stop(),
                    move || starting.lock().unwrap().start_again(),
                )
                .await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn requests_wait_for_a_server_that_is_killed_and_started_again() {
                let server = Arc::new(std::sync::Mutex::new(testbed::$server::start(&Options::default())));
                let database = server.lock().unwrap().database();
                let (stopping, starting) = (server.clone(), server.clone());
                super::requests_wait_for_a_server_that_comes_back(
                    database.url(),
                    move || stopping.lock().unwrap().kill(),
                    move || starting.lock().unwrap().start_again(),
                )
                .await;
            }
        }
    };
}

on_a_server!(postgres, Postgres);
on_a_server!(mariadb, MariaDb);
