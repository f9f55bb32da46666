//! The cookie of a session: what it is good for, and who can do nothing with it.

use axum::http::Request;

use super::tab::Tab;
use crate::house::fixture;

#[tokio::test]
async fn a_script_of_our_own_page_gets_the_token_of_the_cookie_and_no_other() {
    let house = fixture().await;
    let mut tab = Tab::new(&house.front);
    let ask =
        |site: &str| Request::post("/auth/token").header("sec-fetch-site", site).header("accept", "*/*");
    assert_eq!(tab.ask(ask("same-origin"), String::new()).await.status, 401);
    tab.cookies.insert("ondol".into(), house.token().await);
    for site in ["cross-site", "same-site", "none"] {
        assert_eq!(tab.ask(ask(site), String::new()).await.status, 403, "{site}");
    }
    let page = tab.ask(ask("same-origin"), String::new()).await.clone();
    let answer: serde_json::Value = serde_json::from_str(&page.text).expect("JSON");
    assert_eq!((page.status, &answer["record"]["email"]), (200, &"test@example.com".into()));
    assert!(house.holder(answer["token"].as_str().expect("a token")).await.is_some());
}

#[tokio::test]
async fn a_cookie_alone_opens_nothing_of_the_api() {
    let house = fixture().await;
    let mut tab = Tab::new(&house.front);
    tab.cookies.insert("ondol".into(), house.token().await);
    let page = tab.ask(Request::post("/api/collections/users/auth-refresh"), String::new()).await;
    assert_eq!(page.status, 401);
}

#[tokio::test]
async fn signing_out_ends_the_session_and_is_done_by_our_own_page_only() {
    let house = fixture().await;
    let token = house.token().await;
    let mut tab = Tab::new(&house.front);
    tab.cookies.insert("ondol".into(), token.clone());
    tab.open("/auth/sign-out?return_to=//evil.example").await;
    let form = tab.page.form("/auth/sign-out");
    for headers in [
        [("sec-fetch-site", "cross-site"), ("origin", "http://127.0.0.1:8090")],
        [("sec-fetch-site", "same-site"), ("origin", "http://127.0.0.1:8090")],
        [("sec-fetch-site", "same-origin"), ("content-type", "text/plain")],
        [("origin", "null"), ("referer", "http://127.0.0.1:8090/")],
        [("origin", "https://evil.example"), ("x-forwarded-host", "evil.example")],
    ] {
        assert_eq!(tab.post("/auth/sign-out", &form, &headers).await.status, 403, "{headers:?}");
    }
    let same = [("sec-fetch-site", "same-origin")];
    assert_eq!(tab.post("/auth/sign-out", &[], &same).await.status, 403, "no mark");
    let mut other = Tab::new(&house.front);
    other.cookies.insert("ondol".into(), token.clone());
    other.open("/auth/sign-out").await;
    let others = other.page.form("/auth/sign-out");
    assert_eq!(tab.post("/auth/sign-out", &others, &same).await.status, 403, "another browser's mark");
    assert!(house.holder(&token).await.is_some());
    tab.open("/auth/sign-out?return_to=/auth/sign-out").await;
    assert!(tab.send("/auth/sign-out", &[]).await.text.contains("Nobody is signed in"));
    assert!(tab.token().is_none() && house.holder(&token).await.is_none());
}

#[tokio::test]
async fn an_old_session_is_renewed_in_place() {
    let house = fixture().await;
    let token = house.token().await;
    let mut tab = Tab::new(&house.front);
    tab.cookies.insert("ondol".into(), token.clone());
    tab.open("/auth/sign-out").await;
    assert_eq!(tab.token(), Some(&*token), "it is young");
    house.pass(700);
    tab.open("/auth/sign-out").await;
    assert_ne!(tab.token(), Some(&*token));
    assert!(house.holder(tab.token().expect("a token")).await.is_some());
    assert!(house.holder(&token).await.is_some(), "the other windows are still signed in");
}

#[tokio::test]
async fn no_page_may_be_framed_or_load_anything_and_each_speaks_the_chosen_language() {
    let house = fixture().await;
    let mut tab = Tab::new(&house.front);
    let page = tab.open("/auth/sign-out").await.clone();
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(!policy.contains("script-src") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("cache-control"), "no-store");
    assert!(page.text.contains("lang=\"en\"") && page.text.contains("/auth/language?to=ko"), "{}", page.text);
    tab.open("/auth/language?to=ko&return_to=/auth/sign-out").await;
    assert!(tab.page.text.contains("<html lang=\"ko\">"), "{}", tab.page.text);
    tab.ask(Request::get("/auth/language?to=ko&return_to=https:evil.example"), String::new()).await;
    assert_eq!(tab.page.header("location"), "/auth/sign-in");
}

#[tokio::test]
async fn with_encryption_a_tossed_cookie_is_nobody() {
    let house = fixture().await;
    let token = house.token().await;
    let ask = || {
        Request::post("/auth/token")
            .header("origin", "https://a.example")
            .header("sec-fetch-site", "same-origin")
            .header("x-forwarded-proto", "https")
    };
    let mut tab = Tab::new(&house.front);
    tab.host = "a.example";
    tab.cookies.insert("ondol".into(), token.clone());
    assert_eq!(tab.ask(ask(), String::new()).await.status, 401, "set by a sub-domain, without encryption");
    tab.cookies.insert("__Host-ondol".into(), token);
    assert_eq!(tab.ask(ask(), String::new()).await.status, 200);
}
