//! Invitations and sign-ups: an account is made by whoever reads the address's mail, once.

use serde_json::{Value, json};

use super::sign_in::sign_in;
use super::tab::Tab;
use crate::house::{EMAIL, PASSWORD, as_superuser};
use crate::mailing::{Mailing, URL, mailing, with_codes};

const GUEST: &str = "guest@example.com";
const HERE: &str = "/auth/invitation";

async fn invite(mailing: &Mailing, body: Value) -> (u16, Value) {
    let token = mailing.house.superuser_token().await;
    mailing.house.post("/api/collections/users/invite", &token, body).await
}

/// The path of the link in a mail.
async fn link(mailing: &Mailing, to: &str, number: usize) -> String {
    let mail = mailing.mail(to, number).await;
    let link = mail["links"][0].as_str().expect("a link").to_owned();
    link.strip_prefix(URL).unwrap_or_else(|| panic!("{link} is not ours")).to_owned()
}

/// Accepts with a password.
async fn accept(tab: &mut Tab<'_>, link: &str, password: &str) {
    tab.open(link).await;
    tab.send(HERE, &[("way", "password"), ("password", password), ("passwordConfirm", password)]).await;
}

#[tokio::test]
async fn an_invited_person_makes_the_account_once_and_whoever_the_link_was_forwarded_to_does_not() {
    let Some(mailing) = mailing(&json!({})).await else { return };
    let _running = mailing.run();
    mailing.house.set("users", &json!({ "createRule": null })).await;
    let (status, body) = invite(&mailing, json!({ "email": GUEST, "values": { "name": "손님" } })).await;
    assert_eq!((status, &body["email"]), (200, &json!(GUEST)), "{body}");
    let link = link(&mailing, GUEST, 1).await;
    let mut tab = Tab::new(&mailing.house.front);
    // somebody else's session in this browser is not what is invited
    sign_in(&mut tab, EMAIL, PASSWORD).await;
    tab.open(&link).await;
    tab.open(&link).await;
    assert!(tab.page.text.contains(GUEST), "looking at it uses nothing up: {}", tab.page.text);
    let page = tab.page.clone();
    accept(&mut tab, &link, "a guest's password").await;
    assert!(tab.page.text.contains(GUEST) && tab.page.text.contains("Your account"), "{}", tab.page.text);
    let holder = mailing.house.holder(tab.token().expect("a session")).await.expect("somebody");
    let values = mailing.house.records.values(&holder.collection, &holder.row).0;
    assert_eq!((&values["name"], &values["verified"]), (&json!("손님"), &json!(true)));
    let mut forwarded = Tab::new(&mailing.house.front);
    assert_eq!(forwarded.open(&link).await.status, 410);
    let mut again = page.form(HERE);
    again.push(("way".into(), "password".into()));
    tab.post(HERE, &again, &[("sec-fetch-site", "same-origin")]).await;
    assert_eq!(tab.page.status, 410);
}

#[tokio::test]
async fn two_that_accept_at_once_make_one_account() {
    let Some(mailing) = mailing(&json!({})).await else { return };
    let _running = mailing.run();
    invite(&mailing, json!({ "email": GUEST })).await;
    let link = link(&mailing, GUEST, 1).await;
    let (mut one, mut other) = (Tab::new(&mailing.house.front), Tab::new(&mailing.house.front));
    one.open(&link).await;
    other.open(&link).await;
    let filled =
        [("way", "password"), ("password", "a guest's password"), ("passwordConfirm", "a guest's password")];
    tokio::join!(one.send(HERE, &filled), other.send(HERE, &filled));
    let entered = [&one, &other].into_iter().filter(|tab| tab.token().is_some()).count();
    assert_eq!(entered, 1, "{} {}", one.page.text, other.page.text);
}

#[tokio::test]
async fn an_invitation_that_has_expired_was_withdrawn_replaced_or_made_up_is_over() {
    let Some(mailing) = mailing(&json!({})).await else { return };
    let _running = mailing.run();
    let mut tab = Tab::new(&mailing.house.front);
    let (_, first) = invite(&mailing, json!({ "email": GUEST })).await;
    let older = link(&mailing, GUEST, 1).await;
    invite(&mailing, json!({ "email": GUEST })).await;
    let newer = link(&mailing, GUEST, 2).await;
    assert_eq!(tab.open(&older).await.status, 410, "replaced");
    assert_eq!(tab.open(&newer).await.status, 200);
    let id = first["id"].as_str().expect("an id");
    for made_up in [format!("{HERE}?token={id}"), format!("{HERE}?token={id}.AAAA"), format!("{HERE}?token=")]
    {
        assert_eq!(tab.open(&made_up).await.status, 410, "{made_up}");
    }
    mailing.house.pass(7 * 86_400);
    assert_eq!(tab.open(&newer).await.status, 410, "expired");
    let (_, third) = invite(&mailing, json!({ "email": GUEST })).await;
    let last = link(&mailing, GUEST, 3).await;
    let root = as_superuser(&mailing.house.records, &json!({})).await;
    let id = third["id"].as_str().expect("an id");
    mailing.house.records.delete(&root, "_invitations", id).await.expect("withdrawn");
    assert_eq!(tab.open(&last).await.status, 410, "withdrawn");
}

