//! What is large, many or slow costs bounded memory, and is answered.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use base::unit::{Bytes, Span};
use serde_json::{Value, json};

use crate::ask::{Answer, Ask};
use crate::house::Standing;
use crate::server::{Server, with_superuser, zeros};

const MIB: u64 = 1 << 20;
const RECORDS: &str = "/api/collections/hall/records";

/// A server with a collection in which guests may do everything.
fn served() -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().expect("a folder");
    with_superuser(dir.path());
    let server = Server::start(dir.path());
    let hall = json!({
        "name": "hall", "type": "base", "listRule": "", "viewRule": "", "createRule": "", "updateRule": "",
        "fields": [
            { "name": "title", "type": "text", "max": 1_000_000 }, { "name": "data", "type": "json", "maxSize": 20_000_000 },
            { "name": "file", "type": "file", "maxSize": 400 * MIB },
        ],
    });
    server.must("POST", "/api/collections", &hall);
    let hall = server.must("GET", "/api/collections/hall", &Value::Null);
    let mut fields = hall["fields"].clone();
    let up = json!({ "name": "up", "type": "relation", "collectionId": hall["id"], "maxSelect": 1 });
    fields.as_array_mut().expect("a list").push(up);
    server.must("PATCH", "/api/collections/hall", &json!({ "fields": fields }));
    (dir, server)
}

/// Does something and says by how many MiB the memory grew at the most.
fn growth(server: &Server, what: impl FnOnce()) -> u64 {
    let before = server.memory_kb_max();
    what();
    assert!(server.is_healthy());
    server.memory_kb_max().saturating_sub(before) / 1024
}

/// Uploads a file of zeros; the answer.
fn upload(server: &Server, bytes: u64, is_announced: bool) -> Option<Answer> {
    let begin = b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n";
    let end = b"\r\n--b--\r\n";
    let mut stream = TcpStream::connect(server.address).expect("a connection");
    let length = begin.len() as u64 + bytes + end.len() as u64;
    let how = match is_announced {
        true => format!("Content-Length: {length}"),
        false => "Transfer-Encoding: chunked".to_owned(),
    };
    let head = format!(
        "POST {RECORDS} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{how}\r\n\
         Content-Type: multipart/form-data; boundary=b\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("sent");
    let body = begin.chain(zeros(bytes)).chain(&end[..]);
    // whoever has heard enough hangs up
    let _ = send(&mut stream, body, is_announced);
    Answer::read(&mut stream)
}

fn send(stream: &mut TcpStream, mut body: impl Read, is_announced: bool) -> std::io::Result<()> {
    let mut piece = vec![0; MIB as usize];
    loop {
        let read = body.read(&mut piece)?;
        if !is_announced {
            write!(stream, "{read:x}\r\n")?;
        }
        stream.write_all(&piece[..read])?;
        if !is_announced {
            stream.write_all(b"\r\n")?;
        }
        if read == 0 {
            return Ok(());
        }
    }
}

#[test]
fn a_gigabyte_is_refused_at_the_limit_and_what_is_under_it_is_stored() {
    let (dir, server) = served();
    for is_announced in [true, false] {
        let grown = growth(&server, || {
            // an answer may be lost with the rest of the upload, when it comes before the end of it
            let status = upload(&server, 1024 * MIB, is_announced).map_or(413, |answer| answer.status);
            assert_eq!(status, 413);
        });
        assert!(grown < 64, "{grown} MiB for a gigabyte that was refused");
    }
    let grown = growth(&server, || {
        let answer = upload(&server, 300 * MIB, true).expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.text());
    });
    assert!(grown < 64, "{grown} MiB for a file that was stored");
    let kept = walk(dir.path());
    assert!((300 * MIB..302 * MIB).contains(&kept), "{kept} bytes are kept");
}

/// Bytes of all files in a folder.
fn walk(dir: &std::path::Path) -> u64 {
    let entries = std::fs::read_dir(dir).expect("a folder").flatten();
    entries
        .map(|e| if e.path().is_dir() { walk(&e.path()) } else { e.metadata().map_or(0, |m| m.len()) })
        .sum()
}

#[test]
fn large_json_costs_little_more_than_itself() {
    let (_dir, server) = served();
    let mib15 = 15 * MIB as usize;
    let bodies = [
        ("numbers", format!("{{\"data\":[{}0]}}", "0,".repeat(mib15 / 2))),
        ("lists", format!("{{\"data\":[{}[]]}}", "[],".repeat(mib15 / 3))),
        ("objects", format!("{{\"data\":[{}{{}}]}}", "{\"a\":0},".repeat(mib15 / 8))),
        (
            "keys",
            format!("{{{}\"z\":0}}", (0..mib15 / 12).map(|n| format!("\"{n:07}\":0,")).collect::<String>()),
        ),
        ("a text", format!("{{\"title\":\"{}\"}}", "a".repeat(mib15))),
        ("the same key", format!("{{{}\"z\":0}}", "\"a\":0,".repeat(mib15 / 6))),
    ];
    for (what, body) in bodies {
        for path in [RECORDS, "/api/batch", "/api/realtime"] {
            let grown = growth(&server, || {
                let answer = server.ask(&Ask::raw("POST", path, "application/json", body.clone()));
                assert!((400..500).contains(&answer.status), "{what}: {} {}", answer.status, answer.text());
            });
            assert!(grown < 128, "{grown} MiB for {what} at {path}");
        }
    }
    let form = (0..mib15 / 27).map(|n| format!("{n:07}=&{n:07}=&{n:07}=&")).collect::<String>();
    let grown = growth(&server, || {
        let answer = server.ask(&Ask::raw("POST", RECORDS, "application/x-www-form-urlencoded", form));
        assert_eq!(answer.status, 413, "{}", answer.text());
    });
    assert!(grown < 128, "{grown} MiB for a form of many names");
}

