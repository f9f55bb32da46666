//! What must hold of reads while the primary is silent: a replica answers them, marked, and nobody is shown what is older than
//! anything that anybody was shown before, nor what may be taken back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use store::deputy::{self, Deputies, Deputy, Naming};
use store::query::Select;
use store::{Config, Error, Position, Primary, Store};
use testbed::{Cutter, MariaDb, Postgres};

use super::takeover::{Pair, Server, at, wait_until};
use super::{COUNTERS, count_in, count_up, insert, make_notes, notes};

/// Readers of each web server.
const READERS: u64 = 4;

/// Names always the same.
#[derive(Debug)]
struct Named(Vec<Deputy>);

impl Deputies for Named {
    fn name(&self) -> Naming<'_> {
        Box::pin(async { Ok(self.0.clone()) })
    }
}

fn with_deputy(port: u16, is_heir: bool) -> impl FnOnce(&mut Config) {
    move |config| {
        config.deputies =
            Some(Arc::new(Named(vec![Deputy { address: ("127.0.0.1".into(), port), is_heir }])));
        config.deputy_uptime_min = Duration::ZERO;
    }
}

/// A counter, and where the log stood if a deputy told it.
async fn look(store: &Store, counter: u64) -> (Result<u64, Error>, Option<Position>) {
    deputy::reading(async {
        let row = store.reader().await?.get(&notes(), &format!("c{counter}")).await?;
        Ok(count_in(&row.expect("the counter is there").body))
    })
    .await
}

async fn list(store: &Store) -> (Result<usize, Error>, Option<Position>) {
    deputy::reading(async {
        let mut conn = store.reader().await?;
        let all = Select::table(&notes());
        let rows = conn.select(&all).await?.len();
        assert_eq!(conn.count(&all).await?, rows as u64);
        Ok(rows)
    })
    .await
}

async fn reads_go_on_at_a_replica_and_are_marked<S: Server>() {
    let mut pair = Pair::<S>::start();
    let store = pair.open(with_deputy(pair.second.port(), false)).await;
    make_notes(&store).await;
    insert(&store, "c0".into()).await.unwrap();
    count_up(&store, "c0".into()).await.unwrap();
    let newest = store.newest().await.unwrap();
    let (count, by_deputy) = look(&store, 0).await;
    assert_eq!((count.unwrap(), by_deputy), (1, None), "the primary answers as long as it does");

    pair.first.kill();
    let (count, by_deputy) = look(&store, 0).await;
    assert_eq!((count.unwrap(), by_deputy), (1, Some(newest)), "nobody has said yet that it is gone");
    pair.told.send_replace(Primary { address: None, epoch: 1 });
    let (rows, by_deputy) = list(&store).await;
    assert_eq!((rows.unwrap(), by_deputy), (1, Some(newest)));

    // what is no request's read waits as before, and so does a write
    let (unmarked, counted) =
        tokio::join!(async { store.reader().await.unwrap().get(&notes(), "c0").await.unwrap() }, async {
            tokio::join!(count_up(&store, "c0".into()), async {
                let (count, by_deputy) = look(&store, 0).await;
                assert_eq!((count.unwrap(), by_deputy), (1, Some(newest)));
                pair.promote();
            })
        });
    assert!(unmarked.is_some());
    assert_eq!(counted.0.unwrap(), 2);
    let (count, _) = look(&store, 0).await;
    assert_eq!(count.unwrap(), 2);
    // the new primary is heard, and nobody else is asked any more
    let begun = Instant::now();
    while look(&store, 0).await.1.is_some() {
        assert!(begun.elapsed() < Duration::from_secs(30));
    }
    store.close().await;
}

