//! The pages that mailed links lead to.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};
use testbed::{SignInPeer, http};

use crate::house::{EMAIL as ROOT, House, PASSWORD};

const EMAIL: &str = "kim@example.com";

/// A house with mail and an account, and the link of the mail that was asked for.
async fn linked(asked: &str) -> Option<(House, String)> {
    let (house, peer) = mailing().await?;
    house.join(EMAIL, "warm floor 1").await;
    let asked = format!("/api/collections/users/{asked}");
    assert_eq!(house.api(&asked, &json!({ "email": EMAIL })).await.status, StatusCode::NO_CONTENT);
    let mail = mail(&house, &peer).await;
    let link = mail["links"][0].as_str().expect("a link");
    let path = link.strip_prefix("https://ondol.example").expect("the service's own address").to_owned();
    Some((house, path))
}

async fn mailing() -> Option<(House, SignInPeer)> {
    let smtp = testbed::free_port();
    let peer = testbed::sign_in_peer("mail", &["--smtp", &smtp.to_string()])?;
    Some((House::with_mail(smtp).await, peer))
}

/// Sends what waits until the first mail has come.
async fn mail(house: &House, peer: &SignInPeer) -> Value {
    let url = format!("{}/mails", peer.base());
    for _ in 0..3000 {
        let (url, identity) = (url.clone(), house.identity.clone());
        let stop = tokio_util::sync::CancellationToken::new();
        let sending = identity.run(stop.clone());
        let asking = async {
            let mails = tokio::task::spawn_blocking(move || http::send("GET", &url, &[], "").body).await;
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            stop.cancel();
            mails.expect("an answer")
        };
        let ((), mails) = tokio::join!(sending, asking);
        let mails: Value = serde_json::from_str(&mails).expect("a list");
        if mails[0].is_object() {
            return mails[0].clone();
        }
    }
    panic!("no mail came");
}

#[tokio::test]
async fn superusers_of_whom_two_ways_are_asked_enter_the_console_by_two() {
    let Some((house, peer)) = mailing().await else { return };
    let secret = base::secret::Secret::new(PASSWORD);
    identity::superusers::create(&house.records, ROOT, &secret).await.expect("a superuser");
    let two = json!({ "otp": { "enabled": true, "duration": 180, "length": 8 }, "mfa": { "enabled": true, "duration": 300 } });
    house
        .records
        .update_collection("_superusers", two.as_object().expect("an object"))
        .await
        .expect("settings");
    let page = house.post("/_/sign-in", &[("email", ROOT), ("password", PASSWORD)]).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(!page.headers.contains_key("set-cookie"), "nobody is in yet");
    let (half, otp) = (page.value("half").to_owned(), page.value("otp").to_owned());
    let code = mail(&house, &peer).await["codes"][0].as_str().expect("a code").to_owned();
    let give = async |half: &str, code: &str| {
        house
            .post("/_/sign-in/code", &[("half", half), ("otp", &otp), ("code", code), ("to", "/_/new")])
            .await
    };
    let wrong = give(&half, "000000").await;
    assert_eq!((wrong.status, wrong.headers.contains_key("set-cookie")), (StatusCode::UNAUTHORIZED, false));
    let entered = give(&half, &code).await;
    assert_eq!((entered.status, entered.location()), (StatusCode::SEE_OTHER, "/_/new"));
    assert!(entered.headers.contains_key("set-cookie"));
    assert_eq!(give(&half, &code).await.status, StatusCode::UNAUTHORIZED, "once");
}

#[tokio::test]
async fn looking_at_a_link_uses_nothing_up_and_the_button_does() {
    let Some((house, link)) = linked("request-verification").await else { return };
    for _ in 0..3 {
        let page = house.get(&link).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.page.contains(EMAIL) && page.page.contains("팝퐁"), "{}", page.page);
        assert_eq!(page.headers["referrer-policy"], "same-origin");
        assert_eq!(page.headers["cache-control"], "no-store");
        let head = house.answer(Request::head(&link), Body::empty()).await;
        assert_eq!(head.status, StatusCode::OK);
    }
    assert_eq!(house.user("verified").await, json!(false));
    let token = house.get(&link).await.value("token").to_owned();
    let (path, _) = link.split_once('?').expect("a query");
    let korean = Request::get(&link).header("accept-language", "ko");
    assert!(house.answer(korean, Body::empty()).await.page.contains("제 주소예요"));
    let done = house.post(path, &[("token", &token)]).await;
    assert_eq!((done.status, house.user("verified").await), (StatusCode::OK, json!(true)));
}

#[tokio::test]
async fn a_password_is_set_on_its_page_without_scripts() {
    let Some((house, link)) = linked("request-password-reset").await else { return };
    let token = house.get(&link).await.value("token").to_owned();
    let (path, _) = link.split_once('?').expect("a query");
    let send = async |password: &str, again: &str| {
        house.post(path, &[("token", &token), ("password", password), ("passwordConfirm", again)]).await
    };
    let page = send("short", "short").await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    assert!(page.page.contains("at least 8") && page.value("token") == token, "{}", page.page);
    assert_eq!(send("another floor", "other").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(send("another floor", "another floor").await.status, StatusCode::OK);
    assert_eq!(send("a third floor", "a third floor").await.status, StatusCode::GONE);
    assert_eq!(house.get(&link).await.status, StatusCode::GONE);
    let sign_in = json!({ "identity": EMAIL, "password": "another floor" });
    let path = "/api/collections/users/auth-with-password";
    assert_eq!(house.api(path, &sign_in).await.status, StatusCode::OK);
}

#[tokio::test]
async fn another_site_can_not_press_the_button() {
    let Some((house, link)) = linked("request-verification").await else { return };
    let token = house.get(&link).await.value("token").to_owned();
    let (path, _) = link.split_once('?').expect("a query");
    let request = Request::post(path)
        .header("sec-fetch-site", "cross-site")
        .header("content-type", "application/x-www-form-urlencoded");
    let refused = house.answer(request, Body::from(format!("token={token}"))).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(house.user("verified").await, json!(false));
    assert_eq!(house.get(&format!("{path}?token=nonsense")).await.status, StatusCode::GONE);
}
