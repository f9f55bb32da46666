//! A service whose records a server keeps: checked, worked on and looked at through the service file.

use std::fs;
use std::path::Path;

use tempfile::{TempDir, tempdir};
use testbed::Database;

use crate::running::{Served, run, run_with};

/// A database of each kind of server, with the word for it and what it is called in sentences.
fn databases() -> [(Database, &'static str, &'static str); 2] {
    [
        (testbed::postgres().database(), "postgres", "PostgreSQL"),
        (testbed::mariadb().database(), "mariadb", "MariaDB"),
    ]
}

/// A folder with a service file that names a database, and its secret in a file of its own.
pub(crate) fn folder(database: &Database, engine: &str, port: Option<u16>) -> TempDir {
    let dir = tempdir().expect("a folder");
    let url = database.url();
    let place = url.rsplit_once('@').expect("a user").1;
    let (address, name) = place.split_once('/').expect("a name");
    let address = port.map_or(address.to_owned(), |port| format!("127.0.0.1:{port}"));
    let text = format!(
        "[database]\nengine = \"{engine}\"\naddress = \"{address}\"\nname = \"{name}\"\nsecret = {{ file = \"db.secret\" }}\n"
    );
    fs::write(dir.path().join("ondol.toml"), text).expect("a file");
    fs::write(dir.path().join("db.secret"), testbed::PASSWORD).expect("a file");
    dir
}

/// Adds a line above all tables of a service file.
fn add(dir: &Path, line: &str) {
    let file = dir.join("ondol.toml");
    let text = fs::read_to_string(&file).expect("a file");
    fs::write(file, format!("{line}\n{text}")).expect("a file");
}

/// A port where nothing listens: it was free a moment ago.
fn silent_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

#[test]
fn check_says_what_keeps_the_records_and_that_it_is_fit() {
    for (database, engine, called) in databases() {
        let dir = folder(&database, engine, None);
        let (code, stdout, stderr) = run(dir.path(), &["check"]);
        assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
        assert!(stdout.contains(&format!("web servers in front of {called} at 127.0.0.1:")), "{stdout}");
        assert!(stdout.contains("fit, empty: the tables are made at the first start"), "{stdout}");
    }
}

#[test]
fn check_says_what_to_do_about_a_server_that_is_not_there_or_refuses() {
    for (database, engine, _) in databases() {
        let dir = folder(&database, engine, Some(silent_port()));
        let (code, stdout, stderr) = run(dir.path(), &["check"]);
        assert_eq!((code, stderr.lines().count()), (3, 1), "{stdout}{stderr}");
        assert!(stderr.contains("see [database] in the service file"), "{stderr}");

        let dir = folder(&database, engine, None);
        fs::write(dir.path().join("db.secret"), "wrong").expect("a file");
        let (code, _, stderr) = run(dir.path(), &["check"]);
        assert_eq!(code, 3);
        assert!(stderr.contains("password") && !stderr.contains("wrong"), "{stderr}");
    }
}

#[test]
fn records_on_a_server_are_imported_exported_and_told_of() {
    for (database, engine, called) in databases() {
        let dir = folder(&database, engine, None);
        let (code, _, stderr) = run(dir.path(), &["status"]);
        assert_eq!(code, 1);
        assert!(stderr.contains("holds nothing yet"), "{stderr}");

        let superuser = ["superuser", "upsert", "me@example.com", "--password-file", "-"];
        assert_eq!(run_with(dir.path(), &superuser, "warm floor\n").0, 0);
        let rows = "{\"id\":\"aaaaaaaaaaaaaa1\",\"title\":\"온돌\"}\n{\"id\":\"aaaaaaaaaaaaaa2\",\"title\":\"마루\"}\n";
        fs::write(dir.path().join("rows.jsonl"), rows).expect("a file");
        let (code, _, stderr) = run(dir.path(), &["import", "rows.jsonl", "--into", "rooms"]);
        assert_eq!(code, 0, "{stderr}");
        let (code, stdout, stderr) = run(dir.path(), &["export", "rooms"]);
        assert_eq!(code, 0, "{stderr}");
        assert!(stdout.contains("온돌") && stdout.lines().count() == 2, "{stdout}");

        let served = Served::start(dir.path());
        add(dir.path(), &format!("service = \"popong.com\"\nlisten = \"{}\"", served.address));
        let (code, stdout, stderr) = run(dir.path(), &["status"]);
        assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
        assert!(stdout.starts_with("popong.com is well: it answers, and keeps about "), "{stdout}");
        assert!(
            stdout.contains(&format!("database     {called} ")) && stdout.contains("rooms 2"),
            "{stdout}"
        );
    }
}

#[test]
fn status_is_degraded_when_nobody_answers() {
    let dir = tempdir().expect("a folder");
    let (code, _, stderr) = run(dir.path(), &["status"]);
    assert_eq!(code, 1);
    assert!(stderr.starts_with("ondol: there is no data in data;"), "{stderr}");

    let served = Served::start(dir.path());
    fs::write(dir.path().join("ondol.toml"), format!("listen = \"{}\"\n", served.address)).expect("a file");
    let (code, stdout, _) = run(dir.path(), &["status"]);
    assert_eq!(code, 0, "{stdout}");
    assert!(stdout.starts_with("The service is well"), "{stdout}");
    served.signal("TERM");
    assert_eq!(served.end().0, 0);

    let (code, stdout, stderr) = run(dir.path(), &["status", "--json"]);
    assert_eq!((code, stderr.as_str()), (3, ""), "{stdout}");
    let told: serde_json::Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!((&told["state"], &told["web"]["answers"]), (&"degraded".into(), &false.into()), "{told}");
    assert!(told["sentence"].as_str().is_some_and(|s| s.contains("nothing listens there")), "{told}");
}
