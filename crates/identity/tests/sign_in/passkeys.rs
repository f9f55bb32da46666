//! Passkeys, against a browser and authenticator in software that misbehave in every way they know.

mod modes;

use std::sync::Arc;

use identity::{Config, RelyingParty};
use records::{Draft, Principal, Request, Shape};
use serde_json::{Value, json};
use testbed::{SignInPeer, http};

use crate::house::{self, EMAIL, Fixture, PASSWORD, as_superuser};
use crate::mailing;

/// Where the service says that it is; requests come to another host.
const ORIGIN: &str = "https://ondol.example";

/// Flaws that more than the tables tell of.
const CHALLENGE: &str = "the challenge is another one";
const COUNTER: &str =
    "the passkey's counter went back, as if there were two of it; delete it and add a new one";
const UNKNOWN: &str = "this service does not know the passkey";

struct House {
    house: Fixture,
    peer: SignInPeer,
}

/// What a step must come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Taken,
    Refused(&'static str),
}
use Outcome::{Refused, Taken};

fn site() -> RelyingParty {
    RelyingParty { id: "ondol.example".into(), origin: ORIGIN.into(), name: "온돌".into() }
}

async fn house() -> Option<House> {
    let peer = testbed::sign_in_peer("webauthn", &[])?;
    let config = Config { relying_party: Some(site()), passkeys_max: 100, ..Config::default() };
    Some(House { house: house::open(config, 100_000, |identity| identity).await, peer })
}

fn outcome(answer: &(u16, Value)) -> Result<(), String> {
    match answer.0 {
        200 => Ok(()),
        400 => Err(answer.1["message"].as_str().expect("a message").to_owned()),
        _ => panic!("{answer:?}"),
    }
}

fn check(row: &str, answer: &(u16, Value), wanted: Outcome) {
    match (outcome(answer), wanted) {
        (Ok(()), Taken) => {}
        (Err(message), Refused(why)) => {
            assert_eq!(message, format!("The passkey was not taken: {why}."), "{row}");
        }
        _ => panic!("{row}: {answer:?}, and not {wanted:?}"),
    }
}

impl House {
    async fn ask(&self, what: &str, token: &str, body: Value) -> (u16, Value) {
        self.house.post(&format!("/api/collections/users/{what}"), token, body).await
    }

    async fn register_options(&self, token: &str) -> Value {
        let (status, body) =
            self.ask("passkey-register-options", token, json!({ "password": PASSWORD })).await;
        assert_eq!(status, 200, "{body}");
        body["publicKey"].clone()
    }

    async fn sign_in_options(&self) -> Value {
        let (status, body) = self.ask("passkey-sign-in-options", "", json!({})).await;
        assert_eq!(status, 200, "{body}");
        body["publicKey"].clone()
    }

    /// What the browser gives for options; `credential` is the id of the passkey to use.
    fn browser(&self, what: &str, options: &Value, mode: &str, credential: Option<&str>) -> Value {
        let mut body = json!({ "publicKey": options, "origin": ORIGIN, "mode": mode });
        if let Some(id) = credential {
            body["credential"] = json!(id);
        }
        let url = format!("{}/{what}", self.peer.base());
        let answer = http::send("POST", &url, &[("Content-Type", "application/json")], &body.to_string());
        assert_eq!(answer.status, 200, "{mode}: {}", answer.body);
        serde_json::from_str(&answer.body).expect("JSON")
    }

    /// Registers with an authenticator that likes an algorithm best, in a mode.
    async fn try_register(&self, token: &str, algorithm: i64, mode: &str) -> (u16, Value) {
        let mut options = self.register_options(token).await;
        if algorithm != 0 {
            let offered = options["pubKeyCredParams"].as_array_mut().expect("a list");
            offered.sort_by_key(|offer| offer["alg"] != algorithm);
        }
        let credential = self.browser("create", &options, mode, None);
        self.ask("passkey-register", token, json!({ "credential": credential, "name": " phone " })).await
    }

    /// Registers a passkey: its credential's id.
    async fn registered(&self, token: &str, algorithm: i64) -> String {
        let (status, body) = self.try_register(token, algorithm, "").await;
        assert_eq!(status, 200, "{body}");
        body["credentialId"].as_str().expect("an id").to_owned()
    }

