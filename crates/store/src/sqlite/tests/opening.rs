//! Opening: what is ours, what is not, and who may.

use super::*;

async fn try_open(dir: &std::path::Path) -> Result<Store, Error> {
    Store::open(Config::new(dir), Clock::System).await
}

fn told(outcome: Result<Store, Error>) -> Error {
    outcome.err().expect("this is not to be opened")
}

#[tokio::test]
async fn a_missing_folder_is_made_and_opens_again() {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("a/b");
    try_open(&deep).await.unwrap().close().await;
    assert!(deep.join("data.db").is_file());
    assert!(!deep.join("data.db-wal").exists(), "closing leaves one file");
    try_open(&deep).await.unwrap();
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_told_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let error = told(try_open(&file.join("below")).await);
    assert!(matches!(&error, Error::Access { path, .. } if path.ends_with("below")), "{error:?}");
}

#[tokio::test]
async fn a_folder_in_the_place_of_the_file_is_told_by_name() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("data.db")).unwrap();
    let error = told(try_open(dir.path()).await);
    assert!(matches!(&error, Error::Access { path, .. } if path.ends_with("data.db")), "{error:?}");
}

#[tokio::test]
async fn a_newer_database_is_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    drop(try_open(dir.path()).await.unwrap());
    let db = Connection::open(dir.path().join("data.db")).unwrap();
    db.pragma_update(None, "user_version", 7).unwrap();
    drop(db);
    let error = told(try_open(dir.path()).await);
    assert!(matches!(error, Error::Newer { found: 7, known: 1, .. }), "{error:?}");
}

#[tokio::test]
async fn what_is_no_database_is_told_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data.db");
    let text = "this is a letter, not a database. ".repeat(100);
    std::fs::write(&path, &text).unwrap();
    assert!(matches!(told(try_open(dir.path()).await), Error::Damaged { .. }));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn a_database_of_somebody_else_is_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let db = Connection::open(dir.path().join("data.db")).unwrap();
    db.execute_batch("CREATE TABLE theirs(x)").unwrap();
    assert!(matches!(told(try_open(dir.path()).await), Error::Damaged { .. }));
    let mode: String = db.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "delete");
}

#[tokio::test]
async fn a_damaged_database_is_told() {
    let dir = tempfile::tempdir().unwrap();
    drop(try_open(dir.path()).await.unwrap());
    let path = dir.path().join("data.db");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[200..].fill(0x55);
    std::fs::write(&path, bytes).unwrap();
    assert!(matches!(told(try_open(dir.path()).await), Error::Damaged { .. }));
}

#[tokio::test]
async fn a_second_server_is_kept_away_and_other_processes_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let server = opened(&dir, |_| {}).await;
    server.claim().unwrap();
    let guest = open(&dir, |_| {}).await;
    insert(&guest, "a").await.unwrap();
    let refused = guest.claim();
    assert!(matches!(refused, Err(Error::Locked { .. })), "{refused:?}");
    server.close().await;
    guest.claim().unwrap();
}

#[tokio::test]
async fn two_processes_may_make_the_same_database_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let dir = dir.path().to_owned();
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                runtime.block_on(try_open(&dir)).map(drop)
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap().unwrap();
    }
}

#[tokio::test]
async fn the_file_is_one_that_every_sqlite_reads() {
    let dir = tempfile::tempdir().unwrap();
    drop(try_open(dir.path()).await.unwrap());
    let db = Connection::open(dir.path().join("data.db")).unwrap();
    let whole: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    let application: i64 = db.query_row("PRAGMA application_id", [], |row| row.get(0)).unwrap();
    assert_eq!((whole.as_str(), application), ("ok", crate::sqlite::APPLICATION));
}

/// A database as a program made it that did not know of keys, with the view of a collection in the table's place.
async fn older(dir: &std::path::Path, view: &str) -> Connection {
    let store = try_open(dir).await.unwrap();
    store.write(|tx| Box::pin(async move { tx.create_table(&table()).await })).await.unwrap();
    store.close().await;
    let db = Connection::open(dir.join("data.db")).unwrap();
    let view = format!("CREATE VIEW \"{view}\"(\"id\") AS SELECT id FROM r_t");
    db.execute_batch(&format!("DROP TABLE once; {view}")).unwrap();
    db
}

#[tokio::test]
async fn a_database_of_an_older_program_gets_the_table_of_keys_and_keeps_its_format() {
    let dir = tempfile::tempdir().unwrap();
    drop(older(dir.path(), "notes").await);
    for _ in 0..2 {
        let store = try_open(dir.path()).await.unwrap();
        assert_eq!(store.earlier("k").await.unwrap(), None);
        store.close().await;
    }
    let db = Connection::open(dir.path().join("data.db")).unwrap();
    let format: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(format, 1, "the older program opens it still");
}

#[tokio::test]
async fn a_view_that_has_the_name_of_the_table_of_keys_makes_room_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let db = older(dir.path(), "Once").await;
    db.execute_batch("INSERT INTO meta VALUES ('view.t', 'Once')").unwrap();
    drop(db);
    let store = try_open(dir.path()).await.unwrap();
    insert(&store, "a").await.unwrap();
    store.close().await;
    let db = Connection::open(dir.path().join("data.db")).unwrap();
    let seen: String = db.query_row("SELECT id FROM \"v_Once\"", [], |row| row.get(0)).unwrap();
    let named: String =
        db.query_row("SELECT value FROM meta WHERE name = 'view.t'", [], |row| row.get(0)).unwrap();
    assert_eq!((seen.as_str(), named.as_str()), ("a", "v_Once"));
}
