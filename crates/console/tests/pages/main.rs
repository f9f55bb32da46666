//! The pages as a browser meets them: requests through the router, on a store of their own.

mod house;
mod mailed;
mod records;

use axum::body::Body;
use axum::http::header::SET_COOKIE;
use axum::http::{Request, StatusCode};

use crate::house::{EMAIL, House, PASSWORD};

#[tokio::test]
async fn whoever_has_not_signed_in_is_led_to_the_sign_in_and_back() {
    let house = House::new().await;
    for path in ["/_/collections", "/_/new", "/_/collections/users?page=2", "/_/pulse", "/_/nowhere"] {
        let reply = house.get(path).await;
        assert_eq!(reply.status, StatusCode::SEE_OTHER, "{path}");
        assert!(reply.location().starts_with("/_/sign-in?to=%2F_%2F"), "{path}: {}", reply.location());
    }
    let written = house.post("/_/new", &[("name", "bills")]).await;
    assert_eq!(written.location(), "/_/sign-in");
    assert!(house.records.catalog().find("bills").is_none());
}

#[tokio::test]
async fn the_key_of_the_first_run_works_once() {
    let mut house = House::new().await;
    assert_eq!(house.get("/_/first-run?key=wrong").await.status, StatusCode::FORBIDDEN);
    assert_eq!(house.get("/_/first-run?key=the-key").await.status, StatusCode::OK);
    let pairs =
        |again| [("key", "the-key"), ("email", EMAIL), ("password", PASSWORD), ("passwordConfirm", again)];
    let differing = house.post("/_/first-run", &pairs("other")).await;
    assert_eq!(differing.status, StatusCode::BAD_REQUEST);
    assert!(differing.page.contains("The two passwords differ."));
    let made = house.post("/_/first-run", &pairs(PASSWORD)).await;
    assert_eq!(made.location(), "/_/collections");
    house.keep(&made);
    assert_eq!(house.get("/_/collections").await.status, StatusCode::OK);
    for reply in
        [house.get("/_/first-run?key=the-key").await, house.post("/_/first-run", &pairs(PASSWORD)).await]
    {
        assert_eq!(reply.status, StatusCode::GONE);
        assert!(reply.page.contains("This service already has a superuser."));
    }
}

#[tokio::test]
async fn a_wrong_password_is_refused_in_the_same_words_as_an_unknown_address() {
    let house = House::signed_in().await;
    let wrong = house.post("/_/sign-in", &[("email", EMAIL), ("password", "no")]).await;
    let unknown = house.post("/_/sign-in", &[("email", "x@example.com"), ("password", "no")]).await;
    assert_eq!((wrong.status, unknown.status), (StatusCode::UNAUTHORIZED, StatusCode::UNAUTHORIZED));
    assert_eq!(wrong.page.replace(EMAIL, ""), unknown.page.replace("x@example.com", ""));
    assert!(!wrong.headers.contains_key(SET_COOKIE));
}

