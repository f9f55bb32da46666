//! Two web servers on one database: what ends on one has ended on the other, and who must be certain is not let in on hearsay.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use base::error::{Fault, Kind};
use base::secret::Secret;
use base::time::{Clock, Timestamp};
use identity::{Beginning, Config, Identity, Place, Proven, Way, superusers};
use records::{Authenticate, Draft, Error, Limits, Moment, Principal, Records, Shape};
use serde_json::json;
use store::{Engine, Store};
use testbed::{Cutter, Database};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use web::Front;
use web::limiter::Limiter;

use crate::house::{EMAIL, PASSWORD, as_superuser};

const START: Timestamp = Timestamp(1_800_000_000_000);
/// How long an end may take to be heard of.
const HEARD_WITHIN: Duration = Duration::from_secs(1);

fn place() -> Place {
    Place { address: std::net::IpAddr::from([127, 0, 0, 1]), browser: "Firefox".into() }
}

/// One web server.
struct Server {
    _dir: tempfile::TempDir,
    records: Records,
    identity: Identity,
    stop: CancellationToken,
    running: TaskTracker,
}

impl Server {
    async fn open(url: &str, clock: &Clock) -> Server {
        let dir = tempfile::tempdir().expect("a folder");
        let mut kept = store::Config::new(dir.path());
        kept.engine = Engine::from_url(url).expect("a server's address");
        kept.outage_wait_max = Duration::from_millis(200);
        let store = Store::open(kept, clock.clone()).await.expect("a store");
        let cache = Some(cache::Config::in_process(1 << 20));
        let records =
            Records::open_cached(store, clock.clone(), Limits::default(), cache).await.expect("records");
        let limiter = Arc::new(Limiter::new(&web::Config::default(), clock.clone()));
        let identity = Identity::new(Config::default(), records.clone(), limiter);
        let stop = CancellationToken::new();
        let (works, until) = (identity.clone(), stop.clone());
        let running = TaskTracker::new();
        running.spawn(async move { works.run(until).await });
        Server { _dir: dir, records, identity, stop, running }
    }

    /// It hears nothing any more.
    async fn cut_off(&self) {
        self.stop.cancel();
        self.running.close();
        self.running.wait().await;
    }

    async fn account(&self, collection: &str, email: &str) -> Principal {
        let collection = self.records.catalog().find(collection).expect("there").clone();
        let found = self.records.find_account(&collection, &["email".into()], email).await.expect("reads");
        found.expect("an account")
    }

    async fn sign_in(&self, collection: &str, email: &str) -> String {
        let beginning = Beginning { ways: vec![Way::Password], place: place(), actor: None, via: None };
        let account = self.account(collection, email).await;
        self.identity.begin_session(&account, &beginning).await.expect("a session")
    }

    async fn asks(&self, token: &str) -> Result<Option<Proven>, Error> {
        self.identity.session(token, Moment::default()).await
    }

    async fn knows(&self, token: &str) -> bool {
        self.asks(token).await.expect("reads").is_some()
    }

    /// The status of an endpoint's answer.
    async fn post(&self, path: &str, token: &str) -> u16 {
        let request = axum::http::Request::post(path)
            .header("host", "test")
            .header("authorization", token)
            .header("content-type", "application/json")
            .body(axum::body::Body::from("{}"));
        let front = Front::new(self.identity.router(), Arc::new(web::Config::default()));
        let answer = front.answer(request.expect("a request"), std::net::IpAddr::from([127, 0, 0, 1])).await;
        answer.status().as_u16()
    }

    /// How long it takes until a token is refused here.
    async fn refused_after(&self, token: &str, began: Instant) -> Duration {
        while self.knows(token).await {
            assert!(began.elapsed() < 10 * HEARD_WITHIN, "it is never refused");
            tokio::task::yield_now().await;
        }
        began.elapsed()
    }
}

/// Two web servers on a database, the second one behind a proxy where there is one, with a superuser and a user.
async fn two(url: &str, second: &str, clock: &Clock) -> (Server, Server) {
    let one = Server::open(url, clock).await;
    superusers::create(&one.records, "root@example.com", &Secret::new("rootrootroot")).await.expect("made");
    let body = json!({ "email": EMAIL, "password": PASSWORD, "passwordConfirm": PASSWORD });
    let request = as_superuser(&one.records, &body).await;
    let draft = Draft { values: request.body.clone(), uploads: Vec::new() };
    one.records.create(&request, "users", draft, &Shape::default()).await.expect("a user");
    let other = Server::open(second, clock).await;
    while !(one.identity.hears_of_ends() && other.identity.hears_of_ends()) {
        tokio::task::yield_now().await;
    }
    (one, other)
}

