//! The balancer and the web server are swapped for what lies on disk while people ask them without a pause: nobody is refused,
//! cut off, or left waiting on a connection that was closed under a request. What can't take over is put down.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use serde_json::{Value, json};

use crate::balancer::{signal, until};
use crate::http::{Client, sign_in};
use crate::server::House;
use crate::swapped::{self, Running};

/// People of each kind who ask at once.
const PEOPLE: usize = 6;
/// Answers between two swaps.
const ANSWERS: usize = 200;

fn nginx() -> testbed::Nginx {
    let block = "location / { return 200 \"warm\"; }\n\
                 location /slow { limit_rate 12k; root /etc/nginx; try_files /mime.types =404; }\n";
    testbed::Nginx::start(block)
}

fn balancer(backends: &[String], settings: &str) -> Running {
    Running::balancer(&format!("[balancer]\nbackends = {backends:?}\n{settings}"))
}

#[test]
fn two_swaps_of_the_balancer_under_load_lose_nothing() {
    let (one, other) = (nginx(), nginx());
    let mut running = balancer(&[one.address(), other.address()], "");
    let load = swapped::reading(&running.address, PEOPLE, "/x", Some("/slow"));
    load.go_on(ANSWERS);
    running.upgrade();
    load.go_on(ANSWERS);
    running.first_ends();
    let told = signal_swap(&running);
    load.go_on(ANSWERS);
    running.heir_ends(0);
    load.go_on(ANSWERS);
    let lost = load.end();
    assert!(lost.is_empty(), "{lost:?}\n{}", running.log());
    assert!(told.contains("swapped"), "{told}");
}

/// The same by the signal, as those of nginx do it.
fn signal_swap(running: &Running) -> String {
    let before = running.log().matches("swapped: ").count();
    signal("USR2", running.now());
    until("the signal is obeyed", || running.log().matches("swapped: ").count() > before);
    running.find_heir();
    running.log()
}

#[test]
fn what_cannot_take_over_is_put_down_and_the_old_one_goes_on() {
    let one = nginx();
    let mut running = balancer(&[one.address()], "[web]\nhandover_time_max = \"2 s\"\n");
    let goes_on = |running: &Running, told: &str, words: &str| {
        assert!(told.contains(words) && told.contains("goes on as before"), "{told}");
        let mut client = TcpStream::connect(&running.address).expect("somebody listens");
        client.write_all(b"GET / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n").expect("it hears");
        let mut answer = String::new();
        client.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("warm"), "{answer}");
    };
    assert!(running.words(&["upgrade", "--check"], 0).contains("could take over"));

    running.put("#!/bin/sh\nexit 7\n");
    goes_on(&running, &running.words(&["upgrade"], 1), "ended before it was ready (exit status: 7)");
    running.put("#!/bin/sh\nexec sleep 600\n");
    goes_on(&running, &running.words(&["upgrade"], 1), "not ready within 2 s (`handover_time_max`)");
    running.put("#!/bin/sh\necho warm >&0\nexec sleep 600\n");
    goes_on(&running, &running.words(&["upgrade", "--check"], 1), "speaks another language");
    running.put_back();

    let (file, text) = (running.folder().join("ondol.toml"), running.text());
    std::fs::write(&file, text.replace("handover_time_max", "handover_tme_max")).expect("a file");
    let child = running.now();
    signal("USR2", child);
    until("the signal is obeyed", || {
        running.log().contains("the swap failed") && running.log().contains("handover_tme_max")
    });
    assert_eq!(running.now(), child);
    std::fs::write(&file, text).expect("a file");
    running.upgrade();
    assert_ne!(running.now(), child);
}

