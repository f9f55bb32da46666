//! The keys of tokens: made once, followed by the next before anybody notices, and refused when they are gone.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use identity::Identity;
use records::Authenticate;
use serde_json::{Value, json};
use store::query::Select;

use crate::house::{Fixture, as_superuser, fixture};

fn kid(token: &str) -> String {
    let header = BASE64.decode(token.split('.').next().expect("a header")).expect("Base64");
    let header: Value = serde_json::from_slice(&header).expect("JSON");
    assert_eq!(header["alg"], json!("EdDSA"));
    header["kid"].as_str().expect("a name").to_owned()
}

impl Fixture {
    /// The keys that are there, oldest first.
    async fn keys(&self) -> Vec<Value> {
        let keys = self.records.catalog().find("_keys").expect("there").clone();
        let mut conn = self.records.store().reader().await.expect("a reader");
        let rows = conn.select(&Select::table(&keys.table())).await.expect("reads");
        let mut keys: Vec<Value> =
            rows.iter().map(|row| Value::Object(self.records.values(&keys, row).0)).collect();
        keys.sort_by_key(|key| key["number"].as_u64());
        keys
    }

    /// Another web server on the same database.
    pub(crate) fn second(&self) -> Identity {
        let limiter = web::limiter::Limiter::new(&web::Config::default(), self.clock.clone());
        Identity::new(identity::Config::default(), self.records.clone(), limiter.into())
    }
}

#[tokio::test]
async fn one_key_is_made_and_every_web_server_proves_by_it() {
    let house = fixture().await;
    let other = house.second();
    let token = house.token().await;
    let holder = other.principal(&token, records::Moment::default()).await.expect("reads");
    assert_eq!(holder.expect("somebody").row.id, house.user);
    let keys = house.keys().await;
    assert_eq!((keys.len(), &keys[0]["id"]), (1, &json!(kid(&token))));
    // the public part is what any program proves the token by
    let (signed, signature) = token.rsplit_once('.').expect("a signature");
    let public = BASE64.decode(keys[0]["public"].as_str().expect("a key")).expect("Base64");
    let public = ring::signature::UnparsedPublicKey::new(&ring::signature::ED25519, public);
    public.verify(signed.as_bytes(), &BASE64.decode(signature).expect("Base64")).expect("it proves");
}

#[tokio::test]
async fn a_web_server_that_has_just_begun_knows_all_who_ask_at_once() {
    let house = fixture().await;
    let token = house.token().await;
    let begun = house.second();
    let asked = (0..16).map(|_| begun.principal(&token, records::Moment::default()));
    for holder in futures_util::future::join_all(asked).await {
        assert_eq!(holder.expect("reads").expect("somebody").row.id, house.user);
    }
}

#[tokio::test]
async fn nobody_sees_a_private_key_in_the_clear() {
    let house = fixture().await;
    let (token, root) = (house.token().await, house.superuser_token().await);
    let request = as_superuser(&house.records, &json!({})).await;
    let list = records::ListQuery::default();
    assert_eq!(house.records.list(&request, "_keys", &list).await.expect("a page").items.len(), 1);
    let guest = records::Request { auth: house.holder(&token).await, ..records::Request::default() };
    assert!(house.records.list(&guest, "_keys", &list).await.is_err());
    assert_eq!(kid(&token), kid(&root));
    // sealed: 12 bytes of a number used once, 32 of the key, 16 of the seal
    let sealed = house.keys().await[0]["sealed"].as_str().expect("sealed").to_owned();
    assert_eq!(BASE64.decode(sealed).expect("Base64").len(), 60);
}

#[tokio::test]
async fn keys_follow_one_another_while_tokens_are_in_use() {
    let house = fixture().await;
    let (mut token, day) = (house.token().await, 86_400);
    let first = token.clone();
    let mut signed_by = vec![kid(&token)];
    for hour in 0..32 * 24 {
        house.pass(3600);
        let mut body = json!(null);
        // somebody signs in now and then, and somebody else renews
        if hour % 24 == 0 {
            let (status, answer) = house.sign_in("_superusers", "root@example.com", "rootrootroot").await;
            assert_eq!(status, 200, "{answer}");
            let (status, answer) = house.post("/api/collections/users/auth-refresh", &token, json!({})).await;
            assert_eq!(status, 200, "at hour {hour}: {answer}");
            body = answer;
        }
        if let Some(fresh) = body["token"].as_str() {
            token = fresh.to_owned();
            signed_by.push(kid(fresh));
        }
        assert!(house.holder(&token).await.is_some(), "at hour {hour}");
    }
    signed_by.dedup();
    assert_eq!(signed_by.len(), 2, "{signed_by:?}");
    let keys = house.keys().await;
    assert_eq!(keys.iter().map(|key| key["id"].clone()).collect::<Vec<_>>(), signed_by);
    assert!(house.holder(&first).await.is_none(), "that one has expired");
    house.pass(40 * day);
    assert!(house.holder(&token).await.is_none());
}

#[tokio::test]
async fn a_token_of_a_key_that_was_taken_away_or_was_never_there_is_refused() {
    let house = fixture().await;
    let token = house.token().await;
    let unknown = {
        let header = format!(r#"{{"alg":"EdDSA","kid":"{}","typ":"JWT"}}"#, "x".repeat(15));
        format!("{}.{}", BASE64.encode(header), token.split_once('.').expect("a header").1)
    };
    assert!(house.holder(&unknown).await.is_none());
    assert!(house.holder(&token).await.is_some());
    let request = as_superuser(&house.records, &json!({})).await;
    house.records.delete(&request, "_keys", &kid(&token)).await.expect("deleted");
    let other = house.second();
    assert!(other.principal(&token, records::Moment::default()).await.expect("reads").is_none());
    let stop = tokio_util::sync::CancellationToken::new();
    let (identity, until) = (house.identity.clone(), stop.clone());
    let running = async move { identity.run(until).await };
    let asking = async {
        // whoever follows the change log has heard of it
        while house.holder(&token).await.is_some() {
            tokio::task::yield_now().await;
        }
        let fresh = house.token().await;
        assert_ne!(kid(&fresh), kid(&token));
        assert!(house.holder(&fresh).await.is_some());
        stop.cancel();
    };
    tokio::join!(running, asking);
}

#[tokio::test]
async fn a_key_outlives_the_longest_token_that_it_signs() {
    let house = fixture().await;
    let root = house.superuser_token().await;
    let path = format!("/api/collections/users/impersonate/{}", house.user);
    let years = 5 * 365 * 86_400;
    let (status, body) = house.post(&path, &root, json!({ "duration": years })).await;
    assert_eq!(status, 200, "{body}");
    let token = body["token"].as_str().expect("a token").to_owned();
    house.pass(years - 1);
    assert!(house.holder(&token).await.is_some());
    assert_eq!(house.sign_in("_superusers", "root@example.com", "rootrootroot").await.0, 200);
    house.pass(1);
    assert!(house.holder(&token).await.is_none());
}
