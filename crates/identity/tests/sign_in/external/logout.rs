//! A provider says that somebody has signed out there: what came through it ends, and nothing else may make it end.

use identity::provider::OnService;
use serde_json::{Value, json};
use testbed::{SignInPeer, http, sign_in_peer};

use super::house::{House, on_service};

/// What the peer is asked for so that its ID tokens name the session.
const WITH_SESSION: &str = "extra = { claims = '{\"id_token\":{\"sid\":null}}' }";

fn provider(base: &str, more: &str) -> OnService {
    let text = format!("preset = \"oidc\"\nclient_id = \"ondol-client\"\nissuer = \"{base}\"\n{more}");
    on_service(&text, "ondol-client-secret-00000000000000000001")
}

async fn opened(more: &str) -> Option<(SignInPeer, House)> {
    let peer = sign_in_peer("oidc", &["--auto", "approve"])?;
    let base = peer.base();
    let providers = vec![("op", provider(&base, more)), ("other", provider(&base, more))];
    Some((peer, House::open(providers).await))
}

/// A log-out token of the peer, right or wrong.
fn minted(peer: &SignInPeer, what: &Value) -> String {
    let url = format!("{}/__test/logout-token", peer.base());
    let answer = http::send("POST", &url, &[("content-type", "application/json")], &what.to_string());
    let answer: Value = serde_json::from_str(&answer.body).expect("JSON");
    answer["logout_token"].as_str().expect("a token").to_owned()
}

fn of_alice(kind: &str) -> Value {
    json!({ "client_id": "ondol-client", "sub": "10001", "kind": kind })
}

impl House {
    async fn signed_out(&self, provider: &str, token: &str) -> u16 {
        let path = format!("/api/oauth2-logout/users/{provider}");
        let form = format!("logout_token={token}");
        self.send("POST", &path, "", "application/x-www-form-urlencoded", &form).await.0
    }

    async fn entered(&self, peer: &SignInPeer, provider: &str, more: &str) -> String {
        self.sign_in(peer, provider, more).await.token().expect("a token").to_owned()
    }

    /// The names that the provider gave the sessions.
    async fn named_sessions(&self) -> Vec<String> {
        let sessions = self.records.catalog().find("_sessions").expect("there").clone();
        let rows = self.records.find_by(&sessions, &[("provider", "op")], 100).await.expect("reads");
        let name = |row: &store::Row| self.records.values(&sessions, row).text("providerSession").to_owned();
        rows.iter().map(name).collect()
    }
}

#[tokio::test]
async fn each_log_out_token_that_is_wrong_ends_nothing() {
    let Some((peer, house)) = opened("").await else { return };
    let token = house.entered(&peer, "op", "").await;
    // the house's clock stands still, while the peer's goes on: an end a minute ago is one for both
    house.pass(60);
    for kind in [
        "wrong_aud",
        "wrong_iss",
        "expired",
        "no_events",
        "with_nonce",
        "no_sub_sid",
        "alg_none",
        "unknown_kid",
    ] {
        let wrong = minted(&peer, &of_alice(kind));
        assert_eq!(house.signed_out("op", &wrong).await, 400, "{kind}");
        assert!(house.holder(&token).await.is_some(), "{kind}");
    }
    let for_another = json!({ "client_id": "ondol-pkce", "sub": "10001" });
    assert_eq!(house.signed_out("op", &minted(&peer, &for_another)).await, 400);
    for form in ["", "a.b.c", &"a".repeat(5_000), "x&logout_token=y"] {
        assert_eq!(house.signed_out("op", form).await, 400, "{form:.20}");
    }
    assert_eq!(house.signed_out("none", &minted(&peer, &of_alice("good"))).await, 404);
    assert!(house.holder(&token).await.is_some());
}