    async fn try_sign_in(&self, credential: &str, mode: &str) -> (u16, Value) {
        let options = self.sign_in_options().await;
        let credential = self.browser("get", &options, mode, Some(credential));
        self.ask("auth-with-passkey", "", json!({ "credential": credential })).await
    }

    /// Another account, signed in: its id and token.
    async fn other(&self) -> (String, String) {
        let body = json!({ "email": "other@example.com", "password": PASSWORD, "passwordConfirm": PASSWORD });
        let request = as_superuser(&self.house.records, &body).await;
        let draft = Draft { values: request.body.clone(), uploads: Vec::new() };
        let made =
            self.house.records.create(&request, "users", draft, &Shape::default()).await.expect("made");
        let (status, body) = self.house.sign_in("users", "other@example.com", PASSWORD).await;
        assert_eq!(status, 200, "{body}");
        (made.row.id.clone(), body["token"].as_str().expect("a token").to_owned())
    }

    async fn rows(&self) -> Vec<Value> {
        let passkeys = self.house.records.catalog().find("_passkeys").expect("there").clone();
        let select = store::query::Select::table(&passkeys.table());
        let rows =
            self.house.records.store().reader().await.expect("reads").select(&select).await.expect("reads");
        rows.iter().map(|row| Value::Object(self.house.records.values(&passkeys, row).0)).collect()
    }

    async fn as_holder(&self, token: &str, body: Value) -> Request {
        let auth: Option<Arc<Principal>> = self.house.holder(token).await;
        Request {
            method: "PATCH".into(),
            body: body.as_object().cloned().expect("an object"),
            auth,
            ..Request::default()
        }
    }

    async fn change(&self, token: &str, id: &str, body: Value) -> Result<(), records::Error> {
        let request = self.as_holder(token, body).await;
        let draft = Draft { values: request.body.clone(), uploads: Vec::new() };
        self.house.records.update(&request, "_passkeys", id, draft, &Shape::default()).await.map(drop)
    }
}

#[tokio::test]
async fn a_counter_that_does_not_go_on_is_refused_and_stays() {
    let Some(house) = house().await else { return };
    let token = house.house.token().await;
    for (mode, id) in [
        ("counter_back", house.registered(&token, 0).await),
        ("counter_same", house.registered(&token, 0).await),
    ] {
        check(mode, &house.try_sign_in(&id, mode).await, Taken);
        check(mode, &house.try_sign_in(&id, mode).await, Refused(COUNTER));
        check("a counter of zero after one above", &house.try_sign_in(&id, "").await, Refused(COUNTER));
        let row =
            house.rows().await.into_iter().find(|row| row["credentialId"] == id.as_str()).expect("there");
        assert_eq!(row["counter"].as_f64(), Some(10.0), "{row}");
    }
    let noted = house.house.audited("passkey_doubled").await;
    assert!(
        noted.len() == 4 && noted.iter().all(|line| line["account"] == json!(house.house.user)),
        "{noted:?}"
    );
}

#[tokio::test]
async fn a_collection_without_passkeys_takes_none() {
    let Some(house) = house().await else { return };
    let token = house.house.token().await;
    let id = house.registered(&token, 0).await;
    let credential = house.sign_in_options().await;
    house.house.set("users", &json!({ "passkey": { "enabled": false } })).await;
    let methods = house.house.send("GET", "/api/collections/users/auth-methods", "", "", "").await.1;
    assert_eq!(methods["passkey"], json!({ "enabled": false }));
    for what in
        ["passkey-register-options", "passkey-register", "passkey-sign-in-options", "auth-with-passkey"]
    {
        let body = json!({ "password": house::PASSWORD, "credential": credential });
        assert_eq!(house.ask(what, &token, body).await.0, 403, "{what}");
    }
    house.house.set("users", &json!({ "passwordAuth": { "enabled": false } })).await;
    let owner = house.as_holder(&token, json!({})).await;
    let row = house.rows().await.remove(0)["id"].as_str().expect("an id").to_owned();
    assert!(house.house.records.delete(&owner, "_passkeys", &row).await.is_err(), "nothing else is left");
    house
        .house
        .set("users", &json!({ "passwordAuth": { "enabled": true }, "passkey": { "enabled": true } }))
        .await;
    check("on again", &house.try_sign_in(&id, "").await, Taken);
}

