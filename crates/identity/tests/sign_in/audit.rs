//! The audit list: what is noted of sign-in, and who sees it.

use std::time::{Duration, Instant};

use base::unit::Span;
use records::{ListQuery, Request};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::house::{EMAIL, Fixture, PASSWORD, as_superuser, fixture, open};
use crate::sessions::sid;

/// A machine, and the network that is kept of it.
const MACHINE: [u8; 4] = [203, 0, 113, 77];
const NETWORK: &str = "203.0.113.0";

impl Fixture {
    /// What the list says to a superuser, or to whoever has that token; the oldest first.
    pub(crate) async fn audit_as(&self, token: Option<&str>) -> Vec<Value> {
        let auth = match token {
            Some(token) => self.holder(token).await,
            None => as_superuser(&self.records, &json!({})).await.auth,
        };
        let request = Request { method: "GET".into(), auth, ..Request::default() };
        let query = ListQuery { page_size: 1000, sort: "@rowid".into(), ..ListQuery::default() };
        let page = self.records.list(&request, "_audit", &query).await.expect("a page");
        page.items.iter().map(|item| serde_json::from_str(item).expect("JSON")).collect()
    }

    /// The lines of an event.
    pub(crate) async fn audited(&self, event: &str) -> Vec<Value> {
        let mut lines = self.audit_as(None).await;
        lines.retain(|line| line["event"] == event);
        lines
    }

    async fn try_password(&self, from: [u8; 4], identity: &str, password: &str) -> (u16, Value) {
        let body = json!({ "identity": identity, "password": password });
        self.send_from(from, &[], "/api/collections/users/auth-with-password", &body).await
    }
}

#[tokio::test]
async fn a_sign_in_is_noted_with_its_ways_and_its_network() {
    let house = fixture().await;
    assert_eq!(house.try_password(MACHINE, EMAIL, PASSWORD).await.0, 200);
    let lines = house.audited("sign_in").await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["account"], json!(house.user));
    assert_eq!(lines[0]["address"], NETWORK);
    assert_eq!(lines[0]["detail"]["ways"], json!(["password"]));
    assert!(!house.audit_as(None).await.iter().any(|line| line.to_string().contains(PASSWORD)));
}

#[tokio::test]
async fn a_wrong_password_is_noted_for_somebody_and_for_nobody_and_never_what_was_typed() {
    let house = fixture().await;
    for identity in [EMAIL, "nobody@example.com"] {
        assert_eq!(house.try_password(MACHINE, identity, "not-the-horse").await.0, 400);
    }
    let lines = house.audited("sign_in_refused").await;
    let whose: Vec<&Value> = lines.iter().map(|line| &line["account"]).collect();
    assert_eq!(whose, [&json!(house.user), &json!("")]);
    assert!(lines.iter().all(|line| line["address"] == NETWORK && line["detail"]["way"] == "password"));
    let text = json!(lines).to_string();
    assert!(!text.contains("not-the-horse") && !text.contains("nobody@"), "{text}");
}

#[tokio::test]
async fn a_flood_of_wrong_passwords_is_not_a_flood_of_lines() {
    let limits = identity::Config {
        audit_refusals_per_account_max: 3,
        audit_refusals_per_network_max: 5,
        wrong_passwords_per_network_max: 12,
        ..identity::Config::default()
    };
    let house = open(limits, 100, |identity| identity).await;
    for _ in 0..6 {
        assert_eq!(house.try_password(MACHINE, EMAIL, "wrong-one").await.0, 400);
    }
    assert_eq!(house.audited("sign_in_refused").await.len(), 3, "of one account");
    for number in 0..6 {
        let nobody = format!("nobody{number}@example.com");
        assert_eq!(house.try_password(MACHINE, &nobody, "wrong-one").await.0, 400);
    }
    assert_eq!(house.audited("sign_in_refused").await.len(), 5, "from one network");
    let before = house.records.store().newest().await.expect("a place");
    assert_eq!(house.try_password(MACHINE, EMAIL, "wrong-one").await.0, 429);
    let after = house.records.store().newest().await.expect("a place");
    assert_eq!(after, before, "nothing is written for one more");
    house.pass(3600);
    assert_eq!(house.try_password(MACHINE, EMAIL, "wrong-one").await.0, 400);
    assert_eq!(house.audited("sign_in_refused").await.len(), 6, "an hour later it is noted again");
}

