//! Authenticators as a second way, their codes made by an independent program (oathtool).

use std::process::Command;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::house::{EMAIL, Fixture, PASSWORD, as_superuser, fixture};
use crate::mailing::{mailing, with_codes};

const START: i64 = 1_800_000_000;

/// The code of a seed at a second, as an authenticator shows it.
pub(crate) fn code(secret: &str, second: i64) -> String {
    let done = Command::new("oathtool")
        .args(["--totp", "-b", secret, "-N", &format!("@{second}")])
        .output()
        .expect("oathtool is there; `cargo x test` installs it");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).expect("digits").trim().to_owned()
}

async fn ask(house: &Fixture, name: &str, token: &str, body: Value) -> (u16, Value) {
    house.post(&format!("/api/collections/users/{name}"), token, body).await
}

/// Enrols the user: the secret and the recovery codes.
pub(crate) async fn enrolled(house: &Fixture) -> (String, Vec<String>) {
    let token = house.token().await;
    let (status, body) = ask(house, "totp-enrol", &token, json!({ "password": PASSWORD })).await;
    assert_eq!(status, 200, "{body}");
    let secret = body["secret"].as_str().expect("a secret").to_owned();
    assert!(body["uri"].as_str().is_some_and(|uri| uri.contains(&secret) && uri.contains(EMAIL)), "{body}");
    let (status, body) = ask(house, "totp-confirm", &token, json!({ "code": code(&secret, START) })).await;
    assert_eq!(status, 200, "{body}");
    let codes = body["recoveryCodes"].as_array().expect("codes").iter().filter_map(Value::as_str);
    (secret, codes.map(str::to_owned).collect())
}

/// The id of a half sign-in by password.
async fn half(house: &Fixture) -> String {
    let (status, body) = house.sign_in("users", EMAIL, PASSWORD).await;
    assert_eq!((status, &body["totp"], body.get("token")), (401, &json!(true), None), "{body}");
    body["mfaId"].as_str().expect("an id").to_owned()
}

async fn give(house: &Fixture, half: &str, code: &str) -> u16 {
    ask(house, "auth-with-totp", "", json!({ "mfaId": half, "code": code })).await.0
}

fn open() -> impl Future<Output = Fixture> {
    crate::house::open(identity::Config::default(), 100_000, |identity| identity)
}

#[tokio::test]
async fn whoever_has_an_authenticator_enters_by_password_and_its_code() {
    let house = open().await;
    let (secret, _) = enrolled(&house).await;
    house.pass(60);
    let first = half(&house).await;
    let body = json!({ "mfaId": first, "code": code(&secret, START + 60) });
    let (status, body) = ask(&house, "auth-with-totp", "", body).await;
    assert_eq!((status, &body["record"]["email"]), (200, &json!(EMAIL)), "{body}");
    assert!(house.holder(body["token"].as_str().expect("a token")).await.is_some());
    assert_eq!(give(&house, &first, &code(&secret, START + 90)).await, 400, "the half is used up");
}

#[tokio::test]
async fn a_code_is_good_for_one_step_around_and_never_twice() {
    let house = open().await;
    let (secret, _) = enrolled(&house).await;
    house.pass(300);
    let first = half(&house).await;
    for off in [-60, 60] {
        assert_eq!(give(&house, &first, &code(&secret, START + 300 + off)).await, 400, "{off}");
    }
    assert_eq!(give(&house, &first, &code(&secret, START + 270)).await, 200, "the step before");
    let second = half(&house).await;
    assert_eq!(give(&house, &second, &code(&secret, START + 270)).await, 400, "not twice");
    assert_eq!(give(&house, &second, &code(&secret, START + 330)).await, 200, "the step after");
    let third = half(&house).await;
    assert_eq!(give(&house, &third, &code(&secret, START + 300)).await, 400, "nor an earlier one");
}

#[tokio::test]
async fn of_fifty_who_give_the_same_recovery_code_at_once_one_enters() {
    let house = open().await;
    let (_, codes) = enrolled(&house).await;
    assert_eq!(codes.len(), 10);
    let mut halves = Vec::new();
    for _ in 0..50 {
        halves.push(half(&house).await);
    }
    let shown = format!("{}-{}", &codes[0][..5], codes[0][5..].to_uppercase());
    let answers = join_all(halves.iter().map(|half| give(&house, half, &shown))).await;
    assert_eq!(answers.iter().filter(|status| **status == 200).count(), 1, "{answers:?}");
    assert_eq!(
        give(&house, &half(&house).await, &codes[1]).await,
        429,
        "so many wrong ones are enough for an hour"
    );
    house.pass(3600);
    assert_eq!(give(&house, &half(&house).await, &codes[1]).await, 200);
}

