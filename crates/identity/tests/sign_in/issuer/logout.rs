//! Somebody signs out, and the tools are told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use base::time::Clock;
use base::unit::Span;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::DropGuard;
use tokio_util::task::TaskTracker;
use web::{Front, Stop};

use super::service::{AFTER, Ground, WIKI, onward, said, table, text};
use crate::pages::tab::Tab;

const END_SESSION: &str = "/auth/oidc/end-session";

/// A tool that is told of ended sessions: what it was told, and what it answers, the last for ever.
#[derive(Clone, Default)]
struct Tool {
    told: Arc<Mutex<Vec<String>>>,
    answers: Arc<Mutex<Vec<u16>>>,
}

impl Tool {
    /// It listens, and answers so.
    async fn listen(answers: &[u16]) -> (Tool, String, DropGuard) {
        let tool = Tool { answers: Arc::new(Mutex::new(answers.to_vec())), ..Tool::default() };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/told", listener.local_addr().expect("an address"));
        let router = Router::new().route("/told", post(Tool::hear)).with_state(tool.clone());
        let stop = Stop::new();
        let front = Front::new(router, Arc::new(web::Config::default()));
        TaskTracker::new().spawn(web::serve(vec![listener.into()], front, stop.clone()));
        (tool, url, stop.soft.drop_guard())
    }

    async fn hear(State(tool): State<Tool>, body: String) -> StatusCode {
        let token = body.strip_prefix("logout_token=").expect("a token").to_owned();
        tool.told.lock().expect("nobody panicked").push(token);
        let mut answers = tool.answers.lock().expect("nobody panicked");
        let answer = if answers.len() > 1 { answers.remove(0) } else { answers[0] };
        StatusCode::from_u16(answer).expect("a status")
    }

    fn told(&self) -> Vec<String> {
        self.told.lock().expect("nobody panicked").clone()
    }
}

