//! Apple: a secret that is signed anew each time, a callback by a form, and a name that comes once and unsigned.

use identity::provider::OnService;
use serde_json::{Value, json};
use testbed::{SignInPeer, sign_in_peer};

use super::browser::Ended;
use super::house::{House, on_service};

fn provider(peer: &SignInPeer) -> OnService {
    let base = peer.base();
    let key = peer.visit(&format!("{base}/__test/apple-client-key")).body;
    let key: Value = serde_json::from_str(&key).expect("JSON");
    let text = |name: &str| key[name].as_str().expect("a text").to_owned();
    let (client, team, id) = (text("client_id"), text("team_id"), text("key_id"));
    let settings = format!(
        "client_id = {client:?}\nteam_id = {team:?}\nkey_id = {id:?}\nissuer = \"{base}/apple\"\n\
         authorize = \"{base}/apple/auth/authorize\"\ntoken = \"{base}/apple/auth/token\"\njwks = \"{base}/apple/auth/keys\""
    );
    on_service(&settings, &text("private_key_pem"))
}

#[tokio::test]
async fn apple_signs_people_in_by_a_form_and_a_signed_secret() {
    let Some(peer) = sign_in_peer("oauth2", &["--auto", "approve"]) else { return };
    let house = House::open(vec![("apple", provider(&peer))]).await;
    let Ended::Answered(status, body) = house.sign_in(&peer, "apple", "").await else { panic!("unheard") };
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["record"]["name"], "Alice Kim", "the name of the first time");
    assert_eq!(
        (&body["record"]["email"], &body["record"]["verified"]),
        (&json!("alice@example.test"), &json!(true))
    );
    assert_eq!(body["meta"]["id"], "00010001.apple");
    let again = house.sign_in(&peer, "apple", "").await;
    assert_eq!(again.account(), body["record"]["id"].as_str().expect("an id"));
}

#[tokio::test]
async fn the_address_in_apples_unsigned_field_is_nobodys() {
    let Some(peer) = sign_in_peer("oauth2", &["--auto", "approve"]) else { return };
    let house = House::open(vec![("apple", provider(&peer))]).await;
    let victim = house.user("victim@example.test", "a long password", false).await;
    peer.tell(r#"{ "mode": "apple_user_every_time" }"#);
    let account = house.sign_in(&peer, "apple", "").await.account();
    assert_ne!(account, victim);
    assert_eq!(house.values(&account).await["email"], "alice@example.test");
    assert_eq!(house.values(&victim).await["verified"], false, "nothing happened to it");
}

#[tokio::test]
async fn a_text_that_says_false_is_false() {
    let Some(peer) = sign_in_peer("oauth2", &["--auto", "approve"]) else { return };
    let house = House::open(vec![("apple", provider(&peer))]).await;
    peer.tell(r#"{ "mode": "apple_string_bool" }"#);
    let account = house.sign_in(&peer, "apple", "").await.account();
    assert_eq!(house.values(&account).await["verified"], false);
}