#[tokio::test]
async fn a_challenge_is_answered_once_even_by_twenty_at_once() {
    let Some(house) = house().await else { return };
    let token = house.house.token().await;
    let options = house.register_options(&token).await;
    let credential = house.browser("create", &options, "", None);
    let body = json!({ "credential": credential });
    let answers = (0..20).map(|_| house.ask("passkey-register", &token, body.clone()));
    let answers = futures_util::future::join_all(answers).await;
    assert_eq!(answers.iter().filter(|answer| answer.0 == 200).count(), 1, "{answers:?}");
    let again = house.browser("create", &options, "", None);
    let answer = house.ask("passkey-register", &token, json!({ "credential": again })).await;
    check("another credential for the same challenge", &answer, Refused(CHALLENGE));
    let options = house.sign_in_options().await;
    let id = credential["id"].as_str();
    let body = json!({ "credential": house.browser("get", &options, "", id) });
    let answers = (0..20).map(|_| house.ask("auth-with-passkey", "", body.clone()));
    let answers = futures_util::future::join_all(answers).await;
    assert_eq!(answers.iter().filter(|answer| answer.0 == 200).count(), 1, "{answers:?}");
}

#[tokio::test]
async fn a_challenge_is_of_its_account_its_purpose_and_its_time() {
    let Some(house) = house().await else { return };
    let (token, (_, others)) = (house.house.token().await, house.other().await);
    let options = house.register_options(&token).await;
    let credential = json!({ "credential": house.browser("create", &options, "", None) });
    let answer = house.ask("passkey-register", &others, credential.clone()).await;
    check("signed in as another by then", &answer, Refused(CHALLENGE));
    check("its own", &house.ask("passkey-register", &token, credential).await, Taken);
    let mine = house.registered(&token, 0).await;
    // the challenge of one ceremony in the other
    let mut options = house.sign_in_options().await;
    options["challenge"] = house.register_options(&token).await["challenge"].clone();
    let body = json!({ "credential": house.browser("get", &options, "", Some(&mine)) });
    check("of the other purpose", &house.ask("auth-with-passkey", "", body).await, Refused(CHALLENGE));
    let mut options = house.register_options(&token).await;
    options["challenge"] = house.sign_in_options().await["challenge"].clone();
    let body = json!({ "credential": house.browser("create", &options, "", None) });
    check("of the other purpose", &house.ask("passkey-register", &token, body).await, Refused(CHALLENGE));
    // of another collection
    let path = "/api/collections/_superusers/passkey-sign-in-options";
    let (_, of_superusers) = house.house.post(path, "", json!({})).await;
    let body = json!({ "credential": house.browser("get", &of_superusers["publicKey"], "", Some(&mine)) });
    check(
        "of another collection",
        &house.ask("auth-with-passkey", "", body.clone()).await,
        Refused(CHALLENGE),
    );
    let answer = house.house.post("/api/collections/_superusers/auth-with-passkey", "", body).await;
    check("in another collection", &answer, Refused(UNKNOWN));
    let late = house.sign_in_options().await;
    house.house.pass(300);
    let body = json!({ "credential": house.browser("get", &late, "", Some(&mine)) });
    check("late", &house.ask("auth-with-passkey", "", body).await, Refused(CHALLENGE));
}

#[tokio::test]
async fn a_passkey_is_added_by_whoever_has_signed_in_and_knows_the_password() {
    let Some(house) = house().await else { return };
    let what = "passkey-register-options";
    assert_eq!(house.ask(what, "", json!({ "password": PASSWORD })).await.0, 401);
    let root = house.house.superuser_token().await;
    assert_eq!(house.ask(what, &root, json!({ "password": "rootrootroot" })).await.0, 403);
    let token = house.house.token().await;
    let (status, body) = house.ask(what, &token, json!({})).await;
    assert_eq!((status, &body["data"]["password"]["code"]), (400, &json!("validation_required")));
    for _ in 0..10 {
        let (status, body) = house.ask(what, &token, json!({ "password": "a guess" })).await;
        assert_eq!((status, &body["data"]["password"]["code"]), (400, &json!("validation_invalid_password")));
    }
    assert_eq!(house.ask(what, &token, json!({ "password": PASSWORD })).await.0, 429, "ten guesses an hour");
    house.house.pass(3600);
    let options = house.register_options(&house.house.token().await).await;
    assert_eq!(options["rp"], json!({ "id": "ondol.example", "name": "온돌" }));
    assert_eq!(options["user"]["name"], json!(EMAIL));
    assert_eq!(options["authenticatorSelection"]["userVerification"], json!("required"));
    assert_eq!(options["authenticatorSelection"]["residentKey"], json!("required"));
}