/// Waits until the log-outs of a house are like that.
async fn until(
    ground: &Ground,
    what: &str,
    is: impl Fn(&[serde_json::Value]) -> bool,
) -> Vec<serde_json::Value> {
    let waiting = async {
        loop {
            let logouts = ground.own("_logouts").await;
            if is(&logouts) {
                return logouts;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.unwrap_or_else(|_| panic!("{what}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_is_told_once_that_a_session_has_ended_though_two_web_servers_know_it() {
    let (tool, url, _listens) = Tool::listen(&[200]).await;
    let ground = Ground::lay(Clock::System).await;
    let client = table(&format!("trusted = true\nback_channel = {url:?}\nalgorithm = 'ES256'"));
    let [one, two] = ground.serve_two(&[(WIKI.0, &client, WIKI.1)]).await;
    let (gone, stays) = (one.cookie(&ground).await, one.cookie(&ground).await);
    let id = said(&text(&one.tokens(&gone, "openid").await, "id_token"));
    one.tokens(&gone, "openid offline_access").await;
    one.tokens(&stays, "openid").await;
    assert_eq!(ground.own("_logouts").await.len(), 2, "one of a session");
    two.end(&gone).await;
    let logouts =
        until(&ground, "it is told", |all| all.iter().any(|logout| logout["state"] == "sent")).await;
    assert_eq!(logouts.iter().filter(|logout| logout["state"] == "signedIn").count(), 1);
    let [token] = &tool.told()[..] else { panic!("{:?}", tool.told()) };
    let told = said(token);
    let events = json!({ "http://schemas.openid.net/event/backchannel-logout": {} });
    assert_eq!(
        (&told["events"], &told["sid"], &told["sub"], &told["aud"]),
        (&events, &id["sid"], &id["sub"], &json!("wiki"))
    );
    assert_eq!((&told["iss"], told.get("nonce")), (&json!(one.url), None));
    assert!(told["exp"].as_i64() > told["iat"].as_i64() && told["jti"].is_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_that_is_away_is_told_later_and_also_of_an_account_that_is_gone() {
    let (tool, url, _listens) = Tool::listen(&[503, 500, 204]).await;
    let ground = Ground::lay(Clock::System).await;
    let client = table(&format!("trusted = true\nback_channel = {url:?}"));
    let soon = |config: &mut identity::Config| {
        let wait = Span(Duration::from_millis(10));
        (config.logout_wait_first, config.logout_poll_every) = (wait, wait);
    };
    let service = ground.serve(&[(WIKI.0, &client, WIKI.1)], soon).await;
    service.tokens(&service.cookie(&ground).await, "openid").await;
    let request = crate::house::as_superuser(&ground.records, &json!({})).await;
    ground.records.delete(&request, "users", &ground.user().await.row.id).await.expect("deleted");
    let logouts =
        until(&ground, "it is told", |all| all.iter().all(|logout| logout["state"] == "sent")).await;
    assert_eq!((logouts.len(), logouts[0]["tries"].as_f64()), (1, Some(3.0)));
    let ids: Vec<_> = tool.told().iter().map(|token| said(token)["jti"].clone()).collect();
    assert!(ids.len() == 3 && ids.iter().all(|id| *id == ids[0]), "the same each time: {ids:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_that_never_listens_is_given_up_with_the_reason() {
    let (_tool, url, _listens) = Tool::listen(&[400]).await;
    let ground = Ground::lay(Clock::System).await;
    let client = table(&format!("trusted = true\nback_channel = {url:?}"));
    let soon = |config: &mut identity::Config| {
        let wait = Span(Duration::from_millis(5));
        (config.logout_wait_first, config.logout_poll_every, config.logout_tries_max) = (wait, wait, 3);
    };
    let service = ground.serve(&[(WIKI.0, &client, WIKI.1)], soon).await;
    let cookie = service.cookie(&ground).await;
    service.tokens(&cookie, "openid").await;
    service.end(&cookie).await;
    let logouts =
        until(&ground, "it is given up", |all| all.iter().all(|logout| logout["state"] == "failed")).await;
    assert_eq!(
        (logouts[0]["tries"].as_f64(), &logouts[0]["reason"]),
        (Some(3.0), &json!("the client answered with status 400"))
    );
}

#[tokio::test]
async fn a_tool_signs_somebody_out_with_its_id_token_and_is_sent_back_to_its_own_address() {
    let ground = Ground::lay(Clock::System).await;
    let service = ground.serve(&[(WIKI.0, &table("trusted = true"), WIKI.1)], |_| {}).await;
    let (cookie, other) = (service.cookie(&ground).await, service.cookie(&ground).await);
    let tokens = service.tokens(&cookie, "openid").await;
    let mut tab = Tab::new(&service.front);
    tab.cookies.insert("ondol".into(), other.trim_start_matches("ondol=").into());
    let pairs = [
        ("id_token_hint", text(&tokens, "id_token")),
        ("post_logout_redirect_uri", AFTER.into()),
        ("state", "x y".into()),
    ];
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
    let path = format!("{END_SESSION}?{query}");
    assert!(
        tab.open(&path).await.text.contains("You will be signed out"),
        "it is another session than the token's"
    );
    tab.cookies.insert("ondol".into(), cookie.trim_start_matches("ondol=").into());
    let page = tab.open(&path).await.clone();
    assert_eq!(onward(&page), format!("{AFTER}?state=x+y"));
    assert_eq!((tab.token(), service.about(&text(&tokens, "access_token")).await.0), (None, 401));
    assert_eq!(ground.own("_sessions").await.len(), 1, "the other one stays");
}

#[tokio::test]
async fn nobody_is_signed_out_by_a_link_nor_sent_elsewhere() {
    let ground = Ground::lay(Clock::System).await;
    let service = ground.serve(&[(WIKI.0, &table("trusted = true"), WIKI.1)], |_| {}).await;
    let mut tab = Tab::new(&service.front);
    let cookie = service.cookie(&ground).await;
    tab.cookies.insert("ondol".into(), cookie.trim_start_matches("ondol=").into());
    let page = tab.open(&format!("{END_SESSION}?client_id=wiki&post_logout_redirect_uri={AFTER}")).await;
    assert!(page.text.contains("You will be signed out") && tab.token().is_some());
    let fields = tab.page.form("/auth/oidc/signed-out");
    assert_eq!(
        tab.post("/auth/oidc/signed-out", &fields, &[("sec-fetch-site", "cross-site")]).await.status,
        403
    );
    tab.open(&format!("{END_SESSION}?client_id=wiki&post_logout_redirect_uri={AFTER}")).await;
    let page = tab.send("/auth/oidc/signed-out", &[]).await.clone();
    assert_eq!((onward(&page).as_str(), tab.token()), (AFTER, None));
    assert!(ground.own("_sessions").await.is_empty());
    for to in ["https://evil.example/", "http://127.0.0.1:9/bye/", "javascript:alert(1)"] {
        let page = tab.open(&format!("{END_SESSION}?client_id=wiki&post_logout_redirect_uri={to}")).await;
        assert!(page.status == 200 && !page.text.contains(to), "{}", page.text);
    }
}
