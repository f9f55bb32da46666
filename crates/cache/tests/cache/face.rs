//! What both backs do alike, the settings, and what happens when the change log can't be asked.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use cache::{Cache, Config, Error, Found};

use crate::ledger::Ledger;
use crate::lines::Lines;
use crate::{Running, memcached};

/// One cache of each kind, over a ledger of its own.
fn both(namespace: &str) -> [Running; 2] {
    let address = testbed::memcached().address();
    [Config::in_process(16 << 20), memcached(&[address], namespace)]
        .map(|config| Running::new(config, &Arc::new(Ledger::default())))
}

#[tokio::test]
async fn a_value_is_given_out_until_it_changes() {
    for running in both("until-it-changes") {
        running.ledger.write("bills", "a");
        assert_eq!(running.warm("a").await, 1);
        running.ledger.write("bills", "b");
        assert_eq!(running.read("a").await, (1, true));
        running.ledger.write("bills", "a");
        assert_eq!(running.read("a").await, (2, false));
        assert_eq!(running.warm("a").await, 2);
        assert!(running.cache.report().refused_old >= 1);
    }
}

#[tokio::test]
async fn what_was_read_before_a_change_is_not_given_out_though_it_is_put_after_it() {
    for running in both("put-after") {
        running.ledger.write("bills", "a");
        running.warm("b").await;
        let Found::Miss(ticket) = running.cache.get("bills", "a").await else { panic!("not kept yet") };
        let read = running.ledger.read("bills", "a");
        running.ledger.write("bills", "a");
        running.cache.put(ticket, "bills", "a", read, Ledger::value(read));
        assert_eq!(running.read("a").await, (2, false));
    }
}

#[tokio::test]
async fn after_a_takeover_nothing_that_was_kept_counts() {
    for running in both("takeover") {
        running.warm("a").await;
        running.ledger.takeover();
        assert!(!running.read("a").await.1);
        running.warm("a").await;
    }
}

#[tokio::test]
async fn after_more_changes_than_can_be_listed_nothing_that_was_kept_counts() {
    let ledger = Arc::new(Ledger::default());
    let running = Running::new(Config { changes_max: 10, ..Config::in_process(1 << 20) }, &ledger);
    running.warm("a").await;
    for _ in 0..11 {
        ledger.write("bills", "b");
    }
    assert!(!running.read("a").await.1);
    running.warm("a").await;
}

#[tokio::test]
async fn a_value_that_is_too_long_is_not_kept() {
    for running in both("too-long") {
        running.warm("a").await;
        let moment = running.cache.moment().await.unwrap();
        running.cache.put(moment.ticket(), "bills", "long", 1, Bytes::from(vec![b'x'; 256 * 1024 + 1]));
        running.cache.put(moment.ticket(), "bills", "short", 1, Bytes::from(vec![b'x'; 256 * 1024]));
        running.warm("b").await;
        assert!(matches!(moment.get("bills", "long").await, Found::Miss(_)));
        assert!(matches!(moment.get("bills", "short").await, Found::Hit(_)));
    }
}

#[tokio::test]
async fn any_id_is_a_key() {
    for running in both("any-id") {
        let long = "길다".repeat(200);
        let ids = ["a b", "a\r\nflush_all\r\n", "", &long, "한글"];
        for id in ids {
            running.ledger.write("bills", id);
            assert_eq!(running.warm(id).await, 1);
        }
    }
}

#[tokio::test]
async fn who_can_not_ask_the_log_is_sent_to_the_database() {
    let (lines, _listening) = Lines::listen();
    let ledger = Arc::new(Ledger::default());
    let config = Config { question_time_max: Duration::from_millis(20), ..Config::in_process(1 << 20) };
    let running = Running::new(config, &ledger);
    running.warm("a").await;
    for outage in [&ledger.fails, &ledger.hangs] {
        outage.store(true, Ordering::SeqCst);
        for _ in 0..3 {
            assert_eq!(running.cache.get("bills", "a").await, Found::Unsure);
        }
        assert!(running.cache.report().log_out_for.is_some());
        outage.store(false, Ordering::SeqCst);
        assert!(running.read("a").await.1, "nothing changed meanwhile");
        assert_eq!(running.cache.report().log_out_for, None);
    }
    let said = lines.all();
    assert_eq!(said.len(), 4, "{said:#?}");
    assert!(said[0].contains("the ledger is closed"), "{said:#?}");
    assert!(said[1].contains("is back after"), "{said:#?}");
    assert!(said[2].contains("did not answer within 20 ms"), "{said:#?}");
}

#[tokio::test]
async fn requests_that_come_together_share_a_question() {
    let ledger = Arc::new(Ledger::default());
    let running = Running::new(Config::in_process(1 << 20), &ledger);
    running.warm("a").await;
    let before = running.cache.report().questions;
    let requests = futures_util::future::join_all((0..100).map(|_| running.read("a")));
    assert!(requests.await.into_iter().all(|read| read == (0, true)));
    assert_eq!(running.cache.report().questions - before, 2);
}

#[test]
fn settings_that_can_not_work_are_refused_by_name() {
    let refused = |config: Config| Cache::new(config, Arc::new(Ledger::default())).unwrap_err();
    assert_eq!(refused(Config::memcached(Vec::new(), "n")), Error::NoAddress);
    for address in ["10.0.0.14", "10.0.0.14:", ":11211", "10.0.0.14:cache"] {
        let error = refused(Config::memcached(vec![address.to_owned()], "n"));
        assert!(error.to_string().contains(&format!("`{address}`")), "{error}");
    }
    assert_eq!(refused(Config { window_slots: 0, ..Config::in_process(1) }), Error::NoWindow);
}
