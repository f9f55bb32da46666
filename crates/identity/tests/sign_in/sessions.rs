//! What a session is: begun by signing in, renewed by as many as like, seen and ended by whoever it is of.

use std::sync::Arc;

use records::{ListQuery, Principal, Request};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::house::{EMAIL, Fixture, PASSWORD, as_superuser, fixture};

/// What a token says.
pub(crate) fn claims(token: &str) -> Value {
    use base64::Engine;
    let payload = token.split('.').nth(1).expect("a payload");
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).expect("Base64");
    serde_json::from_slice(&payload).expect("JSON")
}

pub(crate) fn sid(token: &str) -> String {
    claims(token)["sid"].as_str().expect("a session").to_owned()
}

impl Fixture {
    /// The sessions that an account may see.
    async fn sessions_of(&self, account: Arc<Principal>) -> Vec<Value> {
        let request = Request { method: "GET".into(), auth: Some(account), ..Request::default() };
        let page = self.records.list(&request, "_sessions", &ListQuery::default()).await.expect("a page");
        page.items.iter().map(|item| serde_json::from_str(item).expect("JSON")).collect()
    }

    async fn end(&self, by: &str, sid: &str) -> Result<(), records::Error> {
        let auth = self.holder(by).await;
        let request = Request { method: "DELETE".into(), auth, ..Request::default() };
        self.records.delete(&request, "_sessions", sid).await
    }

    async fn refresh(&self, token: &str) -> (u16, Value) {
        self.post("/api/collections/users/auth-refresh", token, json!({})).await
    }
}

#[tokio::test]
async fn every_sign_in_begins_a_session_that_its_owner_sees() {
    let house = fixture().await;
    let headers = [("user-agent", "Firefox on a boat")];
    let body = json!({ "identity": EMAIL, "password": PASSWORD });
    let path = "/api/collections/users/auth-with-password";
    let (status, answer) = house.send_from([203, 0, 113, 77], &headers, path, &body).await;
    assert_eq!(status, 200, "{answer}");
    let first = answer["token"].as_str().expect("a token").to_owned();
    let second = house.token().await;
    assert_ne!(sid(&first), sid(&second), "a fresh one each time");
    let holder = house.holder(&first).await.expect("somebody");
    let seen = house.sessions_of(holder).await;
    assert_eq!(seen.len(), 2);
    let its = seen.iter().find(|session| session["id"] == json!(sid(&first))).expect("its own");
    assert_eq!(its["methods"], json!(["password"]));
    assert_eq!(its["userAgent"], json!("Firefox on a boat"));
    assert_eq!(its["address"], json!("203.0.113.0"), "the network, not the machine");
    assert!(its.get("actor").is_none(), "hidden");
    let root = house.superuser_token().await;
    let stranger = house.holder(&root).await.expect("somebody");
    assert_eq!(house.sessions_of(stranger).await.len(), 3, "superusers see all");
}

#[tokio::test]
async fn an_ended_session_voids_its_tokens_and_no_others() {
    let house = fixture().await;
    let (first, second) = (house.token().await, house.token().await);
    let (_, files) = house.post("/api/files/token", &second, json!({})).await;
    let files = files["token"].as_str().expect("a token").to_owned();
    assert!(house.opens_files(&files).await);
    house.end(&first, &sid(&second)).await.expect("its own");
    assert!(house.holder(&second).await.is_none(), "ended");
    assert!(!house.opens_files(&files).await, "with what was made by it");
    assert_eq!(house.refresh(&second).await.0, 401);
    assert!(house.holder(&first).await.is_some());
    house.end(&first, &sid(&first)).await.expect("signs out");
    assert!(house.holder(&first).await.is_none());
}

#[tokio::test]
async fn nobody_ends_or_makes_or_changes_a_session_of_others() {
    let house = fixture().await;
    let (mine, root) = (house.token().await, house.superuser_token().await);
    assert!(house.end(&mine, &sid(&root)).await.is_err());
    assert!(house.end("", &sid(&mine)).await.is_err());
    let path = format!("/api/collections/_sessions/records/{}", sid(&mine));
    assert_ne!(house.send("PATCH", &path, &mine, "application/json", "{}").await.0, 200);
    house.end(&root, &sid(&mine)).await.expect("a superuser may");
    assert!(house.holder(&mine).await.is_none());
}

#[tokio::test]
async fn the_others_end_by_one_call() {
    let house = fixture().await;
    let tokens = [house.token().await, house.token().await, house.token().await];
    let root = house.superuser_token().await;
    let path = "/api/collections/users/end-other-sessions";
    assert_eq!(house.post(path, "", json!({})).await.0, 401);
    assert_eq!(house.post(path, &root, json!({})).await.0, 403);
    assert_eq!(house.post(path, &tokens[1], json!({})).await.0, 204);
    let mut alive = Vec::new();
    for token in tokens.iter().chain([&root]) {
        alive.push(house.holder(token).await.is_some());
    }
    assert_eq!(alive, [false, true, false, true]);
}

