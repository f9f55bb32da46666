//! Two ways to sign in after one another, and sign-ins from new places.

use serde_json::{Value, json};

use crate::house::{EMAIL, PASSWORD};
use crate::mailing::{Mailing, mailing, with_codes};

fn with_two() -> Value {
    let mut settings = with_codes();
    settings["mfa"] = json!({ "enabled": true, "duration": 300, "rule": "" });
    settings
}

/// Signs in by password, with the id of a half sign-in.
async fn by_password(house: &Mailing, half: &str) -> (u16, Value) {
    house.ask("auth-with-password", json!({ "identity": EMAIL, "password": PASSWORD, "mfaId": half })).await
}

async fn by_code(house: &Mailing, number: usize, half: &str) -> (u16, Value) {
    let (id, code) = house.asked_code(number).await;
    let path = format!("/api/collections/users/auth-with-otp?mfaId={half}");
    house.house.post(&path, "", json!({ "otpId": id, "password": code })).await
}

fn half(answer: &(u16, Value)) -> String {
    assert_eq!((answer.0, answer.1.as_object().map(serde_json::Map::len)), (401, Some(1)), "{answer:?}");
    answer.1["mfaId"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn two_ways_let_in_in_either_order_and_one_never() {
    let Some(house) = mailing(&with_two()).await else { return };
    let _running = house.run();
    let first = half(&by_password(&house, "").await);
    let (status, body) = by_code(&house, 1, &first).await;
    assert_eq!((status, &body["record"]["email"]), (200, &json!(EMAIL)), "{body}");
    assert_eq!(by_code(&house, 2, &first).await.1["message"], "Invalid or expired MFA session.", "once");
    let first = half(&by_code(&house, 3, "").await);
    assert_eq!(by_password(&house, &first).await.0, 200);
}

#[tokio::test]
async fn the_same_way_twice_is_one_way() {
    let Some(house) = mailing(&with_two()).await else { return };
    let _running = house.run();
    let first = half(&by_password(&house, "").await);
    let (status, body) = by_password(&house, &first).await;
    assert_eq!((status, &body["message"]), (400, &json!("A different authentication method is required.")));
    assert_eq!(by_code(&house, 1, &first).await.0, 200, "it is still awaited");
}

#[tokio::test]
async fn a_half_sign_in_is_of_its_account_and_its_time() {
    let Some(house) = mailing(&with_two()).await else { return };
    let _running = house.run();
    assert_eq!(by_code(&house, 1, "nonsense").await.0, 400);
    let late = half(&by_password(&house, "").await);
    house.house.pass(300);
    assert_eq!(by_code(&house, 2, &late).await.0, 400);
    let body = json!({ "email": "other@example.com", "password": PASSWORD, "passwordConfirm": PASSWORD });
    let request = crate::house::as_superuser(&house.house.records, &body).await;
    let draft = records::Draft { values: request.body.clone(), uploads: Vec::new() };
    house.house.records.create(&request, "users", draft, &records::Shape::default()).await.expect("a user");
    let others = json!({ "identity": "other@example.com", "password": PASSWORD });
    let others = half(&house.ask("auth-with-password", others).await);
    assert_eq!(by_code(&house, 3, &others).await.0, 400);
}

#[tokio::test]
async fn two_ways_are_asked_for_of_those_whom_the_rule_means() {
    let mut settings = with_two();
    settings["mfa"]["rule"] = json!("verified = true");
    let Some(house) = mailing(&settings).await else { return };
    let _running = house.run();
    assert_eq!(by_password(&house, "").await.0, 200);
    assert_eq!(house.ask("request-verification", json!({ "email": EMAIL })).await.0, 204);
    let token = house.token(EMAIL, 1).await;
    assert_eq!(house.ask("confirm-verification", json!({ "token": token })).await.0, 204);
    half(&by_password(&house, "").await);
    let settings = json!({ "mfa": { "rule": "nothing = true" } });
    let refused =
        house.house.records.update_collection("users", settings.as_object().expect("an object")).await;
    assert!(refused.is_err(), "a rule that can't be read is not kept");
}

#[tokio::test]
async fn a_sign_in_from_a_new_place_is_told_and_from_a_known_one_not() {
    let Some(house) = mailing(&json!({})).await else { return };
    let _running = house.run();
    let path = "/api/collections/users/auth-with-password";
    let sent = json!({ "identity": EMAIL, "password": PASSWORD });
    let from = async |address: [u8; 4], browser: &str| {
        let answer = house.house.send_from(address, &[("user-agent", browser)], path, &sent).await;
        assert_eq!(answer.0, 200, "{answer:?}");
        house.own("_mails").await.len()
    };
    assert_eq!(from([10, 0, 0, 1], "Firefox").await, 0, "the first place is told to nobody");
    assert_eq!(from([10, 0, 0, 1], "Firefox").await, 0);
    assert_eq!(from([10, 0, 0, 2], "<b>Evil</b>").await, 1);
    let mail = house.mail(EMAIL, 1).await;
    assert!(mail["text"].as_str().is_some_and(|text| text.contains("10.0.0.2 · <b>Evil</b>")), "{mail}");
    assert!(mail["html"].as_str().is_some_and(|html| html.contains("&lt;b&gt;Evil")));
    assert_eq!(from([10, 0, 0, 1], "Firefox").await, 1);
    for n in 3..10 {
        from([10, 0, 0, n], "Firefox").await;
    }
    assert_eq!(house.own("_authOrigins").await.len(), 5, "the oldest are forgotten");
}

#[tokio::test]
async fn what_has_expired_is_cleared_away() {
    let Some(house) = crate::mailing::mailing_with(&with_two(), |config| {
        config.sweep_every = base::unit::Span(std::time::Duration::from_millis(20));
    })
    .await
    else {
        return;
    };
    half(&by_password(&house, "").await);
    house.ask("request-otp", json!({ "email": "nobody@example.com" })).await;
    house.house.pass(601);
    let _running = house.run();
    let gone = async || {
        let left = [house.own("_otps").await.len(), house.own("_mfas").await.len()];
        (left == [0, 0]).then_some(())
    };
    house.wait("clearing", gone).await;
    assert_eq!(
        (house.own("_tallies").await.len(), house.own("_mails").await.len()),
        (1, 1),
        "these live longer"
    );
    house.house.pass(86_400);
    let gone = async || {
        let left = [house.own("_tallies").await.len(), house.own("_mails").await.len()];
        (left == [0, 0]).then_some(())
    };
    house.wait("clearing", gone).await;
}
