//! The slow lane, and those who follow the log.

use rusqlite::StatementStatus;

use super::*;
use crate::query::Select;
use crate::sqlite::{Place, Readers};

/// The readers of a database of their own, of which every read is slow that takes 1,000 steps.
fn readers(dir: &TempDir, time_max: Duration) -> Arc<Readers> {
    let mut config = Config::new(dir.path());
    (config.readers, config.slow_reads_max, config.read_steps_max) = (1, 1, 1_000);
    let place = Arc::new(Place { path: dir.path().join("data.db"), read_time_max: time_max });
    crate::sqlite::prepare(&place).unwrap();
    Arc::new(Readers::new(place, &config))
}

async fn count_to(readers: &Arc<Readers>, limit: i64) -> Result<i64, Error> {
    readers.run(move |db| db.query_row(COUNT, [limit], |row| row.get(0))).await
}

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn a_read_of_many_steps_ends_in_the_slow_lane() {
    let dir = tempfile::tempdir().unwrap();
    let readers = readers(&dir, HOUR);
    assert_eq!(count_to(&readers, 10).await.unwrap(), 10);
    assert_eq!(count_to(&readers, 100_000).await.unwrap(), 100_000);
}

#[tokio::test]
async fn a_slow_read_keeps_no_other_from_reading() {
    let dir = tempfile::tempdir().unwrap();
    let readers = readers(&dir, HOUR);
    // one reader, one thread: while the slow read never ends, a short one does
    tokio::select! {
        biased;
        _ = count_to(&readers, i64::MAX) => unreachable!("it counts for years"),
        answer = count_to(&readers, 5) => assert_eq!(answer.unwrap(), 5),
    }
}

#[tokio::test]
async fn a_read_is_broken_off_at_its_time_limit() {
    let dir = tempfile::tempdir().unwrap();
    let readers = readers(&dir, Duration::from_millis(20));
    let slow = count_to(&readers, i64::MAX).await;
    assert!(matches!(slow, Err(Error::Slow { limit_ms: 20 })), "{slow:?}");
    assert_eq!(count_to(&readers, 5).await.unwrap(), 5);
}

#[tokio::test]
async fn a_slow_read_that_nobody_waits_for_frees_the_lane() {
    let dir = tempfile::tempdir().unwrap();
    let readers = readers(&dir, HOUR);
    for _ in 0..3 {
        tokio::select! {
            biased;
            _ = count_to(&readers, i64::MAX) => unreachable!("it counts for years"),
            () = tokio::task::yield_now() => {}
        }
    }
    // the lane has one place: this ends only if those before were broken off
    assert_eq!(count_to(&readers, 50_000).await.unwrap(), 50_000);
}

#[tokio::test]
async fn a_read_inside_a_write_has_the_time_limit_of_reads() {
    let dir = tempfile::tempdir().unwrap();
    let store = opened(&dir, |config| config.read_time_max = Duration::from_millis(20)).await;
    let slow = store.write(|tx| {
        Box::pin(async move {
            tx.insert(&table(), "a", 1, "{}".into()).await?;
            let link = tx.as_embedded().unwrap().link();
            let slow = link.read(|db| db.query_row(COUNT, [i64::MAX], |_| Ok(())));
            assert!(matches!(slow, Err(Error::Slow { .. })), "{slow:?}");
            Ok::<_, Error>(())
        })
    });
    slow.await.unwrap();
    assert!(is_there(&store, "a").await, "the write itself goes on");
}