#[tokio::test]
async fn only_superusers_invite_and_only_addresses_without_an_account() {
    let Some(mailing) = mailing(&json!({})).await else { return };
    let token = mailing.house.token().await;
    let path = "/api/collections/users/invite";
    assert_eq!(mailing.house.post(path, &token, json!({ "email": GUEST })).await.0, 403);
    assert_eq!(mailing.house.post(path, "", json!({ "email": GUEST })).await.0, 401);
    for email in [EMAIL, "nonsense"] {
        assert_eq!(invite(&mailing, json!({ "email": email })).await.0, 400, "{email}");
    }
    assert!(mailing.own("_invitations").await.is_empty());
}

#[tokio::test]
async fn whoever_signs_up_proves_the_address_first_and_nobody_learns_who_has_an_account() {
    let Some(mailing) = mailing(&json!({})).await else { return };
    let _running = mailing.run();
    let root = as_superuser(&mailing.house.records, &json!({ "verified": true })).await;
    let draft = records::Draft { values: root.body.clone(), uploads: Vec::new() };
    let shape = records::Shape::default();
    mailing.house.records.update(&root, "users", &mailing.house.user, draft, &shape).await.expect("verified");
    let mut texts = Vec::new();
    for email in [GUEST, EMAIL] {
        let mut tab = Tab::new(&mailing.house.front);
        tab.open("/auth/sign-in").await;
        assert!(tab.page.text.contains("href=\"/auth/sign-up\""), "{}", tab.page.text);
        tab.open("/auth/sign-up").await;
        tab.send("/auth/sign-up", &[("who", email)]).await;
        assert_eq!(tab.page.status, 200, "{}", tab.page.text);
        texts.push(tab.page.text.replace(email, "WHO"));
    }
    assert_eq!(texts[0], texts[1]);
    assert!(link(&mailing, EMAIL, 1).await.starts_with("/auth/sign-in"), "it has an account already");
    let mut tab = Tab::new(&mailing.house.front);
    let link = link(&mailing, GUEST, 1).await;
    accept(&mut tab, &link, "short").await;
    assert_eq!((tab.page.status, tab.token()), (400, None), "nothing is used up by it");
    accept(&mut tab, &link, "a guest's password").await;
    assert!(tab.page.text.contains("Your account"), "{}", tab.page.text);
    assert_eq!(mailing.house.sign_in("users", GUEST, "a guest's password").await.0, 200);
}

#[tokio::test]
async fn nobody_signs_up_where_the_create_rule_or_the_form_does_not_let_them() {
    let Some(mailing) = mailing(&json!({ "createRule": null })).await else { return };
    let mut tab = Tab::new(&mailing.house.front);
    assert!(!tab.open("/auth/sign-in").await.text.contains("/auth/sign-up"));
    assert_eq!(tab.open("/auth/sign-up").await.status, 404);
    let _running = mailing.run();
    mailing.house.set("users", &json!({ "createRule": "@request.body.name = 'kim'" })).await;
    tab.open("/auth/sign-up").await;
    tab.send("/auth/sign-up", &[("who", GUEST)]).await;
    let link = link(&mailing, GUEST, 1).await;
    accept(&mut tab, &link, "a guest's password").await;
    assert_eq!((tab.page.status, tab.token()), (400, None), "{}", tab.page.text);
}

#[tokio::test]
async fn an_account_that_only_claims_the_address_becomes_whoever_was_invited() {
    let Some(mailing) = mailing(&with_codes()).await else { return };
    let _running = mailing.run();
    invite(&mailing, json!({ "email": GUEST })).await;
    let link = link(&mailing, GUEST, 1).await;
    // somebody makes an account with the address in between
    let body = json!({ "email": GUEST, "password": "squatter's own", "passwordConfirm": "squatter's own" });
    assert_eq!(
        mailing.house.post("/api/collections/users/records", "", body.clone()).await.0,
        404,
        "no room of records here"
    );
    let root = as_superuser(&mailing.house.records, &body).await;
    let draft = records::Draft { values: root.body.clone(), uploads: Vec::new() };
    mailing
        .house
        .records
        .create(&root, "users", draft, &records::Shape::default())
        .await
        .expect("a squatter");
    let (_, squatter) = mailing.house.sign_in("users", GUEST, "squatter's own").await;
    let mut tab = Tab::new(&mailing.house.front);
    accept(&mut tab, &link, "a guest's password").await;
    assert!(tab.page.text.contains("Your account"), "{}", tab.page.text);
    assert!(mailing.house.holder(squatter["token"].as_str().expect("a token")).await.is_none());
    assert_eq!(mailing.house.sign_in("users", GUEST, "squatter's own").await.0, 400);
}
