//! Questions outside of transactions.

use std::time::Duration;

use futures_util::future::{join_all, select};

use super::{number, opened, sql, text, wait_until};
use crate::error::Error;
use crate::query::Value;

const SLEEP: &str = "SELECT pg_sleep(60)";

#[tokio::test]
async fn values_come_back_as_they_were_bound() {
    let (_database, pool) = opened(|_| ()).await;
    let bound = [
        text("온돌"),
        Value::Int(i64::MIN),
        Value::Real(0.1),
        Value::Bool(true),
        text(r#"{"a":[1, 2]}"#),
        Value::Null,
        Value::Null,
    ];
    let places = "SELECT $1::text, $2::bigint, $3::float8, $4::boolean, $5::text::json, $6::float8, $7::text";
    let asked = sql(places, bound.clone());
    let told = [pool.brief(&asked).await.unwrap(), pool.query(&asked).await.unwrap()];
    assert_eq!(told, [[bound.clone()], [bound]]);
}

#[tokio::test]
async fn all_kinds_of_columns_are_read() {
    let (_database, pool) = opened(|_| ()).await;
    let asked =
        "SELECT 1::int2, 2::int4, 3::int8, 0.5::float4, 'a'::name, '{\"a\": 1}'::jsonb, pg_notify('x', '')";
    let (one, two, three) = (Value::Int(1), Value::Int(2), Value::Int(3));
    let expected = [one, two, three, Value::Real(0.5), text("a"), text("{\"a\": 1}"), Value::Null];
    assert_eq!(pool.brief(&sql(asked, [])).await.unwrap(), [expected]);
}

#[tokio::test]
async fn values_are_bound_as_their_places_want() {
    let (_database, pool) = opened(|_| ()).await;
    let asked = "SELECT $1::float8 = 1, $2::bigint = 1, $3::boolean, $4::text = '1'";
    let bound = [Value::Int(1), Value::Bool(true), Value::Int(1), Value::Int(1)];
    assert_eq!(pool.brief(&sql(asked, bound)).await.unwrap(), [vec![Value::Bool(true); 4]]);
}

#[tokio::test]
async fn a_nul_in_a_question_equals_nothing() {
    let (_database, pool) = opened(|_| ()).await;
    let asked = sql("SELECT 'a' = $1::text, '' = $1::text, 'b' > $1::text", [text("a\0")]);
    let told = [Value::Bool(false), Value::Bool(false), Value::Bool(true)];
    assert_eq!(pool.brief(&asked).await.unwrap(), [told]);
}

#[tokio::test]
async fn many_short_questions_share_two_connections() {
    let (database, pool) = opened(|_| ()).await;
    let asked: Vec<_> = (0..200).map(|i| sql("SELECT $1::bigint * 2", [Value::Int(i)])).collect();
    let told = join_all(asked.iter().map(|asked| pool.brief(asked))).await;
    for (i, told) in told.into_iter().enumerate() {
        assert_eq!(told.unwrap(), [[Value::Int(i as i64 * 2)]]);
    }
    let count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ondol' AND datname = ";
    // the two, and at most the one that looked at the server when the pool was opened
    let connections: u32 = database.sql(&format!("{count} '{}'", database.name())).trim().parse().unwrap();
    assert!((2..=3).contains(&connections), "{connections}");
}

#[tokio::test]
async fn a_question_goes_on_when_its_table_has_changed() {
    let (database, pool) = opened(|_| ()).await;
    database.sql("CREATE TABLE t AS SELECT 1::bigint AS a");
    let asked = sql("SELECT * FROM t", []);
    for _ in 0..2 {
        assert_eq!(pool.brief(&asked).await.unwrap(), [[Value::Int(1)]]);
    }
    let mut link = pool.take().await.unwrap();
    link.query(&asked).await.unwrap();
    database.sql("ALTER TABLE t ADD COLUMN b text DEFAULT 'b'");
    for _ in 0..2 {
        assert_eq!(pool.brief(&asked).await.unwrap(), [[Value::Int(1), text("b")]]);
    }
    link.begin().await.unwrap();
    assert!(matches!(link.query(&asked).await, Err(Error::Met)));
    link.roll_back().await;
    link.begin().await.unwrap();
    assert_eq!(link.query(&asked).await.unwrap(), [[Value::Int(1), text("b")]]);
}

#[tokio::test]
async fn more_statements_than_a_connection_keeps_are_answered() {
    let (database, pool) = opened(|config| config.brief_connections = 1).await;
    for i in 0..300 {
        assert_eq!(number(&pool, &format!("SELECT {i}::bigint")).await.unwrap(), i);
    }
    let prepared = sql("SELECT count(*) FROM pg_prepared_statements", []);
    assert_eq!(pool.brief(&prepared).await.unwrap(), [[Value::Int(256)]]);
    drop(database);
}

#[tokio::test]
async fn records_that_are_too_long_together_are_not_read() {
    let (_database, pool) = opened(|config| config.connections = 1).await;
    let asked = "SELECT i::text, i, 1::bigint, repeat('x', 1000) FROM (SELECT generate_series(1, $1::bigint) AS i) AS t";
    let rows = pool.rows(&sql(asked, [Value::Int(3)]), 3000).await.unwrap().unwrap();
    assert_eq!((rows.len(), rows[2].id.as_str(), rows[2].rev, rows[2].shape), (3, "3", 3, 1));
    assert_eq!(pool.rows(&sql(asked, [Value::Int(4)]), 3000).await.unwrap(), None);
    // far more than anybody would wait for: it is broken off
    assert_eq!(pool.rows(&sql(asked, [Value::Int(100_000_000)]), 3000).await.unwrap(), None);
    assert_eq!(pool.rows(&sql(asked, [Value::Int(1)]), 3000).await.unwrap().unwrap().len(), 1);
}

#[tokio::test]
async fn a_read_that_takes_too_long_is_broken_off() {
    let (_database, pool) = opened(|config| config.read_time_max = Duration::from_millis(500)).await;
    assert!(matches!(pool.query(&sql(SLEEP, [])).await, Err(Error::Slow { limit_ms: 500 })));
    assert!(matches!(pool.brief(&sql(SLEEP, [])).await, Err(Error::Slow { limit_ms: 500 })));
    assert_eq!(number(&pool, "SELECT 1").await.unwrap(), 1);
}

#[tokio::test]
async fn a_read_that_nobody_waits_for_is_broken_off_and_leaves_the_pool_whole() {
    let (_database, pool) = opened(|config| config.connections = 2).await;
    let sleeping = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                    AND wait_event = 'PgSleep'";
    {
        let asked = sql(SLEEP, []);
        let reads = join_all([pool.query(&asked), pool.query(&asked)]);
        let both_sleep = wait_until("both sleep", async || number(&pool, sleeping).await.unwrap() == 2);
        select(std::pin::pin!(reads), std::pin::pin!(both_sleep)).await;
    }
    wait_until("none sleeps", async || number(&pool, sleeping).await.unwrap() == 0).await;
    let mut links = [pool.take().await.unwrap(), pool.take().await.unwrap()];
    for link in &mut links {
        assert_eq!(link.query(&sql("SELECT 7", [])).await.unwrap(), [[Value::Int(7)]]);
    }
}

#[tokio::test]
async fn who_finds_no_connection_waits_and_is_then_told_to_come_later() {
    let (_database, pool) = opened(|config| {
        config.connections = 1;
        config.connection_wait_max = Duration::from_millis(100);
    })
    .await;
    let link = pool.take().await.unwrap();
    assert!(matches!(pool.take().await, Err(Error::Busy)));
    drop(link);
    assert!(pool.take().await.is_ok());
    pool.close();
    assert!(matches!(pool.take().await, Err(Error::Busy)));
    assert!(matches!(pool.brief(&sql("SELECT 1", [])).await, Err(Error::Busy)));
}
