//! Which ways to sign in there are.

use serde_json::json;

use crate::house::{EMAIL, fixture};

#[tokio::test]
async fn the_ways_to_sign_in_are_listed() {
    let house = fixture().await;
    let (status, body) = house.send("GET", "/api/collections/users/auth-methods", "", "", "").await;
    assert_eq!(status, 200);
    assert_eq!(body["password"], json!({ "identityFields": ["email"], "enabled": true }));
    for absent in ["oauth2", "mfa", "otp"] {
        assert_eq!(body[absent]["enabled"], false, "{absent}");
    }
    assert_eq!(body["oauth2"]["providers"], json!([]));
}

#[tokio::test]
async fn without_a_mail_server_what_needs_one_says_so() {
    let house = fixture().await;
    let otp = json!({ "otp": { "enabled": true, "duration": 180, "length": 8 } });
    house.set("users", &otp).await;
    let ask = json!({ "email": EMAIL });
    for name in ["request-otp", "request-password-reset", "request-verification"] {
        let (status, body) = house.post(&format!("/api/collections/users/{name}"), "", ask.clone()).await;
        assert_eq!(
            (status, body["message"].as_str().is_some_and(|m| m.contains("[mail]"))),
            (501, true),
            "{name}"
        );
    }
    let methods = house.send("GET", "/api/collections/users/auth-methods", "", "", "").await.1;
    assert_eq!(methods["otp"], json!({ "enabled": false, "duration": 0 }), "it can't be used");
}

#[tokio::test]
async fn what_a_collection_does_not_offer_is_refused() {
    let house = fixture().await;
    let body = json!({ "email": EMAIL, "otpId": "x", "password": "1" });
    for name in ["auth-with-oauth2", "request-otp", "auth-with-otp"] {
        assert_eq!(
            house.post(&format!("/api/collections/users/{name}"), "", body.clone()).await.0,
            403,
            "{name}"
        );
    }
    for name in ["auth-with-oauth2", "request-otp", "request-verification", "confirm-password-reset"] {
        assert_eq!(
            house.post(&format!("/api/collections/none/{name}"), "", body.clone()).await.0,
            404,
            "{name}"
        );
    }
}
