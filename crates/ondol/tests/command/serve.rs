//! `ondol serve`: ready, in the way of others, and its end.

use std::io::{Read, Write};
use std::net::TcpStream;

use tempfile::tempdir;

use crate::running::{Served, answer, run};

#[test]
fn the_first_line_says_where_it_serves_and_then_it_answers() {
    let dir = tempdir().expect("a folder");
    let mut served = Served::start(dir.path());
    let (status, body) = served.ask("GET", "/api/health", "", "");
    assert_eq!(status, 200, "{body}");
    assert_eq!(served.ask("GET", "/api/none", "", "").0, 404);
    assert_eq!(served.line(), format!("  console          http://{}/_/\n", served.address));
}

#[test]
fn a_taken_port_is_named_and_nothing_is_made() {
    let (dir, other) = (tempdir().expect("a folder"), tempdir().expect("a folder"));
    let served = Served::start(dir.path());
    let (code, _, stderr) = run(other.path(), &["serve", "--listen", &served.address]);
    assert_eq!(code, 1);
    assert_eq!(
        stderr,
        format!(
            "ondol: {} is taken by ondol (process {}); stop it, or choose another address: `listen` in the service file, or \
             `ondol serve --listen HOST:PORT`\n",
            served.address,
            served.id()
        )
    );
    assert!(!other.path().join("data").exists());
}

#[test]
fn a_folder_that_is_served_is_not_served_twice() {
    let dir = tempdir().expect("a folder");
    let _served = Served::start(dir.path());
    let (code, _, stderr) = run(dir.path(), &["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(code, 1);
    assert!(stderr.starts_with("ondol: another process is using data"), "{stderr}");
}

#[test]
fn a_file_that_is_no_database_is_told_and_left_alone() {
    let dir = tempdir().expect("a folder");
    std::fs::create_dir(dir.path().join("data")).expect("a folder");
    let file = dir.path().join("data/data.db");
    let text = "this is a letter and no database ".repeat(100);
    std::fs::write(&file, &text).expect("a file");
    let (code, _, stderr) = run(dir.path(), &["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(code, 1);
    assert!(stderr.starts_with("ondol: data/data.db is damaged or is not an Ondol database;"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert_eq!(std::fs::read_to_string(&file).expect("still there"), text);
}

#[test]
fn a_database_of_a_newer_version_is_told_and_left_alone() {
    let dir = tempdir().expect("a folder");
    let served = Served::start(dir.path());
    served.signal("TERM");
    assert_eq!(served.end().0, 0);
    let file = dir.path().join("data/data.db");
    let mut bytes = std::fs::read(&file).expect("there");
    // the format's number, PRAGMA user_version: 4 bytes at 60 of the header (sqlite.org/fileformat2.html, 1.3)
    bytes[60..64].copy_from_slice(&9999_u32.to_be_bytes());
    std::fs::write(&file, &bytes).expect("written");
    let (code, _, stderr) = run(dir.path(), &["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!((code, stderr.lines().count()), (1, 1), "{stderr}");
    assert!(stderr.contains("newer version of Ondol (format 9999"), "{stderr}");
    assert_eq!(std::fs::read(&file).expect("still there"), bytes);
}

#[test]
fn a_folder_that_is_a_file_is_told() {
    let dir = tempdir().expect("a folder");
    std::fs::write(dir.path().join("data"), "").expect("a file");
    let (code, _, stderr) = run(dir.path(), &["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!((code, stderr.lines().count()), (1, 1), "{stderr}");
    assert!(stderr.starts_with("ondol: ") && stderr.contains("data"), "{stderr}");
}

/// A request of which the server has begun to read the body: it is in flight.
fn request_in_flight(served: &Served) -> TcpStream {
    let mut stream = served.connect();
    let path = "/api/collections/users/auth-with-password";
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\
         Expect: 100-continue\r\nConnection: close\r\n\r\n"
    )
    .expect("sent");
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).expect("told to go on");
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

#[test]
fn a_stop_lets_the_request_in_flight_end() {
    let dir = tempdir().expect("a folder");
    let served = Served::start(dir.path());
    let mut stream = request_in_flight(&served);
    served.signal("TERM");
    write!(stream, "{{}}").expect("sent");
    let (status, body) = answer(stream);
    assert_eq!(status, 400, "{body}");
    let (code, stderr) = served.end();
    assert_eq!(code, 0, "{stderr}");
}

#[test]
fn a_second_signal_does_not_wait() {
    let dir = tempdir().expect("a folder");
    let served = Served::start(dir.path());
    let _stream = request_in_flight(&served);
    served.signal("TERM");
    served.signal("INT");
    let (code, stderr) = served.end();
    assert_eq!(code, 3, "{stderr}");
    assert!(
        stderr.ends_with("ondol: stopped at once by a second signal; requests in flight were cut off\n"),
        "{stderr}"
    );
}

#[test]
fn a_folder_that_was_served_is_served_again() {
    let dir = tempdir().expect("a folder");
    for _ in 0..2 {
        let served = Served::start(dir.path());
        served.signal("TERM");
        assert_eq!(served.end().0, 0);
    }
}

#[test]
fn own_pages_stand_beside_the_api_and_the_console() {
    let dir = tempdir().expect("a folder");
    let served = Served::start(dir.path());
    assert_eq!(served.ask("GET", "/", "", "").0, 303, "without a page, to the console");
    std::fs::create_dir(dir.path().join("public")).expect("a folder");
    std::fs::write(dir.path().join("public/index.html"), "<h1>온돌</h1>").expect("a page");
    let (status, body) = served.ask("GET", "/", "", "");
    assert_eq!((status, body.as_str()), (200, "<h1>온돌</h1>"));
    assert_eq!(served.ask("GET", "/_/first-run", "", "").0, 403, "without the key");
    assert_eq!(served.ask("GET", "/api/collections/users/records", "", "").0, 200);
}
