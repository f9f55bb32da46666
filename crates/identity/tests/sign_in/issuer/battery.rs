//! The peer that attacks providers from the side of a client, against ours: all of its tries.

use std::process::Command;

use base::time::Clock;
use serde_json::json;

use super::service::{Ground, REDIRECT, WIKI, agreeing, table};

/// What the battery says when a try went as it should.
const GOOD: &str = "ok   ";
/// Tries that the battery makes of a provider that renews tokens and signs people out.
const TRIES: usize = 41;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_battery_of_attacks_gets_nothing_from_a_client_of_the_service_file() {
    let ground = Ground::lay(Clock::System).await;
    let service = ground.serve_behind(&[(WIKI.0, &table(""), WIKI.1)], |_| {}, agreeing).await;
    attack(&ground, &service, WIKI.0, WIKI.1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_battery_of_attacks_gets_nothing_from_a_client_that_a_superuser_made() {
    let ground = Ground::lay(Clock::System).await;
    let service = ground.serve_behind(&[], |_| {}, agreeing).await;
    let secret = "온돌: a secret with %, + and &";
    let client = json!({ "label": "Wiki", "secret": secret, "redirects": [REDIRECT], "algorithm": "ES256" });
    let id = ground.create_client(client).await;
    attack(&ground, &service, &id, secret).await;
}

async fn attack(ground: &Ground, service: &super::service::Service, client: &str, secret: &str) {
    let Some(script) = testbed::sign_in_script("op_battery.mjs") else { return };
    let args = ["--issuer", &service.url, "--client", client, "--secret", secret, "--redirect", REDIRECT];
    let mut battery = Command::new("node");
    battery.arg(&script).args(args).args(["--cookie", &service.cookie(ground).await]);
    let done = tokio::task::spawn_blocking(move || battery.output()).await.expect("it ends");
    let done = done.expect("node is there; `cargo x test` installs it");
    let (told, aside) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{told}\n{aside}");
    let good: Vec<&str> = told.lines().filter(|line| line.starts_with(GOOD)).collect();
    assert!(told.contains("reuse kills the whole family") && told.contains("logout does not send"), "{told}");
    assert_eq!(good.len(), TRIES, "{told}");
}
