//! Mails that nobody asked for: what accounts and old addresses are told, and how an address is taken back.

use records::{Draft, Shape};
use serde_json::{Value, json};

use crate::authenticator::enrolled;
use crate::house::{EMAIL, PASSWORD, as_superuser};
use crate::mailing::{Mailing, mailing};

const OTHER: &str = "elsewhere@example.com";

/// A house with mail, whose user has a proved address and is not new.
async fn settled() -> Option<Mailing> {
    let house = mailing(&json!({})).await?;
    house.by_superuser("users", &house.house.user, &json!({ "verified": true })).await;
    house.house.pass(61);
    Some(house)
}

impl Mailing {
    async fn by_superuser(&self, collection: &str, id: &str, values: &Value) {
        let request = as_superuser(&self.house.records, values).await;
        let draft = Draft { values: request.body.clone(), uploads: Vec::new() };
        self.house.records.update(&request, collection, id, draft, &Shape::default()).await.expect("changed");
    }

    /// The account moves to another address; whoever has its password does that.
    async fn moved(&self) {
        let session = self.house.token().await;
        let path = "/api/collections/users/request-email-change";
        assert_eq!(self.house.post(path, &session, json!({ "newEmail": OTHER })).await.0, 204);
        let token = self.token(OTHER, 1).await;
        let body = json!({ "token": token, "password": PASSWORD });
        assert_eq!(self.ask("confirm-email-change", body).await, (204, Value::Null));
    }

    async fn undo(&self, token: &str) -> u16 {
        self.ask("confirm-email-undo", json!({ "token": token })).await.0
    }

    async fn kinds(&self) -> Vec<String> {
        let mails = self.own("_mails").await;
        mails.iter().map(|mail| mail["kind"].as_str().expect("a kind").to_owned()).collect()
    }
}

#[tokio::test]
async fn an_account_is_told_in_both_languages_that_an_authenticator_came_and_went() {
    let Some(house) = settled().await else { return };
    let _running = house.run();
    let token = house.house.token().await;
    house.house.pass(-61);
    let (_, codes) = enrolled(&house.house).await;
    house.house.pass(61);
    let body = json!({ "password": PASSWORD, "code": codes[0] });
    assert_eq!(house.house.post("/api/collections/users/totp-disable", &token, body).await.0, 204);
    let mail = house.mail(EMAIL, 1).await;
    let text = mail["text"].as_str().expect("a text");
    assert!(text.contains("인증 앱 해제") && text.contains("an authenticator was removed"), "{text}");
    assert!(text.contains("127.0.0.0") && !text.contains(&codes[0]), "{text}");
}

#[tokio::test]
async fn who_is_new_or_has_not_proved_an_address_is_told_nothing() {
    let Some(house) = mailing(&json!({})).await else { return };
    house.house.pass(61);
    house.house.change_password().await;
    assert_eq!(house.kinds().await, [] as [&str; 0], "the address is not proved");
    let Some(house) = mailing(&json!({})).await else { return };
    house.by_superuser("users", &house.house.user, &json!({ "verified": true })).await;
    house.house.change_password().await;
    assert_eq!(house.kinds().await, [] as [&str; 0], "it is being made");
    house.house.pass(61);
    house.house.change_password().await;
    assert_eq!(house.kinds().await, ["notice"]);
}

#[tokio::test]
async fn a_change_undone_is_no_mail() {
    let Some(house) = settled().await else { return };
    let body = json!({ "password": "another horse", "passwordConfirm": "different" });
    let request = as_superuser(&house.house.records, &body).await;
    let draft = Draft { values: request.body.clone(), uploads: Vec::new() };
    let (records, user) = (&house.house.records, &house.house.user);
    assert!(records.update(&request, "users", user, draft, &Shape::default()).await.is_err());
    assert_eq!(house.kinds().await, [] as [&str; 0]);
    assert!(house.house.audited("password_changed").await.is_empty());
}