#[tokio::test]
async fn a_passkey_is_enough_where_two_ways_are_asked_for() {
    let Some(house) = house().await else { return };
    let mine = house.registered(&house.house.token().await, 0).await;
    house
        .house
        .set(
            "users",
            &json!({
                "otp": { "enabled": true, "duration": 180, "length": 6 },
                "mfa": { "enabled": true, "duration": 300, "rule": "" },
            }),
        )
        .await;
    assert_eq!(house.house.sign_in("users", EMAIL, PASSWORD).await.0, 401, "a password is half of it");
    check("a passkey", &house.try_sign_in(&mine, "").await, Taken);
    house.house.set("users", &json!({ "authRule": "verified = true" })).await;
    assert_eq!(house.try_sign_in(&mine, "").await.0, 403, "the auth rule holds for passkeys too");
}

#[tokio::test]
async fn whoever_has_an_authenticator_shows_a_code_of_it_to_add_a_passkey_which_then_enters_alone() {
    let Some(house) = house().await else { return };
    let token = house.house.token().await;
    let (_, recovery) = crate::authenticator::enrolled(&house.house).await;
    let what = "passkey-register-options";
    for code in ["", "000000", "nonsense"] {
        let (status, body) = house.ask(what, &token, json!({ "password": PASSWORD, "code": code })).await;
        assert_eq!(
            (status, &body["data"]["code"]["code"]),
            (400, &json!("validation_invalid_code")),
            "{code}"
        );
    }
    let shown = json!({ "password": PASSWORD, "code": recovery[0] });
    let (status, body) = house.ask(what, &token, shown.clone()).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(house.ask(what, &token, shown).await.0, 400, "a code is good once");
    let credential = house.browser("create", &body["publicKey"], "", None);
    let answer = house.ask("passkey-register", &token, json!({ "credential": credential })).await;
    check("with a code", &answer, Taken);
    assert_eq!(house.house.sign_in("users", EMAIL, PASSWORD).await.0, 401, "a password is half of it");
    check("a passkey", &house.try_sign_in(credential["id"].as_str().expect("an id"), "").await, Taken);
}

#[tokio::test]
async fn a_passkey_that_was_added_under_anothers_address_dies_when_that_person_comes() {
    for by_code in [true, false] {
        let Some(peer) = testbed::sign_in_peer("webauthn", &[]) else { return };
        let settings = mailing::with_codes();
        let Some(mut mails) =
            mailing::mailing_with(&settings, |config| config.relying_party = Some(site())).await
        else {
            return;
        };
        let squatter = House { house: mails.house, peer };
        squatter.registered(&squatter.house.token().await, 0).await;
        mails.house = squatter.house;
        let _running = mails.run();
        let answer = if by_code {
            let (id, code) = mails.asked_code(1).await;
            mails.ask("auth-with-otp", json!({ "otpId": id, "password": code })).await
        } else {
            mails.ask("request-password-reset", json!({ "email": EMAIL })).await;
            let token = mails.token(EMAIL, 1).await;
            let body =
                json!({ "token": token, "password": "another horse", "passwordConfirm": "another horse" });
            mails.ask("confirm-password-reset", body).await
        };
        assert!([200, 204].contains(&answer.0), "{answer:?}");
        assert!(mails.own("_passkeys").await.is_empty(), "{by_code}");
    }
}