#[tokio::test]
async fn guesses_end_after_ten() {
    let house = open().await;
    let (secret, _) = enrolled(&house).await;
    house.pass(60);
    let first = half(&house).await;
    let right = code(&secret, START + 60);
    for n in 0..10u32 {
        let guess = format!("{n:06}");
        assert!(guess != right);
        assert_eq!(give(&house, &first, &guess).await, 400);
    }
    assert_eq!(give(&house, &first, &right).await, 429);
}

#[tokio::test]
async fn an_authenticator_is_changed_by_whoever_has_the_password_and_a_code() {
    let house = open().await;
    let (secret, codes) = enrolled(&house).await;
    let first = half(&house).await;
    house.pass(60);
    let body = json!({ "mfaId": first, "code": code(&secret, START + 60) });
    let token =
        ask(&house, "auth-with-totp", "", body).await.1["token"].as_str().expect("a token").to_owned();
    let enrol = json!({ "password": PASSWORD });
    assert_eq!(ask(&house, "totp-enrol", &token, enrol.clone()).await.0, 400, "it has one");
    for (password, code) in [("wrong horse", codes[0].as_str()), (PASSWORD, "000000")] {
        let body = json!({ "password": password, "code": code });
        assert_eq!(ask(&house, "totp-disable", &token, body).await.0, 400);
    }
    assert_eq!(
        ask(&house, "totp-disable", "", json!({ "password": PASSWORD, "code": codes[0] })).await.0,
        401
    );
    let body = json!({ "password": PASSWORD, "code": codes[0] });
    assert_eq!(ask(&house, "totp-disable", &token, body).await, (204, Value::Null));
    assert_eq!(house.sign_in("users", EMAIL, PASSWORD).await.0, 200);
    assert_eq!(ask(&house, "totp-enrol", &token, json!({ "password": "wrong horse" })).await.0, 400);
    assert_eq!(ask(&house, "totp-enrol", "", enrol.clone()).await.0, 401);
    let root = house.superuser_token().await;
    assert_eq!(ask(&house, "totp-enrol", &root, enrol).await.0, 403, "another collection's");
}

#[tokio::test]
async fn an_authenticator_that_was_never_proved_is_not_asked_for() {
    let house = fixture().await;
    let token = house.token().await;
    let (_, body) = ask(&house, "totp-enrol", &token, json!({ "password": PASSWORD })).await;
    let secret = body["secret"].as_str().expect("a secret").to_owned();
    assert_eq!(house.sign_in("users", EMAIL, PASSWORD).await.0, 200);
    assert_eq!(ask(&house, "totp-confirm", &token, json!({ "code": "000000" })).await.0, 400);
    let (_, body) = ask(&house, "totp-enrol", &token, json!({ "password": PASSWORD })).await;
    assert_ne!(body["secret"], json!(secret), "a new one each time");
    assert_eq!(ask(&house, "totp-confirm", &token, json!({ "code": code(&secret, START) })).await.0, 400);
}

#[tokio::test]
async fn nothing_stands_in_for_an_authenticator_and_its_seed_lies_nowhere() {
    let mut settings = with_codes();
    settings["mfa"] = json!({ "enabled": true, "duration": 300, "rule": "verified = false" });
    let Some(house) = mailing(&settings).await else { return };
    let _running = house.run();
    let root = as_superuser(&house.house.records, &json!({ "verified": true })).await;
    let draft = records::Draft { values: root.body.clone(), uploads: Vec::new() };
    let shape = records::Shape::default();
    house.house.records.update(&root, "users", &house.house.user, draft, &shape).await.expect("verified");
    let (secret, _) = enrolled(&house.house).await;
    let first = half(&house.house).await;
    let (id, mailed) = house.asked_code(1).await;
    let body = json!({ "otpId": id, "password": mailed, "mfaId": first });
    let (status, body) = house.ask("auth-with-otp", body).await;
    assert_eq!(
        (status, body["message"].as_str().is_some_and(|m| m.contains("authenticator"))),
        (400, true),
        "{body}"
    );
    let kept = serde_json::to_string(&house.own("_totps").await).expect("JSON");
    assert!(!kept.contains(&secret), "{kept}");
    house.house.pass(60);
    assert_eq!(give(&house.house, &first, &code(&secret, START + 60)).await, 200);
    assert_eq!(house.ask("request-password-reset", json!({ "email": EMAIL })).await.0, 204);
    let token = house.token(EMAIL, 2).await;
    let next = json!({ "token": token, "password": "another horse", "passwordConfirm": "another horse" });
    assert_eq!(house.ask("confirm-password-reset", next).await.0, 204);
    let (status, body) = house.house.sign_in("users", EMAIL, "another horse").await;
    assert_eq!((status, &body["totp"]), (401, &json!(true)), "a reset skips nothing");
}