#[test]
fn a_websocket_goes_on_after_a_swap_and_ends_with_the_next_one() {
    let echo = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = echo.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        for stream in echo.incoming().flatten() {
            std::thread::spawn(move || serve_echo(stream));
        }
    });
    let mut running = balancer(&[address], "");
    let mut socket = TcpStream::connect(&running.address).expect("a connection");
    let ask = "GET / HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
               Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: d2FybSBmbG9vciB3YXJtIQ==\r\n\r\n";
    socket.write_all(ask.as_bytes()).expect("it hears");
    let head = head(&mut socket);
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    let mut echoes = || {
        socket.write_all(b"warm").expect("it hears");
        let mut answer = [0; 4];
        socket.read_exact(&mut answer).expect("it answers");
        assert_eq!(&answer, b"warm");
    };
    echoes();
    let mut idle = TcpStream::connect(&running.address).expect("a connection");
    idle.write_all(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n").expect("it hears");
    running.upgrade();
    echoes();
    let mut answer = String::new();
    idle.read_to_string(&mut answer).expect("its answer, and the end of its time");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    echoes();
    running.upgrade();
    running.first_ends();
    let mut rest = Vec::new();
    // closed well or cut: it has ended
    let _ = socket.read_to_end(&mut rest);
}

/// Agrees to a websocket and sends back what comes; answers probes.
fn serve_echo(mut stream: TcpStream) {
    loop {
        let asked = head(&mut stream);
        if asked.is_empty() {
            return;
        }
        if !asked.to_ascii_lowercase().contains("upgrade: websocket") {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            continue;
        }
        let _ = stream.write_all(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        );
        let mut buffer = [0; 64];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            if stream.write_all(&buffer[..count]).is_err() {
                return;
            }
        }
        return;
    }
}

fn head(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
        head.push(byte[0]);
    }
    String::from_utf8(head).expect("ASCII")
}

#[test]
fn a_web_server_on_sqlite_is_swapped_under_writes_and_none_is_lost() {
    let house = House::new();
    swap_under_writes(&house);
    let gaps = house.sqlite("SELECT max(seq) - min(seq) + 1 - count(*) FROM change");
    assert_eq!(gaps, [["0"]], "the change log has no holes");
}

#[test]
fn a_web_server_on_postgres_is_swapped_under_writes_and_none_is_lost() {
    swap_under_writes(&House::on("postgres", testbed::postgres().database()));
}

fn swap_under_writes(house: &House) {
    let mut running = Running::web_server(house);
    let token = sign_in(&running.address);
    let mut client = Client::new(&running.address, &token).expect("a connection");
    let fields = json!([{ "name": "title", "type": "text" }]);
    let named = |name: &str| json!({ "name": name, "type": "base", "listRule": "", "fields": fields });
    let (status, told) = client.ask("POST", "/api/collections", &named("posts")).expect("an answer");
    assert_eq!(status, 200, "{told}");
    let (load, records) =
        (swapped::reading(&running.address, 2, "/api/health", None), "/api/collections/posts/records");
    let writes = swapped::writing(&running.address, PEOPLE, records, &token);
    writes.go_on(ANSWERS / 2);
    running.upgrade();
    // asked of the new process, on a new connection; the old one answers on the connection that it has, and knows of it
    let mut new = Client::new(&running.address, &token).expect("a connection");
    let (status, told) = new.ask("POST", "/api/collections", &named("later")).expect("an answer");
    assert_eq!(status, 200, "{told}");
    if let Ok((status, told)) = client.ask("GET", "/api/collections/later/records", &Value::Null) {
        assert_eq!(status, 200, "{told}\n{}", running.log());
    }
    writes.go_on(ANSWERS / 2);
    running.first_ends();
    writes.go_on(ANSWERS / 2);
    running.upgrade();
    writes.go_on(ANSWERS / 2);
    running.heir_ends(0);
    load.go_on(10);
    let written = writes.well();
    let lost: Vec<String> = writes.end().into_iter().chain(load.end()).collect();
    assert!(lost.is_empty(), "{lost:?}\n{}", running.log());
    let mut last = Client::new(&running.address, &token).expect("a connection");
    let (_, told) = last.ask("GET", &format!("{records}?perPage=1"), &Value::Null).expect("an answer");
    let there = usize::try_from(told["totalItems"].as_u64().expect("a number")).expect("it fits");
    assert!((written..=written + PEOPLE).contains(&there), "{there} records, {written} answered");
}
