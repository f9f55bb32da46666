//! Writes that are done once, on every engine: each function takes an opened store, its clock, and its database where
//! that is a server's.

#![expect(clippy::unwrap_used, reason = "a test ends at the first failure")]

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base::time::{Clock, Timestamp};
use futures_util::future::join_all;
use store::{Config, Earlier, Engine, Error, Once, Position, Store, Table, Tx};
use testbed::{Cut, Cutter, Database, Direction};
use tokio::sync::oneshot;

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const DAY_MS: i64 = 24 * 3600 * 1000;

struct House {
    store: Store,
    clock: Clock,
    database: Option<Database>,
    dir: tempfile::TempDir,
}

fn notes() -> Table {
    Table::new("notes")
}

fn once(key: &str) -> Once {
    Once { key: key.into(), fingerprint: format!("what {key} asks for") }
}

fn earlier(key: &str, answer: &str) -> Option<Earlier> {
    Some(Earlier { fingerprint: once(key).fingerprint, answer: answer.into() })
}

impl House {
    async fn open(database: Option<Database>, set: impl FnOnce(&mut Config)) -> House {
        let (dir, clock) = (tempfile::tempdir().unwrap(), Clock::manual(NOW));
        let url = database.as_ref().map(Database::url);
        let engine = url.map_or(Engine::Sqlite, |url| Engine::from_url(&url).unwrap());
        let mut config = Config { engine, ..Config::new(dir.path()) };
        set(&mut config);
        let store = Store::open(config, clock.clone()).await.unwrap();
        store.claim().unwrap();
        store.write(|tx| Box::pin(async move { tx.create_table(&notes()).await })).await.unwrap();
        House { store, clock, database, dir }
    }

    fn move_clock(&self, ms: i64) {
        let Clock::Manual(at) = &self.clock else { unreachable!("it was made so") };
        at.fetch_add(ms, Ordering::SeqCst);
    }

    /// Makes a record under a key, unless that was done; gives what was done before.
    async fn make(&self, key: &str, id: &str) -> Result<Option<Earlier>, Error> {
        let (once, id) = (once(key), id.to_owned());
        self.store.write(|tx| Box::pin(async move { make(tx, &once, &id).await })).await
    }

    async fn changes(&self) -> usize {
        self.store.newest().await.unwrap();
        self.store.reader().await.unwrap().changes(Position(0), 1_000).await.unwrap().len()
    }

    /// How many keys are kept, as the database's own programs see it.
    fn keys(&self) -> String {
        let sql = "SELECT count(*) FROM once";
        match &self.database {
            Some(database) => database.sql(sql).trim().to_owned(),
            None => {
                let mut program = std::process::Command::new("sqlite3");
                let done = program.arg(self.dir.path().join("data.db")).arg(sql).output();
                let done = done.expect("sqlite3 is there; `cargo x test` installs it");
                String::from_utf8(done.stdout).unwrap().trim().to_owned()
            }
        }
    }
}

async fn make(tx: &mut Tx, once: &Once, id: &str) -> Result<Option<Earlier>, Error> {
    if let Some(earlier) = tx.once(once).await? {
        return Ok(Some(earlier));
    }
    tx.insert(&notes(), id, 1, "{}".into()).await?;
    tx.keep_answer(&once.key, id).await?;
    Ok(None)
}

async fn what_was_done_under_a_key_is_told_and_not_done_again(house: House) {
    assert_eq!(house.store.earlier("k").await.unwrap(), None);
    assert_eq!(house.make("k", "a").await.unwrap(), None);
    assert_eq!(house.make("k", "b").await.unwrap(), earlier("k", "a"));
    assert_eq!(house.store.earlier("k").await.unwrap(), earlier("k", "a"));
    assert_eq!(house.make("other", "b").await.unwrap(), None);
    assert_eq!(house.changes().await, 2);
}

