//! What the store tells those who look on, on each engine: how far its indexes are, how much it keeps.

#![expect(clippy::unwrap_used, reason = "a test ends at the first failure")]

use std::sync::Arc;

use base::time::Clock;
use store::query::{Column, Index, IndexColumn, Scalar};
use store::{Config, Engine, Error, Stage, Store, Table};
use testbed::Database;

/// Rows that take a server some moments to index.
const ROWS: usize = 30_000;
const STEP: usize = 1_000;

fn notes() -> Table {
    Table::new("notes")
}

fn index(name: &str, unique: bool) -> Index {
    let column = Column::Field(Arc::from("t"), Scalar::Text);
    let columns = vec![IndexColumn { column, descending: false, ignores_case: false }];
    Index { name: name.into(), unique, columns, only: None }
}

async fn set_index(store: &Store, index: Index) -> Result<(), Error> {
    store.write(move |tx| Box::pin(async move { tx.set_indexes(&notes(), &[index]).await })).await?;
    store.settle(&notes()).await
}

async fn fill(store: &Store) {
    store.write(|tx| Box::pin(async move { tx.create_table(&notes()).await })).await.unwrap();
    for step in 0..ROWS / STEP {
        let write = store.write(move |tx| {
            Box::pin(async move {
                for n in step * STEP..(step + 1) * STEP {
                    let body = format!("{{\"t\":\"{}\"}}", n % (ROWS / 2));
                    tx.insert(&notes(), &n.to_string(), 1, body).await?;
                }
                Ok::<_, Error>(())
            })
        });
        write.await.unwrap();
    }
}

async fn stages(store: &Store) -> Vec<(String, Stage)> {
    let states = store.indexes().await.unwrap();
    assert!(states.iter().all(|state| state.table == notes()));
    states.into_iter().map(|state| (state.name, state.stage)).collect()
}

/// The engines: a folder, and a database where there is a server.
fn engines() -> [Option<Database>; 3] {
    [None, Some(testbed::postgres().database()), Some(testbed::mariadb().database())]
}

async fn open(dir: &std::path::Path, database: Option<&Database>) -> Store {
    let engine = database.map_or(Engine::Sqlite, |database| Engine::from_url(&database.url()).unwrap());
    Store::open(Config { engine, ..Config::new(dir) }, Clock::System).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_is_told_of_from_its_building_to_its_end() {
    for database in engines() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path(), database.as_ref()).await;
        fill(&store).await;
        assert_eq!(stages(&store).await, []);
        let wanted = store
            .write(|tx| Box::pin(async move { tx.set_indexes(&notes(), &[index("i_one", false)]).await }));
        wanted.await.unwrap();
        loop {
            match &stages(&store).await[..] {
                [(name, Stage::Building { progress })] if name == "i_one" => {
                    assert!(progress.is_none_or(|part| (0.0..=1.0).contains(&part)), "{progress:?}");
                }
                [(name, Stage::Ready)] if name == "i_one" => break,
                other => panic!("{other:?}"),
            }
        }
        // on the embedded engine an index that the data do not fit is never there
        let refused = set_index(&store, index("i_two", true)).await;
        assert!(matches!(&refused, Err(Error::Unique { index }) if index == "i_two"), "{refused:?}");
        let found = stages(&store).await;
        match database {
            None => assert_eq!(found, [("i_one".to_owned(), Stage::Ready)]),
            Some(_) => {
                let failed = found.iter().find(|(name, _)| name == "i_two").map(|(_, stage)| stage);
                assert!(matches!(failed, Some(Stage::Failed { why }) if why.contains("i_two")), "{found:?}");
            }
        }
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn engine_size_and_counts_are_told() {
    for database in engines() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path(), database.as_ref()).await;
        fill(&store).await;
        let about = store.about().await.unwrap();
        assert!(
            ["SQLite 3.", "PostgreSQL 1", "MariaDB 1"].iter().any(|name| about.engine.starts_with(name)),
            "{about:?}"
        );
        assert!(about.bytes.is_some_and(|bytes| bytes > 100_000), "{about:?}");
        let count = store.count_about(&notes()).await.unwrap();
        assert!((ROWS as u64 / 2..=ROWS as u64 * 2).contains(&count), "{count}");
        store.close().await;
    }
}

#[tokio::test]
async fn a_look_makes_nothing() {
    for database in engines() {
        let dir = tempfile::tempdir().unwrap();
        let engine = database.as_ref().map_or(Engine::Sqlite, |d| Engine::from_url(&d.url()).unwrap());
        let config = Config { engine, ..Config::new(dir.path()) };
        for _ in 0..2 {
            let seen = store::look(&config).await.unwrap();
            assert_eq!(seen.map(|seen| seen.is_new), database.as_ref().map(|_| true));
        }
        open(dir.path(), database.as_ref()).await.close().await;
        let seen = store::look(&config).await.unwrap();
        assert_eq!(seen.map(|seen| seen.is_new), database.as_ref().map(|_| false));
    }
}
