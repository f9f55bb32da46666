//! Hostile guests: whatever they send is answered in order, shows no secret and no database, and costs little memory.
//!
//! What is sent comes from seeds; a seed that ever failed stays in its list.

use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::TcpStream;

use serde_json::json;

use crate::fuzz::{encoded, expression, json, pick, word};
use crate::http::{Client, sign_in};
use crate::server::{House, Server};
use crate::writer::Chance;

/// What no guest may ever be sent.
const SECRET: &str = "seventeenhiddenwarmstones";
/// Words that only a database says.
const DATABASE_WORDS: [&str; 6] =
    ["sqlite", "syntax error", "no such column", "constraint failed", "SELECT ", "panicked"];
const SEEDS: [u64; 4] = [1, 2, 3, 20_261_122];
const REQUESTS_PER_SEED: usize = 250;

#[test]
fn fuzzed_questions_show_no_secret_and_no_database() {
    asked_by_guests("fuzzed questions", |chance| {
        let mut query = format!("filter={}", encoded(&expression(chance)));
        for name in ["sort", "expand", "fields"] {
            if chance.below(3) == 0 {
                let many = chance.below(4) + 1;
                let words: Vec<String> = (0..many).map(|_| word(chance)).collect();
                let _ = write!(query, "&{name}={}", encoded(&words.join(",")));
            }
        }
        let collection =
            pick(chance, &["hall", "hall", "hall", "hall", "hall", "vault", "users", "_superusers"]);
        Question {
            method: "GET",
            path: format!("/api/collections/{collection}/records?{query}"),
            ..Question::default()
        }
    });
}

#[test]
fn fuzzed_bodies_show_no_secret_and_no_database() {
    asked_by_guests("fuzzed bodies", |chance| {
        let body = json(chance, 0);
        let path = match chance.below(5) {
            0 => "/api/collections/users/auth-with-password",
            1 => "/api/batch",
            2 => "/api/realtime",
            _ => "/api/collections/hall/records",
        };
        let cut = chance.below(8) == 0;
        let length = if cut { body.len() / 2 } else { body.len() };
        Question {
            method: "POST",
            path: path.to_owned(),
            body: body.as_bytes()[..length].to_vec(),
            ..Question::default()
        }
    });
}

#[test]
fn fuzzed_forms_show_no_secret_and_no_database() {
    asked_by_guests("fuzzed forms", |chance| {
        let mut body = Vec::new();
        for _ in 0..chance.below(6) {
            let name = pick(
                chance,
                &["title", "data", "picture", "picture+", "@jsonPayload", "tags", "visible", "\"", "gone"],
            );
            let file = pick(
                chance,
                &["", "; filename=\"a.png\"", "; filename=\"../../x\"", "; filename=\"\"", "; filename*=x'"],
            );
            let end =
                pick(chance, &["\r\n\r\n", "\r\n\r\n", "\r\nContent-Type: image/png\r\n\r\n", "\n\n", ""]);
            let start = pick(chance, &["--b\r\n", "--b\r\n", "--b\r\n", "--c\r\n", "--b"]);
            let content = json(chance, 2);
            let part =
                format!("{start}Content-Disposition: form-data; name=\"{name}\"{file}{end}{content}\r\n");
            body.extend_from_slice(part.as_bytes());
        }
        body.extend_from_slice(pick(chance, &["--b--\r\n", "--b--\r\n", "--b", ""]).as_bytes());
        let kind = pick(
            chance,
            &["multipart/form-data; boundary=b", "multipart/form-data; boundary=b", "multipart/form-data"],
        );
        Question { method: "POST", path: "/api/collections/hall/records".to_owned(), kind, body }
    });
}

#[test]
fn a_guests_filter_cannot_feel_its_way_to_what_is_hidden() {
    let (_house, server) = furnished();
    let mut client = Client::new(&server.address, "").expect("a connection");
    let roads = [
        "title",
        "secret",
        "owner.name",
        "owner.password",
        "owner.tokenKey",
        "owner.email",
        "owner.hall_via_owner.title",
        "owner.hall_via_owner.secret",
        "hall_via_owner.title",
        "@collection.vault.text",
        "@collection.hall.title",
        "@collection.users.name",
        "@request.auth.name",
    ];
    for road in roads {
        for sign in ["~", "?~", "=", "?="] {
            for part in ["seventeen%", SECRET] {
                let path = format!(
                    "/api/collections/hall/records?filter={}",
                    encoded(&format!("{road} {sign} '{part}'"))
                );
                let (status, told) = client.ask("GET", &path, &serde_json::Value::Null).expect("an answer");
                let is_nothing = told["totalItems"] == 0 && status == 200;
                assert!(
                    is_nothing || status == 400 || status == 403,
                    "{road} {sign} '{part}': {status} {told}"
                );
            }
        }
    }
}

