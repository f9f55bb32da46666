//! `Idempotency-Key`: what is sent again is done once, and answered as it was.

use std::time::Duration;

use axum::body::Body;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::house::{House, ROOT, multipart};

const POSTS: &str = "/api/collections/posts/records";
const KEY: &str = "8e03978e-40d5-43e8-bc93-6894a57f9324";

async fn posts(house: House) -> House {
    let fields = json!([
        { "name": "title", "type": "text", "required": true },
        { "name": "stars", "type": "number" },
        { "name": "photo", "type": "file" },
    ]);
    house.open_collection("posts", fields).await;
    house
}

/// What is answered: the status, whether it is said to be an earlier answer, and the body's text.
#[derive(Debug, PartialEq)]
struct Told(u16, bool, String);

impl Told {
    fn json(&self) -> Value {
        serde_json::from_str(&self.2).expect("JSON")
    }

    /// Asserts that this is the first answer, and gives it as it must come again.
    fn first(self) -> Told {
        assert!(!self.1 && self.0 < 300, "{self:?}");
        Told(self.0, true, self.2)
    }
}

impl House {
    async fn ask_once(&self, ask: (&str, &str), key: &str, token: &str, sent: &Value) -> Told {
        let body = if sent.is_null() { Body::empty() } else { Body::from(sent.to_string()) };
        self.send_once(ask, key, token, ("application/json", body)).await
    }

    async fn send_once(&self, ask: (&str, &str), key: &str, token: &str, sent: (&str, Body)) -> Told {
        let mut headers = vec![("content-type", sent.0), ("idempotency-key", key)];
        if !token.is_empty() {
            headers.push(("authorization", token));
        }
        let (status, headers, body) = self.send(ask.0, ask.1, &headers, sent.1).await;
        let is_replayed = headers.get("idempotent-replayed").is_some_and(|value| value == "true");
        Told(status.as_u16(), is_replayed, String::from_utf8(body).expect("UTF-8"))
    }

    async fn total(&self) -> Value {
        self.get(POSTS, ROOT).await.1["totalItems"].clone()
    }

    async fn changes(&self) -> i64 {
        self.records.store().newest().await.expect("a position").0
    }
}

async fn a_create_that_is_sent_again_makes_one_record(house: House) {
    let before = house.changes().await;
    let sent = json!({ "title": "온돌 \"warm\" \\", "stars": 3 });
    let first = house.ask_once(("POST", POSTS), KEY, "", &sent).await.first();
    let id = first.json()["id"].as_str().expect("an id").to_owned();
    let again = json!({ "stars": 3, "title": "온돌 \"warm\" \\" });
    assert_eq!(house.ask_once(("POST", POSTS), KEY, "", &again).await, first, "in whatever order");
    assert_eq!(
        house.ask_once(("POST", POSTS), &format!("\"{KEY}\""), "", &sent).await,
        first,
        "as a quoted string"
    );
    assert_eq!((house.total().await, house.changes().await), (json!(1), before + 1));

    // the answer is the first one, whatever became of the record
    let path = format!("{POSTS}/{id}");
    assert_eq!(house.ask("PATCH", &path, "", &json!({ "title": "later" })).await.0, 200);
    assert_eq!(house.ask_once(("POST", POSTS), KEY, "", &sent).await, first);
    assert_eq!(house.ask("DELETE", &path, "", &Value::Null).await.0, 204);
    assert_eq!(house.ask_once(("POST", POSTS), KEY, "", &sent).await, first);
    assert_eq!(house.total().await, json!(0));
}

async fn an_update_and_a_delete_that_are_sent_again_are_done_once(house: House) {
    let made = house.create("posts", "", json!({ "title": "a", "stars": 1 })).await;
    let path = format!("{POSTS}/{}", made["id"].as_str().expect("an id"));
    let before = house.changes().await;
    let more = json!({ "stars+": 1 });
    let first = house.ask_once(("PATCH", &path), KEY, "", &more).await.first();
    assert_eq!(first.json()["stars"], json!(2));
    assert_eq!(house.ask_once(("PATCH", &path), KEY, "", &more).await, first);
    assert_eq!(
        house.ask_once(("PATCH", &path), "another", "", &more).await.first().json()["stars"],
        json!(3)
    );
    let gone = house.ask_once(("DELETE", &path), KEY, "", &Value::Null).await.first();
    assert_eq!(gone, Told(204, true, String::new()), "the same key on another method is another one");
    assert_eq!(house.ask_once(("DELETE", &path), KEY, "", &Value::Null).await, gone);
    assert_eq!(house.ask_once(("PATCH", &path), KEY, "", &more).await, first, "though the record is gone");
    assert_eq!(house.ask("DELETE", &path, "", &Value::Null).await.0, 404);
    assert_eq!(house.changes().await, before + 3);
}

