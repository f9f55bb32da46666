//! Signing in with mailed codes.

use futures_util::future::join_all;
use records::{Draft, Shape};
use serde_json::{Value, json};

use crate::house::{EMAIL, PASSWORD, as_superuser};
use crate::mailing::{Mailing, mailing, with_codes};

fn wrong() -> (u16, Value) {
    (400, json!({ "status": 400, "message": "Invalid or expired OTP.", "data": {} }))
}

async fn give(house: &Mailing, id: &str, code: &str) -> (u16, Value) {
    house.ask("auth-with-otp", json!({ "otpId": id, "password": code })).await
}

/// Another code than the right one.
fn other(code: &str) -> String {
    let last = if code.ends_with('0') { "1" } else { "0" };
    format!("{}{last}", &code[..code.len() - 1])
}

#[tokio::test]
async fn a_mailed_code_signs_in_once() {
    let Some(house) = mailing(&with_codes()).await else { return };
    let _running = house.run();
    let (id, code) = house.asked_code(1).await;
    assert_eq!(give(&house, &id, &other(&code)).await, wrong());
    let (status, body) = give(&house, &id, &code).await;
    assert_eq!((status, &body["record"]["email"]), (200, &json!(EMAIL)), "{body}");
    assert_eq!(body["record"]["verified"], json!(true), "the code came by the address");
    assert!(house.house.holder(body["token"].as_str().expect("a token")).await.is_some());
    assert_eq!(give(&house, &id, &code).await, wrong(), "once");
}

#[tokio::test]
async fn of_fifty_who_give_the_same_code_at_once_one_signs_in() {
    let Some(house) = mailing(&with_codes()).await else { return };
    let _running = house.run();
    let (id, code) = house.asked_code(1).await;
    let answers = join_all((0..50).map(|_| give(&house, &id, &code))).await;
    assert_eq!(answers.iter().filter(|(status, _)| *status == 200).count(), 1, "{answers:?}");
    assert!(answers.iter().all(|answer| answer.0 == 200 || *answer == wrong()));
}

#[tokio::test]
async fn a_code_is_of_its_own_request_and_its_own_collection() {
    let Some(house) = mailing(&with_codes()).await else { return };
    let _running = house.run();
    let ((first, code), (second, _)) = (house.asked_code(1).await, house.asked_code(2).await);
    assert_eq!(give(&house, &second, &code).await, wrong());
    house.house.set("_superusers", &with_codes()).await;
    let path = "/api/collections/_superusers/auth-with-otp";
    assert_eq!(house.house.post(path, "", json!({ "otpId": first, "password": code })).await, wrong());
    assert_eq!(give(&house, &first, &code).await.0, 200);
}

#[tokio::test]
async fn a_code_dies_in_its_time_and_with_the_password() {
    let Some(house) = mailing(&with_codes()).await else { return };
    let _running = house.run();
    let (id, code) = house.asked_code(1).await;
    house.house.pass(180);
    assert_eq!(give(&house, &id, &code).await, wrong());
    let (id, code) = house.asked_code(2).await;
    house.house.change_password().await;
    assert_eq!(give(&house, &id, &code).await, wrong());
}

#[tokio::test]
async fn a_code_is_void_after_five_wrong_tries_and_ten_an_hour_are_all_of_an_address() {
    let Some(house) = mailing(&with_codes()).await else { return };
    let _running = house.run();
    for number in 1..=2 {
        let (id, code) = house.asked_code(number).await;
        for _ in 0..5 {
            assert_eq!(give(&house, &id, &other(&code)).await, wrong());
        }
        assert_eq!(give(&house, &id, &code).await, wrong(), "void");
    }
    let (id, code) = house.asked_code(3).await;
    let (status, body) = give(&house, &id, &code).await;
    assert_eq!(status, 429, "{body}");
    assert_eq!(house.house.sign_in("users", EMAIL, PASSWORD).await.0, 200, "other ways stay open");
    house.house.pass(3600);
    let (id, code) = house.asked_code(4).await;
    assert_eq!(give(&house, &id, &code).await.0, 200);
}

#[tokio::test]
async fn a_hundred_guesses_at_once_are_five() {
    let Some(house) = mailing(&with_codes()).await else { return };
    let _running = house.run();
    let (id, code) = house.asked_code(1).await;
    let guesses = (0..100u32).map(|n| format!("{n:06}")).filter(|guess| *guess != code);
    let answers = join_all(guesses.map(async |guess| give(&house, &id, &guess).await)).await;
    assert!(answers.iter().all(|answer| *answer == wrong()));
    let tally = house.own("_tallies").await;
    assert!(tally.iter().any(|t| t["count"].as_f64() == Some(5.0)), "{tally:?}");
}

#[tokio::test]
async fn guesses_at_an_address_that_is_nobodys_get_the_same_answers() {
    let Some(house) = mailing(&with_codes()).await else { return };
    let mut told = Vec::new();
    for email in [EMAIL, "nobody@example.com"] {
        let mut answers = Vec::new();
        for _ in 0..3 {
            let (_, body) = house.ask("request-otp", json!({ "email": email })).await;
            let id = body["otpId"].as_str().expect("an id").to_owned();
            for _ in 0..6 {
                let (status, body) = give(&house, &id, "no code").await;
                answers.push((status, body["message"].clone()));
            }
        }
        told.push(answers);
    }
    assert_eq!(told[0], told[1]);
    assert!(told[0].iter().any(|(status, _)| *status == 429));
}

#[tokio::test]
async fn who_signed_up_with_anothers_address_is_not_let_in_beside_its_owner() {
    let Some(house) = mailing(&with_codes()).await else { return };
    let _running = house.run();
    let squatter = house.house.token().await;
    let records = &house.house.records;
    let linked = json!({
        "collectionRef": records.catalog().find("users").expect("it is there").id, "recordRef": house.house.user,
        "provider": "github", "providerId": "7",
    });
    let asking = as_superuser(records, &linked).await;
    let draft = Draft { values: asking.body.clone(), uploads: Vec::new() };
    records.create(&asking, "_externalAuths", draft, &Shape::default()).await.expect("linked");
    let (id, code) = house.asked_code(1).await;
    assert_eq!(give(&house, &id, &code).await.0, 200);
    assert!(house.house.holder(&squatter).await.is_none(), "the session has ended");
    assert_eq!(house.house.sign_in("users", EMAIL, PASSWORD).await.0, 400, "and so has the password");
    assert_eq!(
        house.own("_externalAuths").await.len(),
        0,
        "and whoever linked a provider is not let in by it"
    );
    let (id, code) = house.asked_code(2).await;
    let (_, body) = give(&house, &id, &code).await;
    let owner = body["token"].as_str().expect("a token").to_owned();
    let (id, code) = house.asked_code(3).await;
    assert_eq!(give(&house, &id, &code).await.0, 200);
    assert!(house.house.holder(&owner).await.is_some(), "a verified account keeps its sessions");
}

#[tokio::test]
async fn codes_and_second_steps_are_listed_as_they_are() {
    let mut settings = with_codes();
    settings["mfa"] = json!({ "enabled": true, "duration": 300, "rule": "" });
    let Some(house) = mailing(&settings).await else { return };
    let methods = house.house.send("GET", "/api/collections/users/auth-methods", "", "", "").await.1;
    assert_eq!(methods["otp"], json!({ "enabled": true, "duration": 180 }));
    assert_eq!(methods["mfa"], json!({ "enabled": true, "duration": 300 }));
}
