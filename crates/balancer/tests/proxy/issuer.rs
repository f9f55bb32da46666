//! Certificates ordered from an issuer that we did not write: Pebble.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use balancer::certificates::{Config, Folder, Service};
use base::time::Clock;
use base::unit::Span;
use testbed::Pebble;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use web::tls::Tls;
use web::{Front, Listener, Redirect, Stop};

/// Nothing here takes as long.
const PATIENCE: Duration = Duration::from_secs(60);
const SHORT: Span = Span(Duration::from_millis(100));

/// One host: what looks after its certificates, and the wire on which they are shown.
struct Host {
    service: Service,
    address: SocketAddr,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Host {
    /// Starts one. `plain` is where issuers ask; of two hosts one is asked.
    async fn start(config: Config, folder: &Path, clock: &Clock, plain: Option<TcpListener>) -> Host {
        let service = Service::new(config, clock.clone()).expect("settings that fit");
        let shelf = Folder::open(folder.into(), clock.clone()).expect("a folder");
        service.keep_on(Arc::new(shelf)).await.expect("a folder that can be read");
        let main = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = main.local_addr().expect("bound");
        let mut listeners = vec![Listener::tls(main, Arc::new(Tls::new(&service.certificates())))];
        if let Some(plain) = plain {
            let redirect = Redirect::to(address.port()).with_challenges(Arc::new(service.clone()));
            listeners.push(Listener::aside(plain, Arc::new(redirect)));
        }
        let (stop, mut tasks) = (Stop::new(), JoinSet::new());
        let soft = stop.soft.clone();
        let front = Front::new(Router::new(), Arc::new(web::Config::default()));
        tasks.spawn(web::serve(listeners, front, stop));
        let (looking, until) = (service.clone(), soft.clone());
        tasks.spawn(async move { looking.run(until).await });
        Host { service, address, stop: soft, tasks }
    }

    /// The serial number of what a handshake shows for a name.
    async fn shown(&self, name: &str) -> Option<String> {
        let script = format!(
            "openssl s_client -connect {} -servername {name} </dev/null 2>/dev/null | openssl x509 -noout -serial",
            self.address
        );
        let output = Command::new("sh").args(["-c", &script]).output().await.expect("sh runs");
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        said.strip_prefix("serial=").map(str::to_owned)
    }

    /// Waits for a certificate of a name other than `before`.
    async fn shows(&self, name: &str, before: Option<&str>) -> String {
        let waiting = async {
            loop {
                match self.shown(name).await {
                    Some(serial) if Some(serial.as_str()) != before => return serial,
                    _ => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("a certificate is shown in time")
    }

    async fn end(mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}

fn settings(pebble: &Pebble, names: &[&str]) -> Config {
    Config {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        email: "ops@ondol.test".into(),
        directory: pebble.directory(),
        roots: Some(pebble.roots()),
        look_every: SHORT,
        ..Config::default()
    }
}

async fn plain() -> (TcpListener, u16) {
    let plain = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = plain.local_addr().expect("bound").port();
    (plain, port)
}

/// How many orders an issuer was sent.
fn orders(pebble: &Pebble) -> usize {
    pebble.log().matches("Added order").count()
}

/// What became of the orders for a name, as it is kept.
fn history(folder: &Path, name: &str) -> serde_json::Value {
    let text = std::fs::read_to_string(folder.join(format!("history_20_{name}.json"))).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("in time: {what}"));
}

#[tokio::test]
async fn a_certificate_is_ordered_shown_kept_and_renewed_and_no_order_follows_another_at_once() {
    let (plain, port) = plain().await;
    let (pebble, dir) = (Pebble::start(port), tempfile::tempdir().expect("a folder"));
    let now = Clock::System.now();
    let clock = Clock::manual(now);
    let host = Host::start(settings(&pebble, &["a.test"]), dir.path(), &clock, Some(plain)).await;
    let first = host.shows("a.test", None).await;
    assert!(host.service.missing().is_empty());
    assert_eq!(host.shown("b.test").await, None);
    assert_eq!(orders(&pebble), 1);

    // a restart shows what is kept and orders nothing
    let again = Host::start(settings(&pebble, &["a.test"]), dir.path(), &clock, None).await;
    assert_eq!(again.shown("a.test").await.as_deref(), Some(first.as_str()));
    again.end().await;
    assert_eq!(orders(&pebble), 1);

    // near its end it is renewed, and the next handshake shows it
    let certificate = host.service.certificates().of("a.test").expect("shown");
    let life = certificate.ends().0 - certificate.begins().0;
    let Clock::Manual(hand) = &clock else { unreachable!() };
    hand.store(certificate.ends().0 - life / 10, std::sync::atomic::Ordering::SeqCst);
    let second = host.shows("a.test", Some(&first)).await;
    // the issuer's clock stands where it was: what it gives is as near to its end, and yet no loop begins
    let (looks, before) = (history(dir.path(), "a.test"), orders(&pebble));
    for _ in 0..5 {
        host.service.reload();
        tokio::time::sleep(SHORT.0).await;
    }
    assert_eq!((history(dir.path(), "a.test"), orders(&pebble)), (looks, before));
    assert_eq!(host.shown("a.test").await, Some(second));
    host.end().await;
}

#[tokio::test]
async fn two_hosts_that_order_at_the_same_moment_make_one_order_and_show_one_certificate() {
    let (plain, port) = plain().await;
    let (pebble, dir) = (Pebble::start(port), tempfile::tempdir().expect("a folder"));
    let config = settings(&pebble, &["a.test"]);
    let (one, two) = tokio::join!(
        Host::start(config.clone(), dir.path(), &Clock::System, Some(plain)),
        Host::start(config, dir.path(), &Clock::System, None),
    );
    let (first, second) = tokio::join!(one.shows("a.test", None), two.shows("a.test", None));
    assert_eq!(first, second);
    assert_eq!(orders(&pebble), 1, "{}", pebble.log());
    tokio::join!(one.end(), two.end());
}

#[tokio::test]
async fn a_name_that_points_nowhere_fails_alone_is_counted_and_tried_again_later() {
    let (plain, port) = plain().await;
    let (pebble, dir) = (Pebble::start(port), tempfile::tempdir().expect("a folder"));
    pebble.lose("lost.test");
    let config = settings(&pebble, &["lost.test", "a.test"]);
    let host = Host::start(config, dir.path(), &Clock::System, Some(plain)).await;
    host.shows("a.test", None).await;
    until("it is counted", || history(dir.path(), "lost.test")["failed"] == 1).await;
    assert_eq!(host.service.missing(), ["lost.test"]);
    let before = orders(&pebble);
    host.service.reload();
    tokio::time::sleep(3 * SHORT.0).await;
    assert_eq!(orders(&pebble), before, "the next try has its time");
    host.end().await;
}

/// A hook that tells Pebble's name server.
fn hook(dir: &Path, pebble: &Pebble, text: Option<&str>) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let (path, names) = (dir.join("hook"), pebble.names());
    let usual = format!(
        "case $1 in\nset) curl -sSf -d \"{{\\\"host\\\":\\\"$2.\\\",\\\"value\\\":\\\"$3\\\"}}\" http://{names}/set-txt ;;\n\
         unset) curl -sSf -d \"{{\\\"host\\\":\\\"$2.\\\"}}\" http://{names}/clear-txt; echo $2 >> {}/taken ;;\nesac\n",
        dir.display()
    );
    std::fs::write(&path, format!("#!/bin/sh\n{}", text.unwrap_or(&usual))).expect("a file");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("ours");
    path
}

#[tokio::test]
async fn a_name_with_a_star_is_proved_by_the_hook_and_what_it_set_is_taken_away() {
    let (pebble, dir) = (Pebble::start(testbed::free_port()), tempfile::tempdir().expect("a folder"));
    let config =
        Config { dns_hook: Some(hook(dir.path(), &pebble, None)), ..settings(&pebble, &["*.b.test"]) };
    assert!(config.check().is_empty(), "{:?}", config.check());
    let host = Host::start(config, &dir.path().join("kept"), &Clock::System, None).await;
    host.shows("x.b.test", None).await;
    let taken = dir.path().join("taken");
    until("the record is taken away", || {
        std::fs::read_to_string(&taken).is_ok_and(|text| text == "_acme-challenge.b.test\n")
    })
    .await;
    host.end().await;
}

#[tokio::test]
async fn a_hook_that_fails_or_hangs_is_told_in_words() {
    let (pebble, dir) = (Pebble::start(testbed::free_port()), tempfile::tempdir().expect("a folder"));
    for (text, words) in [
        (Some("echo the zone is locked >&2\nexit 3\n"), "it said: the zone is locked"),
        (Some("exec sleep 100\n"), "took longer than 0 s"),
    ] {
        let hook = hook(dir.path(), &pebble, text);
        let folder = dir.path().join(words.split(' ').next().expect("a word"));
        let config = Config {
            dns_hook: Some(hook),
            hook_time_max: Span(Duration::from_millis(500)),
            ..settings(&pebble, &["b.test"])
        };
        let host = Host::start(config, &folder, &Clock::System, None).await;
        let told = async {
            loop {
                if let Some(fault) = host.service.last_fault("b.test").await {
                    return fault;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let fault = tokio::time::timeout(PATIENCE, told).await.expect("told in time");
        assert!(fault.contains(words), "{fault}");
        host.end().await;
    }
}
