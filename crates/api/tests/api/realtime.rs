//! Realtime: who hears what, in which order, and what a listener that was away is told.

use std::time::Duration;

use axum::body::Body;
use base::unit::{Bytes, Span};
use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::house::{House, ROOT};

/// Nothing here takes as long; a test that waits longer fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// An event as a client sees it.
#[derive(Debug, PartialEq)]
struct Event {
    id: String,
    name: String,
    data: Value,
}

struct Listener {
    body: Body,
    text: String,
    client: String,
}

impl Listener {
    async fn open(house: &House, last_event: Option<&str>) -> Listener {
        let headers: Vec<_> = last_event.map(|id| ("last-event-id", id)).into_iter().collect();
        let answer = house.answer("GET", "/api/realtime", &headers, Body::empty()).await;
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        let mut listener = Listener { body: answer.into_body(), text: String::new(), client: String::new() };
        let hello = listener.next().await.expect("a first event");
        assert_eq!((hello.name.as_str(), &hello.data), ("PB_CONNECT", &json!({ "clientId": hello.id })));
        listener.client = hello.id;
        listener
    }

    async fn subscribe(&self, house: &House, token: &str, topics: &[&str]) -> u16 {
        let sent = json!({ "clientId": self.client, "subscriptions": topics });
        house.ask("POST", "/api/realtime", token, &sent).await.0
    }

    /// The next event; `None` when the connection has ended.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let event = parse(event);
                self.text = rest.to_owned();
                match event {
                    Some(event) => return Some(event),
                    None => continue,
                }
            }
            let frame = tokio::time::timeout(PATIENCE, self.body.frame()).await.expect("an event in time")?;
            let data = frame.expect("no fault").into_data().expect("data");
            self.text.push_str(std::str::from_utf8(&data).expect("UTF-8"));
        }
    }

    async fn titles(&mut self, count: usize) -> Vec<String> {
        let mut titles = Vec::new();
        for _ in 0..count {
            let event = self.next().await.expect("an event");
            titles
                .push(format!("{} {}", event.data["action"], event.data["record"]["title"]).replace('"', ""));
        }
        titles
    }
}

/// `None` for a heartbeat.
fn parse(text: &str) -> Option<Event> {
    let (mut id, mut name, mut data) = (String::new(), String::new(), Value::Null);
    for line in text.lines() {
        match line.split_once(':').expect("a field") {
            ("", _) => return None,
            ("id", value) => id = value.to_owned(),
            ("event", value) => name = value.to_owned(),
            ("data", value) => data = serde_json::from_str(value).expect("JSON"),
            ("retry", value) => assert_eq!(value, "1000"),
            other => panic!("unknown field {other:?}"),
        }
    }
    Some(Event { id, name, data })
}

async fn house_with(config: api::Config) -> House {
    let house = House::with(config, |_| {}).await;
    prepare(&house).await;
    house
}

async fn house() -> House {
    house_with(api::Config::default()).await
}

async fn prepare(house: &House) {
    let fields = json!([{ "name": "title", "type": "text" }, { "name": "owner", "type": "text" }]);
    house.open_collection("posts", fields).await;
}

