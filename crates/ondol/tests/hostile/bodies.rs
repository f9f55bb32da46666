//! Bodies: records, accounts, forms, batches, tokens, subscriptions and collections that nobody well-meaning would send.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use serde_json::json;

use crate::ask::{Answer, Ask};
use crate::chance::Chance;
use crate::furniture::{Furnished, furnish};
use crate::house::{Standing, no_panic};
use crate::judge::{judge, judge_order};
use crate::seeds::{self, Seed};

const BOARDS: &str = "/api/collections/boards/records";
const MEMBERS: &str = "/api/collections/members";
/// Seeds of bodies that are broken by chance, and how many of each.
const CHANCES: [u64; 2] = [7, 20_261_122];
const BODIES: usize = 150;

fn furnished() -> Furnished {
    furnish(Standing::new(), "singt")
}

/// Asks as a guest and as somebody without any right; what they are answered is in order.
fn ask(house: &Furnished, asked: &Ask) {
    for token in ["", &house.mallory] {
        let asked = asked.clone().of(token);
        if let Some(answer) = asked.send(house.house.address) {
            judge(&asked, &answer);
        }
    }
}

/// The secrets are still what they were, and still secret.
fn is_whole(house: &Furnished) {
    let see = |path: &str| -> Answer { house.house.ask(&Ask::get(path).of(&house.house.root)) };
    let vault = see("/api/collections/vault/records?filter=text~'kanarienvogel'").value();
    let diaries = see("/api/collections/diaries/records?filter=owner='victim000000001'").value();
    let people = see("/api/collections/members/records?filter=nick='victim'").value();
    let superusers = see("/api/collections/_superusers/records").value();
    assert!(vault["totalItems"].as_u64() >= Some(1), "{vault}");
    assert!(diaries["totalItems"].as_u64() >= Some(1), "{diaries}");
    assert_eq!((&people["totalItems"], &people["items"][0]["emailVisibility"]), (&json!(1), &json!(false)));
    assert_eq!(superusers["totalItems"], 1, "{superusers}");
    no_panic(&"the end");
}

#[test]
fn no_saved_body_of_a_record_does_harm() {
    let house = furnished();
    for seed in seeds::read(include_str!("seeds/bodies.txt")) {
        for (method, path) in [
            ("POST", BOARDS.to_owned()),
            ("PATCH", format!("{BOARDS}/board0000000003?expand=vault,spy,owner.chest,diary")),
            ("POST", "/api/collections/diaries/records".to_owned()),
            ("PATCH", "/api/collections/vault/records/chest0000000001".to_owned()),
            ("POST", "/api/collections/vault/records".to_owned()),
        ] {
            ask(&house, &Ask::raw(method, path, "application/json", seed.bytes.clone()));
        }
    }
    is_whole(&house);
}

#[test]
fn no_saved_body_of_an_account_does_harm() {
    let house = furnished();
    for seed in seeds::read(include_str!("seeds/accounts.txt")) {
        for (method, path) in [
            ("POST", format!("{MEMBERS}/records")),
            ("PATCH", format!("{MEMBERS}/records/victim000000001")),
            ("POST", format!("{MEMBERS}/auth-with-password")),
            ("POST", "/api/collections/_superusers/auth-with-password".to_owned()),
            ("POST", "/api/collections/_superusers/records".to_owned()),
            ("POST", format!("{MEMBERS}/impersonate/victim000000001")),
            ("POST", format!("{MEMBERS}/auth-refresh")),
            ("POST", format!("{MEMBERS}/auth-with-oauth2")),
            ("POST", "/api/oauth2-redirect".to_owned()),
        ] {
            ask(&house, &Ask::raw(method, path, "application/json", seed.bytes.clone()));
        }
    }
    let members =
        house.house.must("GET", "/api/collections/members/records?filter=verified=true", &json!(null));
    assert_eq!(members["totalItems"], 0, "nobody verifies oneself: {members}");
    is_whole(&house);
}