async fn of_fifty_at_once_one_is_done_and_all_are_told_the_same(house: House) {
    let before = house.changes().await;
    let sent = json!({ "title": "a" });
    let told = join_all((0..50).map(|_| house.ask_once(("POST", POSTS), KEY, "", &sent))).await;
    assert!(told.iter().all(|one| one.0 == 200 && one.2 == told[0].2), "{told:#?}");
    assert_eq!(told.iter().filter(|one| !one.1).count(), 1, "one is the first");
    assert_eq!((house.total().await, house.changes().await), (json!(1), before + 1));
}

async fn a_key_with_another_body_or_query_is_refused(house: House) {
    let sent = json!({ "title": "a" });
    house.ask_once(("POST", POSTS), KEY, "", &sent).await.first();
    for (path, other) in [
        (POSTS, json!({ "title": "b" })),
        (POSTS, json!({ "title": "a", "stars": 0 })),
        (&format!("{POSTS}?fields=id"), sent.clone()),
    ] {
        let told = house.ask_once(("POST", path), KEY, "", &other).await;
        assert_eq!((told.0, told.1), (422, false), "{told:?}");
        let body = told.json();
        assert_eq!(body["status"], json!(422));
        assert_eq!(body["message"], json!("This key was used before for another request."));
        assert_eq!(body["data"]["idempotency-key"]["code"], json!("validation_key_reused"), "{body}");
    }
    assert_eq!(house.total().await, json!(1));
}

async fn a_key_that_cannot_be_read_is_refused(house: House) {
    for key in ["", "\"open", "온돌", &"k".repeat(256)] {
        let told = house.ask_once(("POST", POSTS), key, "", &json!({ "title": "a" })).await;
        assert_eq!(told.0, 400, "{key}");
        assert_eq!(told.json()["data"]["idempotency-key"]["code"], json!("validation_invalid_format"));
    }
    assert_eq!(house.total().await, json!(0));
}

async fn each_account_has_keys_of_its_own(house: House) {
    let (kim, lee) = (house.sign_up("kim").await, house.sign_up("lee").await);
    let mut ids = Vec::new();
    for token in ["", &kim, &lee, ROOT] {
        let sent = json!({ "title": "a" });
        let first = house.ask_once(("POST", POSTS), KEY, token, &sent).await.first();
        assert_eq!(house.ask_once(("POST", POSTS), KEY, token, &sent).await, first);
        ids.push(first.json()["id"].as_str().expect("an id").to_owned());
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4);
}

async fn a_refused_write_leaves_its_key_free(house: House) {
    let told = house.ask_once(("POST", POSTS), KEY, "", &json!({ "title": "" })).await;
    assert_eq!(told.0, 400, "{told:?}");
    house.ask_once(("POST", POSTS), KEY, "", &json!({ "title": "a" })).await.first();
    house.set("posts", json!({ "createRule": "@request.auth.id != ''" })).await;
    for _ in 0..2 {
        let told = house.ask_once(("POST", POSTS), "another", "", &json!({ "title": "a" })).await;
        assert_eq!((told.0, told.1), (400, false), "{told:?}");
    }
}

async fn a_batch_that_is_sent_again_is_done_once(house: House) {
    let old = house.create("posts", "", json!({ "title": "old" })).await;
    let old = old["id"].as_str().expect("an id");
    let before = house.changes().await;
    let batch = json!({ "requests": [
        { "method": "POST", "url": format!("{POSTS}?fields=id,title"), "body": { "title": "one" } },
        { "method": "PUT", "url": POSTS, "body": { "id": "fifteen00000000", "title": "two", "stars": 1 } },
        { "method": "PATCH", "url": format!("{POSTS}/fifteen00000000"), "body": { "stars+": 1 } },
        { "method": "DELETE", "url": format!("{POSTS}/{old}") },
    ]});
    let first = house.ask_once(("POST", "/api/batch"), KEY, "", &batch).await.first();
    assert_eq!(first.json()[2]["body"]["stars"], json!(2), "{first:?}");
    assert_eq!(first.json()[3], json!({ "status": 204, "body": null }));
    assert_eq!(house.ask_once(("POST", "/api/batch"), KEY, "", &batch).await, first);
    assert_eq!((house.total().await, house.changes().await), (json!(2), before + 4));
    let other = json!({ "requests": [{ "method": "POST", "url": POSTS, "body": { "title": "one" } }] });
    assert_eq!(house.ask_once(("POST", "/api/batch"), KEY, "", &other).await.0, 422);
}

async fn files_that_are_sent_again_are_laid_down_once(house: House) {
    let send = async |photo: &'static [u8], boundary: &str| {
        let (kind, body) = multipart(&[("title", None, b"a"), ("photo", Some("a.txt"), photo)]);
        let body = http_body_util::BodyExt::collect(body).await.expect("a body").to_bytes();
        // clients make a new boundary each time
        let body = String::from_utf8(body.to_vec()).expect("text").replace("BOUND", boundary);
        let kind = kind.replace("BOUND", boundary);
        house.send_once(("POST", POSTS), KEY, "", (&kind, Body::from(body))).await
    };
    let first = send(b"hello", "one").await.first();
    assert_eq!(send(b"hello", "two").await, first);
    assert_eq!(send(b"other", "one").await.0, 422, "of the same size");
    let record = first.json();
    let (id, photo) = (record["id"].as_str().expect("an id"), record["photo"].as_str().expect("a name"));
    let path = format!("/api/files/posts/{id}/{photo}");
    assert_eq!(house.send("GET", &path, &[], Body::empty()).await.2, b"hello");
    assert_eq!(house.files(), [photo], "no second file, and none on its way");

    // twins lay down a file each before one of them is done; the other's goes
    let twins = join_all((0..8).map(|_| {
        let (kind, body) = multipart(&[("title", None, b"b"), ("photo", Some("b.txt"), b"twin")]);
        house.send_once(("POST", POSTS), "twins", "", (kind, body))
    }));
    let twins = twins.await;
    assert!(twins.iter().all(|told| told.0 == 200 && told.2 == twins[0].2), "{twins:#?}");
    assert_eq!(house.files().len(), 2);
}