async fn a_primary_that_hangs_is_no_hindrance<S: Server>() {
    let mut pair = Pair::<S>::start();
    let store = pair.open(with_deputy(pair.second.port(), false)).await;
    make_notes(&store).await;
    insert(&store, "c0".into()).await.unwrap();
    store.newest().await.unwrap();
    pair.first.freeze();
    // no deputy can answer it, and yet nobody who is answered by one waits for it
    let news = store.since(None, 10).await.expect_err("nobody answers");
    assert!(base::error::chain(&news).contains("the primary is silent"), "{news:?}");
    let looks = join_all((0..20).map(|_| look(&store, 0))).await;
    assert!(looks.into_iter().all(|(count, by_deputy)| count.is_ok_and(|n| n == 0) && by_deputy.is_some()));
    store.close().await;
}

/// Its writer was told yes, or not yet; the primary alone knows.
async fn what_is_not_known_to_be_acknowledged_is_not_shown<S: Server>() {
    let mut pair = Pair::<S>::start();
    let wait = |config: &mut Config| config.outage_wait_max = Duration::from_secs(2);
    let port = pair.second.port();
    let open = async |is_heir: bool| {
        pair.open(|config| {
            with_deputy(port, is_heir)(config);
            wait(config);
        })
        .await
    };
    let (store, of_heir) = (open(false).await, open(true).await);
    make_notes(&store).await;
    for id in ["c0", "c1"] {
        insert(&store, id.into()).await.unwrap();
    }
    store.newest().await.unwrap();
    // from here on nobody can give a position
    let database = Arc::clone(&pair.database);
    let holding = std::thread::spawn(move || database.sql(S::HOLD));
    wait_until(|| pair.first.sql(pair.database.name(), S::IS_HELD) == "1").await;
    count_up(&store, "c0".into()).await.unwrap();
    pair.until_second_says(&format!("SELECT {} FROM r_notes WHERE id = 'c0'", S::N), "1").await;
    pair.first.kill();
    // it ends with its server
    let _ = holding.join();
    pair.told.send_replace(Primary { address: None, epoch: 1 });

    let (known, doubted, all) = tokio::join!(look(&store, 1), look(&store, 0), list(&store));
    assert_eq!(known.0.unwrap(), 0, "what has a position is known");
    assert!(known.1.is_some());
    assert!(matches!(doubted.0, Err(Error::Lost { .. })), "{doubted:?}");
    assert!(matches!(all.0, Err(Error::Lost { .. })), "{all:?}");
    let (count, by_deputy) = look(&of_heir, 0).await;
    assert_eq!(count.unwrap(), 1, "of whoever will lead in any case nothing is taken back");
    assert!(by_deputy.is_some());
    store.close().await;
    of_heir.close().await;
}

async fn a_replica_that_has_not_applied_all_that_it_received_does_not_answer<S: Server>() {
    let mut pair = Pair::<S>::start();
    let store = pair
        .open(|config| {
            with_deputy(pair.second.port(), false)(config);
            config.outage_wait_max = Duration::from_secs(2);
        })
        .await;
    make_notes(&store).await;
    insert(&store, "c0".into()).await.unwrap();
    store.newest().await.unwrap();
    pair.until_second_says("SELECT count(*) FROM r_notes", "1").await;
    pair.second.sql(S::HOME, S::PAUSE);
    count_up(&store, "c0".into()).await.unwrap();
    store.newest().await.unwrap();
    pair.first.kill();
    pair.told.send_replace(Primary { address: None, epoch: 1 });
    let (old, _) = look(&store, 0).await;
    assert!(matches!(old, Err(Error::Lost { .. })), "it was answered yes to one: {old:?}");
    pair.second.sql(S::HOME, S::GO_ON);
    let (count, by_deputy) = look(&store, 0).await;
    assert_eq!(count.unwrap(), 1);
    assert!(by_deputy.is_some());
    store.close().await;
}

/// What anybody was shown of each counter.
type Shown = Arc<[AtomicU64; COUNTERS as usize]>;

