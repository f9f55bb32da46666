//! What must hold while the primary changes: writes of many callers go on across it, each done once and answered rightly.
//!
//! The pairs are PostgreSQL's or MariaDB's own, promoted by hand: who decides is not what is asked here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base::time::Clock;
use futures_util::future::join_all;
use store::{Config, Engine, Error, Primary, Store};
use testbed::{Database, MariaDb, Options, Postgres};
use tokio::sync::watch;

use super::{CALLERS, COUNTERS, count_in, count_up, insert, make_notes, notes};

/// A server of either kind.
pub(super) trait Server: Send + Sized + 'static {
    /// A primary, and its replica that confirms each commit.
    fn two() -> (Self, Self);
    fn promote(&self);
    /// The replica hears nothing more of its primary.
    fn hear_nothing(&self);
    /// Lets a commit go that waits for the replica; whether there was one.
    fn let_go(&self) -> bool;
    /// From now on this server, and no other, has no room for a change.
    fn fill(&self, database: &str);
    fn kill(&mut self);
    fn freeze(&mut self);
    fn port(&self) -> u16;
    fn database(&self) -> Database;
    fn sql(&self, database: &str, text: &str) -> String;
    fn ask(&self, database: &str, text: &str) -> Result<String, String>;
    /// The number in a record's body, in SQL.
    const N: &str;
    /// The change log's name, in SQL.
    const LOG: &str;
    /// A database that is always there.
    const HOME: &str;
    /// Keeps everybody from giving positions, and what tells 1 while it does.
    const HOLD: &str;
    const IS_HELD: &str;
    /// Lets a replica apply nothing more of what it receives, and go on.
    const PAUSE: &str;
    const GO_ON: &str;

    fn quoted(sql: &str) -> String {
        sql.replace("FROM change", &format!("FROM {}", Self::LOG))
    }
}

macro_rules! same {
    () => {
        fn promote(&self) {
            self.promote();
        }
        fn kill(&mut self) {
            self.kill();
        }
        fn freeze(&mut self) {
            self.freeze();
        }
        fn port(&self) -> u16 {
            self.port()
        }
        fn database(&self) -> Database {
            self.database()
        }
        fn sql(&self, database: &str, text: &str) -> String {
            cells(&self.sql(database, text))
        }
        fn ask(&self, database: &str, text: &str) -> Result<String, String> {
            self.ask(database, text).map(|answer| cells(&answer))
        }
    };
}

impl Server for Postgres {
    fn two() -> (Postgres, Postgres) {
        let first = Postgres::start(&Options::default());
        let second = first.replica("second", &Options::default());
        first.confirm_by("second");
        (first, second)
    }

    fn hear_nothing(&self) {
        self.sql("postgres", "ALTER SYSTEM SET primary_conninfo = ''");
        self.sql("postgres", "SELECT pg_reload_conf()");
    }

    fn let_go(&self) -> bool {
        let cancel =
            "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
        self.sql("postgres", cancel).trim() == "1"
    }

    fn fill(&self, database: &str) {
        let full = format!(
            "CREATE FUNCTION full_here() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             IF inet_server_port() = {} THEN RAISE 'no room' USING ERRCODE = 'disk_full'; END IF; \
             RETURN NEW; END $$",
            self.port()
        );
        self.sql(database, &full);
        self.sql(
            database,
            "CREATE TRIGGER full_here BEFORE INSERT ON change FOR EACH ROW EXECUTE FUNCTION full_here()",
        );
    }

    const N: &str = "body->>'n'";
    const LOG: &str = "change";
    const HOME: &str = "postgres";
    const HOLD: &str = "BEGIN; SELECT pos FROM head FOR UPDATE; SELECT pg_sleep(60)";
    const IS_HELD: &str = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    const PAUSE: &str = "SELECT pg_wal_replay_pause()";
    const GO_ON: &str = "SELECT pg_wal_replay_resume()";

    same!();
}

impl Server for MariaDb {
    fn two() -> (MariaDb, MariaDb) {
        let first = MariaDb::leading("first", &Options::default());
        let second = first.replica("second", &Options::default());
        first.confirm();
        (first, second)
    }

    fn hear_nothing(&self) {
        self.sql("mysql", "STOP SLAVE IO_THREAD");
    }

    fn let_go(&self) -> bool {
        let waiting =
            "SELECT id FROM information_schema.processlist WHERE state LIKE 'Waiting for semi-sync ACK%'";
        let id = self.sql("mysql", waiting);
        if !id.is_empty() {
            self.sql("mysql", &format!("KILL {}", id.trim()));
        }
        !id.is_empty()
    }

