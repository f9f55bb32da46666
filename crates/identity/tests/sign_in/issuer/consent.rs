//! People sign in for a client, agree to what it asks for, or don't.

use base::time::Clock;

use super::service::{
    Ground, REDIRECT, Service, TOKEN, WIKI, asking, onward, parameter, said, table, text, with_code,
};
use crate::house::{EMAIL, PASSWORD};
use crate::pages::tab::Tab;

const CONSENT: &str = "/auth/oidc/consent";

async fn opened(more: &str) -> (Ground, Service) {
    let ground = Ground::lay(Clock::System).await;
    let service = ground.serve(&[(WIKI.0, &table(more), WIKI.1)], |_| {}).await;
    (ground, service)
}

/// A tab of somebody who has signed in.
async fn tab<'a>(ground: &Ground, service: &'a Service) -> Tab<'a> {
    let mut tab = Tab::new(&service.front);
    let cookie = service.cookie(ground).await;
    tab.cookies.insert("ondol".into(), cookie.trim_start_matches("ondol=").into());
    tab
}

#[tokio::test]
async fn a_person_signs_in_agrees_and_the_client_learns_who_it_is() {
    let (ground, service) = opened("label = 'The wiki'").await;
    let mut tab = Tab::new(&service.front);
    tab.open(&asking(&[("state", "a b&c=é")])).await;
    tab.send("/auth/sign-in", &[("who", EMAIL)]).await;
    tab.send("/auth/sign-in/password", &[("password", PASSWORD)]).await;
    let page = tab.page.clone();
    assert!(
        page.text.contains("The wiki")
            && page.text.contains("Your email address")
            && page.text.contains(EMAIL)
    );
    assert!(
        !page.text.contains("<script")
            && page.header("content-security-policy").contains("frame-ancestors 'none'")
    );
    assert_eq!(page.header("cache-control"), "no-store");
    let told = tab.send(CONSENT, &[("answer", "yes")]).await.clone();
    let to = onward(&told);
    assert!(to.starts_with(&format!("{REDIRECT}?code=")), "{to}");
    assert_eq!(parameter(&to, "state").as_deref(), Some("a b&c=é"));
    assert_eq!(parameter(&to, "iss").as_deref(), Some(service.url.as_str()));
    let code = parameter(&to, "code").expect("a code");
    let (status, tokens) = service.as_wiki(TOKEN, &with_code(&code)).await;
    assert_eq!(status, 200, "{tokens}");
    let (status, about) = service.about(&text(&tokens, "access_token")).await;
    assert_eq!((status, about["email"].as_str()), (200, Some(EMAIL)));
    assert_eq!(about["sub"], ground.user().await.row.id.as_str());
    assert_eq!(about.get("name"), None, "nobody has asked for it");
}

#[tokio::test]
async fn the_page_speaks_korean_to_who_reads_it() {
    let (ground, service) = opened("").await;
    let mut tab = tab(&ground, &service).await;
    tab.language = "ko-KR";
    let page = tab.open(&asking(&[])).await;
    assert!(page.text.contains("lang=\"ko\"") && page.text.contains("동의하고 계속"), "{}", page.text);
}

#[tokio::test]
async fn who_does_not_agree_is_sent_back_without_a_code_and_is_asked_again() {
    let (ground, service) = opened("").await;
    let mut tab = tab(&ground, &service).await;
    tab.open(&asking(&[])).await;
    let to = onward(tab.send(CONSENT, &[("answer", "no")]).await);
    assert_eq!(parameter(&to, "error").as_deref(), Some("access_denied"));
    assert_eq!(parameter(&to, "code"), None);
    assert!(ground.own("_grants").await.is_empty() && ground.own("_families").await.is_empty());
    assert!(tab.open(&asking(&[])).await.text.contains(CONSENT));
}

#[tokio::test]
async fn who_has_agreed_is_asked_again_only_about_something_new_or_when_the_client_wants_it() {
    let (ground, service) = opened("").await;
    let mut tab = tab(&ground, &service).await;
    tab.open(&asking(&[])).await;
    tab.send(CONSENT, &[("answer", "yes")]).await;
    let goes = async |tab: &mut Tab<'_>, more: &[(&str, &str)]| tab.open(&asking(more)).await.status == 303;
    assert!(goes(&mut tab, &[]).await && goes(&mut tab, &[("prompt", "none")]).await);
    assert!(goes(&mut tab, &[("scope", "openid")]).await, "less is nothing new");
    assert!(!goes(&mut tab, &[("prompt", "consent")]).await);
    assert!(!goes(&mut tab, &[("scope", "openid email profile")]).await);
    assert!(tab.page.text.contains("Your name and picture <em>(new)</em>"), "{}", tab.page.text);
    let refused = tab.open(&asking(&[("scope", "openid email profile"), ("prompt", "none")])).await;
    assert_eq!(parameter(refused.header("location"), "error").as_deref(), Some("consent_required"));
    tab.open(&asking(&[("scope", "openid email profile")])).await;
    tab.send(CONSENT, &[("answer", "yes")]).await;
    assert!(goes(&mut tab, &[("scope", "openid email profile")]).await && goes(&mut tab, &[]).await);
    assert_eq!(ground.own("_grants").await.len(), 1);
}