#[tokio::test]
async fn a_hundred_tabs_that_renew_at_once_stay_signed_in() {
    let house = fixture().await;
    let stop = CancellationToken::new();
    let (identity, until) = (house.identity.clone(), stop.clone());
    let running = async move { identity.run(until).await };
    let tabs = async {
        let token = house.token().await;
        house.pass(3600);
        let renewed = futures_util::future::join_all((0..100).map(|_| house.refresh(&token))).await;
        for (status, body) in &renewed {
            assert_eq!(*status, 200, "{body}");
            let fresh = body["token"].as_str().expect("a token");
            assert_eq!(sid(fresh), sid(&token), "in place");
            assert!(house.holder(fresh).await.is_some());
        }
        assert!(house.holder(&token).await.is_some(), "the old one too");
        stop.cancel();
    };
    tokio::join!(running, tabs);
}

#[tokio::test]
async fn renewing_puts_the_end_off_but_not_for_ever() {
    let house = fixture().await;
    let mut token = house.token().await;
    let first = claims(&token);
    let life = first["exp"].as_i64().expect("a time") - first["iat"].as_i64().expect("a time");
    assert_eq!(first["renew"].as_i64().expect("a time") - first["iat"].as_i64().expect("a time"), 600);
    let mut days = 0;
    loop {
        house.pass(life - 1);
        let (status, body) = house.refresh(&token).await;
        if status != 200 {
            break;
        }
        days += life / 86_400;
        token = body["token"].as_str().expect("a token").to_owned();
        assert!(days < 400, "it lives for ever");
    }
    assert!(days > 340, "{days}");
}

#[tokio::test]
async fn a_session_that_is_used_is_noted_as_seen() {
    let house = fixture().await;
    let token = house.token().await;
    let holder = house.holder(&token).await.expect("somebody");
    let seen = async || house.sessions_of(holder.clone()).await[0]["lastSeen"].clone();
    let first = seen().await;
    house.pass(599);
    assert!(house.holder(&token).await.is_some());
    assert_eq!(seen().await, first, "not at each request");
    house.pass(1);
    assert!(house.holder(&token).await.is_some());
    assert_ne!(seen().await, first);
}

#[tokio::test]
async fn with_a_new_password_all_sessions_of_the_account_end() {
    let house = fixture().await;
    let (token, root) = (house.token().await, house.superuser_token().await);
    house.change_password().await;
    assert!(house.holder(&token).await.is_none());
    let superuser = house.holder(&root).await.expect("somebody");
    let left = house.sessions_of(superuser.clone()).await;
    assert_eq!(left.iter().map(|s| s["id"].clone()).collect::<Vec<_>>(), [json!(sid(&root))]);
    let token = house.sign_in("users", EMAIL, "another horse").await.1["token"].clone();
    assert!(house.holder(token.as_str().expect("a token")).await.is_some());
    let request = as_superuser(&house.records, &json!({})).await;
    house.records.delete(&request, "users", &house.user).await.expect("deleted");
    assert_eq!(house.sessions_of(superuser).await.len(), 1, "they go with the account");
}

#[tokio::test]
async fn who_acts_as_another_is_told_apart() {
    let house = fixture().await;
    let root = house.superuser_token().await;
    let path = format!("/api/collections/users/impersonate/{}", house.user);
    let (status, body) = house.post(&path, &root, json!({ "duration": 100 })).await;
    assert_eq!(status, 200, "{body}");
    let token = body["token"].as_str().expect("a token");
    let superuser = house.holder(&root).await.expect("somebody");
    let seen = house.sessions_of(superuser.clone()).await;
    let its = seen.iter().find(|session| session["id"] == json!(sid(token))).expect("a session");
    assert_eq!((&its["methods"], &its["actor"]), (&json!(["impersonation"]), &json!(superuser.row.id)));
    let owner = house.holder(&house.token().await).await.expect("somebody");
    assert_eq!(house.sessions_of(owner).await.len(), 2, "and the owner sees it");
}

#[tokio::test]
async fn of_too_many_sessions_the_one_that_was_not_seen_for_longest_ends() {
    let limits = identity::Config { sessions_per_account_max: 2, ..identity::Config::default() };
    let house = crate::house::open(limits, 20, |identity| identity).await;
    let mut tokens = Vec::new();
    for _ in 0..3 {
        tokens.push(house.token().await);
        house.pass(1);
    }
    let mut alive = Vec::new();
    for token in &tokens {
        alive.push(house.holder(token).await.is_some());
    }
    assert_eq!(alive, [false, true, true]);
}
