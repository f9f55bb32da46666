//! Moves between engines, step by step, with what a busy source does at the worst moments.

#![expect(clippy::unwrap_used, reason = "a test ends at the first failure")]

#[path = "moving/mirror.rs"]
mod mirror;
#[path = "moving/mirror_led.rs"]
mod mirror_led;

use std::sync::Arc;

use base::time::Clock;
use store::moving::{Begun, Fault, Handed, Move, Watch};
use store::query::{Column, Expr, Index, IndexColumn, MAIN, Order, Scalar, Select};
use store::{Config, Engine, Error, Once, Position, Row, Store, Table};
use tempfile::TempDir;
use testbed::Database;

/// Watches nothing, and never stops.
struct Nobody;

impl Watch for Nobody {
    fn at(&mut self, _: u64) {}
    fn is_stopped(&self) -> bool {
        false
    }
}

/// A place for data.
struct Site {
    folder: TempDir,
    database: Option<Database>,
}

impl Site {
    fn new(database: Option<Database>) -> Site {
        Site { folder: tempfile::tempdir().unwrap(), database }
    }

    fn config(&self) -> Config {
        let engine = self.database.as_ref().map_or(Engine::Sqlite, |d| Engine::from_url(&d.url()).unwrap());
        Config { engine, ..Config::new(self.folder.path()) }
    }

    async fn open(&self) -> Store {
        Store::open(self.config(), Clock::System).await.unwrap()
    }
}

/// Each engine moves to the next one.
fn routes() -> [(Site, Site); 3] {
    let (sqlite, postgres, mariadb) = (
        || Site::new(None),
        || Site::new(Some(testbed::postgres().database())),
        || Site::new(Some(testbed::mariadb().database())),
    );
    [(sqlite(), postgres()), (postgres(), mariadb()), (mariadb(), sqlite())]
}

fn kinds() -> Table {
    Table::new("kinds")
}

fn notes() -> Table {
    Table::new("notes")
}

fn unique() -> Index {
    let column = Column::Field(Arc::from("t"), Scalar::Text);
    let columns = vec![IndexColumn { column, descending: false, ignores_case: false }];
    Index { name: "i_notes_t".into(), unique: true, columns, only: None }
}

fn body(text: &str) -> String {
    format!("{{\"t\":\"{text}\"}}")
}

/// Makes a table, declared by a record.
async fn make(store: &Store, table: Table) {
    let write = store.write(move |tx| {
        Box::pin(async move {
            tx.create_table(&kinds()).await?;
            tx.create_table(&table).await?;
            tx.insert(&kinds(), table.as_str(), 1, "{}".into()).await
        })
    });
    write.await.unwrap();
}

async fn insert(store: &Store, table: Table, id: &str, text: &str) {
    let (id, body) = (id.to_owned(), body(text));
    let write = store.write(move |tx| Box::pin(async move { tx.insert(&table, &id, 1, body).await }));
    write.await.unwrap();
}

async fn update(store: &Store, id: &str, text: &str) {
    let (id, body) = (id.to_owned(), body(text));
    let write = store.write(move |tx| Box::pin(async move { tx.update(&notes(), &id, 2, body).await }));
    assert!(write.await.unwrap().is_some());
}

async fn delete(store: &Store, id: &str) {
    let id = id.to_owned();
    let write = store.write(move |tx| Box::pin(async move { tx.delete(&notes(), &id).await }));
    assert!(write.await.unwrap().is_some());
}

/// Does a write that is done once.
async fn once(store: &Store, key: &'static str) {
    let write = store.write(move |tx| {
        Box::pin(async move {
            let once = Once { key: key.into(), fingerprint: "asked".into() };
            assert_eq!(tx.once(&once).await?, None);
            tx.insert(&notes(), key, 1, body(key)).await?;
            tx.keep_answer(key, key).await
        })
    });
    write.await.unwrap();
}

/// All rows in the order of insertion.
async fn rows(store: &Store, table: &Table) -> Vec<Row> {
    let mut select = Select::table(table);
    select.order = vec![Order { by: Expr::Column(MAIN, Column::Rowid), descending: false }];
    store.reader().await.unwrap().select(&select).await.unwrap()
}

async fn begin(source: &Site, target: &Site) -> Result<Move, Fault> {
    match Move::begin(source.config(), target.config(), Clock::System, kinds()).await? {
        Begun::Move(moving) => Ok(*moving),
        Begun::Done => panic!("nothing was moved yet"),
    }
}

async fn declare(moving: &Move) {
    let store = moving.target();
    let write = store.write(|tx| Box::pin(async move { tx.set_indexes(&notes(), &[unique()]).await }));
    write.await.unwrap();
    store.settle(&notes()).await.unwrap();
}

/// Values go from record to record, and records come back.
async fn exchange(source: &Store) {
    // a value goes from one record to another, round in a circle, and into a new one
    update(source, "n0001", "aside").await;
    update(source, "n0002", "text 1").await;
    update(source, "n0001", "text 2").await;
    delete(source, "n0003").await;
    insert(source, notes(), "new", "text 3").await;
    // one goes and comes back, at the end
    delete(source, "n0000").await;
    insert(source, notes(), "n0000", "text 0").await;
}

