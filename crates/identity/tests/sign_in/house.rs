//! What the tests stand on: an open house of records and identity, which may send its mails to the peer of mail.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::{Body, to_bytes};
use base::secret::Secret;
use base::time::{Clock, Timestamp};
use base::unit::Span;
use identity::{Config, Identity, superusers};
use records::{Authenticate, Draft, Limits, Principal, Records, Request, Shape};
use serde_json::{Value, json};
use store::{Engine, Store};
use web::Front;
use web::limiter::{Allowance, Limiter};

pub(crate) const EMAIL: &str = "test@example.com";
pub(crate) const PASSWORD: &str = "correct horse";
const START: Timestamp = Timestamp(1_800_000_000_000);

/// An open house of records and identity, with a superuser and one user.
pub(crate) struct Fixture {
    _dir: tempfile::TempDir,
    pub(crate) clock: Clock,
    pub(crate) records: Records,
    pub(crate) identity: Identity,
    pub(crate) front: Front,
    pub(crate) user: String,
    _database: Option<testbed::Database>,
}

pub(crate) async fn fixture() -> Fixture {
    open(Config::default(), 20, |identity| identity).await
}

/// A house of these settings, from which one address may try to sign in so often per minute.
pub(crate) async fn open(config: Config, tries: u32, furnish: impl Fn(Identity) -> Identity) -> Fixture {
    let dir = tempfile::tempdir().expect("a folder");
    let clock = Clock::manual(START);
    let database = testbed::chosen();
    let mut kept = store::Config::new(dir.path());
    if let Some(database) = &database {
        kept.engine = Engine::from_url(&database.url()).expect("a server's address");
    }
    let store = Store::open(kept, clock.clone()).await.expect("a store");
    let records = Records::open_cached(
        store,
        clock.clone(),
        Limits::default(),
        Some(cache::Config::in_process(1 << 20)),
    )
    .await
    .expect("records");
    let web = web::Config {
        rates: vec![Allowance {
            label: "*:auth".into(),
            requests: tries,
            per: Span(std::time::Duration::from_secs(60)),
        }],
        ..web::Config::default()
    };
    let limiter = Arc::new(Limiter::new(&web, clock.clone()));
    let identity = furnish(Identity::new(config, records.clone(), limiter));
    let front = Front::new(identity.router(), Arc::new(web));
    superusers::create(&records, "root@example.com", &Secret::new("rootrootroot"))
        .await
        .expect("a superuser");
    let user = create_user(&records).await;
    Fixture { _dir: dir, clock, records, identity, front, user, _database: database }
}

/// A request of a superuser.
pub(crate) async fn as_superuser(records: &Records, body: &Value) -> Request {
    let collection = records.catalog().find("_superusers").expect("there").clone();
    let account =
        records.find_account(&collection, &["email".into()], "root@example.com").await.expect("reads");
    Request {
        method: "POST".into(),
        body: body.as_object().expect("an object").clone(),
        auth: account.map(Arc::new),
        ..Request::default()
    }
}

pub(crate) async fn create_user(records: &Records) -> String {
    let body = json!({ "email": EMAIL, "password": PASSWORD, "passwordConfirm": PASSWORD });
    let request = as_superuser(records, &body).await;
    let draft = Draft { values: request.body.clone(), uploads: Vec::new() };
    records.create(&request, "users", draft, &Shape::default()).await.expect("a user").row.id.clone()
}

/// Status and JSON of an answer; an empty body is null.
async fn answered(response: axum::response::Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), 1 << 20).await.expect("a body");
    (status, if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).expect("JSON") })
}

impl Fixture {
    /// A request from some address, with the headers `name: value`.
    pub(crate) async fn send_from(
        &self,
        address: [u8; 4],
        headers: &[(&str, &str)],
        path: &str,
        body: &Value,
    ) -> (u16, Value) {
        let mut request = axum::http::Request::builder().method("POST").uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", "test");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.header("content-type", "application/json").body(Body::from(body.to_string()));
        answered(self.front.answer(request.expect("a request"), IpAddr::from(address)).await).await
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        token: &str,
        kind: &str,
        body: &str,
    ) -> (u16, Value) {
        let request = axum::http::Request::builder()
            .method(method)
            .uri(path)
            .header("host", "test")
            .header("content-type", kind)
            .header("authorization", token)
            .body(Body::from(body.to_owned()))
            .expect("a request");
        answered(self.front.answer(request, IpAddr::from([127, 0, 0, 1])).await).await
    }

    pub(crate) async fn post(&self, path: &str, token: &str, body: Value) -> (u16, Value) {
        self.send("POST", path, token, "application/json", &body.to_string()).await
    }

    pub(crate) async fn sign_in(&self, collection: &str, identity: &str, password: &str) -> (u16, Value) {
        let path = format!("/api/collections/{collection}/auth-with-password");
        self.post(&path, "", json!({ "identity": identity, "password": password })).await
    }

    pub(crate) async fn token(&self) -> String {
        let (status, body) = self.sign_in("users", EMAIL, PASSWORD).await;
        assert_eq!(status, 200, "{body}");
        body["token"].as_str().expect("a token").to_owned()
    }

    pub(crate) async fn superuser_token(&self) -> String {
        let (status, body) = self.sign_in("_superusers", "root@example.com", "rootrootroot").await;
        assert_eq!(status, 200, "{body}");
        body["token"].as_str().expect("a token").to_owned()
    }

    pub(crate) async fn holder(&self, token: &str) -> Option<Arc<Principal>> {
        self.identity.principal(token, records::Moment::default()).await.expect("reads")
    }

    /// Whether a token opens protected files.
    pub(crate) async fn opens_files(&self, token: &str) -> bool {
        self.identity.file_principal(token).await.expect("reads").is_some()
    }

    pub(crate) async fn change_password(&self) {
        let body = json!({ "password": "another horse", "passwordConfirm": "another horse" });
        let request = as_superuser(&self.records, &body).await;
        let draft = Draft { values: request.body.clone(), uploads: Vec::new() };
        self.records.update(&request, "users", &self.user, draft, &Shape::default()).await.expect("changed");
    }

    /// Changes a collection.
    pub(crate) async fn set(&self, collection: &str, settings: &Value) {
        let settings = settings.as_object().expect("an object");
        self.records.update_collection(collection, settings).await.expect("settings that are right");
    }

    pub(crate) fn pass(&self, seconds: i64) {
        let Clock::Manual(at) = &self.clock else { panic!("a manual clock") };
        at.fetch_add(seconds * 1000, Ordering::SeqCst);
    }
}
