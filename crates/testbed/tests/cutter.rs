//! The cutter breaks a connection where it was told to, and the server shows what became of the work.

#![expect(clippy::unwrap_used, reason = "a test ends at the first failure")]

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use testbed::{Cut, Cutter, Direction, Memcached};

/// A client that sets `a`, and says whether it was told that it is stored.
fn set(stream: &mut TcpStream, value: &str) -> bool {
    let mut answer = [0; 8];
    let text = format!("set a 0 0 {}\r\n{value}\r\n", value.len());
    stream.write_all(text.as_bytes()).is_ok()
        && stream.read_exact(&mut answer).is_ok()
        && &answer == b"STORED\r\n"
}

/// What `a` is on the server itself.
fn stored(server: &Memcached) -> String {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.write_all(b"get a\r\nquit\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text.lines().nth(1).unwrap_or_default().to_owned()
}

fn client(cutter: &Cutter) -> TcpStream {
    TcpStream::connect(("127.0.0.1", cutter.port())).unwrap()
}

#[track_caller]
fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(30), "it never came about that {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn server() -> Memcached {
    Memcached::start(&testbed::Options::default())
}

#[test]
fn what_is_dropped_before_never_reaches_the_server() {
    let (server, value) = (server(), "one");
    let cutter = Cutter::before(server.port());
    cutter.cut_at_text(Direction::ToServer, "set a", Cut::DropBefore);
    assert!(!set(&mut client(&cutter), value));
    assert_eq!((stored(&server).as_str(), cutter.cuts()), ("", 1));
    assert!(set(&mut client(&cutter), value), "a cut happens once");
}

#[test]
fn what_is_dropped_after_reaches_the_server_though_the_client_is_not_told() {
    let server = server();
    let cutter = Cutter::before(server.port());
    cutter.cut_at(Direction::ToServer, 1, Cut::DropAfter);
    assert!(!set(&mut client(&cutter), "two"));
    wait_until("the server stored it", || stored(&server) == "two");
}

#[test]
fn a_lost_answer_is_lost_after_the_work_is_done() {
    let server = server();
    let cutter = Cutter::before(server.port());
    let mut client = client(&cutter);
    assert!(set(&mut client, "three"));
    cutter.cut_at(Direction::ToServer, 1, Cut::LoseAnswer);
    assert!(!set(&mut client, "four"));
    assert_eq!(stored(&server), "four");
}

#[test]
fn the_nth_answer_can_be_cut() {
    let server = server();
    let cutter = Cutter::before(server.port());
    cutter.cut_at(Direction::ToClient, 3, Cut::DropBefore);
    let mut client = client(&cutter);
    assert!(set(&mut client, "1") && set(&mut client, "2"));
    assert!(!set(&mut client, "3"));
    assert_eq!(stored(&server), "3");
}

#[test]
fn a_refusing_cutter_refuses_and_leaves_open_connections_alone() {
    let server = server();
    let mut cutter = Cutter::before(server.port());
    let mut open = client(&cutter);
    assert!(set(&mut open, "1"));
    cutter.refuse();
    let refused = TcpStream::connect(("127.0.0.1", cutter.port())).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    assert!(set(&mut open, "2"));
    cutter.pass();
    assert!(set(&mut client(&cutter), "3"));
}

#[test]
fn a_hanging_cutter_passes_nothing_until_it_passes_again() {
    let server = server();
    let mut cutter = Cutter::before(server.port());
    cutter.hang();
    let mut client = client(&cutter);
    client.write_all(b"version\r\n").unwrap();
    client.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let mut answer = [0; 8];
    assert!(client.read_exact(&mut answer).is_err());
    cutter.pass();
    client.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"VERSION ");
}

#[test]
fn all_connections_can_be_dropped_at_once() {
    let server = server();
    let cutter = Cutter::before(server.port());
    let mut clients = [client(&cutter), client(&cutter)];
    for client in &mut clients {
        assert!(set(client, "1"));
    }
    assert_eq!(cutter.connections(), 2);
    cutter.drop_all();
    for client in &mut clients {
        assert!(!set(client, "2"));
    }
    wait_until("none is open", || cutter.connections() == 0);
    assert!(set(&mut client(&cutter), "3"));
}
