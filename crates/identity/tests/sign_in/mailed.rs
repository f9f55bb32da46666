//! Verification, password resets and changes of addresses, by mailed links.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::house::{EMAIL, PASSWORD};
use crate::mailing::{Mailing, mailing, with_codes};

const NEXT: &str = "another horse";
const OTHER: &str = "other@example.com";

fn bad_token() -> Value {
    json!({ "token": { "code": "validation_invalid_token", "message": "Invalid or expired token." } })
}

async fn asked(house: &Mailing, name: &str, number: usize) -> String {
    assert_eq!(house.ask(name, json!({ "email": EMAIL })).await, (204, Value::Null));
    house.token(EMAIL, number).await
}

fn reset(token: &str, password: &str) -> Value {
    json!({ "token": token, "password": password, "passwordConfirm": password })
}

#[tokio::test]
async fn a_link_shows_that_an_address_is_the_accounts() {
    let Some(house) = mailing(&json!({})).await else { return };
    let _running = house.run();
    let token = asked(&house, "request-verification", 1).await;
    assert_eq!(house.user("verified").await, json!(false));
    let payload: Value = payload(&token);
    assert_eq!(
        (&payload["id"], &payload["type"]),
        (&json!(house.house.user), &json!("verification")),
        "clients read it"
    );
    for _ in 0..2 {
        assert_eq!(house.ask("confirm-verification", json!({ "token": token })).await, (204, Value::Null));
        assert_eq!(house.user("verified").await, json!(true));
    }
    assert_eq!(house.ask("request-verification", json!({ "email": EMAIL })).await.0, 204);
    assert_eq!(
        house.own("_mails").await.iter().filter(|m| m["state"] == "nobody").count(),
        1,
        "there is no need"
    );
}

#[tokio::test]
async fn a_token_is_good_for_its_purpose_its_collection_and_its_time() {
    let Some(house) = mailing(&json!({})).await else { return };
    let _running = house.run();
    let verification = asked(&house, "request-verification", 1).await;
    let (status, body) = house.ask("confirm-password-reset", reset(&verification, NEXT)).await;
    assert_eq!((status, &body["data"]), (400, &bad_token()));
    let path = "/api/collections/_superusers/confirm-verification";
    assert_eq!(house.house.post(path, "", json!({ "token": verification })).await.0, 400);
    let signed_in = house.house.token().await;
    for token in ["x", "a.b.c", signed_in.as_str(), &verification[..verification.len() - 1]] {
        let (status, body) = house.ask("confirm-verification", json!({ "token": token })).await;
        assert_eq!((status, &body["data"]), (400, &bad_token()), "{token}");
    }
    assert!(house.house.holder(&verification).await.is_none(), "it signs nobody in");
    house.house.pass(86_400);
    assert_eq!(house.ask("confirm-verification", json!({ "token": verification })).await.0, 400);
    assert_eq!(house.user("verified").await, json!(false));
}

#[tokio::test]
async fn a_reset_sets_the_password_ends_all_sessions_and_works_once() {
    let Some(house) = mailing(&json!({})).await else { return };
    let _running = house.run();
    let session = house.house.token().await;
    let (first, second) =
        (asked(&house, "request-password-reset", 1).await, asked(&house, "request-password-reset", 2).await);
    let (status, body) = house
        .ask("confirm-password-reset", json!({ "token": first, "password": "a", "passwordConfirm": "b" }))
        .await;
    assert_eq!(
        (status, &body["data"]["passwordConfirm"]["code"]),
        (400, &json!("validation_values_mismatch"))
    );
    let (status, body) = house.ask("confirm-password-reset", reset(&first, "short")).await;
    assert_eq!((status, &body["data"]["password"]["code"]), (400, &json!("validation_min_text_constraint")));
    assert_eq!(house.ask("confirm-password-reset", reset(&first, NEXT)).await, (204, Value::Null));
    assert!(house.house.holder(&session).await.is_none(), "the session has ended");
    assert_eq!(house.user("verified").await, json!(true), "the link came by the address");
    assert_eq!(house.house.sign_in("users", EMAIL, PASSWORD).await.0, 400);
    assert_eq!(house.house.sign_in("users", EMAIL, NEXT).await.0, 200);
    for token in [first, second] {
        let (status, body) = house.ask("confirm-password-reset", reset(&token, "a third horse")).await;
        assert_eq!((status, &body["data"]), (400, &bad_token()));
    }
}

#[tokio::test]
async fn of_fifty_resets_at_once_one_succeeds() {
    let Some(house) = mailing(&json!({})).await else { return };
    let _running = house.run();
    let token = asked(&house, "request-password-reset", 1).await;
    let tries =
        (0..50).map(|n| house.ask("confirm-password-reset", reset(&token, &format!("horse number {n}"))));
    let answers = join_all(tries).await;
    assert_eq!(answers.iter().filter(|(status, _)| *status == 204).count(), 1, "{answers:?}");
    assert!(
        answers.iter().all(|(status, body)| *status == 204 || body["data"] == bad_token()),
        "{answers:?}"
    );
    let winner = answers.iter().position(|(status, _)| *status == 204).expect("one");
    assert_eq!(house.house.sign_in("users", EMAIL, &format!("horse number {winner}")).await.0, 200);
}

