//! What tokens say, how long they are good, and who may ask about them.

use std::time::Duration;

use base::time::Clock;
use base::unit::Span;
use serde_json::{Value, json};

use super::service::{Ground, REDIRECT, Service, TOKEN, WIKI, parameter, said, table, text, with_code};
use crate::house::{EMAIL, as_superuser};

const INTROSPECT: &str = "/auth/oidc/introspect";
const REVOKE: &str = "/auth/oidc/revoke";
const OTHER: (&str, &str) = ("board", "a secret of the board's own");

async fn opened() -> (Ground, Service) {
    let ground = Ground::lay(Clock::manual(Clock::System.now())).await;
    let trusted = table("trusted = true");
    let service = ground.serve(&[(WIKI.0, &trusted, WIKI.1), (OTHER.0, &trusted, OTHER.1)], |_| {}).await;
    (ground, service)
}

fn pass(ground: &Ground, seconds: i64) {
    let Clock::Manual(at) = &ground.clock else { panic!("a manual clock") };
    at.fetch_add(seconds * 1000, std::sync::atomic::Ordering::SeqCst);
}

#[tokio::test]
async fn an_id_token_says_who_signed_in_when_how_and_for_whom() {
    let (ground, service) = opened().await;
    let now = ground.clock.now().0 / 1000;
    let cookie = service.cookie(&ground).await;
    pass(&ground, 7);
    let tokens = service.tokens(&cookie, "openid email groups").await;
    let mut id = said(&text(&tokens, "id_token"));
    for changing in ["sid", "at_hash"] {
        assert!(id.as_object_mut().expect("an object").remove(changing).is_some(), "{changing}");
    }
    let wanted = json!({
        "iss": service.url, "aud": "wiki", "sub": ground.user().await.row.id, "email": EMAIL, "email_verified": false,
        "iat": now + 7, "exp": now + 7 + 3600, "auth_time": now, "amr": ["pwd"], "nonce": "n",
    });
    assert_eq!(id, wanted);
    assert_eq!((tokens["token_type"].as_str(), tokens["expires_in"].as_u64()), (Some("Bearer"), Some(600)));
}

#[tokio::test]
async fn tokens_are_good_for_their_time() {
    let (ground, service) = opened().await;
    let cookie = service.cookie(&ground).await;
    let code = service.code(&cookie, &[]).await;
    pass(&ground, 60);
    assert_eq!(service.as_wiki(TOKEN, &with_code(&code)).await.1["error"], "invalid_grant");
    let access = text(&service.tokens(&cookie, "openid").await, "access_token");
    pass(&ground, 599);
    assert_eq!(service.about(&access).await.0, 200);
    pass(&ground, 1);
    assert_eq!(service.about(&access).await.0, 401);
    let refresh = text(&service.tokens(&cookie, "openid offline_access").await, "refresh_token");
    pass(&ground, 30 * 86_400 - 1);
    let (status, renewed) = service.renew(&refresh).await;
    assert_eq!(status, 200, "{renewed}");
    assert_eq!(said(&text(&renewed, "id_token")).get("nonce"), None);
    pass(&ground, 30 * 86_400);
    assert_eq!(service.renew(&text(&renewed, "refresh_token")).await.1["error"], "invalid_grant");
}

#[tokio::test]
async fn what_a_client_has_ends_with_the_session_but_for_what_was_agreed_on_beyond_it() {
    let (ground, service) = opened().await;
    let cookie = service.cookie(&ground).await;
    let (online, offline) =
        (service.tokens(&cookie, "openid").await, service.tokens(&cookie, "openid offline_access").await);
    let code = service.code(&cookie, &[("scope", "openid offline_access")]).await;
    service.end(&cookie).await;
    assert_eq!(service.about(&text(&online, "access_token")).await.0, 401);
    assert_eq!(service.about(&text(&offline, "access_token")).await.0, 200);
    assert_eq!(
        service.as_wiki(TOKEN, &with_code(&code)).await.0,
        400,
        "and no code is good that was not used"
    );
    let (status, renewed) = service.renew(&text(&offline, "refresh_token")).await;
    assert_eq!(status, 200, "{renewed}");
    // a new password ends that too
    let body = json!({ "password": "another horse", "passwordConfirm": "another horse" });
    let request = as_superuser(&ground.records, &body).await;
    let draft = records::Draft { values: request.body.clone(), uploads: Vec::new() };
    let (user, shape) = (ground.user().await.row.id.clone(), records::Shape::default());
    ground.records.update(&request, "users", &user, draft, &shape).await.expect("changed");
    assert_eq!(service.about(&text(&renewed, "access_token")).await.0, 401);
    assert_eq!(service.renew(&text(&renewed, "refresh_token")).await.0, 400);
}