#[test]
fn no_saved_form_does_harm() {
    let house = furnished();
    for Seed { bytes, name } in seeds::read(include_str!("seeds/forms.txt")) {
        for kind in
            ["multipart/form-data; boundary=b", "multipart/form-data", "multipart/form-data; boundary=\"\""]
        {
            ask(&house, &Ask::raw("POST", BOARDS, kind, bytes.clone()));
        }
        let kind = "multipart/form-data; boundary=b";
        ask(&house, &Ask::raw("POST", "/api/collections/vault/records", kind, bytes.clone()));
        ask(&house, &Ask::raw("POST", "/api/batch", kind, bytes.clone()));
        ask(&house, &Ask::raw("POST", format!("{MEMBERS}/auth-with-password"), kind, bytes));
        let outside: Vec<_> = std::fs::read_dir(house.house.folder()).expect("a folder").flatten().collect();
        assert_eq!(outside.len(), 1, "{name:?} left something beside the data: {outside:?}");
    }
    is_whole(&house);
}

#[test]
fn no_saved_batch_does_harm() {
    let house = furnished();
    for seed in seeds::read(include_str!("seeds/batches.txt")) {
        ask(&house, &Ask::raw("POST", "/api/batch", "application/json", seed.bytes));
    }
    let half = format!("{BOARDS}/batched00000001");
    assert_eq!(house.house.ask(&Ask::get(half)).status, 404, "a batch that failed left something");
    is_whole(&house);
}

#[test]
fn no_token_but_a_true_one_is_taken() {
    let house = furnished();
    let (root, mallory) = (house.house.root.clone(), house.mallory.clone());
    let file =
        house.house.must("POST", "/api/files/token", &json!({}))["token"].as_str().expect("one").to_owned();
    let part = |token: &str, n: usize| token.split('.').nth(n).expect("three parts").to_owned();
    let filled = |seed: &Seed| {
        let text = String::from_utf8_lossy(&seed.bytes).into_owned();
        let text = text.replace("MALLORYBODY", &part(&mallory, 1)).replace("MALLORYSIGN", &part(&mallory, 2));
        let text = text.replace("HEAD", &part(&root, 0)).replace("BODY", &part(&root, 1));
        text.replace("SIGN", &part(&root, 2)).replace("FILE", &file)
    };
    let mut tokens: Vec<String> = seeds::read(include_str!("seeds/tokens.txt")).iter().map(filled).collect();
    let mut chance = Chance::new(3);
    for _ in 0..100 {
        let mut bytes = root.clone().into_bytes();
        // the last letter holds bits that say nothing
        let place = chance.below(root.len() - 1);
        bytes[place] = *chance.pick(&[b"A", b"z", b".", b"-", b"_"]).first().expect("a letter");
        tokens.push(String::from_utf8(bytes).expect("ASCII"));
    }
    for token in tokens.iter().filter(|token| **token != root) {
        let asked = Ask::get("/api/collections/vault/records").of(token);
        if let Some(answer) = asked.send(house.house.address) {
            judge(&asked, &answer);
            assert!((400..500).contains(&answer.status), "{token} was taken: {}", answer.text());
        }
        let asked = Ask::get(format!("{}?token={}", house.scan, crate::ask::encoded(token)));
        if token != &file
            && let Some(answer) = asked.send(house.house.address)
        {
            judge(&asked, &answer);
            assert!((400..500).contains(&answer.status), "{token} was taken for a file");
        }
    }
    let asked = Ask::get("/api/collections/vault/records").of(&root);
    assert_eq!(house.house.ask(&asked).status, 200, "the true one is");
}