#[tokio::test]
async fn tries_to_sign_in_are_counted() {
    let house = House::signed_in().await;
    let mut last = StatusCode::OK;
    for _ in 0..40 {
        last = house.post("/_/sign-in", &[("email", EMAIL), ("password", "no")]).await.status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_change_that_another_site_asks_for_is_refused() {
    let house = House::signed_in().await;
    for (name, value) in
        [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example"), ("x-none", "1")]
    {
        let request = Request::post("/_/new").header(name, value);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let reply = house.answer(request, Body::from("name=evil&type=base")).await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN, "{name}");
        assert!(reply.page.contains("not sent from one of our own pages"));
    }
    assert!(house.records.catalog().find("evil").is_none());
}

#[tokio::test]
async fn every_page_says_what_a_browser_may_do_with_it() {
    let house = House::signed_in().await;
    for path in ["/_/collections", "/_/collections/nowhere", "/_/assets/console.js", "/_/sign-in"] {
        let headers = house.get(path).await.headers;
        let policy = headers["content-security-policy"].to_str().expect("plain");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(headers["x-content-type-options"], "nosniff");
    }
    let tag = house.get("/_/assets/console.css").await.headers["etag"].clone();
    let again =
        house.answer(Request::get("/_/assets/console.css").header("if-none-match", tag), Body::empty()).await;
    assert_eq!((again.status, &*again.page), (StatusCode::NOT_MODIFIED, ""));
}

#[tokio::test]
async fn a_missing_page_says_so_in_the_visitors_language() {
    let house = House::signed_in().await;
    let korean = Request::get("/_/collections/nowhere").header("accept-language", "ko-KR,ko;q=0.9");
    let reply = house.answer(korean, Body::empty()).await;
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
    assert!(reply.page.contains("<html lang=\"ko\"") && reply.page.contains("찾을 수 없어요"));
    assert!(house.get("/_/nowhere").await.page.contains("<html lang=\"en\""));
}

#[tokio::test]
async fn the_switches_keep_the_look_and_lead_back() {
    let house = House::new().await;
    let reply = house.post("/_/look", &[("lang", "ko"), ("back", "/_/sign-in?to=x")]).await;
    assert_eq!(reply.location(), "/_/sign-in?to=x");
    assert!(reply.headers[SET_COOKIE].to_str().expect("plain").starts_with("ondol_lang=ko;"));
    assert_eq!(
        house.post("/_/look", &[("theme", "dark"), ("back", "//evil")]).await.location(),
        "/_/collections"
    );
}

#[tokio::test]
async fn fields_rules_and_indexes_are_saved_and_their_faults_told() {
    let house = House::signed_in().await.with_bills().await;
    let wrong = house.post("/_/collections/bills/rules", &[("listRule", ""), ("viewRule", "nope = 1")]).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert!(wrong.page.split("id=\"viewRule-fault\">").nth(1).expect("a line").starts_with("Invalid rule"));
    let sent = [
        ("listRule", ""),
        ("viewRule", "title != ''"),
        ("createRule.locked", "1"),
        ("updateRule.locked", "1"),
        ("deleteRule.locked", "1"),
    ];
    assert_eq!(house.post("/_/collections/bills/rules", &sent).await.status, StatusCode::SEE_OTHER);
    let rules = &house.records.catalog().find("bills").expect("there").rules.clone();
    assert_eq!(
        (rules.list.as_deref(), rules.view.as_deref(), rules.create.as_deref()),
        (Some(""), Some("title != ''"), None)
    );
    let index = [("_do", "make"), ("field.0", "title"), ("unique", "1")];
    assert_eq!(house.post("/_/collections/bills/indexes", &index).await.status, StatusCode::SEE_OTHER);
    house.post("/_/collections/bills/new", &[("f.title", "once")]).await;
    let twice = house.post("/_/collections/bills/new", &[("f.title", "once")]).await;
    assert_eq!(twice.status, StatusCode::BAD_REQUEST);
    let dropped = house.post("/_/collections/bills/indexes", &[("_do", "drop.idx_bills_title")]).await;
    assert_eq!(dropped.status, StatusCode::SEE_OTHER, "{}", dropped.page);
}

#[tokio::test]
async fn a_collection_is_renamed_emptied_and_deleted_with_its_name_typed() {
    let house = House::signed_in().await.with_bills().await;
    house.post("/_/collections/bills/new", &[("f.title", "x")]).await;
    let renamed = house.post("/_/collections/bills/settings", &[("_do", "rename"), ("name", "laws")]).await;
    assert_eq!(renamed.location(), "/_/collections/laws/settings?said=saved", "{}", renamed.page);
    let refused = house.post("/_/collections/laws/settings", &[("_do", "drop"), ("confirm", "bills")]).await;
    assert!(refused.status == StatusCode::BAD_REQUEST && refused.page.contains("That is not the name."));
    house.post("/_/collections/laws/settings", &[("_do", "empty"), ("confirm", "laws")]).await;
    assert!(house.get("/_/collections/laws").await.page.contains("No records yet"));
    let gone = house.post("/_/collections/laws/settings", &[("_do", "drop"), ("confirm", "laws")]).await;
    assert_eq!(gone.location(), "/_/collections?said=deleted");
    assert!(house.records.catalog().find("laws").is_none());
}

#[tokio::test]
async fn signing_in_of_accounts_is_set() {
    let house = House::signed_in().await;
    let sent = [("_do", "auth"), ("has_password", "1"), ("identity", "email"), ("token_seconds", "3600")];
    let saved = house.post("/_/collections/users/settings", &sent).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.page);
    let users = house.records.catalog().find("users").expect("there").clone();
    assert_eq!(users.auth.as_ref().expect("accounts").token_seconds, 3600);
}

#[tokio::test]
async fn whoever_has_not_signed_in_may_send_little() {
    let house = House::new().await;
    let long = "x".repeat(100_000);
    assert_eq!(house.post("/_/sign-in", &[("email", &long)]).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    let many = vec![("a", ""); 3000];
    assert_eq!(house.post("/_/look", &many).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(house.post("/_/new", &[("name", &long)]).await.location(), "/_/sign-in");
}

#[tokio::test]
async fn a_page_renews_the_session_of_whoever_looks_at_it() {
    let mut house = House::signed_in().await;
    for _ in 0..3 {
        house.hours_pass(20);
        let page = house.get("/_/collections").await;
        assert_eq!(page.status, StatusCode::OK);
        house.keep(&page);
    }
    house.hours_pass(24 * 30);
    assert_eq!(house.get("/_/collections").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn signing_out_ends_the_session() {
    let mut house = House::signed_in().await;
    let left = house.post("/_/sign-out", &[]).await;
    house.keep(&left);
    assert_eq!(house.get("/_/collections").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn the_last_superuser_stays() {
    let house = House::signed_in().await;
    let superusers = house.records.catalog().find("_superusers").expect("there").clone();
    let me = house
        .records
        .find_account(&superusers, &["email".into()], EMAIL)
        .await
        .expect("reads")
        .expect("there");
    let refused = house.post("/_/collections/_superusers/delete", &[("id", &me.row.id), ("sure", "1")]).await;
    assert!(refused.page.contains("the last superuser stays"), "{}", refused.status);
    assert_eq!(house.get("/_/collections").await.status, StatusCode::OK);
}