#[tokio::test]
async fn nobody_agrees_by_a_form_of_another_site_nor_for_somebody_else_nor_framed() {
    let (ground, service) = opened("").await;
    let mut tab = tab(&ground, &service).await;
    tab.open(&asking(&[])).await;
    assert!(tab.page.header("content-security-policy").contains("frame-ancestors 'none'"));
    let mut fields = tab.page.form(CONSENT);
    fields.push(("answer".into(), "yes".into()));
    for headers in [&[("sec-fetch-site", "cross-site")][..], &[("origin", "https://evil.example")], &[]] {
        assert_eq!(tab.post(CONSENT, &fields, headers).await.status, 403, "{headers:?}");
    }
    let own = [("sec-fetch-site", "same-origin")];
    let unmarked: Vec<_> = fields.iter().filter(|(name, _)| name != "mark").cloned().collect();
    assert_eq!(tab.post(CONSENT, &unmarked, &own).await.status, 403);
    let other: Vec<_> = fields
        .iter()
        .map(|(n, v)| (n.clone(), if n == "account" { "x".into() } else { v.clone() }))
        .collect();
    let page = tab.post(CONSENT, &other, &own).await;
    assert_eq!((page.status, page.header("location").starts_with("/auth/oidc/authorize?")), (303, true));
    let elsewhere = fields
        .iter()
        .map(|(n, v)| (n.clone(), if n == "request" { v.replace("callback", "evil") } else { v.clone() }));
    assert_eq!(tab.post(CONSENT, &elsewhere.collect::<Vec<_>>(), &own).await.status, 400);
    assert!(ground.own("_grants").await.is_empty() && ground.own("_families").await.is_empty());
    assert_eq!(tab.post(CONSENT, &fields, &own).await.status, 200, "and by the page itself they do");
}

#[tokio::test]
async fn of_a_client_that_the_team_trusts_nobody_is_asked_and_what_it_may_not_ask_for_it_does_not_get() {
    let (ground, service) = opened("trusted = true\nscopes = 'openid email'").await;
    let cookie = service.cookie(&ground).await;
    let tokens = service.tokens(&cookie, "openid email profile offline_access").await;
    assert_eq!((text(&tokens, "scope").as_str(), tokens.get("refresh_token")), ("openid email", None));
    let page = service.authorize(&cookie, &[("prompt", "consent")]).await;
    assert!(page.text.contains(CONSENT), "but where it wants that itself");
}

#[tokio::test]
async fn a_client_that_wants_a_new_sign_in_gets_one() {
    let ground = Ground::lay(Clock::manual(Clock::System.now())).await;
    let service = ground.serve(&[(WIKI.0, &table("trusted = true"), WIKI.1)], |_| {}).await;
    let cookie = service.cookie(&ground).await;
    let pass = |seconds: i64| {
        let Clock::Manual(at) = &ground.clock else { panic!("a manual clock") };
        at.fetch_add(seconds * 1000, std::sync::atomic::Ordering::SeqCst);
    };
    let leads = async |cookie: &str, more: &[(&str, &str)]| {
        service.authorize(cookie, more).await.header("location").to_owned()
    };
    assert!(leads("", &[]).await.starts_with("/auth/sign-in?"));
    pass(60);
    for more in [("prompt", "login"), ("prompt", "select_account"), ("max_age", "59")] {
        let to = leads(&cookie, &[more]).await;
        assert!(to.starts_with("/auth/sign-in?") && to.contains("again=1"), "{more:?}: {to}");
    }
    assert!(parameter(&leads(&cookie, &[("max_age", "60")]).await, "code").is_some());
    for more in [("max_age", "59"), ("id_token_hint", "e30.e30.e30")] {
        let to = leads(&cookie, &[("prompt", "none"), more]).await;
        assert_eq!(parameter(&to, "error").as_deref(), Some("login_required"), "{more:?}: {to}");
    }
    let hint = text(&service.tokens(&cookie, "openid").await, "id_token");
    assert!(
        parameter(&leads(&cookie, &[("prompt", "none"), ("id_token_hint", &hint)]).await, "code").is_some()
    );
    // and whoever has shown who it is comes back to where it began, once
    let mut tab = tab(&ground, &service).await;
    for more in [[("prompt", "login")], [("max_age", "0")]] {
        pass(60);
        tab.open(&asking(&more)).await;
        pass(60);
        let page = tab.send("/auth/sign-in/password", &[("password", PASSWORD)]).await.clone();
        let code = parameter(page.header("location"), "code").unwrap_or_else(|| panic!("no code: {page:?}"));
        let (_, tokens) = service.as_wiki(TOKEN, &with_code(&code)).await;
        let now = ground.clock.now().0 / 1000;
        assert_eq!(said(&text(&tokens, "id_token"))["auth_time"], now, "{tokens}");
    }
}

#[tokio::test]
async fn a_session_of_other_accounts_is_none_for_a_client() {
    let (ground, service) = opened("trusted = true\naccounts = '_superusers'").await;
    let page = service.authorize(&service.cookie(&ground).await, &[]).await;
    let to = page.header("location");
    assert!(to.starts_with("/auth/sign-in?collection=_superusers&") && to.contains("again=1"), "{to}");
}

#[tokio::test]
async fn a_request_that_is_sent_as_a_form_is_taken_by_its_address() {
    let (ground, service) = opened("trusted = true").await;
    let (_, query) = asking(&[]).split_once('?').map(|(a, b)| (a.to_owned(), b.to_owned())).expect("a query");
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    let page = service.ask("POST", "/auth/oidc/authorize", &kind, &query).await;
    assert_eq!((page.status, page.header("location")), (303, asking(&[]).as_str()));
    let page =
        service.ask("GET", page.header("location"), &[("cookie", &service.cookie(&ground).await)], "").await;
    assert!(parameter(page.header("location"), "code").is_some());
}
