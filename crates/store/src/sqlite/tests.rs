//! What is particular to the embedded engine: groups, the slow lane, other processes, full disks, files that are not ours.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use base::time::Clock;
use futures_util::future::join_all;
use rusqlite::Connection;
use tempfile::TempDir;

use crate::{Config, Error, Position, Row, Store, Table, Tx};

mod opening;
mod reading;
mod schema;
mod writing;

/// Counts up to a number: a read that takes as long as one likes.
const COUNT: &str =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) SELECT max(i) FROM n";

fn table() -> Table {
    Table::new("t")
}

async fn open(dir: &TempDir, set: impl FnOnce(&mut Config)) -> Store {
    let mut config = Config::new(dir.path());
    set(&mut config);
    Store::open(config, Clock::System).await.unwrap()
}

/// A store with one table.
async fn opened(dir: &TempDir, set: impl FnOnce(&mut Config)) -> Store {
    let store = open(dir, set).await;
    store.write(|tx| Box::pin(async move { tx.create_table(&table()).await })).await.unwrap();
    store
}

async fn insert(store: &Store, id: &str) -> Result<Arc<Row>, Error> {
    let id = id.to_owned();
    store.write(|tx| Box::pin(async move { tx.insert(&table(), &id, 1, "{}".into()).await })).await
}

async fn is_there(store: &Store, id: &str) -> bool {
    store.reader().await.unwrap().get(&table(), id).await.unwrap().is_some()
}

/// The ids that somebody else sees in the file.
fn ids_on_disk(dir: &TempDir) -> Vec<String> {
    let db = Connection::open(dir.path().join("data.db")).unwrap();
    let mut statement = db.prepare("SELECT id FROM r_t ORDER BY id").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

/// Runs SQL of a test's own on the writer's connection.
fn raw(tx: &mut Tx, sql: &str) {
    tx.as_embedded().unwrap().link().db.execute_batch(sql).unwrap();
}

/// Keeps the writer busy until the sender is used or dropped; returns once it is.
async fn hold_writer(store: &Store) -> mpsc::Sender<()> {
    let (let_go, held) = mpsc::channel::<()>();
    let (began, has_begun) = tokio::sync::oneshot::channel();
    let held_store = store.clone();
    #[expect(clippy::disallowed_methods, reason = "a test needs no tracker")]
    tokio::spawn(async move {
        let gate = Arc::new(std::sync::Mutex::new(Some((began, held))));
        let write = held_store.write(move |_| {
            Box::pin(async move {
                let (began, held) = gate.lock().unwrap().take().unwrap();
                began.send(()).unwrap();
                let _ = held.recv();
                Ok::<_, Error>(())
            })
        });
        write.await.unwrap();
    });
    has_begun.await.unwrap();
    let_go
}