    fn fill(&self, database: &str) {
        let full = format!(
            "DELIMITER //\nCREATE TRIGGER full_here BEFORE INSERT ON `change` FOR EACH ROW BEGIN \
             IF @@port = {} THEN SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1021, MESSAGE_TEXT = 'no room'; END IF; \
             END//",
            self.port()
        );
        self.sql(database, &full);
    }

    const N: &str = "json_value(body, '$.n')";
    const LOG: &str = "`change`";
    const HOME: &str = "mysql";
    const HOLD: &str = "BEGIN; SELECT pos FROM head FOR UPDATE; SELECT sleep(60)";
    const IS_HELD: &str = "SELECT count(*) FROM information_schema.processlist WHERE state = 'User sleep'";
    const PAUSE: &str = "STOP SLAVE SQL_THREAD";
    const GO_ON: &str = "START SLAVE SQL_THREAD";

    same!();
}

/// Rows alike from both engines' commands, `|` between their cells.
fn cells(answer: &str) -> String {
    answer.replace('\t', "|").trim().to_owned()
}

/// A primary, its replica that confirms each commit, and what tells the store who is which.
pub(super) struct Pair<S> {
    pub(super) first: S,
    pub(super) second: S,
    pub(super) database: Arc<Database>,
    pub(super) told: watch::Sender<Primary>,
}

pub(super) fn at(port: u16, epoch: i64) -> Primary {
    Primary { address: Some(("127.0.0.1".into(), port)), epoch }
}

impl<S: Server> Pair<S> {
    pub(super) fn start() -> Pair<S> {
        let (first, second) = S::two();
        let database = Arc::new(first.database());
        let told = watch::Sender::new(at(first.port(), 1));
        Pair { first, second, database, told }
    }

    pub(super) async fn open(&self, set: impl FnOnce(&mut Config)) -> Store {
        // where it says that the server is does not count
        let engine = Engine::from_url(&self.database.url_at(1)).unwrap();
        let primary = Some(self.told.subscribe());
        let mut config = Config { engine, primary, ..Config::new(std::env::temp_dir()) };
        config.outage_wait_max = Duration::from_secs(30);
        set(&mut config);
        Store::open(config, Clock::System).await.unwrap()
    }

    /// The second one takes over.
    pub(super) fn promote(&self) {
        self.second.promote();
        self.told.send_replace(at(self.second.port(), 2));
    }

    pub(super) fn on_second(&self, sql: &str) -> String {
        self.second.sql(self.database.name(), sql)
    }

    /// Waits until it answers so; before it has applied what the first one did, a table itself may be missing there.
    pub(super) async fn until_second_says(&self, sql: &str, answer: &str) {
        wait_until(|| self.second.ask(self.database.name(), sql).is_ok_and(|told| told == answer)).await;
    }
}

/// What the callers were told.
#[derive(Default)]
struct Told {
    made: u64,
    counted: [u64; COUNTERS as usize],
    longest: Duration,
}

/// Makes records and counts counters up until it is time, without a failure.
async fn call(store: Store, caller: u64, until: Instant) -> Told {
    let mut told = Told::default();
    let mut n = 0;
    while Instant::now() < until {
        let begun = Instant::now();
        if n % 2 == 0 {
            insert(&store, format!("r{caller}_{n}")).await.unwrap();
            told.made += 1;
        } else {
            let counter = (caller + n / 2) % COUNTERS;
            count_up(&store, format!("c{counter}")).await.unwrap();
            told.counted[counter as usize] += 1;
        }
        told.longest = told.longest.max(begun.elapsed());
        n += 1;
    }
    told
}

/// Writes while `disturb` changes the primary; then compares what was told with what the new one has.
async fn go_on_across<S: Server>(pair: Pair<S>, disturb: impl FnOnce(Pair<S>) -> Pair<S> + Send + 'static) {
    let store = pair.open(|_| {}).await;
    make_notes(&store).await;
    for n in 0..COUNTERS {
        insert(&store, format!("c{n}")).await.unwrap();
    }
    let until = Instant::now() + Duration::from_secs(5);
    let calling = join_all((0..CALLERS).map(|caller| call(store.clone(), caller, until)));
    let disturbing = tokio::task::spawn_blocking(move || {
        std::thread::sleep(Duration::from_millis(1_500));
        disturb(pair)
    });
    let (told, pair) = tokio::join!(calling, disturbing);
    let pair = pair.unwrap();
    let made = told.iter().map(|told| told.made).sum::<u64>() + COUNTERS;
    assert!(made > COUNTERS + 2 * CALLERS, "{made} writes tell nothing");
    assert_eq!(
        pair.on_second("SELECT count(*) FROM r_notes"),
        made.to_string(),
        "none is lost, none is there twice"
    );
    let log = "SELECT count(*), count(DISTINCT record) FROM change WHERE kind = 'create'";
    assert_eq!(pair.on_second(&S::quoted(log)), format!("{made}|{made}"), "each is in the log once");
    for counter in 0..COUNTERS {
        let row = store.reader().await.unwrap().get(&notes(), &format!("c{counter}")).await.unwrap().unwrap();
        let counted: u64 = told.iter().map(|told| told.counted[counter as usize]).sum();
        assert_eq!(count_in(&row.body), counted, "counter {counter}");
    }
    assert_eq!(pair.on_second(&S::quoted("SELECT count(DISTINCT epoch), max(epoch) FROM change")), "2|2");
    store.close().await;
}

