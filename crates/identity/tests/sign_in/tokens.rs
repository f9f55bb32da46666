//! What a token is good for, and until when.

use identity::{Beginning, Place, Way};
use records::{Authenticate, Principal};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::house::{EMAIL, PASSWORD, as_superuser, fixture};

#[tokio::test]
async fn a_new_password_voids_the_tokens() {
    let house = fixture().await;
    let token = house.token().await;
    assert!(house.holder(&token).await.is_some());
    house.change_password().await;
    assert!(house.holder(&token).await.is_none());
    assert_eq!(house.sign_in("users", EMAIL, PASSWORD).await.0, 400);
    assert_eq!(house.sign_in("users", EMAIL, "another horse").await.0, 200);
}

#[tokio::test]
async fn a_new_password_voids_the_tokens_that_are_kept_at_hand() {
    let house = fixture().await;
    let stop = CancellationToken::new();
    let (identity, until) = (house.identity.clone(), stop.clone());
    let following = async move { identity.run(until).await };
    let asking = async {
        let token = house.token().await;
        for _ in 0..3 {
            assert!(house.holder(&token).await.is_some());
            // lets the follower of the change log have its turn
            tokio::task::yield_now().await;
        }
        house.change_password().await;
        assert!(house.holder(&token).await.is_none(), "at once");
        stop.cancel();
    };
    tokio::join!(following, asking);
}

#[tokio::test]
async fn a_token_dies_with_its_account_and_in_its_time() {
    let house = fixture().await;
    let token = house.token().await;
    let seconds =
        house.records.catalog().find("users").and_then(|c| c.auth.clone()).expect("auth").token_seconds;
    house.pass(i64::try_from(seconds).expect("small") - 1);
    assert!(house.holder(&token).await.is_some());
    house.pass(1);
    assert!(house.holder(&token).await.is_none(), "expired");
    let token = house.token().await;
    let request = as_superuser(&house.records, &json!({})).await;
    house.records.delete(&request, "users", &house.user).await.expect("deleted");
    assert!(house.holder(&token).await.is_none(), "deleted");
}

#[tokio::test]
async fn a_refreshed_token_lives_longer() {
    let house = fixture().await;
    let token = house.token().await;
    house.pass(60);
    let path = "/api/collections/users/auth-refresh";
    let (status, body) = house.post(path, &format!("Bearer {token}"), json!({})).await;
    assert_eq!((status, &body["record"]["id"]), (200, &json!(house.user)), "{body}");
    assert_ne!(body["token"], json!(token));
    assert!(house.holder(body["token"].as_str().expect("a token")).await.is_some());
    assert_eq!(house.post(path, "", json!({})).await.0, 401);
    assert_eq!(house.post(path, "nonsense", json!({})).await.0, 401);
    assert_eq!(house.post("/api/collections/_superusers/auth-refresh", &token, json!({})).await.0, 403);
}

#[tokio::test]
async fn a_superuser_acts_as_another_for_as_long_as_said() {
    let house = fixture().await;
    let (root, user) = (house.superuser_token().await, house.token().await);
    let path = format!("/api/collections/users/impersonate/{}", house.user);
    assert_eq!(house.post(&path, "", json!({})).await.0, 401);
    assert_eq!(house.post(&path, &user, json!({})).await.0, 403);
    assert_eq!(house.post("/api/collections/users/impersonate/none", &root, json!({})).await.0, 404);
    let (status, body) = house.post(&path, &root, json!({ "duration": -1 })).await;
    assert_eq!((status, body["data"]["duration"]["code"].is_string()), (400, true));
    let (status, body) = house.post(&path, &root, json!({ "duration": 100 })).await;
    assert_eq!((status, &body["record"]["email"]), (200, &json!(EMAIL)), "{body}");
    let token = body["token"].as_str().expect("a token").to_owned();
    assert_eq!(house.holder(&token).await.map(|p| p.row.id.clone()), Some(house.user.clone()));
    let (status, body) = house.post("/api/collections/users/auth-refresh", &token, json!({})).await;
    assert_eq!((status, &body["token"]), (200, &json!(token)), "it is not renewed");
    house.pass(100);
    assert!(house.holder(&token).await.is_none());
}

#[tokio::test]
async fn a_file_token_opens_files_only() {
    let house = fixture().await;
    assert_eq!(house.post("/api/files/token", "", json!({})).await.0, 401);
    let (status, body) = house.post("/api/files/token", &house.token().await, json!({})).await;
    let token = body["token"].as_str().expect("a token");
    assert_eq!(status, 200);
    assert!(house.holder(token).await.is_none());
    let holder = house.identity.file_principal(token).await.expect("reads").expect("somebody");
    assert_eq!(holder.row.id, house.user);
    assert!(house.identity.file_principal(&house.token().await).await.expect("reads").is_none());
}

#[tokio::test]
async fn nobody_signs_in_as_an_account_of_another_collection() {
    let house = fixture().await;
    let users = house.records.catalog().find("users").expect("there").clone();
    let row = house.records.find(&users, &house.user).await.expect("reads").expect("there");
    let superusers = house.records.catalog().find("_superusers").expect("there").clone();
    let place = Place { address: [127, 0, 0, 1].into(), browser: String::new() };
    let beginning = Beginning { ways: vec![Way::Password], place, actor: None, via: None };
    let forged = house.identity.begin_session(&Principal { collection: superusers, row }, &beginning).await;
    assert!(forged.is_err());
}