#[tokio::test]
async fn a_log_out_token_is_good_once() {
    let Some((peer, house)) = opened("").await else { return };
    let first = house.entered(&peer, "op", "").await;
    let good = minted(&peer, &of_alice("good"));
    assert_eq!(house.signed_out("op", &good).await, 200);
    assert!(house.holder(&first).await.is_none(), "signed out");
    let second = house.entered(&peer, "op", "").await;
    assert_eq!(house.signed_out("op", &good).await, 400, "it comes again");
    assert!(house.holder(&second).await.is_some());
}

#[tokio::test]
async fn a_log_out_of_a_person_ends_what_came_through_that_provider_and_nothing_else() {
    let Some((peer, house)) = opened("").await else { return };
    let first = house.entered(&peer, "op", "").await;
    let account = house.holder(&first).await.expect("somebody");
    let password =
        json!({ "password": "correct horse", "passwordConfirm": "correct horse", "verified": true });
    let root = house.root(&password).await;
    let draft = records::Draft { values: root.body.clone(), uploads: Vec::new() };
    house.records.update(&root, "users", &account, draft, &records::Shape::default()).await.expect("changed");
    let tokens = [house.entered(&peer, "op", "").await, house.entered(&peer, "op", "").await];
    let (_, body) = house
        .post(
            "auth-with-password",
            "",
            &json!({ "identity": "alice@example.test", "password": "correct horse" }),
        )
        .await;
    let own = body["token"].as_str().expect("a token").to_owned();
    let bob = house.entered(&peer, "op", "&user=bob").await;
    assert_eq!(house.signed_out("other", &minted(&peer, &of_alice("good"))).await, 200, "of no session");
    assert!(house.holder(&tokens[0]).await.is_some(), "it did not come through that one");
    assert_eq!(house.signed_out("op", &minted(&peer, &of_alice("good"))).await, 200);
    for token in &tokens {
        assert!(house.holder(token).await.is_none());
    }
    assert!(house.holder(&own).await.is_some(), "by password it goes on");
    assert!(house.holder(&bob).await.is_some(), "somebody else");
}

#[tokio::test]
async fn a_log_out_of_one_session_leaves_the_persons_others() {
    let Some((peer, house)) = opened(WITH_SESSION).await else { return };
    let first = house.entered(&peer, "op", "").await;
    let named = house.named_sessions().await;
    assert!(named.len() == 1 && !named[0].is_empty(), "the peer names its sessions: {named:?}");
    let second = house.entered(&peer, "op", "").await;
    let both = house.named_sessions().await;
    assert_ne!(both[0], both[1], "two browsers");
    let of_first = json!({ "client_id": "ondol-client", "sid": named[0] });
    assert_eq!(house.signed_out("op", &minted(&peer, &of_first)).await, 200);
    assert!(house.holder(&first).await.is_none());
    assert!(house.holder(&second).await.is_some(), "another session there");
    let stranger = json!({ "client_id": "ondol-client", "sub": "10001", "sid": "another" });
    assert_eq!(house.signed_out("op", &minted(&peer, &stranger)).await, 200);
    assert!(house.holder(&second).await.is_some());
    let other = both.iter().find(|name| **name != named[0]).expect("the second");
    let of_second = json!({ "client_id": "ondol-client", "sub": "10001", "sid": other });
    assert_eq!(house.signed_out("op", &minted(&peer, &of_second)).await, 200);
    assert!(house.holder(&second).await.is_none());
}

#[tokio::test]
async fn an_id_token_signs_nobody_out() {
    let Some((peer, house)) = opened("response = \"code id_token\"\nresponse_mode = \"form_post\"").await
    else {
        return;
    };
    let token = house.entered(&peer, "op", "").await;
    let begun = house.begin("op", "").await;
    let form = super::browser::form(&peer.visit(&begun.url).body);
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(form.as_bytes()).into_owned().collect();
    let id_token = &pairs.iter().find(|(name, _)| name == "id_token").expect("one came along").1;
    assert_eq!(house.signed_out("op", id_token).await, 400);
    assert!(house.holder(&token).await.is_some());
}