#[tokio::test]
async fn who_takes_back_what_was_agreed_on_ends_what_the_client_has() {
    let ground = Ground::lay(Clock::System).await;
    let service = ground.serve(&[(WIKI.0, &table(""), WIKI.1)], |_| {}).await;
    let mut tab = crate::pages::tab::Tab::new(&service.front);
    let cookie = service.cookie(&ground).await;
    tab.cookies.insert("ondol".into(), cookie.trim_start_matches("ondol=").into());
    tab.open(&super::service::asking(&[("scope", "openid offline_access")])).await;
    let to = super::service::onward(tab.send("/auth/oidc/consent", &[("answer", "yes")]).await);
    let (_, tokens) = service.as_wiki(TOKEN, &with_code(&parameter(&to, "code").expect("a code"))).await;
    assert_eq!(service.about(&text(&tokens, "access_token")).await.0, 200);
    let grant = text(&ground.own("_grants").await[0], "id");
    let request = records::Request {
        method: "DELETE".into(),
        auth: Some(ground.user().await.into()),
        ..Default::default()
    };
    ground.records.delete(&request, "_grants", &grant).await.expect("it is the person's own");
    assert_eq!(service.about(&text(&tokens, "access_token")).await.0, 401);
    assert_eq!(service.renew(&text(&tokens, "refresh_token")).await.0, 400);
}

#[tokio::test]
async fn a_client_gives_back_its_own_tokens_only() {
    let (ground, service) = opened().await;
    let cookie = service.cookie(&ground).await;
    let tokens = service.tokens(&cookie, "openid offline_access").await;
    let (access, refresh) = (text(&tokens, "access_token"), text(&tokens, "refresh_token"));
    let other = [("client_id", OTHER.0), ("client_secret", OTHER.1)];
    for token in [&access, &refresh] {
        assert_eq!(service.post(REVOKE, &[], &[&other[..], &[("token", token)]].concat()).await.0, 200);
        assert_eq!(service.about(&access).await.0, 200, "it is another one's");
    }
    let (status, answer) = service
        .post(
            TOKEN,
            &[],
            &[&other[..], &[("grant_type", "refresh_token"), ("refresh_token", &refresh)]].concat(),
        )
        .await;
    assert_eq!((status, answer["error"].as_str()), (400, Some("invalid_grant")));
    assert_eq!(service.as_wiki(REVOKE, &[("token", "nonsense")]).await.0, 200);
    assert_eq!(service.as_wiki(REVOKE, &[("token", &refresh)]).await.0, 200);
    assert_eq!(service.about(&access).await.0, 401);
    assert_eq!(service.renew(&refresh).await.0, 400);
}

#[tokio::test]
async fn a_tool_that_is_shown_a_token_asks_whether_it_is_good() {
    let (ground, service) = opened().await;
    let cookie = service.cookie(&ground).await;
    let tokens = service.tokens(&cookie, "openid email offline_access").await;
    let (access, refresh) = (text(&tokens, "access_token"), text(&tokens, "refresh_token"));
    let other = [("client_id", OTHER.0), ("client_secret", OTHER.1)];
    let asks = async |who: &[(&str, &str)], token: &str| {
        service.post(INTROSPECT, &[], &[who, &[("token", token)]].concat()).await
    };
    let (status, told) = asks(&other, &access).await;
    assert_eq!((status, &told["active"], &told["client_id"]), (200, &json!(true), &json!("wiki")));
    assert_eq!((&told["scope"], told.get("family")), (&json!("openid email offline_access"), None));
    assert_eq!(asks(&other, &refresh).await.1, json!({ "active": false }), "that one is the wiki's own");
    assert_eq!(service.as_wiki(INTROSPECT, &[("token", &refresh)]).await.1["active"], true);
    assert_eq!(asks(&other, "nonsense").await.1, json!({ "active": false }));
    assert_eq!(asks(&[("client_id", OTHER.0)], &access).await.0, 401);
    service.as_wiki(REVOKE, &[("token", &access)]).await;
    assert_eq!(asks(&other, &access).await.1, json!({ "active": false }));
}

#[tokio::test]
async fn a_client_without_a_secret_lives_by_its_verifier() {
    let ground = Ground::lay(Clock::System).await;
    let service = ground.serve(&[("phone", &table("public = true\ntrusted = true"), "")], |_| {}).await;
    let code = service.code(&service.cookie(&ground).await, &[("client_id", "phone")]).await;
    let (status, tokens) =
        service.post(TOKEN, &[], &[&[("client_id", "phone")][..], &with_code(&code)].concat()).await;
    assert_eq!(status, 200, "{tokens}");
    let secret = [("client_id", "phone"), ("client_secret", "a guess of some length")];
    assert_eq!(service.post(TOKEN, &[], &[&secret[..], &with_code(&code)].concat()).await.0, 401);
    assert_eq!(service.post(INTROSPECT, &[], &[("client_id", "phone"), ("token", "x")]).await.0, 401);
}

