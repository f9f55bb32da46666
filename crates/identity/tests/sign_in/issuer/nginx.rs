//! A true nginx asks who it is, by the very lines that the manual shows.

use std::sync::Arc;

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::any;
use base::time::Clock;
use testbed::Nginx;
use testbed::http::{self, Answer};
use tokio::net::TcpListener;
use tokio_util::sync::DropGuard;
use tokio_util::task::TaskTracker;
use web::{Front, Stop};

use super::service::{Ground, said};

/// A tool that says which headers it was sent.
async fn tool() -> (String, DropGuard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let told = |headers: HeaderMap| async move {
        let lines =
            headers.iter().map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap_or("?")));
        lines.collect::<String>()
    };
    let stop = Stop::new();
    let front = Front::new(Router::new().route("/{*path}", any(told)), Arc::new(web::Config::default()));
    TaskTracker::new().spawn(web::serve(vec![listener.into()], front, stop.clone()));
    (address, stop.soft.drop_guard())
}

/// The manual's lines for nginx.
fn lines() -> &'static str {
    let page = include_str!("../../../../../docs/issuer.md");
    let blocks = page.split("```text\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.into_iter().find(|block| block.contains("auth_request ")).expect("they are there")
}

async fn ask(url: String, headers: Vec<(&'static str, String)>) -> Answer {
    let asking = move || {
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        http::send("GET", &url, &headers, "")
    };
    tokio::task::spawn_blocking(asking).await.expect("answered")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_lets_a_person_in_to_a_tool_and_says_who_it_is() {
    let ground = Ground::lay(Clock::System).await;
    let (service, (tool, _serves)) = (ground.serve(&[], |_| {}).await, tool().await);
    let ondol = service.url.trim_start_matches("http://");
    let block = lines().replace("127.0.0.1:8090", ondol).replace("127.0.0.1:3000", &tool);
    let rest = format!("location / {{ proxy_pass {}; proxy_set_header Host $http_host; }}", service.url);
    let nginx = Nginx::start(&format!("{block}\n{rest}"));
    let url = format!("http://{}/grafana/d/1?a=b", nginx.address());
    let navigates = ("Sec-Fetch-Mode", "navigate".to_owned());
    // nobody has signed in
    let answer = ask(url.clone(), vec![navigates.clone()]).await;
    let to = answer.location().expect("a way").to_owned();
    assert_eq!(answer.status, 302, "{answer:?}");
    assert!(to.ends_with("/auth/sign-in?return_to=%2Fgrafana%2Fd%2F1%3Fa%3Db"), "{to}");
    let page = ask(format!("http://{}/auth/sign-in", nginx.address()), Vec::new()).await;
    assert_eq!(page.status, 200, "the sign-in page is there");
    assert_eq!(ask(url.clone(), vec![("Sec-Fetch-Mode", "cors".to_owned())]).await.status, 401, "a script");
    // somebody has, and says that they are somebody else
    let forged = ["X-Ondol-User", "X-Ondol-Email", "X-Ondol-Groups", "X-Ondol-Accounts", "X-Ondol-Assertion"];
    let mut headers: Vec<_> = forged.map(|name| (name, "root".to_owned())).into();
    headers.extend([navigates, ("Cookie", service.cookie(&ground).await)]);
    let answer = ask(url, headers).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let told = |name: &str| {
        let line = answer.body.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        line.map(str::to_owned)
    };
    let user = ground.user().await.row.id.clone();
    assert_eq!(told("x-ondol-user").as_deref(), Some(user.as_str()), "{answer:?}");
    assert!(!answer.body.contains("root"), "{answer:?}");
    let assertion = said(&told("x-ondol-assertion").expect("an assertion"));
    assert_eq!((&assertion["aud"], &assertion["sub"]), (&"grafana".into(), &user.into()));
    assert_eq!((&assertion["method"], &assertion["host"]), (&"GET".into(), &nginx.address().into()));
}
