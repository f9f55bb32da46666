//! Signing in by password.

use serde_json::json;

use crate::house::{EMAIL, PASSWORD, fixture};

#[tokio::test]
async fn the_right_password_gets_the_record_and_a_token() {
    let house = fixture().await;
    let (status, body) = house.sign_in("users", EMAIL, PASSWORD).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!((&body["record"]["id"], &body["record"]["email"]), (&json!(house.user), &json!(EMAIL)));
    assert_eq!(body["record"]["collectionName"], "users");
    for hidden in ["password", "tokenKey"] {
        assert_eq!(body["record"].get(hidden), None);
    }
    let holder = house.holder(body["token"].as_str().expect("a token")).await.expect("somebody");
    assert_eq!((holder.row.id.as_str(), holder.is_superuser()), (house.user.as_str(), false));
}

#[tokio::test]
async fn a_form_signs_in_as_json_does() {
    let house = fixture().await;
    let path = "/api/collections/users/auth-with-password?fields=token";
    let form = "identity=test%40example.com&password=correct+horse&identityField=email";
    let (status, body) = house.send("POST", path, "", "application/x-www-form-urlencoded", form).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(
        body.as_object().map(|b| b.keys().cloned().collect::<Vec<_>>()),
        Some(vec!["token".to_owned()])
    );
}

#[tokio::test]
async fn an_unknown_address_and_a_wrong_password_get_the_same_answer() {
    let house = fixture().await;
    let expected = json!({ "status": 400, "message": "Failed to authenticate.", "data": {} });
    for (identity, password) in
        [(EMAIL, "wrong horse"), ("nobody@example.com", PASSWORD), ("' OR 1=1", PASSWORD)]
    {
        assert_eq!(house.sign_in("users", identity, password).await, (400, expected.clone()));
    }
}

#[tokio::test]
async fn what_is_missing_or_too_long_is_told_by_field() {
    let house = fixture().await;
    let (status, body) = house.sign_in("users", "", &"x".repeat(256)).await;
    assert_eq!(status, 400);
    assert_eq!(body["data"]["identity"]["code"], "validation_required");
    assert_eq!(body["data"]["password"]["code"], "validation_length_out_of_range");
    let path = "/api/collections/users/auth-with-password";
    let other = json!({ "identity": EMAIL, "password": PASSWORD, "identityField": "name" });
    let (status, body) = house.post(path, "", other).await;
    assert_eq!((status, &body["data"]["identityField"]["code"]), (400, &json!("validation_in_invalid")));
    let (status, body) = house.send("POST", path, "", "application/json", "{\"identity\":").await;
    assert_eq!((status, &body["data"]), (400, &json!({})));
    assert_eq!(house.sign_in("nothing", EMAIL, PASSWORD).await.0, 404);
}

#[tokio::test]
async fn too_many_tries_are_refused() {
    let house = fixture().await;
    for _ in 0..20 {
        assert_eq!(house.sign_in("users", "", "").await.0, 400);
    }
    assert_eq!(house.sign_in("users", EMAIL, PASSWORD).await.0, 429);
    house.pass(61);
    assert_eq!(house.sign_in("users", EMAIL, PASSWORD).await.0, 200);
}