async fn writes_go_on_across_a_killed_primary<S: Server>() {
    go_on_across(Pair::<S>::start(), |mut pair| {
        pair.first.kill();
        pair.promote();
        pair
    })
    .await;
}

async fn writes_go_on_though_the_old_primary_hangs_and_keeps_its_connections<S: Server>() {
    go_on_across(Pair::<S>::start(), |mut pair| {
        pair.first.freeze();
        pair.promote();
        pair
    })
    .await;
}

async fn writes_that_the_old_primary_still_takes_are_found_missing_and_done_at_the_new_one<S: Server>() {
    // it lives and can be reached, but what it commits waits for a replica that has left it
    go_on_across(Pair::<S>::start(), |pair| {
        pair.second.promote();
        std::thread::sleep(Duration::from_millis(500));
        pair.told.send_replace(at(pair.second.port(), 2));
        pair
    })
    .await;
}

async fn writes_wait_while_the_primarys_disk_is_full_and_another_one_takes_over<S: Server>() {
    go_on_across(Pair::<S>::start(), |pair| {
        pair.first.fill(pair.database.name());
        std::thread::sleep(Duration::from_millis(1_000));
        pair.promote();
        pair
    })
    .await;
}

async fn who_waits_for_room_for_too_long_is_told_that_there_is_none<S: Server>() {
    let pair = Pair::<S>::start();
    let store = pair.open(|config| config.outage_wait_max = Duration::from_millis(300)).await;
    make_notes(&store).await;
    insert(&store, "c0".into()).await.unwrap();
    pair.first.fill(pair.database.name());
    let refused = insert(&store, "c1".into()).await.unwrap_err();
    assert!(matches!(refused, Error::Full), "{refused:?}");
    assert!(store.reader().await.unwrap().get(&notes(), "c0").await.unwrap().is_some(), "reads go on");
    store.close().await;
}

async fn while_nobody_is_primary_all_waits_and_then_goes_on<S: Server>() {
    let pair = Pair::<S>::start();
    let store = pair.open(|_| {}).await;
    make_notes(&store).await;
    insert(&store, "c0".into()).await.unwrap();
    pair.told.send_replace(Primary { address: None, epoch: 1 });
    let waiting = tokio::join!(
        async { count_up(&store, "c0".into()).await },
        async { store.reader().await.unwrap().get(&notes(), "c0").await },
        async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            assert_eq!(pair.first.sql(pair.database.name(), &S::quoted("SELECT count(*) FROM change")), "1");
            pair.told.send_replace(at(pair.first.port(), 3));
        }
    );
    assert_eq!(waiting.0.unwrap(), 1);
    assert!(waiting.1.unwrap().is_some());
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_connection_goes_ahead_to_the_next_primary_and_is_used_once_that_takes_writes() {
    let pair = Pair::<Postgres>::start();
    let store = pair.open(|_| {}).await;
    make_notes(&store).await;
    insert(&store, "c0".into()).await.unwrap();
    // it leads from here on, and takes no writes yet
    pair.told.send_replace(at(pair.second.port(), 2));
    let ahead = format!(
        "SELECT coalesce(min(pid), 0) FROM pg_stat_activity WHERE application_name = 'ondol' AND datname = '{}'",
        pair.database.name()
    );
    let pid = || pair.second.sql("postgres", &ahead).trim().to_owned();
    let (counted, before) = tokio::join!(count_up(&store, "c0".into()), async {
        wait_until(|| pid() != "0").await;
        let before = pid();
        pair.second.promote();
        before
    });
    assert_eq!(counted.unwrap(), 1);
    assert_eq!(pid(), before, "what was there before it took writes serves them");
    store.close().await;
}