#[tokio::test]
async fn the_old_address_is_told_and_takes_the_account_back_once() {
    let Some(house) = settled().await else { return };
    let _running = house.run();
    house.moved().await;
    let (_, session) = house.house.sign_in("users", OTHER, PASSWORD).await;
    let session = session["token"].as_str().expect("a token").to_owned();
    let mail = house.mail(EMAIL, 1).await;
    let link = mail["links"][0].as_str().expect("a link");
    assert!(link.starts_with("https://ondol.example/auth/confirm-email-undo?token="), "{link}");
    let token = link.split_once("?token=").expect("a token").1.to_owned();
    assert!(!json!(house.own("_mails").await).to_string().contains(&token), "it lies nowhere");
    assert!(!json!(house.own("_flows").await).to_string().contains(&token));
    let identity = &house.house.identity;
    let about = identity.mailed_address(identity::token::Purpose::EmailUndo, &token).await.expect("reads");
    assert_eq!(about.as_deref(), Some(EMAIL), "looking uses nothing up");
    let mut forged = token.clone();
    forged.replace_range(forged.len() - 2.., "AA");
    assert_eq!(house.undo(&forged).await, 400);
    assert_eq!(house.undo(&token).await, 204);
    assert_eq!((house.user("email").await, house.user("verified").await), (json!(EMAIL), json!(true)));
    assert!(house.house.holder(&session).await.is_none(), "whoever had it is out");
    assert_eq!(house.house.sign_in("users", EMAIL, PASSWORD).await.0, 400, "and the password is void");
    assert_eq!(house.undo(&token).await, 400, "once");
    let reset = house.token(EMAIL, 2).await;
    let body = json!({ "token": reset, "password": "a warm horse", "passwordConfirm": "a warm horse" });
    assert_eq!(house.ask("confirm-password-reset", body).await.0, 204);
    assert_eq!(house.house.sign_in("users", EMAIL, "a warm horse").await.0, 200);
    assert_eq!(house.house.audited("address_restored").await.len(), 1);
}

#[tokio::test]
async fn a_new_password_of_whoever_took_the_account_does_not_stop_the_undoing_and_what_was_added_since_goes()
{
    let Some(house) = settled().await else { return };
    let _running = house.run();
    house.moved().await;
    let token = house.token(EMAIL, 1).await;
    house
        .by_superuser(
            "users",
            &house.house.user,
            &json!({ "password": "another horse", "passwordConfirm": "another horse" }),
        )
        .await;
    let links = house.house.records.catalog().find("_externalAuths").expect("there").clone();
    for (id, days) in [("linkbefore00000", -1), ("linkafter000000", 1)] {
        let values = json!({
            "id": id, "collectionRef": "_pb_users_auth_", "recordRef": house.house.user, "provider": "op", "providerId": id,
        });
        house.house.pass(days * 86_400);
        let (records, links, values) =
            (house.house.records.clone(), links.clone(), values.as_object().cloned());
        let inside = records.clone();
        let made = records.store().write(move |tx| {
            Box::pin(async move { inside.insert_own(tx, &links, values.expect("an object")).await.map(drop) })
        });
        made.await.expect("a link");
        house.house.pass(-days * 86_400);
    }
    assert_eq!(house.undo(&token).await, 204);
    let left = house.own("_externalAuths").await;
    let left: Vec<&Value> = left.iter().map(|link| &link["id"]).collect();
    assert_eq!(left, [&json!("linkbefore00000")], "what was there before stays");
}

#[tokio::test]
async fn an_address_is_taken_back_within_72_hours() {
    let Some(house) = settled().await else { return };
    let _running = house.run();
    house.moved().await;
    let token = house.token(EMAIL, 1).await;
    house.house.pass(72 * 3600);
    assert_eq!(house.undo(&token).await, 400);
    assert_eq!(house.user("email").await, json!(OTHER));
}

#[tokio::test]
async fn what_a_superuser_changed_is_told_and_not_undone() {
    let Some(house) = settled().await else { return };
    let _running = house.run();
    house.by_superuser("users", &house.house.user, &json!({ "email": OTHER })).await;
    let mail = house.mail(EMAIL, 1).await;
    assert_eq!(mail["links"], json!([]), "{mail}");
    assert!(mail["text"].as_str().is_some_and(|text| text.contains("the address was changed")), "{mail}");
}

#[tokio::test]
async fn a_superuser_who_signs_in_from_a_new_place_is_told() {
    let Some(house) = settled().await else { return };
    let _running = house.run();
    let path = "/api/collections/_superusers/auth-with-password";
    let body = json!({ "identity": "root@example.com", "password": "rootrootroot" });
    for (machine, browser) in [([10, 0, 0, 1], "Firefox"), ([10, 9, 0, 1], "Safari")] {
        let headers = [("user-agent", browser)];
        assert_eq!(house.house.send_from(machine, &headers, path, &body).await.0, 200);
    }
    let mail = house.mail("root@example.com", 1).await;
    assert!(mail["text"].as_str().is_some_and(|text| text.contains("Safari")), "{mail}");
}