#[test]
fn a_token_that_was_tampered_with_opens_nothing() {
    let (house, server) = furnished();
    let token = sign_in(&server.address);
    let parts: Vec<&str> = token.split('.').collect();
    for seed in SEEDS {
        let mut chance = Chance::new(seed);
        for _ in 0..REQUESTS_PER_SEED {
            let mut bytes = token.clone().into_bytes();
            match chance.below(5) {
                // the last letter of a signature holds bits that say nothing, so it is left alone
                0 => bytes[chance.below(token.len() as u64 - 1) as usize] ^= 1 << chance.below(5),
                1 => bytes.truncate(chance.below(token.len() as u64) as usize),
                2 => bytes = [parts[0], parts[1], ""].join(".").into_bytes(),
                3 => bytes = format!("eyJhbGciOiJub25lIn0.{}.", parts[1]).into_bytes(),
                _ => bytes.extend_from_slice(b".e30"),
            }
            let forged: String =
                bytes.iter().map(|b| if b.is_ascii_graphic() { char::from(*b) } else { 'x' }).collect();
            if forged == token {
                continue;
            }
            let mut client = Client::new(&server.address, &forged).expect("a connection");
            let (status, told) =
                client.send("GET", "/api/collections/vault/records", "", b"").expect("an answer");
            let told = String::from_utf8_lossy(&told);
            assert!((400..500).contains(&status), "seed {seed}: {forged} answered {status}: {told}");
            assert!(!told.contains(SECRET), "seed {seed}: {forged} opened the vault");
        }
    }
    assert!(!house.log().contains("panicked"), "{}", house.log());
}

#[test]
fn a_gigabyte_of_upload_costs_little_memory() {
    let (_house, server) = furnished();
    let before = server.memory_kb_max();
    let mut stream = TcpStream::connect(&server.address).expect("a connection");
    let head = "POST /api/collections/hall/records HTTP/1.1\r\nHost: house\r\nTransfer-Encoding: chunked\r\n\
                Content-Type: multipart/form-data; boundary=b\r\n\r\n";
    let part = "--b\r\nContent-Disposition: form-data; name=\"picture\"; filename=\"a.png\"\r\n\r\n";
    let megabyte = [b"100000\r\n".as_slice(), &vec![b'x'; 1 << 20], b"\r\n"].concat();
    let mut sent = stream.write_all(format!("{head}{:x}\r\n{part}\r\n", part.len()).as_bytes());
    // the server may answer and hang up long before the end
    for _ in 0..1024 {
        sent = sent.and_then(|()| stream.write_all(&megabyte));
    }
    let mut answer = String::new();
    let _ = sent.and_then(|()| stream.write_all(b"0\r\n\r\n"));
    let _ = stream.read_to_string(&mut answer);
    assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
    let more = server.memory_kb_max().saturating_sub(before);
    assert!(more < 64 << 10, "{more} kB of memory for one upload");
    assert!(server.is_healthy());
}

