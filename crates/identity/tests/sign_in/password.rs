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

#[tokio::test]
async fn a_password_of_one_mebibyte_is_too_large_and_no_work_is_done_for_it() {
    let house = fixture().await;
    let body = json!({ "identity": EMAIL, "password": "x".repeat(1 << 20) });
    let (status, _) = house.post("/api/collections/users/auth-with-password", "", body).await;
    assert_eq!(status, 413);
}

#[tokio::test]
async fn a_password_is_compared_as_it_is_whatever_letters_it_has() {
    let house = fixture().await;
    for password in [
        "온돌은 따뜻하다",
        "a\0b after a zero",
        "  spaces around  ",
        "e\u{301}galite\u{301}",
        "🔑🔑🔑🔑🔑🔑🔑🔑",
    ] {
        let body = json!({ "password": password, "passwordConfirm": password });
        let request = crate::house::as_superuser(&house.records, &body).await;
        let draft = records::Draft { values: request.body.clone(), uploads: Vec::new() };
        let shape = records::Shape::default();
        house.records.update(&request, "users", &house.user, draft, &shape).await.expect("changed");
        assert_eq!(house.sign_in("users", EMAIL, password).await.0, 200, "{password:?}");
        let cut: String = password.split('\0').next().expect("a beginning").to_owned();
        for other in [password.trim(), &cut, &password.to_uppercase()] {
            if other != password {
                assert_eq!(house.sign_in("users", EMAIL, other).await.0, 400, "{other:?}");
            }
        }
    }
    assert_eq!(house.sign_in("users", EMAIL, "\u{e9}galit\u{e9}").await.0, 400, "letters, not looks");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_passwords_is_refused_as_busy_beyond_the_places_of_the_pool_and_nobody_else_waits() {
    let limits = identity::Config { wrong_passwords_per_name_max: 1000, ..identity::Config::default() };
    let house = crate::house::open(limits, 100_000, |identity| identity).await;
    let token = house.token().await;
    let flood = futures_util::future::join_all((0..150).map(|_| house.sign_in("users", EMAIL, "wrong one")));
    let others = async {
        let mut proved = 0;
        for _ in 0..50 {
            proved += usize::from(house.holder(&token).await.is_some());
            tokio::task::yield_now().await;
        }
        proved
    };
    let (answers, proved) = tokio::join!(flood, others);
    let count = |status: u16| answers.iter().filter(|(told, _)| *told == status).count();
    assert_eq!(count(400) + count(503) + count(429), 150, "{answers:?}");
    // two are hashed at once and a hundred wait; whoever comes as one is done takes its place
    assert!((102..150).contains(&count(400)), "{answers:?}");
    assert_eq!(proved, 50);
    assert_eq!(house.sign_in("users", EMAIL, PASSWORD).await.0, 200, "and then it goes on");
}

/// Tries a password from a network.
async fn tries(house: &crate::house::Fixture, from: [u8; 4], identity: &str, password: &str) -> u16 {
    let body = json!({ "identity": identity, "password": password });
    house.send_from(from, &[], "/api/collections/users/auth-with-password", &body).await.0
}

#[tokio::test]
async fn passwords_are_not_guessed_and_the_owner_elsewhere_is_not_kept_out() {
    let limits = identity::Config { wrong_passwords_per_name_max: 3, ..identity::Config::default() };
    let house = crate::house::open(limits, 100_000, |identity| identity).await;
    for identity in [EMAIL, "nobody@example.com"] {
        for guess in 0..3u8 {
            assert_eq!(tries(&house, [10, 0, 0, guess], identity, "a guess").await, 400, "{identity}");
        }
        assert_eq!(
            tries(&house, [10, 0, 0, 9], identity, PASSWORD).await,
            429,
            "of that network: {identity}"
        );
    }
    assert_eq!(tries(&house, [10, 0, 0, 9], "third@example.com", "a guess").await, 400, "of that name");
    assert_eq!(tries(&house, [10, 9, 0, 1], EMAIL, PASSWORD).await, 200, "the owner elsewhere");
    house.pass(3600);
    assert_eq!(tries(&house, [10, 0, 0, 9], EMAIL, PASSWORD).await, 200, "an hour later");
}

#[tokio::test]
async fn a_network_that_tries_passwords_of_many_names_is_refused_and_no_other() {
    let limits = identity::Config { wrong_passwords_per_network_max: 5, ..identity::Config::default() };
    let house = crate::house::open(limits, 100_000, |identity| identity).await;
    for number in 0..5u8 {
        let name = format!("kim{number}@example.com");
        assert_eq!(tries(&house, [10, 0, 0, number], &name, "stuffed").await, 400);
    }
    assert_eq!(tries(&house, [10, 0, 0, 9], EMAIL, PASSWORD).await, 429);
    assert_eq!(tries(&house, [10, 0, 1, 9], EMAIL, PASSWORD).await, 200);
}