async fn who_waits_for_too_long_or_is_one_too_many_is_told_so<S: Server>() {
    let pair = Pair::<S>::start();
    let store = pair
        .open(|config| {
            config.outage_wait_max = Duration::from_millis(500);
            config.write_queue_max = 2;
        })
        .await;
    make_notes(&store).await;
    pair.told.send_replace(Primary { address: None, epoch: 1 });
    // one that was on its way when the word came is done: the server takes it still
    let (begin, mut turn) = (Instant::now(), 0);
    while insert(&store, format!("before {turn}")).await.is_ok() {
        assert!(begin.elapsed() < Duration::from_secs(30), "the word is never heard");
        turn += 1;
    }
    let answers = join_all(["a", "b", "c"].map(|id| insert(&store, id.into()))).await;
    assert!(matches!(answers[2], Err(Error::Busy)), "{answers:?}");
    assert!(answers[..2].iter().all(|answer| matches!(answer, Err(Error::Lost { .. }))), "{answers:?}");
    store.close().await;
}

async fn a_commit_that_was_let_go_without_its_replica_is_not_taken_for_done<S: Server>() {
    let pair = Pair::<S>::start();
    let store = pair.open(|_| {}).await;
    make_notes(&store).await;
    insert(&store, "c0".into()).await.unwrap();
    // the replica hears nothing more, and a clerk lets go what waits for it: it can be read then, and nobody else has it
    pair.second.hear_nothing();
    let (counted, ()) = tokio::join!(async { count_up(&store, "c0".into()).await }, async {
        let pair = &pair;
        wait_until(|| pair.first.let_go()).await;
        // the next one to wait is the question whether it was confirmed
        wait_until(|| pair.first.let_go()).await;
        pair.promote();
    });
    assert_eq!(counted.unwrap(), 1);
    assert_eq!(
        pair.on_second(&format!("SELECT {} FROM r_notes WHERE id = 'c0'", S::N)),
        "1",
        "it was done at the new one"
    );
    store.close().await;
}

async fn a_commit_may_wait_for_its_replica_for_longer_than_a_statement_may_take<S: Server>() {
    let pair = Pair::<S>::start();
    let store = pair.open(|config| config.write_time_max = Duration::from_secs(1)).await;
    make_notes(&store).await;
    insert(&store, "c0".into()).await.unwrap();
    pair.second.hear_nothing();
    let (counted, ()) = tokio::join!(async { count_up(&store, "c0".into()).await }, async {
        tokio::time::sleep(Duration::from_millis(3500)).await;
        pair.promote();
    });
    assert_eq!(counted.unwrap(), 1);
    let told = pair.on_second(&format!("SELECT {} FROM r_notes WHERE id = 'c0'", S::N));
    assert_eq!(told, "1", "what nobody else had was not taken for done");
    store.close().await;
}

pub(super) async fn wait_until(mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(30), "it never came about");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

macro_rules! on_pairs {
    ($($engine:ident: $server:ident;)*) => {
        $(mod $engine {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn writes_go_on_across_a_killed_primary() {
                super::writes_go_on_across_a_killed_primary::<$server>().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn writes_go_on_though_the_old_primary_hangs_and_keeps_its_connections() {
                super::writes_go_on_though_the_old_primary_hangs_and_keeps_its_connections::<$server>().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn writes_that_the_old_primary_still_takes_are_found_missing_and_done_at_the_new_one() {
                super::writes_that_the_old_primary_still_takes_are_found_missing_and_done_at_the_new_one::<$server>().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn writes_wait_while_the_primarys_disk_is_full_and_another_one_takes_over() {
                super::writes_wait_while_the_primarys_disk_is_full_and_another_one_takes_over::<$server>().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn who_waits_for_room_for_too_long_is_told_that_there_is_none() {
                super::who_waits_for_room_for_too_long_is_told_that_there_is_none::<$server>().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn while_nobody_is_primary_all_waits_and_then_goes_on() {
                super::while_nobody_is_primary_all_waits_and_then_goes_on::<$server>().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn who_waits_for_too_long_or_is_one_too_many_is_told_so() {
                super::who_waits_for_too_long_or_is_one_too_many_is_told_so::<$server>().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_commit_that_was_let_go_without_its_replica_is_not_taken_for_done() {
                super::a_commit_that_was_let_go_without_its_replica_is_not_taken_for_done::<$server>().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_commit_may_wait_for_its_replica_for_longer_than_a_statement_may_take() {
                super::a_commit_may_wait_for_its_replica_for_longer_than_a_statement_may_take::<$server>().await;
            }
        })*
    };
}

on_pairs! {
    postgres: Postgres;
    mariadb: MariaDb;
}