async fn an_end_is_heard_of(database: &Database) {
    let (one, other) = two(&database.url(), &database.url(), &Clock::manual(START)).await;
    for _ in 0..5 {
        let token = one.sign_in("users", EMAIL).await;
        assert!(other.knows(&token).await && other.knows(&token).await);
        let proven = one.asks(&token).await.expect("reads").expect("a session");
        one.identity.end_session(&proven, &place()).await.expect("ended");
        let took = other.refused_after(&token, Instant::now()).await;
        assert!(took < HEARD_WITHIN, "{took:?}");
        assert!(!one.knows(&token).await);
    }
    // a new token key voids at once, whatever was heard
    let token = one.sign_in("users", EMAIL).await;
    assert!(other.knows(&token).await);
    let body = json!({ "password": "another horse", "passwordConfirm": "another horse" });
    let request = as_superuser(&one.records, &body).await;
    let draft = Draft { values: request.body.clone(), uploads: Vec::new() };
    let id = one.account("users", EMAIL).await.row.id.clone();
    one.records.update(&request, "users", &id, draft, &Shape::default()).await.expect("changed");
    assert!(!other.knows(&token).await);
    // and both sign by the same key
    let header = |token: &str| token.split('.').next().map(str::to_owned);
    let tokens = [one.sign_in("users", EMAIL).await, other.sign_in("users", EMAIL).await];
    assert_eq!(header(&tokens[0]), header(&tokens[1]));
    assert!(one.knows(&tokens[1]).await && other.knows(&tokens[0]).await);
}

async fn hearsay_ends(database: &Database, port: u16) {
    let clock = Clock::manual(START);
    let pass = |seconds: i64| {
        let Clock::Manual(at) = &clock else { panic!("a manual clock") };
        at.fetch_add(seconds * 1000, Ordering::SeqCst);
    };
    let mut cutter = Cutter::before(port);
    let behind = database.url().replace(&format!(":{port}/"), &format!(":{}/", cutter.port()));
    assert_ne!(behind, database.url());
    let (one, other) = two(&database.url(), &behind, &clock).await;
    let (user, root) =
        (one.sign_in("users", EMAIL).await, one.sign_in("_superusers", "root@example.com").await);
    assert!(other.knows(&user).await && other.knows(&root).await);
    let both = [&user, &root];
    other.cut_off().await;
    for token in both {
        let proven = one.asks(token).await.expect("reads").expect("a session");
        one.identity.end_session(&proven, &place()).await.expect("ended");
    }
    assert!(other.knows(&user).await, "it has not heard of it");
    pass(10);
    assert!(!other.knows(&root).await, "who must be certain has the record read");
    assert!(other.knows(&user).await, "others go on");
    let strict = other.identity.certain_principal(&user, Moment::default()).await.expect("reads");
    assert!(strict.is_none(), "but not where they touch how they sign in");
    pass(590);
    assert!(!other.knows(&user).await, "until the session is to be looked at again");
    // and where it can't be read there is no certainty
    let (root, user) =
        (one.sign_in("_superusers", "root@example.com").await, one.sign_in("users", EMAIL).await);
    assert!(other.knows(&root).await && other.knows(&user).await);
    cutter.refuse();
    cutter.drop_all();
    let refused = other.identity.certain_principal(&user, Moment::default()).await;
    assert_eq!(refused.expect_err("a plain user neither").kind(), Kind::Unavailable);
    for strict in ["totp-enrol", "request-email-change", "passkey-register-options", "end-other-sessions"] {
        assert_eq!(other.post(&format!("/api/collections/users/{strict}"), &user).await, 503, "{strict}");
    }
    let refused = other.asks(&root).await.expect_err("nobody is let in on hearsay");
    assert_eq!(refused.kind(), Kind::Unavailable, "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_is_heard_of_on_the_other_server_within_a_second_on_postgres() {
    an_end_is_heard_of(&testbed::postgres().database()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_is_heard_of_on_the_other_server_within_a_second_on_mariadb() {
    an_end_is_heard_of(&testbed::mariadb().database()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_must_be_certain_is_not_let_in_on_hearsay_on_postgres() {
    hearsay_ends(&testbed::postgres().database(), testbed::postgres().port()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_must_be_certain_is_not_let_in_on_hearsay_on_mariadb() {
    hearsay_ends(&testbed::mariadb().database(), testbed::mariadb().port()).await;
}