async fn a_write_that_fails_leaves_its_key_free(house: House) {
    assert_eq!(house.make("k", "a").await.unwrap(), None);
    let refused = house.make("other", "a").await;
    assert!(matches!(&refused, Err(Error::Unique { index }) if index == "id"), "{refused:?}");
    assert_eq!(house.store.earlier("other").await.unwrap(), None);
    assert_eq!(house.make("other", "b").await.unwrap(), None);
}

async fn of_fifty_at_once_one_is_done_and_the_others_are_told(house: House) {
    let ids: Vec<String> = (0..50).map(|n| format!("id{n:02}")).collect();
    let done = join_all(ids.iter().map(|id| house.make("k", id))).await;
    let done: Vec<Option<Earlier>> = done.into_iter().collect::<Result<_, _>>().unwrap();
    let firsts: Vec<usize> = (0..50).filter(|n| done[*n].is_none()).collect();
    assert_eq!(firsts.len(), 1, "{done:?}");
    let told = earlier("k", &ids[firsts[0]]);
    assert!(done.iter().all(|done| done.is_none() || *done == told), "{done:?}");
    assert_eq!(house.changes().await, 1);
}

async fn after_a_day_a_key_is_free_and_is_trimmed(house: House) {
    for key in ["k", "l", "m"] {
        house.make(key, key).await.unwrap();
    }
    house.move_clock(DAY_MS - 1);
    assert_eq!(house.make("k", "b").await.unwrap(), earlier("k", "k"), "not yet");
    house.move_clock(1);
    assert_eq!(house.store.earlier("k").await.unwrap(), None);
    assert_eq!(house.make("k", "b").await.unwrap(), None);
    assert_eq!(house.make("k", "c").await.unwrap(), earlier("k", "b"));
    let until = std::time::Instant::now() + Duration::from_secs(20);
    while house.keys() != "1" {
        assert!(std::time::Instant::now() < until, "{} keys are left", house.keys());
        // a house in which nothing is written trims too, but takes its time
        let change =
            house.store.write(|tx| Box::pin(async move { tx.update(&notes(), "k", 1, "{}".into()).await }));
        change.await.unwrap();
    }
    assert_eq!(house.store.earlier("k").await.unwrap(), earlier("k", "b"), "what is young stays");
}

async fn a_long_answer_with_all_letters_is_kept_as_it_is(house: House) {
    let answer = "온돌 \\ \" ' % ? ?t $1 \u{1F525}\n".repeat(3_000);
    let (once, kept) = (once("k"), answer.clone());
    house
        .store
        .write(|tx| {
            Box::pin(async move {
                tx.once(&once).await?;
                tx.insert(&notes(), "a", 1, "{}".into()).await?;
                tx.keep_answer(&once.key, &kept).await
            })
        })
        .await
        .unwrap();
    assert_eq!(house.store.earlier("k").await.unwrap(), earlier("k", &answer));
}

/// Runs each function on a store of its own, on each engine.
macro_rules! on_every_engine {
    ($($name:ident)*) => {
        on_every_engine! { sqlite, None; $($name)* }
        on_every_engine! { postgres, Some(testbed::postgres().database()); $($name)* }
        on_every_engine! { mariadb, Some(testbed::mariadb().database()); $($name)* }
    };
    ($engine:ident, $database:expr; $($name:ident)*) => {
        mod $engine {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    let house = super::House::open($database, |_| {}).await;
                    let store = house.store.clone();
                    super::$name(house).await;
                    store.close().await;
                }
            )*
        }
    };
}

on_every_engine! {
    what_was_done_under_a_key_is_told_and_not_done_again
    a_write_that_fails_leaves_its_key_free
    of_fifty_at_once_one_is_done_and_the_others_are_told
    after_a_day_a_key_is_free_and_is_trimmed
    a_long_answer_with_all_letters_is_kept_as_it_is
}

