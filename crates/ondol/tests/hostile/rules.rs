//! Locks: what stays shut however one knocks.

use serde_json::{Value, json};

use crate::ask::Ask;
use crate::furniture::{CANARY, furnish};
use crate::house::Standing;
use crate::judge::judge;

#[test]
fn a_protected_file_is_for_those_who_may_see_its_record() {
    let house = furnish(Standing::new(), "singt");
    let token = |of: &str| -> String {
        let asked = Ask::json("POST", "/api/files/token", &json!({})).of(of);
        house.house.ask(&asked).value()["token"].as_str().expect("a token").to_owned()
    };
    let strangers = [String::new(), token(&house.mallory), house.mallory.clone(), house.victim.clone()];
    for token in &strangers {
        for more in ["", "&thumb=100x100", "&download=1"] {
            for authorization in ["", &house.mallory, &house.victim, &house.house.root] {
                let asked = Ask::get(format!("{}?token={token}{more}", house.scan)).of(authorization);
                let answer = house.house.ask(&asked);
                judge(&asked, &answer);
                assert_eq!(answer.status, 404, "{}", answer.text());
            }
        }
    }
    let mine = house.house.ask(&Ask::get(format!("{}?token={}", house.scan, token(&house.victim))));
    assert_eq!((mine.status, mine.text().contains(CANARY)), (200, true));
}

#[test]
fn what_is_written_without_a_right_changes_nothing_and_tells_nothing() {
    let house = furnish(Standing::new(), "singt");
    let diary = "/api/collections/diaries/records/diary0000000001";
    for token in ["", &house.mallory] {
        for asked in [
            Ask::json("PATCH", diary, &json!({ "owner": "mallory00000001" })),
            Ask::json(
                "PATCH",
                diary,
                &json!({ "text": "x", "owner": "mallory00000001", "id": "diary0000000002" }),
            ),
            Ask::json("DELETE", diary, &json!({})),
            Ask::json("PATCH", "/api/collections/members/records/victim000000001", &json!({ "nick": "x" })),
            Ask::json("DELETE", "/api/collections/members/records/victim000000001", &json!({})),
            Ask::json("DELETE", "/api/collections/boards/records/board0000000001", &json!({})),
            Ask::json("PATCH", "/api/collections/boards/records/board0000000001", &json!({ "title": "x" })),
            Ask::json("DELETE", "/api/collections/vault/truncate", &json!({})),
            Ask::json("DELETE", "/api/collections/vault", &json!({})),
            Ask::json("PATCH", "/api/collections/vault", &json!({ "listRule": "" })),
            Ask::json("PUT", "/api/collections/import", &json!({ "collections": [], "deleteMissing": true })),
            Ask::json("POST", "/api/collections/members/impersonate/victim000000001", &json!({})),
        ] {
            let asked = asked.of(token);
            let answer = house.house.ask(&asked);
            judge(&asked, &answer);
            assert!((400..500).contains(&answer.status), "{asked:?}: {}", answer.text());
        }
    }
    // what is taken may be told, never by whom
    let code = format!("{CANARY}singt");
    let body = json!({ "owner": "mallory00000001", "code": code });
    let asked = Ask::json("POST", "/api/collections/diaries/records", &body).of(&house.mallory);
    let answer = house.house.ask(&asked);
    assert_eq!(answer.status, 400);
    assert_eq!(answer.value()["data"]["code"]["code"], "validation_not_unique");
    assert!(!answer.text().contains(CANARY), "{}", answer.text());
}

#[test]
fn the_last_superuser_stays() {
    let house = Standing::new();
    let path = "/api/collections/_superusers/records";
    let list = house.must("GET", path, &Value::Null);
    let id = list["items"][0]["id"].as_str().expect("one").to_owned();
    let answer = house.ask(&Ask::json("DELETE", format!("{path}/{id}"), &json!({})).of(&house.root));
    assert_eq!(answer.status, 400, "{}", answer.text());
    let batch = json!({ "requests": [{ "method": "DELETE", "url": format!("{path}/{id}") }] });
    assert_eq!(house.ask(&Ask::json("POST", "/api/batch", &batch).of(&house.root)).status, 400);
    assert_eq!(house.must("GET", path, &Value::Null)["totalItems"], 1);
    let second =
        json!({ "email": "b@example.com", "password": "12345678ab", "passwordConfirm": "12345678ab" });
    house.must("POST", path, &second);
    house.must("DELETE", &format!("{path}/{id}"), &Value::Null);
}

#[test]
fn a_token_is_void_from_the_change_of_its_password_on() {
    let house = furnish(Standing::new(), "singt");
    let path = "/api/collections/diaries/records/diary0000000002";
    let asked = Ask::get(path).of(&house.mallory);
    assert_eq!(house.house.ask(&asked).status, 200);
    let body = json!({ "password": "another one 2", "passwordConfirm": "another one 2" });
    house.house.must("PATCH", "/api/collections/members/records/mallory00000001", &body);
    assert_eq!(house.house.ask(&asked).status, 404);
}

#[test]
fn a_limit_of_a_collection_counts_however_it_is_named() {
    let house = Standing::with(|config| {
        let rate = |label: &str, requests| web::limiter::Allowance {
            label: label.into(),
            requests,
            per: base::unit::Span(std::time::Duration::from_secs(3600)),
        };
        config.web.rates = vec![rate("boards:create", 2), rate("*:create", 1000)];
    });
    let made = json!({ "name": "boards", "type": "base", "id": "boards000000001", "createRule": "" });
    house.must("POST", "/api/collections", &made);
    let names = ["boards", "boards000000001", "BOARDS"];
    let made: Vec<_> = names
        .iter()
        .chain(&names)
        .map(|name| house.ask(&Ask::json("POST", format!("/api/collections/{name}/records"), &json!({}))))
        .filter(|answer| answer.status == 200)
        .collect();
    assert_eq!(made.len(), 2, "two are allowed");
    let step = json!({ "method": "POST", "url": "/api/collections/boards/records", "body": {} });
    let batch = json!({ "requests": [step, step] });
    assert_eq!(
        house.ask(&Ask::json("POST", "/api/batch", &batch)).status,
        429,
        "a batch is no way around it"
    );
}

#[test]
fn who_is_asked_for_by_forwarded_headers_is_counted_as_who_asks() {
    let house = Standing::with(|config| {
        config.web.rates = vec![web::limiter::Allowance {
            label: "*:auth".into(),
            requests: 5,
            per: base::unit::Span(std::time::Duration::from_secs(3600)),
        }];
    });
    let statuses: Vec<u16> = (0..8)
        .map(|n| {
            let body = json!({ "identity": "a@example.com", "password": "x" });
            let mut asked = Ask::json("POST", "/api/collections/_superusers/auth-with-password", &body);
            asked.kind = format!("application/json\r\nX-Forwarded-For: 10.0.0.{n}\r\nX-Real-IP: 10.0.0.{n}");
            house.ask(&asked).status
        })
        .collect();
    assert!(statuses.ends_with(&[429, 429, 429]), "{statuses:?}");
}