async fn post(house: &House, title: &str) -> String {
    let made = house.create("posts", ROOT, json!({ "title": title })).await;
    made["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn a_listener_hears_what_happens_in_the_order_in_which_it_happened() {
    let house = house().await;
    let mut all = Listener::open(&house, None).await;
    assert_eq!(all.subscribe(&house, "", &["posts/*"]).await, 204);
    let id = post(&house, "one").await;
    assert_eq!(all.titles(1).await, ["create one"]);
    let topic = format!("posts/{id}");
    let mut one = Listener::open(&house, None).await;
    assert_eq!(one.subscribe(&house, "", &[&topic]).await, 204);
    post(&house, "two").await;
    let path = format!("/api/collections/posts/records/{id}");
    house.ask("PATCH", &path, "", &json!({ "title": "one more" })).await;
    house.ask("DELETE", &path, "", &Value::Null).await;

    assert_eq!(all.titles(3).await, ["create two", "update one more", "delete one more"]);
    let update = one.next().await.expect("an event");
    assert_eq!((update.name.as_str(), &update.data["record"]["id"]), (topic.as_str(), &json!(id)));
    let delete = one.next().await.expect("an event");
    assert!(
        update.id.parse::<i64>().expect("as it was made") < delete.id.parse::<i64>().expect("as it was made")
    );
}

#[tokio::test]
async fn a_listener_that_comes_back_is_told_what_it_missed_without_gap_or_double() {
    let house = house().await;
    let mut listener = Listener::open(&house, None).await;
    listener.subscribe(&house, "", &["posts/*"]).await;
    post(&house, "heard").await;
    let last = listener.next().await.expect("an event").id;
    let former = listener.client.clone();
    drop(listener);
    for number in 0..5 {
        post(&house, &format!("missed {number}")).await;
    }
    let missed: Vec<_> = (0..5).map(|number| format!("create missed {number}")).collect();
    for resume_from in [last, former] {
        let mut back = Listener::open(&house, Some(&resume_from)).await;
        back.subscribe(&house, "", &["posts/*"]).await;
        let titles = back.titles(if resume_from.contains('-') { 6 } else { 5 }).await;
        assert_eq!(titles[titles.len() - 5..], missed[..], "{resume_from}");
    }
}

#[tokio::test]
async fn resuming_while_others_write_neither_misses_nor_doubles() {
    let house = house().await;
    let since = house.records.store().position().0.to_string();
    let writing = async {
        for number in 0..300 {
            post(&house, &format!("{number}")).await;
        }
    };
    let listening = async {
        for _ in 0..10 {
            let mut listener = Listener::open(&house, Some(&since)).await;
            listener.subscribe(&house, "", &["posts/*"]).await;
            let titles = listener.titles(300).await;
            let expected: Vec<_> = (0..300).map(|number| format!("create {number}")).collect();
            assert_eq!(titles, expected);
        }
    };
    tokio::join!(writing, listening);
}

#[tokio::test]
async fn rules_and_filters_are_applied_to_every_listener() {
    let house = house().await;
    let (kim, lee) = (house.sign_up("kim").await, house.sign_up("lee").await);
    house.set("posts", json!({ "listRule": "owner = @request.auth.id", "viewRule": null })).await;
    let filtered = "posts/*?options=%7B%22query%22%3A%7B%22filter%22%3A%22title~'x'%22%2C%22fields%22%3A%22title%22%7D%7D";
    let (mut of_kim, mut of_lee, mut of_root, mut of_guest) = (
        Listener::open(&house, None).await,
        Listener::open(&house, None).await,
        Listener::open(&house, None).await,
        Listener::open(&house, None).await,
    );
    of_kim.subscribe(&house, &kim, &["posts/*"]).await;
    of_lee.subscribe(&house, &lee, &[filtered]).await;
    of_root.subscribe(&house, ROOT, &["posts/*"]).await;
    of_guest.subscribe(&house, "", &["posts/*", "users/*"]).await;
    let mut first = String::new();
    for (title, owner) in [("a", &kim), ("b", &lee), ("x", &lee), ("c", &kim)] {
        let owner = owner.strip_prefix("users/").expect("as it was made");
        let made = house.create("posts", ROOT, json!({ "title": title, "owner": owner })).await;
        if first.is_empty() {
            first = made["id"].as_str().expect("as it was made").to_owned();
        }
    }
    house.ask("DELETE", &format!("/api/collections/posts/records/{first}"), ROOT, &Value::Null).await;
    assert_eq!(of_kim.titles(3).await, ["create a", "create c", "delete a"]);
    let event = of_lee.next().await.expect("an event");
    assert_eq!(
        (event.name.as_str(), event.data),
        (filtered, json!({ "action": "create", "record": { "title": "x" } }))
    );
    assert_eq!(of_root.titles(5).await.len(), 5);
    // what a guest may hear shows that it heard nothing before
    house.set("posts", json!({ "listRule": "" })).await;
    post(&house, "public").await;
    assert_eq!(of_guest.titles(1).await, ["create public"]);
}

#[tokio::test]
async fn a_listener_whose_account_is_gone_or_whose_tokens_are_void_is_a_guest() {
    let config = api::Config { recheck_every: Span(Duration::from_secs(3600)), ..api::Config::default() };
    let house = house_with(config).await;
    house.set("posts", json!({ "listRule": "@request.auth.id != '' || title = 'public'" })).await;
    let (kim, lee) = (house.sign_up("kim").await, house.sign_up("lee").await);
    let (mut of_kim, mut of_lee) = (Listener::open(&house, None).await, Listener::open(&house, None).await);
    of_kim.subscribe(&house, &kim, &["posts/*"]).await;
    of_lee.subscribe(&house, &lee, &["posts/*"]).await;
    let path = |token: &str| {
        format!("/api/collections/users/records/{}", token.strip_prefix("users/").expect("as it was made"))
    };
    let (status, body) = house.ask("PATCH", &path(&kim), ROOT, &json!({ "name": "Kim" })).await;
    assert_eq!(status, 200, "{body}");
    post(&house, "one").await;
    let password = json!({ "password": "another password", "passwordConfirm": "another password" });
    let (status, body) = house.ask("PATCH", &path(&kim), ROOT, &password).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(house.ask("DELETE", &path(&lee), ROOT, &Value::Null).await.0, 204);
    post(&house, "two").await;
    post(&house, "public").await;
    assert_eq!(of_kim.titles(2).await, ["create one", "create public"]);
    assert_eq!(of_lee.titles(2).await, ["create one", "create public"]);
}

#[tokio::test]
async fn a_listener_whose_session_ends_is_a_guest_at_once() {
    let config = api::Config { recheck_every: Span(Duration::from_secs(3600)), ..api::Config::default() };
    let house = house_with(config).await;
    house.set("posts", json!({ "listRule": "@request.auth.id != '' || title = 'public'" })).await;
    let (kim, lee) = (house.sign_up("kim").await, house.sign_up("lee").await);
    let (mut of_kim, mut of_lee) = (Listener::open(&house, None).await, Listener::open(&house, None).await);
    of_kim.subscribe(&house, &kim, &["posts/*"]).await;
    of_lee.subscribe(&house, &lee, &["posts/*"]).await;
    post(&house, "one").await;
    assert_eq!(of_kim.titles(1).await, ["create one"]);
    house.end_session(&kim).await;
    post(&house, "two").await;
    post(&house, "public").await;
    assert_eq!(of_kim.titles(1).await, ["create public"]);
    assert_eq!(of_lee.titles(3).await, ["create one", "create two", "create public"]);
}

#[tokio::test]
async fn a_guest_may_become_somebody_but_nobody_becomes_somebody_else() {
    let house = house().await;
    let (kim, lee) = (house.sign_up("kim").await, house.sign_up("lee").await);
    let listener = Listener::open(&house, None).await;
    assert_eq!(listener.subscribe(&house, "", &["posts/*"]).await, 204);
    assert_eq!(listener.subscribe(&house, &kim, &["posts/*"]).await, 204);
    assert_eq!(listener.subscribe(&house, &lee, &["posts/*"]).await, 403);
    assert_eq!(listener.subscribe(&house, "", &["posts/*"]).await, 403);
    let sent = json!({ "clientId": "somebody", "subscriptions": [] });
    let (status, body) = house.ask("POST", "/api/realtime", "", &sent).await;
    assert_eq!((status, &body["message"]), (404, &json!("Missing or invalid client id.")));
}

#[tokio::test]
async fn subscriptions_have_limits() {
    let house =
        house_with(api::Config { subscriptions_max: 2, topic_bytes_max: 20, ..api::Config::default() }).await;
    let listener = Listener::open(&house, None).await;
    for (topics, status) in [
        (&["posts/*", "posts/a"][..], 204),
        (&["posts/*", "posts/a", "posts/b"], 400),
        (&["posts/aaaaaaaaaaaaaaaaaaaaaaaaa"], 400),
        (&["posts/*\ndata:forged"], 400),
        (&["unknown/*", ""], 204),
        (&[], 204),
    ] {
        assert_eq!(listener.subscribe(&house, "", topics).await, status, "{topics:?}");
    }
    let (status, body) = house.ask("POST", "/api/realtime", "", &json!({ "subscriptions": [] })).await;
    assert_eq!((status, &body["data"]["clientId"]["code"]), (400, &json!("validation_required")));
}

#[tokio::test]
async fn five_hundred_listeners_hear_every_event_in_order() {
    let house = house().await;
    let mut listeners = Vec::new();
    for _ in 0..500 {
        let listener = Listener::open(&house, None).await;
        assert_eq!(listener.subscribe(&house, "", &["posts/*"]).await, 204);
        listeners.push(listener);
    }
    for number in 0..20 {
        post(&house, &format!("{number}")).await;
    }
    let expected: Vec<_> = (0..20).map(|number| format!("create {number}")).collect();
    for listener in &mut listeners {
        assert_eq!(listener.titles(20).await, expected);
    }
    assert_eq!(house.get("/api/health", ROOT).await.1["data"]["listeners"], json!(500));
    drop(listeners);
    assert_eq!(house.get("/api/health", ROOT).await.1["data"]["listeners"], json!(0));
}

#[tokio::test]
async fn a_listener_that_cannot_keep_up_is_let_go_of_and_may_resume() {
    for config in [
        api::Config { queue_events_max: 4, ..api::Config::default() },
        api::Config { queue_bytes_max: Bytes(1000), ..api::Config::default() },
    ] {
        let house = house_with(config).await;
        let (mut slow, mut quick) = (Listener::open(&house, None).await, Listener::open(&house, None).await);
        slow.subscribe(&house, "", &["posts/*"]).await;
        quick.subscribe(&house, "", &["posts/*"]).await;
        for number in 0..50 {
            post(&house, &format!("{number}")).await;
            assert_eq!(quick.titles(1).await, [format!("create {number}")], "the others are not held up");
        }
        let (mut last, mut heard) = (String::new(), 0);
        while let Some(event) = slow.next().await {
            assert_eq!(event.data["record"]["title"], json!(heard.to_string()));
            (last, heard) = (event.id, heard + 1);
        }
        assert!((1..50).contains(&heard), "its connection ended after {heard} events");
        let mut back = Listener::open(&house, Some(&last)).await;
        back.subscribe(&house, "", &["posts/*"]).await;
        let rest: Vec<_> = (heard..50).map(|number| format!("create {number}")).collect();
        assert_eq!(back.titles(rest.len()).await, rest);
    }
}

#[tokio::test]
async fn a_listener_that_was_away_too_long_is_told_to_begin_anew() {
    let house = house_with(api::Config { replay_changes_max: 10, ..api::Config::default() }).await;
    let begin = house.records.store().position().0;
    for number in 0..20 {
        post(&house, &format!("{number}")).await;
    }
    for since in [begin.to_string(), (begin + 1_000_000).to_string()] {
        let mut back = Listener::open(&house, Some(&since)).await;
        back.subscribe(&house, "", &["posts/*"]).await;
        let reset = back.next().await.expect("an event");
        assert_eq!((reset.name.as_str(), &reset.data), ("reset", &json!({})), "{since}");
        post(&house, "after").await;
        assert_eq!(back.titles(1).await, ["create after"]);
    }
    let (status, _, _) = house.send("GET", "/api/realtime?lastEventId=nonsense", &[], Body::empty()).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn a_stop_ends_every_stream_and_takes_no_more() {
    let house = house().await;
    let mut listener = Listener::open(&house, None).await;
    listener.subscribe(&house, "", &["posts/*"]).await;
    house.stop.cancel();
    assert_eq!(listener.next().await, None);
    let (status, _) = house.get("/api/realtime", "").await;
    assert_eq!(status, 503);
}

#[tokio::test]
async fn places_are_limited_and_given_back() {
    let house = house_with(api::Config { listeners_max: 1, ..api::Config::default() }).await;
    let first = Listener::open(&house, None).await;
    assert_eq!(house.get("/api/realtime", "").await.0, 503);
    drop(first);
    Listener::open(&house, None).await;
}

#[tokio::test(start_paused = true)]
async fn a_quiet_connection_of_an_embedded_house_shows_signs_of_life_and_ends_without_subscriptions() {
    // embedded, because this clock would be far ahead of any server's answer
    let house = House::on(None, api::Config::default(), |_| {}).await;
    let mut listener = Listener::open(&house, None).await;
    let first = listener.body.frame().await.expect("a sign").expect("no fault").into_data().expect("data");
    assert_eq!(&first[..], b":\n\n");
    let began = tokio::time::Instant::now();
    assert_eq!(listener.next().await, None);
    assert!(began.elapsed() >= Duration::from_secs(280), "{:?}", began.elapsed());
}