/// Tables are made and dropped.
async fn come_and_go(source: &Store) {
    // a table comes, another one goes
    make(source, Table::new("comes")).await;
    insert(source, Table::new("comes"), "a", "b").await;
    let dropped = source.write(|tx| {
        Box::pin(async move {
            tx.drop_table(&Table::new("leaves")).await?;
            tx.delete(&kinds(), "leaves").await
        })
    });
    dropped.await.unwrap();
}

/// Holds the target to the rows that the source had in the end, and to its newest position.
async fn judge(target: &Store, before: &[Row], newest: Position) {
    let after = rows(target, &notes()).await;
    let differs = before.iter().zip(&after).find(|(before, after)| before != after);
    assert!(differs.is_none() && before.len() == after.len(), "{differs:?}");
    assert_eq!(rows(target, &Table::new("comes")).await.len(), 1);
    let mut conn = target.reader().await.unwrap();
    for key in ["key 1", "key 2"] {
        let earlier = target.earlier(key).await.unwrap().unwrap();
        assert_eq!(
            (earlier.fingerprint.as_str(), earlier.answer.as_str()),
            ("asked", key),
            "it is done once"
        );
    }
    assert_eq!(conn.setting("secret").await.unwrap().as_deref(), Some("floor"));
    assert!(conn.count(&Select::table(&Table::new("leaves"))).await.is_err(), "the table has gone");
    assert!(matches!(conn.changes(newest, 10).await, Err(Error::Gone)), "who was there begins anew");
    let position = target.newest().await.unwrap();
    assert!(position > newest);
    // and it goes on: versions grow, positions too, the index holds
    update(target, "n0001", "on the target").await;
    let row = target.reader().await.unwrap().get(&notes(), "n0001").await.unwrap().unwrap();
    assert!(before.iter().all(|old| old.rev < row.rev), "{row:?}");
    target.newest().await.unwrap();
    let changes = target.reader().await.unwrap().changes(position, 10).await.unwrap();
    assert_eq!(changes.len(), 1);
    let twice = target.write(|tx| {
        Box::pin(async move { tx.insert(&notes(), "twice", 1, self::body("on the target")).await })
    });
    assert!(matches!(twice.await, Err(Error::Unique { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_to_the_source_meanwhile_is_on_the_target() {
    for (from, to) in routes() {
        let source = from.open().await;
        make(&source, notes()).await;
        make(&source, Table::new("leaves")).await;
        for n in 0..1_000 {
            insert(&source, notes(), &format!("n{n:04}"), &format!("text {n}")).await;
        }
        source.write(|tx| Box::pin(async move { tx.set_setting("secret", "floor").await })).await.unwrap();
        once(&source, "key 1").await;
        let mut moving = begin(&from, &to).await.unwrap();
        moving.copy(&mut Nobody).await.unwrap();
        declare(&moving).await;

        exchange(&source).await;
        moving.follow(&mut Nobody).await.unwrap();
        update(&source, "n0004", "text 4, later").await;
        moving.compare(&mut Nobody).await.unwrap();
        come_and_go(&source).await;
        assert_eq!(moving.hand_over(&mut Nobody).await.unwrap(), Handed::Declared);
        assert!(moving.was_declared());
        for n in 0..3_000 {
            update(&source, &format!("n{:04}", n % 900 + 50), &format!("again {n}")).await;
        }
        once(&source, "key 2").await;
        let before = rows(&source, &notes()).await;
        let newest = source.newest().await.unwrap();
        let handed = moving.hand_over(&mut Nobody).await.unwrap();
        assert!(matches!(handed, Handed::Over { .. }), "{handed:?}");
        moving.close().await;

        let body = body("late");
        let late =
            source.write(|tx| Box::pin(async move { tx.insert(&notes(), "late", 1, body).await })).await;
        assert!(
            matches!(&late, Err(Error::Moved { to }) if to.contains("://") || to.starts_with("sqlite:")),
            "{late:?}"
        );
        let late = source.write(|tx| Box::pin(async move { tx.set_setting("secret", "late").await })).await;
        assert!(matches!(&late, Err(Error::Moved { .. })), "{late:?}");
        source.close().await;
        let target = to.open().await;
        judge(&target, &before, newest).await;
        target.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_that_is_broken_off_leaves_the_source_and_the_next_one_begins_anew() {
    for (from, to) in routes() {
        let source = from.open().await;
        make(&source, notes()).await;
        insert(&source, notes(), "a", "one").await;
        let mut moving = begin(&from, &to).await.unwrap();
        moving.copy(&mut Nobody).await.unwrap();
        moving.close().await;
        let half = Store::open(to.config(), Clock::System).await;
        assert!(matches!(half, Err(Error::Unfit { .. })), "what is half there serves nobody");
        delete(&source, "a").await;
        insert(&source, notes(), "b", "two").await;

        let mut moving = begin(&from, &to).await.unwrap();
        moving.copy(&mut Nobody).await.unwrap();
        moving.compare(&mut Nobody).await.unwrap();
        assert!(matches!(moving.hand_over(&mut Nobody).await.unwrap(), Handed::Over { rows: 2, .. }));
        moving.close().await;
        source.close().await;
        let target = to.open().await;
        let ids: Vec<String> = rows(&target, &notes()).await.into_iter().map(|row| row.id).collect();
        assert_eq!(ids, ["b"]);
        target.close().await;
        // said once more, it is done already; and nothing else may come to where something is
        let again = Move::begin(from.config(), to.config(), Clock::System, kinds()).await;
        assert!(matches!(again, Ok(Begun::Done)));
        let other = Site::new(None);
        other.open().await.close().await;
        assert!(matches!(begin(&other, &to).await.err(), Some(Fault::Refused(_))));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_is_not_the_same_on_both_sides_is_found() {
    for (from, to) in routes() {
        let source = from.open().await;
        make(&source, notes()).await;
        for id in ["a", "b", "c"] {
            insert(&source, notes(), id, id).await;
        }
        let mut moving = begin(&from, &to).await.unwrap();
        moving.copy(&mut Nobody).await.unwrap();
        let falsify = |moving: &Move| {
            let store = moving.target().clone();
            async move {
                let write =
                    store.write(|tx| Box::pin(async move { tx.update(&notes(), "b", 1, "{}".into()).await }));
                write.await.unwrap();
            }
        };
        // before both are compared
        falsify(&moving).await;
        let found = moving.compare(&mut Nobody).await;
        assert!(matches!(&found, Err(Fault::Refused(why)) if why.contains("not the same")), "{found:?}");
        // of a record that changes afterwards, until the last moment
        update(&source, "b", "b again").await;
        moving.compare(&mut Nobody).await.unwrap();
        update(&source, "b", "b once more").await;
        moving.follow(&mut Nobody).await.unwrap();
        falsify(&moving).await;
        let found = moving.hand_over(&mut Nobody).await;
        assert!(matches!(&found, Err(Fault::Refused(why)) if why.contains("not the same")), "{found:?}");
        insert(&source, notes(), "d", "writers were let in again").await;
        moving.close().await;
        source.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_target_cannot_keep_is_named() {
    let (from, to) = (Site::new(None), Site::new(Some(testbed::postgres().database())));
    let source = from.open().await;
    make(&source, notes()).await;
    insert(&source, notes(), "fine", "a").await;
    insert(&source, notes(), "odd", "a\\u0000b").await;
    let mut moving = begin(&from, &to).await.unwrap();
    let refused = moving.copy(&mut Nobody).await;
    assert!(
        matches!(&refused, Err(Fault::Refused(why)) if why.contains("the record odd of the table notes")),
        "{refused:?}"
    );
    moving.close().await;
    assert_eq!(source.reader().await.unwrap().changes(Position(0), 10).await.unwrap().len(), 3);
    source.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_reads_the_log_at_length_makes_writers_wait_for_a_moment_only() {
    let (postgres, mariadb) = (testbed::postgres().database(), testbed::mariadb().database());
    let cases = [
        (
            postgres,
            "BEGIN; SELECT i FROM change LIMIT 1; SELECT pg_sleep(7); COMMIT",
            "SELECT count(*) FROM pg_stat_activity \
             WHERE query LIKE '%pg_sleep(7)%' AND state = 'active' AND pid <> pg_backend_pid()",
        ),
        (
            mariadb,
            "SELECT i, SLEEP(7) FROM `change` LIMIT 1",
            "SELECT count(*) FROM information_schema.processlist \
             WHERE info LIKE '%SLEEP(7)%' AND id <> connection_id()",
        ),
    ];
    for (database, reads, is_reading) in cases {
        let (from, to) = (Site::new(Some(database)), Site::new(None));
        let source = from.open().await;
        make(&source, notes()).await;
        let mut moving = begin(&from, &to).await.unwrap();
        moving.copy(&mut Nobody).await.unwrap();
        moving.compare(&mut Nobody).await.unwrap();
        let database = from.database.as_ref().unwrap();
        let handed = std::thread::scope(|scope| {
            scope.spawn(|| database.sql(reads));
            while database.sql(is_reading).trim() == "0" {}
            let handed = tokio::task::block_in_place(|| {
                tokio::runtime::Handle::current().block_on(moving.hand_over(&mut Nobody))
            });
            let begun = std::time::Instant::now();
            tokio::task::block_in_place(|| {
                tokio::runtime::Handle::current().block_on(insert(&source, notes(), "a", "writers go on"));
            });
            assert!(begun.elapsed().as_secs() < 2, "{:?}", begun.elapsed());
            handed
        });
        assert_eq!(handed.unwrap(), Handed::NotYet);
        let handed = moving.hand_over(&mut Nobody).await.unwrap();
        assert!(matches!(handed, Handed::Over { .. }), "{handed:?}");
        moving.close().await;
        source.close().await;
    }
}
