//! Two web servers on one database: what one of them does to tables and indexes, the other goes along with.

#![expect(clippy::unwrap_used, reason = "a test ends at the first failure")]

use base::time::Clock;
use store::query::{Column, Expr, Index, IndexColumn, MAIN, Order, Scalar, Select};
use store::{Config, Engine, Store, Table};
use testbed::Database;

fn notes() -> Table {
    Table::new("notes")
}

fn title() -> Column {
    Column::Field("t".into(), Scalar::Text)
}

async fn open(database: &Database, dir: &tempfile::TempDir) -> Store {
    let config = Config { engine: Engine::from_url(&database.url()).unwrap(), ..Config::new(dir.path()) };
    Store::open(config, Clock::System).await.unwrap()
}

/// The notes by title, through the index if there is one.
async fn listed(store: &Store) -> Vec<String> {
    let mut select = Select::table(&notes());
    select.order = vec![Order { by: Expr::Column(MAIN, title()), descending: false }];
    let rows = store.reader().await.unwrap().select(&select).await.unwrap();
    rows.into_iter().map(|row| row.id).collect()
}

async fn make(store: &Store, indexes: Vec<Index>) {
    store
        .write(move |tx| {
            Box::pin(async move {
                tx.create_table(&notes()).await?;
                tx.set_indexes(&notes(), &indexes).await?;
                tx.insert(&notes(), "b", 1, r#"{"t":"나"}"#.into()).await?;
                tx.insert(&notes(), "a", 1, r#"{"t":"가"}"#.into()).await
            })
        })
        .await
        .unwrap();
    store.settle(&notes()).await.unwrap();
}

/// The other one knows the table with its index, and then it is made anew without.
async fn a_table_that_another_server_made_anew_without_its_index_is_asked_at_once(database: Database) {
    let dir = tempfile::tempdir().unwrap();
    let first = open(&database, &dir).await;
    let column = IndexColumn { column: title(), descending: false, ignores_case: false };
    make(&first, vec![Index { name: "i_title".into(), unique: false, columns: vec![column], only: None }])
        .await;
    let other = open(&database, &dir).await;
    assert_eq!(listed(&other).await, ["a", "b"]);
    first.write(|tx| Box::pin(async move { tx.drop_table(&notes()).await })).await.unwrap();
    make(&first, Vec::new()).await;
    assert_eq!(listed(&other).await, ["a", "b"]);
    first.close().await;
    other.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_made_anew_on_postgres_is_asked_at_once() {
    a_table_that_another_server_made_anew_without_its_index_is_asked_at_once(testbed::postgres().database())
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_made_anew_on_mariadb_is_asked_at_once() {
    a_table_that_another_server_made_anew_without_its_index_is_asked_at_once(testbed::mariadb().database())
        .await;
}
