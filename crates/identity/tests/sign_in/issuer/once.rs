//! What is good once is good once, however many ask at once, and on however many web servers.

use base::time::Clock;
use futures_util::future::join_all;
use serde_json::Value;

use super::service::{Ground, TOKEN, WIKI, said, table, text, with_code};

/// How many ask at once.
const MANY: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_bring_a_code_at_once_to_two_web_servers_one_gets_tokens_and_they_are_void() {
    let ground = Ground::lay(Clock::System).await;
    let servers = ground.serve_two(&[(WIKI.0, &table("trusted = true"), WIKI.1)]).await;
    let code = servers[0].code(&servers[0].cookie(&ground).await, &[]).await;
    let form = with_code(&code);
    let all = join_all((0..MANY).map(|number| servers[number % 2].as_wiki(TOKEN, &form))).await;
    let (good, bad): (Vec<_>, Vec<_>) = all.into_iter().partition(|(status, _)| *status == 200);
    assert_eq!((good.len(), bad.len()), (1, MANY - 1));
    assert!(
        bad.iter().all(|(status, answer)| *status == 400 && answer["error"] == "invalid_grant"),
        "{bad:?}"
    );
    let access = text(&good[0].1, "access_token");
    assert_eq!([servers[0].about(&access).await.0, servers[1].about(&access).await.0], [401, 401]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_who_renew_at_once_on_two_web_servers_get_the_same_and_nobody_is_signed_out() {
    let ground = Ground::lay(Clock::System).await;
    // a program on a phone whose answers get lost
    let public = table("trusted = true\npublic = true");
    let servers = ground.serve_two(&[("phone", &public, "")]).await;
    let own = [("client_id", "phone")];
    let more = [("client_id", "phone"), ("scope", "openid offline_access")];
    let code = servers[0].code(&servers[0].cookie(&ground).await, &more).await;
    let (_, tokens) = servers[0].post(TOKEN, &[], &[&own[..], &with_code(&code)].concat()).await;
    let mut refresh = text(&tokens, "refresh_token");
    for _ in 0..3 {
        let form = [own[0], ("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
        let all = join_all((0..MANY).map(|number| servers[number % 2].post(TOKEN, &[], &form))).await;
        assert!(all.iter().all(|(status, _)| *status == 200), "{all:?}");
        let mut next: Vec<String> = all.iter().map(|(_, answer)| text(answer, "refresh_token")).collect();
        next.dedup();
        assert_eq!(next.len(), 1, "all get the same next one");
        assert_ne!(next[0], refresh);
        refresh.clone_from(&next[0]);
        let access: Vec<&Value> = all.iter().map(|(_, answer)| &answer["access_token"]).collect();
        assert_eq!(servers[1].about(access[0].as_str().expect("a token")).await.0, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_refresh_token_whose_next_one_was_used_ends_the_family_on_every_web_server() {
    let ground = Ground::lay(Clock::System).await;
    let servers = ground.serve_two(&[("phone", &table("trusted = true\npublic = true"), "")]).await;
    let own = [("client_id", "phone")];
    let more = [("client_id", "phone"), ("scope", "openid offline_access")];
    let code = servers[0].code(&servers[0].cookie(&ground).await, &more).await;
    let (_, first) = servers[0].post(TOKEN, &[], &[&own[..], &with_code(&code)].concat()).await;
    let renew = async |server: usize, tokens: &Value| {
        let refresh = text(tokens, "refresh_token");
        servers[server]
            .post(TOKEN, &[], &[own[0], ("grant_type", "refresh_token"), ("refresh_token", &refresh)])
            .await
    };
    let (_, second) = renew(1, &first).await;
    assert_eq!(renew(0, &first).await.0, 200, "the answer may have got lost");
    let (status, third) = renew(0, &second).await;
    assert_eq!(status, 200, "{third}");
    assert_eq!(renew(1, &first).await.0, 400, "two hands hold it");
    for tokens in [&second, &third] {
        assert_eq!(renew(0, tokens).await.0, 400);
        assert_eq!(servers[1].about(&text(tokens, "access_token")).await.0, 401);
    }
    assert!(ground.own("_families").await.is_empty());
}

#[tokio::test]
async fn a_renewal_asks_for_no_more_than_was_agreed_on() {
    let ground = Ground::lay(Clock::System).await;
    let service = ground.serve(&[(WIKI.0, &table("trusted = true"), WIKI.1)], |_| {}).await;
    let tokens = service.tokens(&service.cookie(&ground).await, "openid email offline_access").await;
    let renew = async |refresh: &str, scope: &str| {
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh), ("scope", scope)];
        service.as_wiki(TOKEN, &form).await
    };
    let refresh = text(&tokens, "refresh_token");
    let (status, refused) = renew(&refresh, "openid profile").await;
    assert_eq!((status, refused["error"].as_str()), (400, Some("invalid_scope")));
    let (status, less) = renew(&refresh, "openid").await;
    assert_eq!((status, text(&less, "scope").as_str()), (200, "openid"));
    assert_eq!(said(&text(&less, "id_token")).get("email"), None);
    let (_, all) = renew(&text(&less, "refresh_token"), "").await;
    assert_eq!(text(&all, "scope"), "openid email offline_access", "what was agreed on stays");
}