#[test]
fn what_refers_to_itself_does_not_grow_without_end_when_it_is_expanded() {
    let (_dir, server) = served();
    let root = server.must("POST", RECORDS, &json!({ "title": "root" }));
    for _ in 0..6 {
        let step = json!({ "method": "POST", "url": RECORDS, "body": { "title": "leaf", "up": root["id"] } });
        server.must("POST", "/api/batch", &json!({ "requests": vec![step; 50] }));
    }
    let around = ["hall_via_up.up"; 3].join(".");
    let grown = growth(&server, || {
        let answer = server.ask(&Ask::get(format!("{RECORDS}?perPage=500&expand={around}")));
        assert_eq!(answer.status, 400, "{} bytes", answer.body.len());
        assert!(answer.text().contains("expand"), "{}", answer.text());
    });
    assert!(grown < 200, "{grown} MiB");
    let once = server.ask(&Ask::get(format!("{RECORDS}?perPage=500&expand=up&fields=*,expand.up.title")));
    assert_eq!(once.status, 200, "{}", once.text());
}

#[test]
fn long_heads_are_refused() {
    let (_dir, server) = served();
    let heads = [
        format!("GET /api/health?filter={} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(MIB as usize)),
        format!("GET /api/health HTTP/1.1\r\nHost: x\r\n{}\r\n", "X-A: b\r\n".repeat(200)),
        format!("GET /api/health HTTP/1.1\r\nHost: x\r\n{}\r\n", "X-A: b\r\n".repeat(200_000)),
        format!("GET /api/health HTTP/1.1\r\nHost: x\r\nX-A: {}\r\n\r\n", "b".repeat(MIB as usize)),
        format!("GET /api/health HTTP/1.1\r\nHost: x\r\nCookie: {}\r\n\r\n", "b=c;".repeat(MIB as usize)),
    ];
    let grown = growth(&server, || {
        for head in heads.iter().flat_map(|head| [head; 10]) {
            let mut stream = TcpStream::connect(server.address).expect("a connection");
            let _ = stream.write_all(head.as_bytes());
            // the answer may be lost when the house hangs up in the middle
            let status = Answer::read(&mut stream).map_or(431, |answer| answer.status);
            assert!(matches!(status, 400 | 414 | 431), "{status}");
        }
    });
    assert!(grown < 32, "{grown} MiB for long heads");
}

#[test]
fn idle_connections_are_cheap_and_others_are_served_beside_them() {
    let (_dir, server) = served();
    let grown = growth(&server, || {
        let idle: Vec<TcpStream> = (0..2000).map_while(|_| TcpStream::connect(server.address).ok()).collect();
        assert!(idle.len() > 900, "{} connections: are there too few open files?", idle.len());
        for mut stream in &idle {
            stream.write_all(b"GET /api/heal").expect("half a request");
        }
        assert!(server.is_healthy());
    });
    assert!(grown < 64, "{grown} MiB for idle connections");
}

/// A house without patience.
fn hasty() -> Standing {
    let soon = Span(Duration::from_millis(300));
    Standing::with(|config| {
        config.web.body_grace = soon;
        config.web.body_pace_min = Bytes(10_000);
        config.web.head_time_max = soon;
    })
}

/// Sends a begin, then a byte now and then until it is answered.
fn trickled(house: &Standing, begin: &str) -> Option<Answer> {
    let mut stream = TcpStream::connect(house.address).expect("a connection");
    stream.write_all(begin.as_bytes()).expect("sent");
    stream.set_read_timeout(Some(Duration::from_millis(20))).expect("a time");
    let mut byte = [0];
    let begun = loop {
        match stream.peek(&mut byte) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                if stream.write_all(b"a").is_err() {
                    break false;
                }
            }
            Err(_) | Ok(0) => break false,
            Ok(_) => break true,
        }
    };
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time");
    begun.then(|| Answer::read(&mut stream)).flatten()
}

#[test]
fn what_trickles_in_is_broken_off() {
    let house = hasty();
    let path = "/api/collections/_superusers/auth-with-password";
    let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n");
    let body = trickled(&house, &format!("{head}Content-Type: application/json\r\n\r\n{{\"identity\":\""));
    assert_eq!(body.map(|answer| answer.status), Some(408), "a body");
    let form =
        trickled(&house, &format!("{head}Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"));
    assert_eq!(form.map(|answer| answer.status), Some(408), "a form");
    let head = trickled(&house, "GET /api/health HTTP/1.1\r\nX-A: ");
    assert!(head.is_none_or(|answer| answer.status == 408), "a head");
    assert_eq!(house.ask(&Ask::get("/api/health")).status, 200);
}
