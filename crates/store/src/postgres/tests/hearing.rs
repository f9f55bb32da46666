//! Hearing of news.

use std::time::{Duration, Instant};

use testbed::{Options, Postgres};

use super::{opened, opened_at};

/// True when news are heard of at once, and not only by looking each second.
async fn is_heard(pool: &super::Pool, notify: impl Fn()) -> bool {
    for _ in 0..20 {
        notify();
        let begin = Instant::now();
        pool.hear().await;
        if begin.elapsed() < Duration::from_millis(500) {
            return true;
        }
    }
    false
}

#[tokio::test]
async fn news_are_heard_at_once() {
    let (database, pool) = opened(|_| ()).await;
    pool.hear().await;
    assert!(is_heard(&pool, || drop(database.sql("NOTIFY ondol"))).await);
    let begin = Instant::now();
    pool.hear().await;
    assert!(begin.elapsed() >= Duration::from_millis(900), "there were no news");
}

#[tokio::test]
async fn hearing_goes_on_after_an_outage_and_keeps_nobody_busy_in_it() {
    let mut server = Postgres::start(&Options::default());
    let pool = opened_at(server.port(), "postgres", |_| ()).await;
    pool.hear().await;
    server.stop();
    let (begin, mut calls) = (Instant::now(), 0);
    while begin.elapsed() < Duration::from_millis(2500) {
        pool.hear().await;
        calls += 1;
    }
    assert!(calls <= 5, "{calls}");
    server.start_again();
    pool.hear().await;
    assert!(is_heard(&pool, || drop(server.sql("postgres", "NOTIFY ondol"))).await);
    pool.close();
    let (begin, mut calls) = (Instant::now(), 0);
    while begin.elapsed() < Duration::from_millis(1500) {
        pool.hear().await;
        calls += 1;
    }
    assert!(calls <= 3, "{calls}");
}