/// Does a write under a key, and its twin once the first has claimed the key. The first ends when its twin waits for it,
/// or, where it is to take too long, when its twin has been answered.
async fn twin_of(house: &House, ends_well: bool, takes_too_long: bool) -> Result<Option<Earlier>, Error> {
    let (claimed, is_claimed) = oneshot::channel();
    let (let_go, held) = oneshot::channel::<()>();
    let hands = Arc::new(Mutex::new(Some((claimed, held))));
    let first = house.store.write(move |tx| {
        Box::pin(async move {
            make(tx, &once("k"), "first").await?;
            let hands = hands.lock().unwrap().take();
            if let Some((claimed, held)) = hands {
                claimed.send(()).unwrap();
                held.await.unwrap();
            }
            if ends_well { Ok(()) } else { Err(Error::Gone) }
        })
    });
    let twin = async {
        is_claimed.await.unwrap();
        if takes_too_long {
            let told = house.make("k", "second").await;
            let_go.send(()).unwrap();
            return told;
        }
        let release = async {
            house.wait_for_one_that_waits().await;
            let_go.send(()).unwrap();
        };
        tokio::join!(house.make("k", "second"), release).0
    };
    let (first, told) = tokio::join!(first, twin);
    assert_eq!(first.is_ok(), ends_well);
    told
}

impl House {
    async fn on_postgres(write_time_max: Duration) -> House {
        let database = testbed::postgres().database();
        House::open(Some(database), |config| config.write_time_max = write_time_max).await
    }

    async fn wait_for_one_that_waits(&self) {
        let database = self.database.as_ref().unwrap();
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while database.sql(sql).trim() == "0" {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_twin_waits_for_the_first_and_is_told_what_it_did() {
    let house = House::on_postgres(Duration::from_secs(60)).await;
    assert_eq!(twin_of(&house, true, false).await.unwrap(), earlier("k", "first"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_twin_of_a_write_that_fails_is_done_in_its_stead() {
    let house = House::on_postgres(Duration::from_secs(60)).await;
    assert_eq!(twin_of(&house, false, false).await.unwrap(), None);
    assert_eq!(house.store.earlier("k").await.unwrap(), earlier("k", "second"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_twin_of_a_write_that_takes_too_long_is_told_to_come_again() {
    let house = House::on_postgres(Duration::from_secs(3)).await;
    let told = twin_of(&house, true, true).await;
    assert!(matches!(told, Err(Error::Pending)), "{told:?}");
    assert_eq!(house.make("k", "third").await.unwrap(), earlier("k", "first"));
}

/// A write whose commit's answer is lost is looked for by the store itself: what it finds then is no repeat.
async fn a_write_in_doubt_is_no_repeat_of_itself(database: Database, port: u16) {
    if database.url().starts_with("mariadb") {
        // else it takes our own connections, cut while they are made, for an attack and locks us out
        database.sql("SET GLOBAL max_connect_errors = 1000000");
    }
    let cutter = Cutter::before(port);
    let url = database.url_at(cutter.port());
    let house = House::open(Some(database), |config| config.engine = Engine::from_url(&url).unwrap()).await;
    for (n, cut) in
        [Cut::DropBefore, Cut::DropAfter, Cut::LoseAnswer].into_iter().cycle().take(60).enumerate()
    {
        let key = format!("k{n}");
        cutter.cut_at_text(Direction::ToServer, "COMMIT", cut);
        assert_eq!(house.make(&key, &key).await.unwrap(), None, "{cut:?}");
        assert_eq!(house.make(&key, &key).await.unwrap(), earlier(&key, &key), "{cut:?}");
    }
    assert_eq!((cutter.cuts(), house.changes().await), (60, 60));
    house.store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgres_a_write_in_doubt_is_no_repeat_of_itself() {
    let server = testbed::postgres();
    a_write_in_doubt_is_no_repeat_of_itself(server.database(), server.port()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_mariadb_a_write_in_doubt_is_no_repeat_of_itself() {
    let server = testbed::mariadb();
    a_write_in_doubt_is_no_repeat_of_itself(server.database(), server.port()).await;
}