/// Reads until it is time; gives how often a deputy answered.
async fn read(store: Store, reader: u64, shown: Shown, until: Instant) -> u64 {
    let (mut n, mut by_deputies) = (reader, 0);
    while Instant::now() < until {
        let counter = n % COUNTERS;
        let before = shown[counter as usize].load(Ordering::SeqCst);
        let (count, by_deputy) = look(&store, counter).await;
        let count = count.unwrap();
        assert!(count >= before, "c{counter} was {before} before, and is {count} now, {by_deputy:?}");
        shown[counter as usize].fetch_max(count, Ordering::SeqCst);
        by_deputies += u64::from(by_deputy.is_some());
        n += 1;
    }
    by_deputies
}

/// Counts up, with pauses: what is written all the time is in doubt all the time.
async fn write(store: Store, counter: u64, shown: Shown, until: Instant) {
    while Instant::now() < until {
        let count = count_up(&store, format!("c{counter}")).await.unwrap();
        shown[counter as usize].fetch_max(count, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(100 + 20 * counter)).await;
    }
}

async fn nobody_is_shown_what_is_older_than_what_anybody_was_shown<S: Server>() {
    let mut pair = Pair::<S>::start();
    let mut cutter = Cutter::before(pair.first.port());
    // one web server loses its way to the primary while that goes on for the other
    let (near, away) = (with_deputy(pair.second.port(), false), with_deputy(pair.second.port(), false));
    let near = pair.open(near).await;
    let told = tokio::sync::watch::Sender::new(at(cutter.port(), 1));
    let away = pair
        .open(|config| {
            away(config);
            config.primary = Some(told.subscribe());
        })
        .await;
    make_notes(&near).await;
    for n in 0..COUNTERS {
        insert(&near, format!("c{n}")).await.unwrap();
    }
    let (shown, until) = (Shown::default(), Instant::now() + Duration::from_secs(8));
    let reading = [&near, &away]
        .into_iter()
        .flat_map(|store| (0..READERS).map(|reader| read(store.clone(), reader, shown.clone(), until)));
    let writing = (0..COUNTERS).map(|counter| write(near.clone(), counter, shown.clone(), until));
    let disturbing = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        cutter.refuse();
        cutter.drop_all();
        tokio::time::sleep(Duration::from_secs(3)).await;
        let killed = tokio::task::spawn_blocking(move || {
            pair.first.kill();
            pair
        });
        let pair = killed.await.unwrap();
        for told in [&pair.told, &told] {
            told.send_replace(Primary { address: None, epoch: 1 });
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        let promoted = tokio::task::spawn_blocking(move || {
            pair.promote();
            pair
        });
        let pair = promoted.await.unwrap();
        told.send_replace(at(pair.second.port(), 2));
        pair
    };
    let (by_deputies, _, pair) = tokio::join!(join_all(reading), join_all(writing), disturbing);
    let (near_by, away_by) = by_deputies.split_at(READERS as usize);
    assert!(
        near_by.iter().sum::<u64>() > 0 && away_by.iter().sum::<u64>() > 0,
        "{by_deputies:?} tells nothing"
    );
    near.close().await;
    away.close().await;
    drop(pair);
}

macro_rules! on_pairs {
    ($($engine:ident: $server:ident;)*) => {
        $(mod $engine {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn reads_go_on_at_a_replica_and_are_marked() {
                super::reads_go_on_at_a_replica_and_are_marked::<$server>().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_primary_that_hangs_is_no_hindrance() {
                super::a_primary_that_hangs_is_no_hindrance::<$server>().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn what_is_not_known_to_be_acknowledged_is_not_shown() {
                super::what_is_not_known_to_be_acknowledged_is_not_shown::<$server>().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_replica_that_has_not_applied_all_that_it_received_does_not_answer() {
                super::a_replica_that_has_not_applied_all_that_it_received_does_not_answer::<$server>().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn nobody_is_shown_what_is_older_than_what_anybody_was_shown() {
                super::nobody_is_shown_what_is_older_than_what_anybody_was_shown::<$server>().await;
            }
        })*
    };
}

on_pairs! {
    postgres: Postgres;
    mariadb: MariaDb;
}
