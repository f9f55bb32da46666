//! Transactions.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use testbed::{Cut, Cutter, Direction};

use super::{number, opened, opened_at, sql, text};
use crate::error::Error;
use crate::query::Value;

const TABLE: &str = "CREATE TABLE r_t (id text PRIMARY KEY, body json);
    CREATE UNIQUE INDEX i_title ON r_t ((body->>'title'))";
const COUNT: &str = "SELECT count(*) FROM r_t";

fn insert(id: &str, body: &str) -> crate::dialect::Sql {
    sql("INSERT INTO r_t VALUES ($1::text, $2::text::json)", [text(id), text(body)])
}

#[tokio::test]
async fn a_transaction_begins_with_its_first_statement_in_one_flight() {
    let database = testbed::postgres().database();
    database.sql(TABLE);
    let cutter = Cutter::before(testbed::postgres().port());
    let pool = opened_at(cutter.port(), database.name(), |_| ()).await;
    let mut link = pool.take().await.unwrap();
    link.execute(&insert("a", "{}")).await.unwrap();
    let pieces = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&pieces);
    cutter.cut_when(move |direction, _| {
        seen.lock().unwrap().push(direction);
        Cut::Pass
    });
    link.begin().await.unwrap();
    link.execute(&insert("b", r#"{"title":"b"}"#)).await.unwrap();
    link.commit().await.unwrap();
    // what comes back may come in pieces; each question goes out as one
    let asked = pieces.lock().unwrap().iter().filter(|piece| **piece == Direction::ToServer).count();
    assert_eq!(asked, 2);
    assert_eq!(number(&pool, COUNT).await.unwrap(), 2);
}

#[tokio::test]
async fn what_is_committed_is_there_and_what_is_not_leaves_nothing() {
    let (_database, pool) = opened(|config| config.connections = 1).await;
    let mut link = pool.take().await.unwrap();
    link.begin().await.unwrap();
    link.run(TABLE).await.unwrap();
    assert_eq!(link.execute(&insert("a", r#"{"title":"a"}"#)).await.unwrap(), 1);
    link.commit().await.unwrap();
    link.begin().await.unwrap();
    link.execute(&insert("b", r#"{"title":"b"}"#)).await.unwrap();
    link.roll_back().await;
    link.begin().await.unwrap();
    link.commit().await.unwrap();
    link.begin().await.unwrap();
    link.execute(&insert("c", r#"{"title":"c"}"#)).await.unwrap();
    drop(link);
    let mut link = pool.take().await.unwrap();
    assert_eq!(link.query(&sql(COUNT, [])).await.unwrap(), [[Value::Int(1)]]);
}

#[tokio::test]
async fn a_statement_that_fails_fails_its_transaction() {
    let (database, pool) = opened(|_| ()).await;
    database.sql(TABLE);
    let mut link = pool.take().await.unwrap();
    link.begin().await.unwrap();
    link.execute(&insert("a", r#"{"title":"a"}"#)).await.unwrap();
    let is_id = |error: &Error| matches!(error, Error::Unique { index } if index == "id");
    assert!(is_id(&link.execute(&insert("a", "{}")).await.unwrap_err()));
    assert!(is_id(&link.query(&sql("SELECT 1", [])).await.unwrap_err()));
    assert!(is_id(&link.commit().await.unwrap_err()));
    link.roll_back().await;
    assert_eq!(link.query(&sql(COUNT, [])).await.unwrap(), [[Value::Int(0)]]);
    link.begin().await.unwrap();
    link.execute(&insert("a", r#"{"title":"a"}"#)).await.unwrap();
    let again = link.execute(&insert("b", r#"{"title":"a"}"#)).await;
    assert!(matches!(again, Err(Error::Unique { index }) if index == "i_title"));
}

#[tokio::test]
async fn a_value_that_an_index_does_not_take_is_too_long() {
    let (database, pool) = opened(|_| ()).await;
    database.sql(TABLE);
    // no two of its parts are alike, so that it can't be packed
    let long: String = (0..2000u32).map(|i| format!("{:08x}", i.wrapping_mul(2_654_435_761))).collect();
    // the server names the index only of what would fit into one of its pages
    for (length, name) in [(6000, "i_title"), (16_000, "an index")] {
        let mut link = pool.take().await.unwrap();
        link.begin().await.unwrap();
        let told = link.execute(&insert("a", &format!(r#"{{"title":"{}"}}"#, &long[..length]))).await;
        assert!(matches!(&told, Err(Error::TooLong { index }) if index == name), "{told:?}");
    }
}

#[tokio::test]
async fn a_nul_is_not_written_in_any_form() {
    let (database, pool) = opened(|_| ()).await;
    database.sql(TABLE);
    let mut link = pool.take().await.unwrap();
    let returning = sql("INSERT INTO r_t VALUES ($1::text) RETURNING id", [text("a\0")]);
    for body in [r#"{"title":"\u0000"}"#, "{\"title\":\"\0\"}"] {
        link.begin().await.unwrap();
        assert!(matches!(link.execute(&insert("a", body)).await, Err(Error::Nul)));
        assert!(matches!(link.commit().await, Err(Error::Nul)));
        link.roll_back().await;
        assert!(matches!(link.query(&returning).await, Err(Error::Nul)));
    }
    link.begin().await.unwrap();
    link.execute(&insert("a", r#"{"title":"\\u0000"}"#)).await.unwrap();
    link.commit().await.unwrap();
    assert_eq!(number(&pool, COUNT).await.unwrap(), 1);
    // what another program wrote
    database.sql(r#"DROP INDEX i_title; INSERT INTO r_t SELECT 'b', '{"other":"\u0000"}'"#);
    assert!(matches!(pool.brief(&sql("SELECT body->>'other' FROM r_t", [])).await, Err(Error::Nul)));
}

#[tokio::test]
async fn a_write_that_takes_too_long_is_broken_off() {
    let (database, pool) = opened(|config| {
        config.connections = 1;
        config.read_time_max = Duration::from_secs(1);
        config.write_time_max = Duration::from_secs(1);
    })
    .await;
    database.sql(TABLE);
    let mut link = pool.take().await.unwrap();
    link.begin().await.unwrap();
    link.execute(&insert("a", "{}")).await.unwrap();
    let slept = link.query(&sql("SELECT pg_sleep(60)", [])).await;
    assert!(matches!(slept, Err(Error::Slow { limit_ms: 1000 })));
    assert!(matches!(link.commit().await, Err(Error::Slow { limit_ms: 1000 })));
    drop(link);
    let mut link = pool.take().await.unwrap();
    link.begin().await.unwrap();
    link.execute(&insert("b", "{}")).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1001)).await;
    assert!(matches!(link.commit().await, Err(Error::Slow { .. })));
    drop(link);
    assert_eq!(number(&pool, COUNT).await.unwrap(), 0);
}

#[tokio::test]
async fn writes_that_wait_for_each_other_meet() {
    let (database, pool) = opened(|_| ()).await;
    database.sql("CREATE TABLE t AS SELECT * FROM (VALUES ('a'), ('b')) AS t (id)");
    let lock = |id: &str| sql("UPDATE t SET id = id WHERE id = $1::text", [text(id)]);
    let (mut one, mut two) = (pool.take().await.unwrap(), pool.take().await.unwrap());
    for (link, id) in [(&mut one, "a"), (&mut two, "b")] {
        link.begin().await.unwrap();
        link.execute(&lock(id)).await.unwrap();
    }
    // the one that is undone lets the other one go on only once it is told so
    let (first, second) = (lock("b"), lock("a"));
    let first = async {
        let told = one.execute(&first).await;
        one.roll_back().await;
        told
    };
    let second = async {
        let told = two.execute(&second).await;
        two.roll_back().await;
        told
    };
    let told = futures_util::future::join(first, second).await;
    assert!(matches!(told, (Err(Error::Met), Ok(1)) | (Ok(1), Err(Error::Met))), "{told:?}");
}

#[tokio::test]
async fn a_write_that_waits_too_long_for_a_lock_may_be_run_again() {
    let (database, pool) = opened(|config| config.write_time_max = Duration::from_secs(3)).await;
    database.sql("CREATE TABLE t AS SELECT 1 AS id");
    let lock = sql("UPDATE t SET id = id", []);
    let (mut one, mut two) = (pool.take().await.unwrap(), pool.take().await.unwrap());
    one.begin().await.unwrap();
    one.execute(&lock).await.unwrap();
    two.begin().await.unwrap();
    assert!(matches!(two.execute(&lock).await, Err(Error::Met)));
}

#[tokio::test]
async fn definitions_outside_of_a_transaction_have_no_limit_of_time() {
    let (database, pool) = opened(|config| {
        config.connections = 1;
        config.read_time_max = Duration::from_millis(500);
    })
    .await;
    database.sql(TABLE);
    let mut link = pool.take().await.unwrap();
    link.run("SELECT pg_sleep(0.8)").await.unwrap();
    link.run("CREATE INDEX CONCURRENTLY i_other ON r_t (id)").await.unwrap();
    assert!(matches!(link.run("CREATE INDEX i_other ON r_t (id)").await, Err(Error::Engine(_))));
    let slept = link.query(&sql("SELECT pg_sleep(60)", [])).await;
    assert!(matches!(slept, Err(Error::Slow { limit_ms: 500 })));
}

#[tokio::test]
async fn records_that_are_too_long_leave_their_transaction_open() {
    let (database, pool) = opened(|_| ()).await;
    database.sql(TABLE);
    let mut link = pool.take().await.unwrap();
    link.begin().await.unwrap();
    link.execute(&insert("a", "{}")).await.unwrap();
    let long = "SELECT i::text, 1::bigint, 1::bigint, repeat('x', 1000) FROM generate_series(1, 10000) AS i";
    assert_eq!(link.rows(&sql(long, []), 5000).await.unwrap(), None);
    assert_eq!(
        link.rows(&sql("SELECT id, 1::bigint, 1::bigint, body FROM r_t", []), 5000)
            .await
            .unwrap()
            .unwrap()
            .len(),
        1
    );
    link.commit().await.unwrap();
    assert_eq!(number(&pool, COUNT).await.unwrap(), 1);
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_lost_whether_it_was_done_or_not() {
    let database = testbed::postgres().database();
    database.sql(TABLE);
    let cutter = Cutter::before(testbed::postgres().port());
    let pool = opened_at(cutter.port(), database.name(), |_| ()).await;
    for (id, cut, expected) in [("a", Cut::DropBefore, "0"), ("b", Cut::LoseAnswer, "1")] {
        let mut link = pool.take().await.unwrap();
        link.begin().await.unwrap();
        link.execute(&insert(id, "{}")).await.unwrap();
        cutter.cut_at_text(Direction::ToServer, "COMMIT", cut);
        assert!(matches!(link.commit().await, Err(Error::Lost { .. })));
        assert!(matches!(link.commit().await, Err(Error::Lost { .. })));
        drop(link);
        assert_eq!(database.sql(COUNT).trim(), expected);
        assert_eq!(cutter.cuts(), if expected == "0" { 1 } else { 2 });
    }
    assert_eq!(number(&pool, COUNT).await.unwrap(), 1);
}

#[tokio::test]
async fn a_link_that_is_dropped_at_any_moment_leaves_the_pool_whole() {
    let (database, pool) = opened(|config| config.connections = 2).await;
    database.sql(TABLE);
    for round in 0..40 {
        let write = async {
            let mut link = pool.take().await.unwrap();
            link.begin().await.unwrap();
            link.execute(&insert(&round.to_string(), "{}")).await.unwrap();
            link.query(&sql("SELECT pg_sleep(60)", [])).await.unwrap();
        };
        // a few more steps in each round
        let mut write = std::pin::pin!(write);
        for _ in 0..round {
            let wait = tokio::time::timeout(Duration::from_micros(200), write.as_mut()).await;
            assert!(wait.is_err());
        }
    }
    let mut links = [pool.take().await.unwrap(), pool.take().await.unwrap()];
    for link in &mut links {
        link.begin().await.unwrap();
        assert_eq!(link.query(&sql(COUNT, [])).await.unwrap(), [[Value::Int(0)]]);
    }
}
