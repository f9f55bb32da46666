//! Signing in through providers of all five kinds on the pages: against independent software, without a script.

use testbed::{SignInPeer, sign_in_peer};
use url::Url;

use super::tab::{HOST, Tab};
use crate::external::browser::{asked, form};
use crate::external::detour::{hybrid, oauth1, openid2};
use crate::external::house::{House, on_service};
use crate::external::{oauth2, oidc};

const LEAVE: &str = "/auth/sign-in/provider";

/// Goes to the provider and agrees; the tab is shown what comes of it.
pub(super) async fn agree(tab: &mut Tab<'_>, peer: &SignInPeer, more: &str) {
    let (_, to) = tab.page.text.split_once("content=\"0;url=").expect("it goes on by itself");
    let mut to = to.split('"').next().expect("its end").replace("&amp;", "&");
    if to.starts_with(&format!("http://{HOST}/")) {
        // a detour begins at a page of ours
        tab.open(to.trim_start_matches(&format!("http://{HOST}"))).await;
        assert_eq!(tab.page.status, 303, "{}", tab.page.text);
        tab.page.header("location").clone_into(&mut to);
    }
    assert!(to.starts_with(&peer.base()), "{to}");
    let answer = peer.visit(&format!("{to}{more}"));
    match answer.location() {
        Some(to) => {
            let to = Url::parse(to).expect("an address");
            tab.open(&format!("{}?{}", to.path(), to.query().unwrap_or_default())).await;
        }
        None => {
            let to =
                answer.body.split_once("action=\"").expect("a form").1.split('"').next().expect("its end");
            let to = Url::parse(&to.replace("&amp;", "&")).expect("an address");
            let path = format!("{}?{}", to.path(), to.query().unwrap_or_default());
            let fields: Vec<(String, String)> =
                url::form_urlencoded::parse(form(&answer.body).as_bytes()).into_owned().collect();
            // another site's form goes without our cookies
            let cookies = std::mem::take(&mut tab.cookies);
            tab.post(path.trim_end_matches('?'), &fields, &[("sec-fetch-site", "cross-site")]).await;
            tab.cookies = cookies;
            let on = tab.page.header("location").to_owned();
            assert!(on.starts_with('/'), "{} {}", tab.page.status, tab.page.text);
            tab.open(&on).await;
        }
    }
}

/// Begins with a provider on the first page.
async fn begin(tab: &mut Tab<'_>, provider: &str) {
    tab.open("/auth/sign-in?return_to=/auth/account?from=here").await;
    tab.send(LEAVE, &[("provider", provider)]).await;
}

async fn signs_in(house: &House, peer: &SignInPeer, provider: &str) {
    let mut tab = Tab::new(&house.front);
    begin(&mut tab, provider).await;
    agree(&mut tab, peer, "").await;
    assert!(tab.page.text.contains("Your account"), "{provider}: {} {}", tab.page.status, tab.page.text);
    assert!(house.holder(tab.token().expect("a session")).await.is_some());
}

#[tokio::test]
async fn people_sign_in_through_openid_connect_and_its_hybrid_flow_that_comes_back_by_a_form() {
    let Some(peer) = sign_in_peer("oidc", &["--auto", "approve"]) else { return };
    let house = House::open(oidc::providers(&peer.base())).await;
    for provider in ["op", "op-hybrid", "op-public"] {
        signs_in(&house, &peer, provider).await;
        house.delete_users().await;
    }
}

#[tokio::test]
async fn people_sign_in_through_oauth2() {
    let Some(peer) = sign_in_peer("oauth2", &["--auto", "approve"]) else { return };
    let house = House::open(oauth2::providers(&peer.base())).await;
    for provider in ["github", "kakao", "naver", "facebook", "x"] {
        signs_in(&house, &peer, provider).await;
        house.delete_users().await;
    }
}

#[tokio::test]
async fn people_sign_in_through_oauth1() {
    let Some(peer) = sign_in_peer("oauth1", &["--auto", "approve"]) else { return };
    let house = House::open(vec![oauth1(&peer.base())]).await;
    signs_in(&house, &peer, "twitter").await;
}

#[tokio::test]
async fn people_sign_in_through_openid2_and_the_hybrid() {
    let Some(peer) = sign_in_peer("openid2", &["--auto", "approve"]) else { return };
    let base = peer.base();
    let house = House::open(vec![openid2("myopenid", &base, "identifier = \"BASE/\""), hybrid(&base)]).await;
    for provider in ["myopenid", "oldsite"] {
        signs_in(&house, &peer, provider).await;
        house.delete_users().await;
    }
}