#[tokio::test]
async fn owners_list_rename_and_delete_their_passkeys_and_nothing_else() {
    let Some(house) = house().await else { return };
    let (token, (_, others)) = (house.house.token().await, house.other().await);
    let (status, shown) = house.try_register(&token, 0, "").await;
    assert_eq!((status, &shown["name"], &shown["backedUp"]), (200, &json!("phone"), &json!(true)), "{shown}");
    assert_eq!(shown["transports"], json!(["internal", "hybrid"]));
    for hidden in ["publicKey", "counter", "credentialHash", "backupEligible"] {
        assert!(shown.get(hidden).is_none(), "{hidden}");
    }
    let id = shown["id"].as_str().expect("an id");
    house.change(&token, id, json!({ "name": "my phone" })).await.expect("its owner names it");
    for fixed in
        ["publicKey", "counter", "recordRef", "credentialId", "credentialHash", "backupEligible", "lastUsed"]
    {
        assert!(house.change(&token, id, json!({ fixed: "x" })).await.is_err(), "{fixed}");
    }
    assert!(house.change(&others, id, json!({ "name": "mine" })).await.is_err());
    let credential = shown["credentialId"].as_str().expect("an id").to_owned();
    check("renamed", &house.try_sign_in(&credential, "").await, Taken);
    let row = house.rows().await.remove(0);
    assert_eq!(row["name"], json!("my phone"));
    assert!(row["lastUsed"].as_str().is_some_and(|date| date.starts_with("2027")), "{row}");
    let records = &house.house.records;
    let as_other = house.as_holder(&others, json!({})).await;
    assert!(records.delete(&as_other, "_passkeys", id).await.is_err());
    let as_owner = house.as_holder(&token, json!({})).await;
    records.delete(&as_owner, "_passkeys", id).await.expect("its owner deletes it");
    let answer = house.try_sign_in(&credential, "").await;
    check("deleted", &answer, Refused(UNKNOWN));
}

#[tokio::test]
async fn the_last_way_in_stays() {
    let Some(house) = house().await else { return };
    let token = house.house.token().await;
    for _ in 0..2 {
        house.registered(&token, 0).await;
    }
    house.house.set("users", &json!({ "passwordAuth": { "enabled": false } })).await;
    let owner = house.as_holder(&token, json!({})).await;
    let ids: Vec<String> =
        house.rows().await.iter().map(|row| row["id"].as_str().expect("an id").to_owned()).collect();
    let records = &house.house.records;
    let deleted = ids.iter().map(|id| records.delete(&owner, "_passkeys", id));
    let deleted = futures_util::future::join_all(deleted).await;
    assert_eq!(deleted.iter().filter(|done| done.is_ok()).count(), 1, "{deleted:?}");
    let left = house.rows().await.remove(0)["id"].as_str().expect("an id").to_owned();
    let refused = records.delete(&owner, "_passkeys", &left).await.expect_err("it is the last one");
    assert!(refused.to_string().contains("the last way to sign in"), "{refused}");
    house.house.set("users", &json!({ "passwordAuth": { "enabled": true } })).await;
    records.delete(&owner, "_passkeys", &left).await.expect("a password is left");
}

#[tokio::test]
async fn passkeys_go_with_their_account() {
    let Some(house) = house().await else { return };
    let (id, token) = house.other().await;
    let credential = house.registered(&token, 0).await;
    let request = as_superuser(&house.house.records, &json!({})).await;
    house.house.records.delete(&request, "users", &id).await.expect("deleted");
    assert!(house.rows().await.is_empty());
    let answer = house.try_sign_in(&credential, "").await;
    check("without its account", &answer, Refused(UNKNOWN));
}

#[tokio::test]
async fn ways_to_sign_in_tell_of_passkeys_where_the_service_knows_its_address() {
    let Some(house) = house().await else { return };
    let path = "/api/collections/users/auth-methods";
    let methods = house.house.send("GET", path, "", "", "").await.1;
    assert_eq!(methods["passkey"], json!({ "enabled": true }));
    let without = house::fixture().await;
    assert_eq!(without.send("GET", path, "", "", "").await.1["passkey"], json!({ "enabled": false }));
    let (status, body) = without.post("/api/collections/users/passkey-sign-in-options", "", json!({})).await;
    assert_eq!(status, 501, "{body}");
    let (status, _) = without.post("/api/collections/users/auth-with-passkey", "", json!({})).await;
    assert_eq!(status, 501);
}