#[tokio::test]
async fn a_reset_skips_no_second_step() {
    let mut settings = with_codes();
    settings["mfa"] = json!({ "enabled": true, "duration": 600, "rule": "" });
    let Some(house) = mailing(&settings).await else { return };
    let _running = house.run();
    let token = asked(&house, "request-password-reset", 1).await;
    assert_eq!(house.ask("confirm-password-reset", reset(&token, NEXT)).await, (204, Value::Null));
    let (status, body) = house.house.sign_in("users", EMAIL, NEXT).await;
    assert_eq!((status, body["mfaId"].is_string(), body.get("token")), (401, true, None), "{body}");
}

#[tokio::test]
async fn an_address_is_changed_by_a_link_to_the_new_one_and_the_password() {
    let Some(house) = mailing(&json!({})).await else { return };
    let _running = house.run();
    let path = "/api/collections/users/request-email-change";
    assert_eq!(house.house.post(path, "", json!({ "newEmail": OTHER })).await.0, 401);
    let session = house.house.token().await;
    for (wrong, code) in [
        ("nonsense", "validation_is_email"),
        (EMAIL, "validation_not_in_invalid"),
        ("", "validation_required"),
    ] {
        let (status, body) = house.house.post(path, &session, json!({ "newEmail": wrong })).await;
        assert_eq!((status, &body["data"]["newEmail"]["code"]), (400, &json!(code)), "{body}");
    }
    assert_eq!(house.house.post(path, &session, json!({ "newEmail": OTHER })).await, (204, Value::Null));
    let token = house.token(OTHER, 1).await;
    assert!(house.mails(EMAIL).await.is_empty());
    let wrong = json!({ "token": token, "password": "wrong horse" });
    let (status, body) = house.ask("confirm-email-change", wrong).await;
    assert_eq!((status, &body["data"]["password"]["code"]), (400, &json!("validation_invalid_password")));
    let right = json!({ "token": token, "password": PASSWORD });
    assert_eq!(house.ask("confirm-email-change", right.clone()).await, (204, Value::Null));
    assert_eq!((house.user("email").await, house.user("verified").await), (json!(OTHER), json!(true)));
    assert!(house.house.holder(&session).await.is_none(), "the session has ended");
    assert_eq!(house.ask("confirm-email-change", right).await.1["data"], bad_token());
}

#[tokio::test]
async fn an_account_can_not_have_mails_sent_to_everybody() {
    let Some(house) = mailing(&json!({})).await else { return };
    let (path, session) = ("/api/collections/users/request-email-change", house.house.token().await);
    let mut told = Vec::new();
    for n in 0..11 {
        told.push(
            house.house.post(path, &session, json!({ "newEmail": format!("a{n}@example.com") })).await.0,
        );
    }
    assert_eq!(told, [[204; 10].as_slice(), &[429]].concat());
}

#[tokio::test]
async fn passwords_are_not_guessed_beside_a_link() {
    let Some(house) = mailing(&json!({})).await else { return };
    let _running = house.run();
    let (path, session) = ("/api/collections/users/request-email-change", house.house.token().await);
    house.house.post(path, &session, json!({ "newEmail": OTHER })).await;
    let token = house.token(OTHER, 1).await;
    for _ in 0..10 {
        let wrong = json!({ "token": token, "password": "wrong horse" });
        assert_eq!(house.ask("confirm-email-change", wrong).await.0, 400);
    }
    let right = json!({ "token": token, "password": PASSWORD });
    assert_eq!(house.ask("confirm-email-change", right).await.0, 429);
}

#[tokio::test]
async fn an_address_that_is_somebodys_is_not_told_and_gets_no_mail() {
    let Some(house) = mailing(&json!({})).await else { return };
    let session = house.house.token().await;
    let body = json!({ "email": OTHER, "password": PASSWORD, "passwordConfirm": PASSWORD });
    let request = crate::house::as_superuser(&house.house.records, &body).await;
    let draft = records::Draft { values: request.body.clone(), uploads: Vec::new() };
    house.house.records.create(&request, "users", draft, &records::Shape::default()).await.expect("a user");
    let path = "/api/collections/users/request-email-change";
    assert_eq!(house.house.post(path, &session, json!({ "newEmail": OTHER })).await, (204, Value::Null));
    assert_eq!(house.own("_mails").await[0]["state"], "nobody");
}

#[tokio::test]
async fn nobody_can_tell_by_answers_or_traces_whether_an_address_is_an_accounts() {
    let Some(house) = mailing(&with_codes()).await else { return };
    let mut told = Vec::new();
    for email in [EMAIL, "nobody@example.com"] {
        let before = house.house.records.store().newest().await.expect("a position");
        let mut answers = Vec::new();
        for name in ["request-password-reset", "request-verification", "request-otp"] {
            for _ in 0..4 {
                let (status, mut body) = house.ask(name, json!({ "email": email })).await;
                if let Some(id) = body.get_mut("otpId") {
                    assert_eq!(id.as_str().map(str::len), Some(15));
                    *id = Value::Null;
                }
                answers.push((name, status, body));
            }
        }
        let after = house.house.records.store().newest().await.expect("a position");
        told.push((answers, after.0 - before.0));
    }
    assert_eq!(told[0], told[1]);
    let statuses: Vec<u16> = told[0].0.iter().map(|(_, status, _)| *status).collect();
    assert_eq!(
        statuses,
        [204, 204, 204, 204, 204, 204, 204, 204, 200, 200, 429, 429],
        "ten an hour, whatever they are"
    );
    house.house.pass(3600);
    assert_eq!(house.ask("request-otp", json!({ "email": EMAIL })).await.0, 200);
}

fn payload(token: &str) -> Value {
    use base64::Engine;
    let part = token.split('.').nth(1).expect("a payload");
    serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).expect("base64"))
        .expect("JSON")
}
