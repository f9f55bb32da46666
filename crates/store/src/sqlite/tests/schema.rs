//! Views, as a person with a database shell sees them.

use super::*;
use crate::query::{Column, View};

async fn set_view(store: &Store, table: Table, name: Option<&str>) {
    let view = name.map(|name| View { name: name.into(), columns: vec![("번호".into(), Column::Id)] });
    store.write(|tx| Box::pin(async move { tx.set_view(&table, view.as_ref()).await })).await.unwrap();
}

/// The views of the file, with the SQL of none of ours needed to read them.
fn views(dir: &TempDir) -> Vec<String> {
    let db = Connection::open(dir.path().join("data.db")).unwrap();
    let mut statement = db.prepare("SELECT name FROM sqlite_master WHERE type = 'view' ORDER BY 1").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

#[tokio::test]
async fn a_view_shows_the_records_under_the_name_of_the_collection() {
    let dir = tempfile::tempdir().unwrap();
    let store = opened(&dir, |_| {}).await;
    insert(&store, "a").await.unwrap();
    set_view(&store, table(), Some("글 \"목록\"")).await;
    let db = Connection::open(dir.path().join("data.db")).unwrap();
    let id: String = db.query_row("SELECT 번호 FROM \"글 \"\"목록\"\"\"", [], |row| row.get(0)).unwrap();
    assert_eq!(id, "a");
}

#[tokio::test]
async fn a_renamed_view_replaces_the_old_one_and_goes_with_its_table() {
    let dir = tempfile::tempdir().unwrap();
    let store = opened(&dir, |_| {}).await;
    set_view(&store, table(), Some("posts")).await;
    set_view(&store, table(), Some("articles")).await;
    assert_eq!(views(&dir), ["articles"]);
    store.write(|tx| Box::pin(async move { tx.drop_table(&table()).await })).await.unwrap();
    assert!(views(&dir).is_empty());
}

#[tokio::test]
async fn a_view_whose_name_is_taken_gets_another_or_none() {
    let dir = tempfile::tempdir().unwrap();
    let store = opened(&dir, |_| {}).await;
    let (b, c) = (Table::new("b"), Table::new("c"));
    for table in [b.clone(), c.clone()] {
        store.write(|tx| Box::pin(async move { tx.create_table(&table).await })).await.unwrap();
    }
    set_view(&store, table(), Some("change")).await;
    set_view(&store, b, Some("CHANGE")).await;
    set_view(&store, c, Some("r_b")).await;
    assert_eq!(views(&dir), ["v_change", "v_r_b"]);
}

#[tokio::test]
async fn a_view_that_stands_as_it_should_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let store = opened(&dir, |_| {}).await;
    set_view(&store, table(), Some("posts")).await;
    let db = Connection::open(dir.path().join("data.db")).unwrap();
    let version = || db.query_row("PRAGMA schema_version", [], |row| row.get::<_, i64>(0)).unwrap();
    let before = version();
    set_view(&store, table(), Some("posts")).await;
    assert_eq!(version(), before);
}