#[tokio::test]
async fn a_tail_that_lags_behind_memory_reads_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let store = opened(&dir, |_| {}).await;
    let mut tail = store.tail(Position(0));
    let body = format!("{{\"t\":\"{}\"}}", "x".repeat(1_000_000));
    for n in 0..10 {
        let body = body.clone();
        let id = n.to_string();
        store.write(|tx| Box::pin(async move { tx.insert(&table(), &id, 1, body).await })).await.unwrap();
    }
    assert!(store.inner_live().after(0).is_none(), "memory has let go of the first");
    let mut seen = Vec::new();
    while seen.len() < 10 {
        seen.extend(tail.next().await.unwrap().iter().map(|change| change.position.0));
    }
    assert_eq!(seen, (1..=10).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_tail_goes_on_after_the_store_was_opened_anew() {
    let dir = tempfile::tempdir().unwrap();
    let store = opened(&dir, |_| {}).await;
    insert(&store, "a").await.unwrap();
    let position = store.tail(Position(0)).next().await.unwrap()[0].position;
    insert(&store, "b").await.unwrap();
    store.close().await;
    let store = open(&dir, |_| {}).await;
    let mut tail = store.tail(position);
    assert_eq!(&*tail.next().await.unwrap()[0].record, "b");
    insert(&store, "c").await.unwrap();
    assert_eq!(&*tail.next().await.unwrap()[0].record, "c");
}

#[tokio::test]
async fn commits_of_another_process_are_noticed_while_idle_and_between_own_ones() {
    let dir = tempfile::tempdir().unwrap();
    let server = opened(&dir, |_| {}).await;
    let guest = open(&dir, |_| {}).await;
    let mut tail = server.tail(Position(0));
    insert(&guest, "a").await.unwrap();
    assert_eq!(&*tail.next().await.unwrap()[0].record, "a");
    let mut guest_tail = guest.tail(Position(1));
    insert(&guest, "b").await.unwrap();
    assert_eq!(insert(&server, "c").await.unwrap().rev, 3, "positions are counted by the database");
    insert(&guest, "d").await.unwrap();
    for tail in [&mut tail, &mut guest_tail] {
        let mut seen = Vec::new();
        while seen.len() < 3 {
            seen.extend(tail.next().await.unwrap().iter().map(|change| change.record.to_string()));
        }
        assert_eq!(seen, ["b", "c", "d"]);
    }
}

#[tokio::test]
async fn a_trimmed_log_keeps_its_newest_rows_and_says_what_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let store = opened(&dir, |config| config.change_log_rows_max = 10).await;
    store.claim().unwrap();
    // a busy writer trims after each hundred commits, before it takes the next write
    for n in 0..102 {
        insert(&store, &n.to_string()).await.unwrap();
    }
    let mut reader = store.reader().await.unwrap();
    let gone = reader.changes(Position(0), 10).await;
    assert!(matches!(gone, Err(Error::Gone)), "{gone:?}");
    let newest = reader.changes(Position(92), 100).await.unwrap();
    assert_eq!(newest.len(), 10);
    // what memory still has, the log need not
    assert_eq!(store.tail(Position(0)).next().await.unwrap()[0].position, Position(1));
    store.close().await;
    let ended = open(&dir, |_| {}).await.tail(Position(0)).next().await;
    assert!(matches!(ended, Err(Error::Gone)), "{ended:?}");
}

#[test]
fn trimming_goes_in_small_steps_and_never_takes_the_newest_row() {
    let db = Connection::open_in_memory().unwrap();
    let rows = "INSERT INTO change SELECT value, 1, 'w', 't', 'r', 'update', 0, NULL, NULL, NULL FROM
                (WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < 10) SELECT * FROM n)";
    db.execute_batch(&format!("{} {rows}", crate::sqlite::open::SCHEMA)).unwrap();
    let left = || db.query_row("SELECT min(seq) FROM change", [], |row| row.get::<_, i64>(0)).unwrap();
    assert!(crate::sqlite::log::trim(&db, 0, 6).unwrap());
    assert_eq!(left(), 7);
    assert!(!crate::sqlite::log::trim(&db, 0, 6).unwrap());
    assert_eq!(left(), 10);
}

#[tokio::test]
async fn a_statement_that_is_bound_anew_is_not_prepared_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = opened(&dir, |_| {}).await;
    let prepared_again = store.write(|tx| {
        Box::pin(async move {
            let select = |limit| Select { limit: Some(limit), ..Select::table(&table()) };
            for limit in [10, 20, 30] {
                tx.select(&select(limit)).await?;
            }
            let sql = crate::dialect::sqlite::select(&select(40)).text;
            let statement = tx.as_embedded().unwrap().link().db.prepare_cached(&sql).unwrap();
            Ok::<_, Error>((
                statement.get_status(StatementStatus::Run),
                statement.get_status(StatementStatus::RePrepare),
            ))
        })
    });
    assert_eq!(prepared_again.await.unwrap(), (3, 0));
}