#[test]
fn no_saved_subscription_tells_a_secret() {
    let house = furnished();
    let mut stream = TcpStream::connect(house.house.address).expect("a connection");
    stream.write_all(b"GET /api/realtime HTTP/1.1\r\nHost: house\r\n\r\n").expect("asked");
    let mut lines = BufReader::new(stream).lines().map(|line| line.expect("a line"));
    let hello = lines.by_ref().find(|line| line.contains("clientId")).expect("a first event");
    let client = hello.split('"').nth(3).expect("an id").to_owned();
    for seed in seeds::read(include_str!("seeds/topics.txt")) {
        let body = seed.text().replace("CLIENT", &client);
        let asked = Ask::raw("POST", "/api/realtime", "application/json", body);
        judge(&asked, &house.house.ask(&asked));
    }
    // the last of them subscribes to the secrets; now all of them change, and a board at the end
    for (path, body) in [
        ("vault/records/chest0000000001", json!({ "n": 5 })),
        ("diaries/records/diary0000000001", json!({ "board": "" })),
        ("members/records/victim000000001", json!({ "nick": "victim" })),
        ("boards/records/board0000000001", json!({ "title": "changed" })),
        ("boards/records/board0000000002", json!({ "title": "the end" })),
    ] {
        house.house.must("PATCH", &format!("/api/collections/{path}"), &body);
    }
    let mut told = Vec::new();
    for line in lines {
        let is_end = line.contains("the end");
        told.push(line);
        if is_end {
            break;
        }
    }
    let told = told.join("\n");
    assert!(told.contains("changed"), "boards are told: {told}");
    for secret in [crate::furniture::CANARY, "diary0000000001\"", "\"text\"", "tokenKey", "\"note\""] {
        assert!(
            !told.contains(&format!("\"id\":\"{secret}")) && !told.contains(secret)
                || secret.starts_with("diary"),
            "{secret} in {told}"
        );
    }
    assert!(!told.contains("\"collectionName\":\"diaries\""), "{told}");
    assert!(!told.contains("\"collectionName\":\"vault\""), "{told}");
}

#[test]
fn no_saved_collection_does_harm() {
    let house = furnished();
    for seed in seeds::read(include_str!("seeds/collections.txt")) {
        let make = Ask::raw("POST", "/api/collections", "application/json", seed.bytes.clone());
        judge(&make, &house.house.ask(&make));
        let make = make.of(&house.house.root);
        let answer = house.house.ask(&make);
        judge_order(&make, &answer);
        let name = answer.value()["id"].as_str().map(str::to_owned);
        for path in name
            .iter()
            .flat_map(|id| [format!("/api/collections/{id}"), format!("/api/collections/{id}/records")])
        {
            let see = Ask::get(path).of(&house.house.root);
            judge_order(&see, &house.house.ask(&see));
        }
        let change = Ask::raw("PATCH", "/api/collections/boards", "application/json", seed.bytes.clone());
        judge_order(&change, &house.house.ask(&change));
        let many = [b"{\"collections\":[", seed.bytes.as_slice(), b"]}"].concat();
        let import =
            Ask::raw("PUT", "/api/collections/import", "application/json", many).of(&house.house.root);
        judge_order(&import, &house.house.ask(&import));
    }
    is_whole(&house);
}

#[test]
fn no_body_that_was_broken_by_chance_does_harm() {
    let house = furnished();
    let known =
        |text: &str| seeds::read(text).into_iter().filter(|seed| seed.bytes.len() < 2000).collect::<Vec<_>>();
    let targets = [
        (known(include_str!("seeds/bodies.txt")), "application/json", BOARDS.to_owned()),
        (
            known(include_str!("seeds/accounts.txt")),
            "application/json",
            format!("{MEMBERS}/auth-with-password"),
        ),
        (known(include_str!("seeds/forms.txt")), "multipart/form-data; boundary=b", BOARDS.to_owned()),
        (known(include_str!("seeds/batches.txt")), "application/json", "/api/batch".to_owned()),
        (known(include_str!("seeds/topics.txt")), "application/json", "/api/realtime".to_owned()),
    ];
    for seed in CHANCES {
        let mut chance = Chance::new(seed);
        for _ in 0..BODIES {
            let (known, kind, path) = &targets[chance.below(targets.len())];
            let text = known[chance.below(known.len())].text();
            let text = chance.broken(&text);
            ask(&house, &Ask::raw("POST", path.clone(), kind, text));
        }
        for seed in known(include_str!("seeds/collections.txt")) {
            let asked = Ask::raw("POST", "/api/collections", "application/json", chance.broken(&seed.text()));
            let asked = asked.of(&house.house.root);
            judge_order(&asked, &house.house.ask(&asked));
        }
    }
    is_whole(&house);
}