#[tokio::test]
async fn only_the_browser_that_left_comes_back_and_once() {
    let Some(peer) = sign_in_peer("oauth2", &["--auto", "approve"]) else { return };
    let house = House::open(oauth2::providers(&peer.base())).await;
    let mut evil = Tab::new(&house.front);
    begin(&mut evil, "github").await;
    let to = evil
        .page
        .text
        .split_once("content=\"0;url=")
        .expect("an address")
        .1
        .split('"')
        .next()
        .expect("its end");
    let back = peer.visit(&to.replace("&amp;", "&"));
    let back = Url::parse(back.location().expect("an address")).expect("an address");
    let back = format!("{}?{}", back.path(), back.query().expect("a code"));
    let mut victim = Tab::new(&house.front);
    victim.open("/auth/sign-in").await;
    victim.open(&back).await;
    assert_eq!((victim.page.status, victim.token()), (401, None), "login CSRF");
    assert_eq!(asked(&peer, "access_token"), 0, "no code was sent");
    evil.open(&back).await;
    assert!(evil.token().is_some(), "it is still its own");
    let mut again = Tab::new(&house.front);
    again.cookies.clone_from(&evil.cookies);
    again.cookies.remove("ondol");
    again.open(&back).await;
    assert_eq!(again.token(), None, "once");
}

#[tokio::test]
async fn who_says_no_at_the_provider_is_told_so() {
    let Some(peer) = sign_in_peer("oauth2", &["--auto", "deny"]) else { return };
    let house = House::open(oauth2::providers(&peer.base())).await;
    let mut tab = Tab::new(&house.front);
    begin(&mut tab, "github").await;
    agree(&mut tab, &peer, "").await;
    assert!(tab.page.text.contains("The sign-in was cancelled."), "{}", tab.page.text);
}

#[tokio::test]
async fn a_person_links_a_provider_and_takes_the_link_away() {
    let Some(peer) = sign_in_peer("oauth2", &["--auto", "approve"]) else { return };
    let house = House::open(oauth2::providers(&peer.base())).await;
    let user = house.user("kim@example.test", "a long password", true).await;
    let mut tab = Tab::new(&house.front);
    super::sign_in::sign_in(&mut tab, "kim@example.test", "a long password").await;
    tab.send("/auth/account/link", &[("provider", "github")]).await;
    agree(&mut tab, &peer, "").await;
    assert!(tab.page.text.contains("The service is linked."), "{}", tab.page.text);
    assert_eq!(house.identities(&user).await.len(), 1);
    let id = tab
        .page
        .text
        .split("/auth/account/unlink")
        .nth(1)
        .and_then(|rest| rest.split("name=\"id\" value=\"").nth(1));
    let id = id.expect("a link").split('"').next().expect("its end").to_owned();
    tab.send("/auth/account/unlink", &[("id", &id)]).await;
    assert!(tab.page.text.contains("The link is gone."), "{}", tab.page.text);
    assert!(house.identities(&user).await.is_empty());
}

#[tokio::test]
async fn who_was_not_the_one_that_asked_is_not_linked() {
    let Some(peer) = sign_in_peer("oauth2", &["--auto", "approve"]) else { return };
    let house = House::open(oauth2::providers(&peer.base())).await;
    let kim = house.user("kim@example.test", "a long password", true).await;
    let lee = house.user("lee@example.test", "a long password", true).await;
    let mut tab = Tab::new(&house.front);
    super::sign_in::sign_in(&mut tab, "kim@example.test", "a long password").await;
    tab.send("/auth/account/link", &[("provider", "github")]).await;
    let leaving = tab.page.clone();
    // another person signs in to the same browser in between
    tab.cookies.remove("ondol");
    super::sign_in::sign_in(&mut tab, "lee@example.test", "a long password").await;
    tab.page = leaving;
    agree(&mut tab, &peer, "").await;
    assert!(house.identities(&kim).await.is_empty() && house.identities(&lee).await.is_empty());
}

#[tokio::test]
async fn an_address_that_an_account_has_proved_is_linked_by_its_owner_only() {
    let Some(peer) = sign_in_peer("oidc", &["--auto", "approve"]) else { return };
    let house = House::open(oidc::providers(&peer.base())).await;
    house.user("alice@example.test", "a long password", true).await;
    let mut tab = Tab::new(&house.front);
    tab.language = "ko";
    begin(&mut tab, "op").await;
    agree(&mut tab, &peer, "").await;
    assert!(tab.page.text.contains("먼저 그 계정으로 로그인한 다음"), "{}", tab.page.text);
    assert_eq!((tab.page.status, tab.token()), (401, None));
}

#[tokio::test]
async fn a_provider_that_is_away_leaves_the_other_ways() {
    let text = "preset = \"oidc\"\nclient_id = \"x\"\nissuer = \"http://127.0.0.1:9\"";
    let house = House::open(vec![("away", on_service(text, "unused"))]).await;
    let mut tab = Tab::new(&house.front);
    begin(&mut tab, "away").await;
    assert!(
        tab.page.text.contains("That service does not answer.") && tab.page.text.contains("name=\"who\""),
        "{}",
        tab.page.text
    );
}