#[tokio::test]
async fn an_owner_sees_the_lines_of_the_account_and_nobody_writes_them() {
    let house = fixture().await;
    let (root, own) = (house.superuser_token().await, house.token().await);
    let path = format!("/api/collections/users/impersonate/{}", house.user);
    assert_eq!(house.post(&path, &root, json!({})).await.0, 200);
    let seen = house.audit_as(Some(&own)).await;
    let events: Vec<&Value> = seen.iter().map(|line| &line["event"]).collect();
    assert_eq!(events, [&json!("sign_in"), &json!("impersonation")]);
    assert!(seen.iter().all(|line| line.get("actor").is_none()), "which superuser it was is hidden");
    let superusers = house.records.catalog().find("_superusers").expect("there").id.clone();
    assert_eq!(seen[1]["actorCollection"], json!(superusers), "that it was one is not");
    let path = "/api/collections/_audit/records";
    assert_ne!(house.post(path, &own, json!({ "event": "sign_in" })).await.0, 200);
    assert_eq!(house.audit_as(None).await.len(), 5, "superuser made, key made, three sign-ins");
}

#[tokio::test]
async fn what_is_done_to_an_account_by_its_records_is_noted_with_who_did_it() {
    let house = fixture().await;
    let (token, second) = (house.token().await, house.token().await);
    let auth = house.holder(&token).await;
    let request = Request { method: "DELETE".into(), auth, from: Some(MACHINE.into()), ..Request::default() };
    house.records.delete(&request, "_sessions", &sid(&second)).await.expect("its own");
    let ended = house.audited("session_ended").await;
    assert_eq!((&ended[0]["account"], &ended[0]["address"]), (&json!(house.user), &json!(NETWORK)));
    assert_eq!(ended[0]["actor"], "", "by the account itself");
    house.change_password().await;
    let changed = house.audited("password_changed").await;
    let root = as_superuser(&house.records, &json!({})).await.auth.expect("a superuser");
    assert_eq!((&changed[0]["account"], &changed[0]["actor"]), (&json!(house.user), &json!(root.row.id)));
    let made = house.audited("superuser_made").await;
    assert_eq!(made[0]["account"], json!(root.row.id));
    assert_eq!(house.audited("key_made").await.len(), 1);
    let request = as_superuser(&house.records, &json!({})).await;
    house.records.delete(&request, "users", &house.user).await.expect("deleted");
    assert_eq!(house.audited("password_changed").await.len(), 1, "the list outlives the account");
}

#[tokio::test]
async fn an_authenticator_that_comes_and_goes_is_noted() {
    let house = open(identity::Config::default(), 100, |identity| identity).await;
    let token = house.token().await;
    let (_, codes) = crate::authenticator::enrolled(&house).await;
    assert_eq!(house.audited("factor_added").await[0]["detail"], json!({ "way": "totp" }));
    let body = json!({ "password": PASSWORD, "code": codes[0] });
    assert_eq!(house.post("/api/collections/users/totp-disable", &token, body).await.0, 204);
    assert_eq!(house.audited("factor_removed").await[0]["account"], json!(house.user));
    assert!(!json!(house.audit_as(None).await).to_string().contains(&codes[0]));
}

#[tokio::test]
async fn what_is_too_old_or_too_much_leaves_the_list() {
    let limits = identity::Config {
        audit_kept: Span(Duration::from_secs(3600)),
        audit_lines_max: 3,
        sweep_every: Span(Duration::from_millis(20)),
        ..identity::Config::default()
    };
    let house = open(limits, 100, |identity| identity).await;
    for _ in 0..5 {
        house.token().await;
        house.pass(1);
    }
    let newest = house.audit_as(None).await.pop().expect("a line");
    let stop = CancellationToken::new();
    let _stopped = stop.clone().drop_guard();
    let (identity, until) = (house.identity.clone(), stop);
    TaskTracker::new().spawn(async move { identity.run(until).await });
    let left = async |number: usize| {
        let began = Instant::now();
        loop {
            let lines = house.audit_as(None).await;
            if lines.len() == number {
                return lines;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "{lines:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert_eq!(left(3).await.pop(), Some(newest), "the newest stay");
    house.pass(3600);
    left(0).await;
}
