//! Linking while signed in, several links, and unlinking as the client library does it.

use records::{ListQuery, Principal, Request};
use serde_json::{Value, json};
use testbed::{SignInPeer, sign_in_peer};

use super::house::House;
use super::oauth2::providers;

const PASSWORD: &str = "chosen by alice";

async fn opened() -> Option<(SignInPeer, House, String, String)> {
    let peer = sign_in_peer("oauth2", &["--auto", "approve"])?;
    let house = House::open(providers(&peer.base())).await;
    let user = house.user("somebody@example.test", PASSWORD, true).await;
    let given = json!({ "identity": "somebody@example.test", "password": PASSWORD });
    let (_, body) = house.post("auth-with-password", "", &given).await;
    let token = body["token"].as_str().expect("a token").to_owned();
    Some((peer, house, user, token))
}

impl House {
    /// What somebody sees of identities.
    async fn seen(&self, user: &str) -> Vec<Value> {
        let request = self.as_user(user).await;
        let page =
            self.records.list(&request, "_externalAuths", &ListQuery::default()).await.expect("a page");
        page.items.iter().map(|item| serde_json::from_str(item).expect("JSON")).collect()
    }

    async fn as_user(&self, user: &str) -> Request {
        let collection = self.records.catalog().find("users").expect("there").clone();
        let row = self.records.find(&collection, user).await.expect("reads").expect("there");
        Request {
            method: "GET".into(),
            auth: Some(Principal { collection, row }.into()),
            ..Request::default()
        }
    }
}

#[tokio::test]
async fn whoever_has_signed_in_links_and_signs_in_by_it_afterwards() {
    let Some((peer, house, user, token)) = opened().await else { return };
    for provider in ["x", "github"] {
        let linked = house.sign_in_as(&peer, provider, "", &token, json!({})).await;
        assert_eq!(linked.account(), user, "{provider}");
        assert_eq!(house.sign_in(&peer, provider, "").await.account(), user, "{provider}");
    }
    assert_eq!(house.values(&user).await["email"], "somebody@example.test", "the account's address stays");
    assert_eq!(house.users().await, 1);
}

#[tokio::test]
async fn one_account_may_have_several_identities_of_one_provider() {
    let Some((peer, house, user, token)) = opened().await else { return };
    for person in ["alice", "bob"] {
        house.sign_in_as(&peer, "x", &format!("&user={person}"), &token, json!({})).await.account();
    }
    assert_eq!(house.identities(&user).await, [("x".into(), "10001".into()), ("x".into(), "10002".into())]);
    assert_eq!(house.sign_in(&peer, "x", "&user=bob").await.account(), user);
}

#[tokio::test]
async fn an_owner_sees_and_deletes_links_and_nobody_else_does() {
    let Some((peer, house, user, token)) = opened().await else { return };
    house.sign_in_as(&peer, "x", "", &token, json!({})).await.account();
    let other = house.sign_in(&peer, "github", "&user=bob").await.account();
    let seen = house.seen(&user).await;
    assert_eq!(seen.len(), 1);
    assert_eq!((&seen[0]["provider"], &seen[0]["providerId"]), (&json!("x"), &json!("10001")));
    assert_eq!(seen[0].get("issuer"), None, "hidden");
    let id = seen[0]["id"].as_str().expect("an id").to_owned();
    let stranger = house.as_user(&other).await;
    assert!(house.records.delete(&stranger, "_externalAuths", &id).await.is_err());
    let owner = house.as_user(&user).await;
    house.records.delete(&owner, "_externalAuths", &id).await.expect("unlinked");
    assert_ne!(house.sign_in(&peer, "x", "").await.account(), user, "it is a stranger's from now on");
    let forged =
        json!({ "collectionRef": "_pb_users_auth_", "recordRef": other, "provider": "x", "providerId": "1" });
    let mut request = house.as_user(&user).await;
    request.body = forged.as_object().expect("an object").clone();
    let draft = records::Draft { values: request.body.clone(), uploads: Vec::new() };
    let made = house.records.create(&request, "_externalAuths", draft, &records::Shape::default()).await;
    assert!(made.is_err(), "nobody writes one but the house");
}

impl House {
    /// Takes the link of a provider away, as its owner.
    async fn unlink(&self, user: &str, provider: &str) -> Result<(), String> {
        let seen = self.seen(user).await;
        let link = seen.iter().find(|link| link["provider"] == provider).expect("a link");
        let owner = self.as_user(user).await;
        let id = link["id"].as_str().expect("an id");
        self.records.delete(&owner, "_externalAuths", id).await.map_err(|error| error.to_string())
    }
}