async fn an_account_that_is_made_again_is_told_without_its_password(house: House) {
    house.set("users", json!({ "createRule": "" })).await;
    let sent =
        json!({ "email": "kim@example.com", "password": "on the floor", "passwordConfirm": "on the floor" });
    let users = ("POST", "/api/collections/users/records");
    let first = house.ask_once(users, KEY, "", &sent).await.first();
    assert_eq!(house.ask_once(users, KEY, "", &sent).await, first);
    assert!(!first.2.contains("password"), "{first:?}");
    let mut other = sent.clone();
    other["password"] = json!("another one");
    other["passwordConfirm"] = json!("another one");
    assert_eq!(house.ask_once(users, KEY, "", &other).await.0, 422);
}

async fn a_record_too_large_to_be_kept_is_told_as_it_is_to_those_who_may_view_it(house: House) {
    let sent = json!({ "title": "long".repeat(1_000), "stars": 1 });
    let batch = json!({ "requests": (0..20).map(|_| json!({ "method": "POST", "url": POSTS, "body": sent }))
        .collect::<Vec<_>>() });
    let first = house.ask_once(("POST", "/api/batch"), KEY, "", &batch).await.first();
    assert_eq!(
        house.ask_once(("POST", "/api/batch"), KEY, "", &batch).await,
        first,
        "nothing has changed since"
    );
    let last = first.json()[19]["body"]["id"].as_str().expect("an id").to_owned();
    let path = format!("{POSTS}/{last}");
    assert_eq!(house.ask("PATCH", &path, ROOT, &json!({ "stars": 2 })).await.0, 200);
    let again = house.ask_once(("POST", "/api/batch"), KEY, "", &batch).await;
    assert_eq!((again.0, again.1, &again.json()[19]["body"]["stars"]), (200, true, &json!(2)));
    house.set("posts", json!({ "viewRule": "stars < 2" })).await;
    let again = house.ask_once(("POST", "/api/batch"), KEY, "", &batch).await;
    assert_eq!((again.0, again.1), (409, false), "what came later is not for everybody: {again:?}");
    house.set("posts", json!({ "viewRule": null })).await;
    assert_eq!(house.ask_once(("POST", "/api/batch"), KEY, "", &batch).await.0, 409);
    assert_eq!(house.ask("DELETE", &path, ROOT, &Value::Null).await.0, 204);
    assert_eq!(house.ask_once(("POST", "/api/batch"), KEY, "", &batch).await.0, 409);
    assert_eq!(house.total().await, json!(19), "and nothing is done again");
}

/// Runs each function in a house of its own, on each engine.
macro_rules! on_every_engine {
    ($($name:ident)*) => {
        on_every_engine! { sqlite, None; $($name)* }
        on_every_engine! { postgres, Some(testbed::postgres().database()); $($name)* }
        on_every_engine! { mariadb, Some(testbed::mariadb().database()); $($name)* }
    };
    ($engine:ident, $database:expr; $($name:ident)*) => {
        mod $engine {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    let house = super::posts(super::House::on($database, api::Config::default(), |_| {}).await).await;
                    let store = house.records.store().clone();
                    super::$name(house).await;
                    store.close().await;
                }
            )*
        }
    };
}

on_every_engine! {
    a_create_that_is_sent_again_makes_one_record
    an_update_and_a_delete_that_are_sent_again_are_done_once
    of_fifty_at_once_one_is_done_and_all_are_told_the_same
    a_key_with_another_body_or_query_is_refused
    a_key_that_cannot_be_read_is_refused
    each_account_has_keys_of_its_own
    a_refused_write_leaves_its_key_free
    a_batch_that_is_sent_again_is_done_once
    files_that_are_sent_again_are_laid_down_once
    a_record_too_large_to_be_kept_is_told_as_it_is_to_those_who_may_view_it
    an_account_that_is_made_again_is_told_without_its_password
}

#[tokio::test]
async fn a_key_that_is_known_no_longer_is_a_new_one() {
    let forgets = House::with(api::Config::default(), |store| store.once_kept = Duration::ZERO).await;
    let house = posts(forgets).await;
    for _ in 0..2 {
        house.ask_once(("POST", POSTS), KEY, "", &json!({ "title": "a" })).await.first();
    }
    assert_eq!(house.total().await, json!(2));
}
