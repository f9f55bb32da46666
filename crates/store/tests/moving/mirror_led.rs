//! Mirrors of a primary that changes.

use std::time::Duration;

use base::time::Clock;
use store::mirror::{Fault, Stage, Step};
use store::{Config, Engine, Error, Primary, Store};
use testbed::{Database, MariaDb, Options, Postgres};
use tokio::sync::watch;

use super::mirror::{contents, differ_nowhere, fill, index_and_view, of, open, pairs, settle};
use super::{Site, exchange, insert, notes};

/// A primary with a replica, of either kind.
trait Two: Sized {
    fn two() -> (Self, Self);
    fn take_over(first: Self, second: &Self);
    fn port(&self) -> u16;
    fn database(&self) -> Database;
    fn ask(&self, database: &str, sql: &str) -> String;
}

macro_rules! same {
    () => {
        fn take_over(mut first: Self, second: &Self) {
            first.kill();
            second.promote();
        }
        fn port(&self) -> u16 {
            self.port()
        }
        fn database(&self) -> Database {
            self.database()
        }
        fn ask(&self, database: &str, sql: &str) -> String {
            self.sql(database, sql)
        }
    };
}

impl Two for Postgres {
    fn two() -> (Postgres, Postgres) {
        let first = Postgres::start(&Options::default());
        let second = first.replica("second", &Options::default());
        first.confirm_by("second");
        (first, second)
    }
    same!();
}

impl Two for MariaDb {
    fn two() -> (MariaDb, MariaDb) {
        let first = MariaDb::leading("first", &Options::default());
        let second = first.replica("second", &Options::default());
        first.confirm();
        (first, second)
    }
    same!();
}

async fn follows_the_new_primary<S: Two>(is_postgres: bool, site: Site) {
    let (first, second) = S::two();
    let database = first.database();
    let at = |port: u16, epoch: i64| Primary { address: Some(("127.0.0.1".into(), port)), epoch };
    let told = watch::Sender::new(at(first.port(), 1));
    let engine = Engine::from_url(&database.url_at(1)).unwrap();
    let config = Config { engine, primary: Some(told.subscribe()), ..Config::new(std::env::temp_dir()) };
    let store = Store::open(config.clone(), Clock::System).await.unwrap();
    fill(&store, 500).await;
    index_and_view(&store).await;
    let from = store.newest().await.unwrap().0;
    let mut mirror = open(config.clone(), site.config()).await.unwrap();
    settle(&mut mirror).await.unwrap();
    exchange(&store).await;
    // it has not read these yet when the primary goes
    S::take_over(first, &second);
    told.send_replace(at(second.port(), 2));
    for n in 0..50 {
        insert(&store, notes(), &format!("b{n}"), &format!("by the second {n}")).await;
    }
    let until = std::time::Instant::now() + Duration::from_secs(30);
    loop {
        // what broke with the first primary is told, and tried again
        match mirror.step().await {
            Ok(Step::Rest) if mirror.told().position == mirror.told().newest => break,
            Err(Fault::Store(Error::Lost { .. } | Error::Busy)) => {}
            step => drop(step.unwrap()),
        }
        assert_ne!(mirror.told().stage, Stage::Mending, "nothing had to be mended");
        assert!(std::time::Instant::now() < until, "{:?}", mirror.told());
    }
    let primary = contents(&|sql| second.ask(database.name(), sql), is_postgres, from);
    let there = contents(&|sql| of(&site).sql(sql), is_postgres, from);
    differ_nowhere(&[primary, there]);
    mirror.close().await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mirror_goes_on_with_a_new_primary_of_postgresql() {
    let [(_, site), _] = pairs();
    follows_the_new_primary::<Postgres>(true, site).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mirror_goes_on_with_a_new_primary_of_mariadb() {
    let [_, (_, site)] = pairs();
    follows_the_new_primary::<MariaDb>(false, site).await;
}