#[tokio::test]
async fn the_last_link_stays_where_there_is_no_other_way_in() {
    let Some((peer, house, ..)) = opened().await else { return };
    let user = house.sign_in(&peer, "x", "").await.account();
    let refused = house.unlink(&user, "x").await.expect_err("nobody knows a password of it");
    assert!(refused.contains("the last way to sign in"), "{refused}");
    // a second link, and of two that go at once one stays
    let token = house.sign_in(&peer, "x", "").await.token().expect("a token").to_owned();
    house.sign_in_as(&peer, "github", "", &token, json!({})).await.account();
    let (one, other) = tokio::join!(house.unlink(&user, "x"), house.unlink(&user, "github"));
    assert_eq!([&one, &other].iter().filter(|done| done.is_ok()).count(), 1, "{one:?} {other:?}");
    let left = house.seen(&user).await[0]["provider"].as_str().expect("a name").to_owned();
    // a mailed code
    house.set(json!({ "otp": { "enabled": true, "duration": 180, "length": 8 } })).await;
    house.unlink(&user, &left).await.expect("codes are a way in");
}

#[tokio::test]
async fn a_link_goes_where_a_password_is_left_and_only_while_passwords_are_a_way() {
    let Some((peer, house, user, token)) = opened().await else { return };
    house.sign_in_as(&peer, "x", "", &token, json!({})).await.account();
    house.set(json!({ "passwordAuth": { "enabled": false } })).await;
    assert!(house.unlink(&user, "x").await.is_err(), "nobody signs in by password");
    house.set(json!({ "passwordAuth": { "enabled": true } })).await;
    house.unlink(&user, "x").await.expect("a password is left");
}

#[tokio::test]
async fn a_link_goes_where_a_passkey_is_left_and_a_superuser_takes_any() {
    let Some((peer, house, ..)) = opened().await else { return };
    let user = house.sign_in(&peer, "x", "").await.account();
    let passkeys = house.records.catalog().find("_passkeys").expect("there").clone();
    let values = json!({
        "collectionRef": "_pb_users_auth_", "recordRef": user, "credentialId": "c", "credentialHash": "h", "publicKey": "k",
    });
    let (inside, values) = (house.records.clone(), values.as_object().cloned().expect("an object"));
    let made = house
        .records
        .store()
        .write(move |tx| Box::pin(async move { inside.insert_own(tx, &passkeys, values).await.map(drop) }));
    made.await.expect("a passkey");
    house.set(json!({ "passkey": { "enabled": false } })).await;
    assert!(house.unlink(&user, "x").await.is_err(), "passkeys are no way in here");
    house.set(json!({ "passkey": { "enabled": true } })).await;
    house.unlink(&user, "x").await.expect("a passkey is left");
    let other = house.sign_in(&peer, "x", "&user=bob").await.account();
    let root = house.root(&json!({})).await;
    let id = house.seen(&other).await[0]["id"].as_str().expect("an id").to_owned();
    house.records.delete(&root, "_externalAuths", &id).await.expect("a superuser may");
}

#[tokio::test]
async fn a_new_account_gets_the_picture_that_its_provider_names_if_it_can_be_had() {
    let Some((peer, house, ..)) = opened().await else { return };
    house.set(json!({ "oauth2": { "mappedFields": { "avatarURL": "avatar" } } })).await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a socket");
    let place = format!("http://{}/faces/me.png", listener.local_addr().expect("an address"));
    let serving = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let picture: &[u8] =
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89";
        for body in [picture, b"<html>no picture</html>"] {
            let (mut stream, _) = listener.accept().expect("a connection");
            assert!(stream.read(&mut [0; 4096]).expect("a request") > 0);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).expect("an answer");
        }
    });
    let faces = |user: &str| {
        let face = json!({ "sub": format!("face-{user}"), "login": user, "name": user, "email": null,
            "email_verified": false, "picture": place });
        peer.tell(&json!({ "users": { user: face } }).to_string());
    };
    faces("alice");
    faces("bob");
    let alice = house.sign_in(&peer, "naver", "&user=alice").await.account();
    let kept = house.values(&alice).await["avatar"].as_str().expect("a name").to_owned();
    assert!(kept.starts_with("me_") && kept.ends_with(".png"), "{kept}");
    let bob = house.sign_in(&peer, "naver", "&user=bob").await.account();
    assert_eq!(house.values(&bob).await["avatar"], "", "an account goes without it");
    serving.join().expect("served");
}

#[tokio::test]
async fn the_auth_rule_and_the_create_rule_have_their_say() {
    let Some((peer, house, ..)) = opened().await else { return };
    house.set(json!({ "createRule": "@request.context = 'oauth2' && @request.body.name = 'Invited'" })).await;
    assert!(house.sign_in(&peer, "x", "").await.token().is_none());
    assert_eq!(house.users().await, 1, "no account was left behind");
    let wanted = json!({ "createData": { "name": "Invited" } });
    assert!(house.sign_in_as(&peer, "x", "", "", wanted).await.token().is_some());
    house.set(json!({ "createRule": null, "authRule": "verified = true" })).await;
    assert!(house.sign_in(&peer, "x", "&user=bob").await.token().is_none(), "nobody new");
    assert!(house.sign_in(&peer, "x", "").await.token().is_some());
    house.set(json!({ "authRule": null })).await;
    assert!(house.sign_in(&peer, "x", "").await.token().is_none());
}
