//! A server that goes and comes back.

use std::time::Duration;

use testbed::{Options, Postgres};

use super::{number, opened_at, sql, wait_until};
use crate::error::Error;
use crate::postgres::Pool;
use crate::query::Value;

async fn own() -> (Postgres, Pool) {
    let server = Postgres::start(&Options::default());
    let pool = opened_at(server.port(), "postgres", |config| {
        config.read_time_max = Duration::from_secs(1);
        config.connections = 4;
    })
    .await;
    (server, pool)
}

/// Has all connections made, and lets them idle.
async fn warm(pool: &Pool) {
    let links = [(); 4].map(|()| pool.take());
    for link in futures_util::future::join_all(links).await {
        link.unwrap().query(&sql("SELECT 1", [])).await.unwrap();
    }
    for _ in 0..2 {
        assert_eq!(number(pool, "SELECT 1").await.unwrap(), 1);
    }
}

/// At most one question may find that the server was away.
async fn is_back(pool: &Pool) {
    match pool.query(&sql("SELECT 1", [])).await {
        Ok(_) => {}
        Err(Error::Lost { .. }) => {}
        Err(error) => panic!("{error:?}"),
    }
    warm(pool).await;
}

#[tokio::test]
async fn after_a_restart_dead_connections_are_replaced() {
    let (mut server, pool) = own().await;
    warm(&pool).await;
    server.stop();
    assert!(matches!(pool.brief(&sql("SELECT 1", [])).await, Err(Error::Lost { .. })));
    assert!(matches!(pool.query(&sql("SELECT 1", [])).await, Err(Error::Lost { .. })));
    server.start_again();
    is_back(&pool).await;
}

#[tokio::test]
async fn a_killed_server_is_lost_in_the_middle_of_a_transaction() {
    let (mut server, pool) = own().await;
    warm(&pool).await;
    let mut link = pool.take().await.unwrap();
    link.begin().await.unwrap();
    link.run("CREATE TABLE t (a int)").await.unwrap();
    server.kill();
    assert!(matches!(link.run("CREATE TABLE u (a int)").await, Err(Error::Lost { .. })));
    assert!(matches!(link.commit().await, Err(Error::Lost { .. })));
    drop(link);
    server.start_again();
    is_back(&pool).await;
    assert!(matches!(number(&pool, "SELECT count(*) FROM t").await, Err(Error::NoTable)));
}

#[tokio::test]
async fn a_single_connection_that_the_server_ends_is_replaced() {
    let (server, pool) = own().await;
    warm(&pool).await;
    let mut link = pool.take().await.unwrap();
    let process = link.query(&sql("SELECT pg_backend_pid()", [])).await.unwrap().remove(0).remove(0);
    let Value::Int(process) = process else { panic!("{process:?}") };
    server.sql("postgres", &format!("SELECT pg_terminate_backend({process})"));
    assert!(matches!(link.query(&sql("SELECT 1", [])).await, Err(Error::Lost { .. })));
    drop(link);
    warm(&pool).await;
}

#[tokio::test]
async fn a_server_that_hangs_is_lost_after_the_limit_and_found_again() {
    let (mut server, pool) = own().await;
    warm(&pool).await;
    server.freeze();
    let (brief, slow) = (sql("SELECT 1", []), sql("SELECT 2", []));
    let told = futures_util::future::join(pool.brief(&brief), pool.query(&slow)).await;
    assert!(matches!(told, (Err(Error::Lost { .. }), Err(Error::Lost { .. }))), "{told:?}");
    server.thaw();
    is_back(&pool).await;
}

#[tokio::test]
async fn a_full_server_is_lost_and_found_again() {
    let server = Postgres::start(&Options::with(&[("max_connections", "5")]));
    let limit = |config: &mut crate::config::Config| config.connections = 9;
    let pool = opened_at(server.port(), "postgres", limit).await;
    let mut links = Vec::new();
    let error = loop {
        match pool.take().await {
            Ok(link) => links.push(link),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::Lost { .. }), "{error:?}");
    assert!(links.len() >= 2);
    links.clear();
    wait_until("there is room", async || pool.take().await.is_ok()).await;
}
