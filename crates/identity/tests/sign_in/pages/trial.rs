//! A superuser tries a provider: each step is shown, nothing secret is, and nobody is signed in.

use testbed::{SignInPeer, sign_in_peer};

use super::providers::agree;
use super::tab::Tab;
use crate::external::detour::{hybrid, oauth1, openid2};
use crate::external::house::{House, SECRET, on_service};
use crate::external::{oauth2, oidc};

/// Signs in as the superuser and tries a provider; gives what the page says.
async fn tried(house: &House, peer: &SignInPeer, name: &str) -> String {
    let mut tab = Tab::new(&house.front);
    let here = format!("/auth/try/{name}");
    tab.open(&here).await;
    tab.send("/auth/sign-in", &[("who", "root@example.com")]).await;
    tab.send("/auth/sign-in/password", &[("password", "rootrootroot")]).await;
    tab.send(&here, &[]).await;
    agree(&mut tab, peer, "").await;
    let holder = house.holder(tab.token().expect("the superuser's")).await;
    assert!(holder.is_some() && house.users().await == 0, "nobody was signed in or made");
    tab.page.text.clone()
}

#[tokio::test]
async fn a_provider_of_each_kind_is_tried_and_each_step_is_shown_without_its_secrets() {
    let peers =
        ["oauth2", "oidc", "oauth1", "openid2"].map(|peer| sign_in_peer(peer, &["--auto", "approve"]));
    let [Some(oauth2_peer), Some(oidc_peer), Some(oauth1_peer), Some(openid2_peer)] = peers else { return };
    let mut providers = oauth2::providers(&oauth2_peer.base());
    providers.extend(oidc::providers(&oidc_peer.base()));
    providers.push(oauth1(&oauth1_peer.base()));
    let base = openid2_peer.base();
    providers.extend([openid2("myopenid", &base, "identifier = \"BASE/\""), hybrid(&base)]);
    let house = House::open(providers).await;
    for (name, peer, seen) in [
        ("github", &oauth2_peer, ["/login/oauth/access_token", "/user/emails", "alice@example.test"]),
        ("facebook", &oauth2_peer, ["/oauth/access_token", "/debug_token", "app_id"]),
        ("op", &oidc_peer, ["/.well-known/openid-configuration", "/token", "alice@example.test"]),
        ("op-hybrid", &oidc_peer, ["/token", "subject", "alice@example.test"]),
        ("twitter", &oauth1_peer, ["/oauth/request_token", "/oauth/access_token", "verify_credentials.json"]),
        ("myopenid", &openid2_peer, ["openid.mode=associate", "assoc_handle", "/id/"]),
        ("oldsite", &openid2_peer, ["/xrds", "/oauth/access_token", "/oauth/me"]),
    ] {
        let text = tried(&house, peer, name).await;
        for seen in seen {
            assert!(text.contains(seen), "{name}: {seen} is missing: {text}");
        }
        assert!(text.contains("An account would be made for this person."), "{name}: {text}");
        let secrets = [SECRET, "ondol-client-secret", "ondol-consumer-secret", "eyJ", "oauth_signature=\""];
        for secret in secrets {
            assert!(!text.contains(secret), "{name} shows {secret}: {text}");
        }
    }
}

#[tokio::test]
async fn what_is_wrong_is_said_in_words() {
    let Some(peer) = sign_in_peer("oauth2", &["--auto", "approve"]) else { return };
    let mut providers = oauth2::providers(&peer.base());
    let (_, github) = providers.swap_remove(1);
    let text = github.written.table.to_string();
    let wrong = on_service(&text, "another-secret-than-theirs-000");
    let house = House::open(vec![("github", wrong)]).await;
    let text = tried(&house, &peer, "github").await;
    assert!(text.contains("role=\"alert\"") && text.contains("What went to and fro"), "{text}");
    assert!(
        text.contains("incorrect_client_credentials")
            || text.contains("invalid_client")
            || text.contains("401"),
        "{text}"
    );
    assert!(!text.contains("another-secret"), "{text}");
}

#[tokio::test]
async fn only_superusers_try_and_settings_that_are_wrong_are_told() {
    let broken = on_service("preset = \"oidc\"\nclient_id = \"x\"\nissuer = \"http://op.example\"", "unused");
    let house = House::open(vec![("broken", broken)]).await;
    house.user("kim@example.test", "a long password", true).await;
    let mut tab = Tab::new(&house.front);
    super::sign_in::sign_in(&mut tab, "kim@example.test", "a long password").await;
    tab.open("/auth/try/broken").await;
    assert!(tab.page.text.contains("_superusers"), "a user signs in as a superuser first: {}", tab.page.text);
    tab.send("/auth/sign-in", &[("who", "root@example.com")]).await;
    tab.send("/auth/sign-in/password", &[("password", "rootrootroot")]).await;
    assert!(
        tab.page.text.contains("its settings are wrong") && tab.page.text.contains("https"),
        "{}",
        tab.page.text
    );
    assert_eq!(tab.open("/auth/try/nobody").await.status, 404);
}