#[test]
fn long_and_deep_questions_cost_little_memory() {
    let (house, server) = furnished();
    let before = server.memory_kb_max();
    let filter = |text: &str| format!("/api/collections/hall/records?filter={}", encoded(text));
    let deep = "(".repeat(3000) + "title = 'a'" + &")".repeat(3000);
    let wide = vec!["title = 'a'"; 250].join(" || ");
    let joins = vec!["@collection.hall.title ?= title"; 60].join(" && ");
    let questions = [
        filter(&"title = 'a' && ".repeat(70_000)),
        filter(&format!("title = '{}'", "a".repeat(1 << 20))),
        filter(&deep),
        filter(&wide),
        filter(&joins),
        format!("/api/collections/hall/records?sort={}", "title,".repeat(2000)),
        format!("/api/collections/hall/records?expand={}", "owner.hall_via_owner.".repeat(200) + "owner"),
        format!("/api/collections/hall/records?fields={}", "title:excerpt(99999999),".repeat(500)),
        format!("/api/{}", "a/".repeat(3000)),
    ];
    for path in questions {
        // what is far too long may be cut off without an answer
        let answer = Client::new(&server.address, "").expect("a connection").send("GET", &path, "", b"");
        let status = answer.map_or(431, |(status, _)| status);
        assert!(status < 500, "{status}: {} bytes beginning {}", path.len(), &path[..path.len().min(200)]);
    }
    let body = format!("{{\"data\": {}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let mut client = Client::new(&server.address, "").expect("a connection");
    let (status, _) = client
        .send("POST", "/api/collections/hall/records", "application/json", body.as_bytes())
        .expect("an answer");
    assert_eq!(status, 400);
    let more = server.memory_kb_max().saturating_sub(before);
    assert!(more < 64 << 10, "{more} kB of memory for questions");
    assert!(server.is_healthy());
    assert!(!house.log().contains("panicked"), "{}", house.log());
}

/// One request of a guest.
#[derive(Debug)]
struct Question {
    method: &'static str,
    path: String,
    kind: &'static str,
    body: Vec<u8>,
}

impl Default for Question {
    fn default() -> Question {
        Question { method: "GET", path: String::new(), kind: "application/json", body: Vec::new() }
    }
}

/// Asks what `question` makes of each seed.
fn asked_by_guests(what: &str, question: impl Fn(&mut Chance) -> Question) {
    let (house, server) = furnished();
    let mut well = 0;
    for seed in SEEDS {
        let mut chance = Chance::new(seed);
        for _ in 0..REQUESTS_PER_SEED {
            let asked = question(&mut chance);
            let mut client = Client::new(&server.address, "").expect("a connection");
            let answer = client.send(asked.method, &asked.path, asked.kind, &asked.body);
            let (status, told) =
                answer.unwrap_or_else(|error| panic!("{what}, seed {seed}: {error}: {asked:?}"));
            let told = String::from_utf8_lossy(&told);
            assert!(status < 500, "{what}, seed {seed}: {status} {told}: {asked:?}");
            well += usize::from(status < 300);
            assert!(!told.contains(SECRET), "{what}, seed {seed}: the secret in {told}: {asked:?}");
            for word in DATABASE_WORDS {
                assert!(!told.contains(word), "{what}, seed {seed}: {word:?} in {told}: {asked:?}");
            }
        }
    }
    assert!(
        well > REQUESTS_PER_SEED / 10,
        "only {well} were answered well: what is asked is too wild to reach far"
    );
    assert!(server.is_healthy());
    assert!(!house.log().contains("panicked"), "{what}: {}", house.log());
}

/// A house with a hall that guests may see a part of, and a vault that they may not.
fn furnished() -> (House, Server) {
    let house = House::new();
    let server = house.start();
    let mut root = Client::new(&server.address, &sign_in(&server.address)).expect("a connection");
    let mut make = |path: &str, sent: serde_json::Value| {
        let (status, told) = root.ask("POST", path, &sent).expect("an answer");
        assert_eq!(status, 200, "{told}");
        told
    };
    let user =
        json!({"email": "a@example.com", "password": SECRET, "passwordConfirm": SECRET, "name": SECRET});
    let owner = make("/api/collections/users/records", user)["id"].clone();
    let hall = json!({
        "name": "hall", "type": "base", "listRule": "visible = true", "viewRule": "visible = true", "createRule": "visible = false",
        "fields": [
            {"name": "title", "type": "text"}, {"name": "visible", "type": "bool"},
            {"name": "secret", "type": "text", "hidden": true}, {"name": "data", "type": "json"},
            {"name": "tags", "type": "select", "values": ["a", "b"], "maxSelect": 2},
            {"name": "owner", "type": "relation", "collectionId": "_pb_users_auth_", "maxSelect": 1},
            {"name": "picture", "type": "file", "maxSelect": 2, "maxSize": 5_000_000},
            {"name": "created", "type": "autodate", "onCreate": true},
        ],
    });
    make("/api/collections", hall);
    make(
        "/api/collections",
        json!({"name": "vault", "type": "base", "fields": [{"name": "text", "type": "text"}]}),
    );
    make("/api/collections/vault/records", json!({"text": SECRET}));
    for (title, is_visible) in [("open", true), (SECRET, false)] {
        let sent = json!({"title": title, "visible": is_visible, "secret": SECRET, "owner": owner, "tags": ["a"], "data": {"a": [{"b": 1}]}});
        make("/api/collections/hall/records", sent);
    }
    (house, server)
}
