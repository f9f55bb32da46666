//! Files of records: they arrive whole or not at all, and no name leads out of the folder.

#![expect(clippy::unwrap_used, reason = "a test ends at the first failure")]

use std::path::Path;

use base::time::Clock;
use store::files::{Arrived, Files};
use store::{Config, Store};
use tempfile::TempDir;

async fn opened() -> (TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(Config::new(dir.path()), Clock::System).await.unwrap();
    (dir, store)
}

async fn arrived(files: &Files, text: &str) -> Arrived {
    let mut file = files.begin().await.unwrap();
    for chunk in text.as_bytes().chunks(3) {
        file.write(chunk).await.unwrap();
    }
    file
}

fn arriving(dir: &TempDir) -> usize {
    std::fs::read_dir(dir.path().join("storage/.arriving")).map_or(0, Iterator::count)
}

fn is_gone(path: &Path) -> bool {
    !path.exists()
}

#[tokio::test]
async fn a_kept_file_is_found_with_its_bytes() {
    let (dir, store) = opened().await;
    let files = store.files();
    let file = arrived(files, "사진의 바이트").await;
    assert_eq!(file.size(), "사진의 바이트".len() as u64);
    files.keep(file, "posts", "r1", "사진 1.png").await.unwrap();
    let path = files.find("posts", "r1", "사진 1.png").await.unwrap().unwrap();
    assert_eq!(std::fs::read_to_string(path).unwrap(), "사진의 바이트");
    assert_eq!(arriving(&dir), 0);
}

#[tokio::test]
async fn bytes_can_be_read_before_the_file_is_kept() {
    let (_dir, store) = opened().await;
    let mut file = arrived(store.files(), "GIF89a").await;
    file.finish().await.unwrap();
    assert_eq!(std::fs::read_to_string(file.path()).unwrap(), "GIF89a");
}

#[tokio::test]
async fn a_file_that_nobody_keeps_leaves_nothing() {
    let (dir, store) = opened().await;
    let file = arrived(store.files(), "x").await;
    assert_eq!(arriving(&dir), 1);
    drop(file);
    assert_eq!(arriving(&dir), 0);
}

#[tokio::test]
async fn what_arrived_for_an_earlier_server_is_cleared_away_and_what_arrives_now_is_not() {
    let (dir, store) = opened().await;
    let mine = arrived(store.files(), "mine").await;
    std::fs::write(dir.path().join("storage/.arriving/leftover"), "x").unwrap();
    store.claim().unwrap();
    assert_eq!(arriving(&dir), 1);
    store.files().keep(mine, "posts", "r1", "a").await.unwrap();
}

#[tokio::test]
async fn a_removed_file_takes_what_was_made_from_it_and_leaves_its_neighbours() {
    let (dir, store) = opened().await;
    let files = store.files();
    for name in ["a.png", "b.png"] {
        files.keep(arrived(files, name).await, "posts", "r1", name).await.unwrap();
        files.keep_made(arrived(files, "thumb").await, "posts", "r1", name, "100x100").await.unwrap();
    }
    let thumb = files.find_made("posts", "r1", "a.png", "100x100").await.unwrap().unwrap();
    files.remove("posts", "r1", "a.png").await.unwrap();
    assert!(is_gone(&thumb));
    assert_eq!(files.find("posts", "r1", "a.png").await.unwrap(), None);
    assert!(files.find_made("posts", "r1", "b.png", "100x100").await.unwrap().is_some());
    files.remove("posts", "r1", "a.png").await.unwrap();
    files.remove("posts", "r1", "b.png").await.unwrap();
    assert!(is_gone(&dir.path().join("storage/posts/r1")), "an empty folder is not left behind");
}

#[tokio::test]
async fn the_files_of_a_record_and_of_a_table_go_together() {
    let (dir, store) = opened().await;
    let files = store.files();
    for record in ["r1", "r2"] {
        files.keep(arrived(files, "x").await, "posts", record, "a").await.unwrap();
    }
    files.remove_record("posts", "r1").await.unwrap();
    assert_eq!(files.find("posts", "r1", "a").await.unwrap(), None);
    assert!(files.find("posts", "r2", "a").await.unwrap().is_some());
    files.remove_table("posts").await.unwrap();
    assert!(is_gone(&dir.path().join("storage/posts")));
    files.remove_table("posts").await.unwrap();
}

#[tokio::test]
async fn no_name_leads_out_of_its_folder() {
    let (dir, store) = opened().await;
    let files = store.files();
    files.keep(arrived(files, "x").await, "posts", "r1", "a").await.unwrap();
    std::fs::write(dir.path().join("secret"), "x").unwrap();
    let hostile =
        ["", ".", "..", "../secret", "../../secret", "/etc/passwd", "a/../a", "a\0", ".made", "..\\x"];
    for name in hostile.into_iter().map(str::to_owned).chain(["n".repeat(256)]) {
        assert_eq!(files.find("posts", "r1", &name).await.unwrap(), None, "{name:?}");
        assert_eq!(files.find(&name, "r1", "a").await.unwrap(), None, "{name:?}");
        assert_eq!(files.find_made("posts", "r1", "a", &name).await.unwrap(), None, "{name:?}");
        assert!(files.keep(arrived(files, "y").await, "posts", &name, "a").await.is_err(), "{name:?}");
        assert!(files.keep(arrived(files, "y").await, "posts", "r1", &name).await.is_err(), "{name:?}");
        assert!(files.remove("posts", "r1", &name).await.is_err(), "{name:?}");
        assert!(files.remove_record("posts", &name).await.is_err(), "{name:?}");
        assert!(files.remove_table(&name).await.is_err(), "{name:?}");
    }
    assert_eq!(arriving(&dir), 0, "what was refused is not left behind");
    assert!(files.find("posts", "r1", "a").await.unwrap().is_some());
}
