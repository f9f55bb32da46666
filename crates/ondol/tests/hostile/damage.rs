//! Damage: a full disk, a read-only folder, a newer or a broken database. Told in a sentence, and nothing is lost.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::ask::Ask;
use crate::server::{Server, refused, with_superuser};

const RECORDS: &str = "/api/collections/hall/records";
const BALLAST: usize = 6 << 20;

/// A small file system of its own, until it is dropped.
struct Small {
    path: PathBuf,
    _around: tempfile::TempDir,
}

impl Small {
    /// `None` where this user may mount nothing.
    fn mount(size: &str) -> Option<Small> {
        let around = tempfile::tempdir().expect("a folder");
        let path = around.path().to_owned();
        is_done(Command::new("mount").args(["-t", "tmpfs", "-o", size, "tmpfs"]).arg(&path))
            .then_some(Small { path, _around: around })
    }

    fn read_only(&self) -> bool {
        is_done(Command::new("mount").args(["-o", "remount,ro"]).arg(&self.path))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        is_done(Command::new("umount").arg("--lazy").arg(&self.path));
    }
}

fn is_done(command: &mut Command) -> bool {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

fn furnish(server: &Server) {
    let fields = json!([
        { "name": "data", "type": "json", "maxSize": 1_000_000 },
        { "name": "file", "type": "file", "maxSize": 20_000_000 },
    ]);
    let hall = json!({
        "name": "hall", "type": "base", "listRule": "", "viewRule": "", "createRule": "", "fields": fields,
    });
    server.must("POST", "/api/collections", &hall);
}

/// Makes records until the disk is full; the ids that were acknowledged.
fn fill(server: &Server) -> Vec<String> {
    let body = json!({ "data": "x".repeat(100_000) });
    let mut kept = Vec::new();
    loop {
        let answer = server.ask(&Ask::json("POST", RECORDS, &body));
        match answer.status {
            200 => kept.push(answer.value()["id"].as_str().expect("an id").to_owned()),
            503 => {
                let told = answer.text();
                assert!(told.contains("The disk is full"), "{told}");
                return kept;
            }
            other => panic!("{other}: {}", answer.text()),
        }
        assert!(kept.len() < 1000, "the disk never was full");
    }
}

fn is_there(server: &Server, ids: &[String]) {
    for id in ids {
        let answer = server.ask(&Ask::get(format!("{RECORDS}/{id}?fields=id")));
        assert_eq!(answer.status, 200, "{id} was acknowledged: {}", answer.text());
    }
}

#[test]
fn a_full_disk_loses_nothing_and_the_service_goes_on_when_there_is_room() {
    // only root may mount a small disk
    let Some(small) = Small::mount("size=24m") else { return };
    let ballast = small.path.join("ballast");
    with_superuser(&small.path);
    let server = Server::start(&small.path);
    furnish(&server);
    std::fs::write(&ballast, vec![1; BALLAST]).expect("room");
    let mut kept = fill(&server);
    assert!(!kept.is_empty());
    // reading goes on, and a file is refused as clearly
    is_there(&server, &kept);
    let form = format!(
        "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n{}\r\n--b--\r\n",
        "x".repeat(8 << 20)
    );
    let upload = Ask::raw("POST", RECORDS, "multipart/form-data; boundary=b", form);
    let answer = server.ask(&upload);
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.text().contains("The disk is full"), "{}", answer.text());
    assert!(server.is_healthy());
    std::fs::remove_file(&ballast).expect("the ballast");
    let more = server.ask(&Ask::json("POST", RECORDS, &json!({ "data": "after" })));
    assert_eq!(more.status, 200, "there is room again: {}", more.text());
    kept.push(more.value()["id"].as_str().expect("an id").to_owned());
    is_there(&server, &kept);
    assert_eq!(server.stop(), Some(0));
    let again = Server::start(&small.path);
    is_there(&again, &kept);
    let list = again.must("GET", RECORDS, &Value::Null);
    assert_eq!(list["totalItems"], kept.len(), "nothing but what was acknowledged");
}

#[test]
fn a_disk_without_room_is_told_at_the_start() {
    let Some(small) = Small::mount("size=64k") else { return };
    let (code, told) = refused(&small.path);
    let last = told.lines().last().unwrap_or_default();
    assert_eq!(code, Some(1), "{told}");
    assert!(last.starts_with("ondol: the disk is full; make room"), "{told}");
}

#[test]
fn a_folder_that_is_read_only_is_told_and_left_alone() {
    let Some(small) = Small::mount("size=24m") else { return };
    with_superuser(&small.path);
    let before = bytes(&small.path);
    assert!(small.read_only());
    let (code, told) = refused(&small.path);
    assert_eq!((code, told.lines().count()), (Some(1), 1), "{told}");
    assert!(told.contains("read-only") || told.contains("may not be written"), "{told}");
    assert_eq!(bytes(&small.path), before);
}

fn bytes(dir: &Path) -> Vec<u8> {
    std::fs::read(dir.join("data/data.db")).expect("a database")
}

/// A folder with a database whose file is changed by `change`.
fn changed(change: impl FnOnce(&mut Vec<u8>)) -> (tempfile::TempDir, Vec<u8>) {
    let dir = tempfile::tempdir().expect("a folder");
    with_superuser(dir.path());
    let mut database = bytes(dir.path());
    change(&mut database);
    std::fs::write(dir.path().join("data/data.db"), &database).expect("written");
    (dir, database)
}

#[test]
fn a_database_of_a_newer_version_is_told_and_left_alone() {
    // the format's number stands in the header, 60 bytes from its begin
    let (dir, database) = changed(|file| file[60..64].copy_from_slice(&9000_u32.to_be_bytes()));
    let (code, told) = refused(dir.path());
    assert_eq!((code, told.lines().count()), (Some(1), 1), "{told}");
    assert!(told.contains("newer version"), "{told}");
    assert!(bytes(dir.path()) == database, "it was left alone");
}

#[test]
fn a_damaged_database_is_told_and_left_alone() {
    for place in [100, 4096, 8192] {
        let (dir, database) = changed(|file| {
            let end = (place + 3000).min(file.len());
            file[place..end].fill(0xa5);
        });
        let (code, told) = refused(dir.path());
        assert_eq!((code, told.lines().count()), (Some(1), 1), "from {place} on: {told}");
        assert!(told.contains("damaged"), "from {place} on: {told}");
        assert!(bytes(dir.path()) == database, "from {place} on it was left alone");
    }
}

#[test]
fn a_database_that_was_cut_off_is_told() {
    let (dir, _) = changed(|file| file.truncate(file.len() / 2));
    let (code, told) = refused(dir.path());
    assert_eq!((code, told.lines().count()), (Some(1), 1), "{told}");
    assert!(told.contains("damaged"), "{told}");
}