#[tokio::test]
async fn an_old_client_lives_by_its_secret_alone_where_that_is_said_of_it() {
    let ground = Ground::lay(Clock::System).await;
    let service =
        ground.serve(&[(WIKI.0, &table("trusted = true\nwithout_pkce = true"), WIKI.1)], |_| {}).await;
    let cookie = service.cookie(&ground).await;
    let without = [("code_challenge", ""), ("code_challenge_method", "")];
    let plain = |code: &'static str| {
        [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", REDIRECT)]
    };
    let code: &'static str = service.code(&cookie, &without).await.leak();
    let (status, tokens) = service.as_wiki(TOKEN, &plain(code)).await;
    assert_eq!(status, 200, "{tokens}");
    let code = service.code(&cookie, &without).await;
    assert_eq!(service.as_wiki(TOKEN, &with_code(&code)).await.0, 400, "somebody took the challenge away");
    let code: &'static str = service.code(&cookie, &[]).await.leak();
    assert_eq!(service.as_wiki(TOKEN, &plain(code)).await.0, 400, "who begins with one ends with it");
}

#[tokio::test]
async fn letters_that_no_client_has_in_its_name_are_no_fault_of_ours() {
    let ground = Ground::lay(Clock::System).await;
    let service = ground.serve(&[(WIKI.0, &table("trusted = true"), WIKI.1)], |_| {}).await;
    let cookie = service.cookie(&ground).await;
    for odd in ["\0", "a\0b", "é", "' or 1=1 --", &"a".repeat(5000)] {
        assert_eq!(service.authorize(&cookie, &[("client_id", odd)]).await.status, 400, "{odd:?}");
        let shown = [
            ("client_id", odd),
            ("client_secret", odd),
            ("grant_type", "refresh_token"),
            ("refresh_token", odd),
        ];
        assert_eq!(service.post(TOKEN, &[], &shown).await.0, 401, "{odd:?}");
        assert_eq!(service.as_wiki(TOKEN, &shown[2..]).await.0, 400, "{odd:?}");
        let page =
            service.authorize(&cookie, &[("state", odd), ("login_hint", odd), ("id_token_hint", odd)]).await;
        assert!(page.status == 303, "{odd:?}: {page:?}");
    }
    let page = service.authorize(&cookie, &[("nonce", "a\0b")]).await;
    assert_eq!(parameter(page.header("location"), "error").as_deref(), Some("invalid_request"));
    let (status, _) = service.about("a.b.c").await;
    assert_eq!(status, 401);
}

#[tokio::test]
async fn a_client_of_a_record_is_known_until_the_record_says_otherwise() {
    let ground = Ground::lay(Clock::System).await;
    let service = ground.serve(&[], |_| {}).await;
    let secret = "a secret of the board's own";
    let made = json!({ "label": "Board", "secret": secret, "redirects": [REDIRECT], "trusted": true });
    let id = ground.create_client(made).await;
    let cookie = service.cookie(&ground).await;
    let shown = [("client_id", id.as_str()), ("client_secret", secret)];
    let code = service.code(&cookie, &[("client_id", &id)]).await;
    let (status, tokens) = service.post(TOKEN, &[], &[&shown[..], &with_code(&code)].concat()).await;
    assert_eq!(status, 200, "{tokens}");
    let kept = serde_json::to_string(&ground.own("_clients").await).expect("JSON");
    assert!(kept.contains("$argon2id$") && !kept.contains(secret));
    let change = async |values: Value| {
        let request = as_superuser(&ground.records, &values).await;
        let draft = records::Draft { values: request.body.clone(), uploads: Vec::new() };
        ground
            .records
            .update(&request, "_clients", &id, draft, &records::Shape::default())
            .await
            .expect("changed");
    };
    change(json!({ "secret": "another secret of the board's" })).await;
    assert_eq!(service.post(INTROSPECT, &[], &[&shown[..], &[("token", "x")]].concat()).await.0, 401);
    for wrong in [json!(["javascript:alert(1)"]), json!("https://a.example"), json!([1]), json!(null)] {
        change(json!({ "redirects": wrong })).await;
        assert_eq!(service.authorize(&cookie, &[("client_id", &id)]).await.status, 400);
    }
}

#[tokio::test]
async fn nothing_that_a_client_brings_back_lies_in_the_database() {
    let (ground, service) = opened().await;
    let cookie = service.cookie(&ground).await;
    let code = service.code(&cookie, &[]).await;
    let tokens = service.tokens(&cookie, "openid offline_access").await;
    let kept = serde_json::to_string(&ground.own("_families").await).expect("JSON");
    for word in [&code, &text(&tokens, "refresh_token"), &text(&tokens, "access_token")] {
        let mark = word.rsplit('.').next().expect("a mark");
        assert!(!kept.contains(mark), "{kept}");
    }
}

#[tokio::test]
async fn what_has_expired_is_cleared_away() {
    let ground = Ground::lay(Clock::manual(Clock::System.now())).await;
    let often = |config: &mut identity::Config| config.sweep_every = Span(Duration::from_millis(20));
    let service = ground.serve(&[(WIKI.0, &table("trusted = true"), WIKI.1)], often).await;
    let cookie = service.cookie(&ground).await;
    service.code(&cookie, &[]).await;
    service.tokens(&cookie, "openid").await;
    service.tokens(&cookie, "openid offline_access").await;
    for (seconds, left) in [(601, 1), (31 * 86_400, 0)] {
        pass(&ground, seconds);
        while ground.own("_families").await.len() != left {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
