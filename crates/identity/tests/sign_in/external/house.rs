//! An open house that offers providers, and what its clients do.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use base::secret::Secret;
use base::time::Clock;
use base::unit::Span;
use identity::provider::{OnService, Written};
use identity::{Config, Identity, Listeners, superusers};
use records::{Draft, Limits, Records, Request, Shape};
use serde_json::{Map, Value, json};
use store::{Engine, Store};
use web::Front;
use web::limiter::Limiter;

/// The client that the peer of OAuth 2.0 knows.
pub(crate) const SECRET: &str = "ondol-client-secret-00000001";
/// Where browsers are sent back to.
pub(crate) const REDIRECT: &str = "http://127.0.0.1:8090/api/oauth2-redirect";

pub(crate) struct House {
    _dir: Option<tempfile::TempDir>,
    _database: Option<testbed::Database>,
    pub(crate) clock: Clock,
    pub(crate) records: Records,
    pub(crate) identity: Identity,
    pub(crate) streams: Arc<Streams>,
    pub(crate) front: Front,
}

/// Event streams as a client has them: what it waits for, and what it was told.
#[derive(Default)]
pub(crate) struct Streams(Mutex<HashMap<String, Option<Value>>>);

impl Streams {
    /// Waits under a name for `@oauth2`.
    pub(crate) fn wait(&self, client: &str) {
        self.0.lock().expect("nobody panicked").insert(client.to_owned(), None);
    }

    /// What a client was told.
    pub(crate) fn heard(&self, client: &str) -> Option<Value> {
        self.0.lock().expect("nobody panicked").get(client).cloned().flatten()
    }
}

impl Listeners for Streams {
    fn tell(&self, client: &str, topic: &str, what: &Value) -> bool {
        let mut streams = self.0.lock().expect("nobody panicked");
        match streams.get_mut(client) {
            Some(heard) if heard.is_none() && topic == "@oauth2" => {
                *heard = Some(what.clone());
                true
            }
            _ => false,
        }
    }

    fn look_again(&self) {}
}

/// A provider of the service file: TOML, and a secret.
pub(crate) fn on_service(text: &str, secret: &str) -> OnService {
    let written = Written { table: text.parse().expect("TOML"), secret: Some(Secret::new(secret)) };
    OnService { written, collections: vec!["users".to_owned()] }
}

fn rooms(
    records: &Records,
    clock: &Clock,
    providers: Vec<(&str, OnService)>,
) -> (Identity, Arc<Streams>, Front) {
    let web = web::Config { rates: Vec::new(), ..web::Config::default() };
    let limiter = Arc::new(Limiter::new(&web, clock.clone()));
    let config = Config {
        may_ask_loopback: true,
        answer_time_max: Span(Duration::from_secs(4)),
        providers: providers.into_iter().map(|(name, provider)| (name.to_owned(), provider)).collect(),
        ..Config::default()
    };
    let identity = Identity::new(config, records.clone(), limiter);
    let streams = Arc::new(Streams::default());
    identity.set_listeners(streams.clone());
    let front = Front::new(identity.router(), Arc::new(web));
    (identity, streams, front)
}

impl House {
    pub(crate) async fn open(providers: Vec<(&str, OnService)>) -> House {
        let dir = tempfile::tempdir().expect("a folder");
        // tokens of others carry the true hour
        let clock = Clock::manual(Clock::System.now());
        let database = testbed::chosen();
        let mut config = store::Config::new(dir.path());
        if let Some(database) = &database {
            config.engine = Engine::from_url(&database.url()).expect("a server's address");
        }
        let store = Store::open(config, clock.clone()).await.expect("a store");
        let records = Records::open(store, clock.clone(), Limits::default()).await.expect("records");
        let (identity, streams, front) = rooms(&records, &clock, providers);
        superusers::create(&records, "root@example.com", &Secret::new("rootrootroot"))
            .await
            .expect("a superuser");
        let house = House { _dir: Some(dir), _database: database, clock, records, identity, streams, front };
        // people without an address sign in too
        let wire = house.fields_with_optional_email();
        house.records.update_collection("users", &wire).await.expect("changed");
        house
    }

    /// Another house on the same records, with other providers.
    pub(crate) fn beside(&self, providers: Vec<(&str, OnService)>) -> House {
        let (clock, records) = (self.clock.clone(), self.records.clone());
        let (identity, streams, front) = rooms(&records, &clock, providers);
        House { _dir: None, _database: None, clock, records, identity, streams, front }
    }

    fn fields_with_optional_email(&self) -> Map<String, Value> {
        let users = self.records.catalog().find("users").expect("there").clone();
        let mut wire = records::core::change::to_wire(&users);
        for field in wire["fields"].as_array_mut().expect("fields") {
            if field["name"] == "email" {
                field["required"] = false.into();
            }
        }
        // and nobody's picture is looked for in the internet
        let oauth2 = json!({ "mappedFields": { "avatarURL": "" } });
        Map::from_iter([("fields".to_owned(), wire["fields"].clone()), ("oauth2".to_owned(), oauth2)])
    }

    /// Changes the settings of `users`.
    pub(crate) async fn set(&self, settings: Value) {
        self.records
            .update_collection("users", settings.as_object().expect("an object"))
            .await
            .expect("changed");
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        token: &str,
        kind: &str,
        body: &str,
    ) -> (u16, String) {
        let request = axum::http::Request::builder()
            .method(method)
            .uri(path)
            .header("host", "test")
            .header("content-type", kind)
            .header("authorization", token)
            .body(Body::from(body.to_owned()))
            .expect("a request");
        let response = self.front.answer(request, IpAddr::from([127, 0, 0, 1])).await;
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 1 << 20).await.expect("a body");
        (status, String::from_utf8(body.to_vec()).expect("text"))
    }

    /// Answers a request as it is.
    pub(crate) async fn answer(&self, request: axum::http::Request<Body>) -> axum::response::Response {
        self.front.answer(request, IpAddr::from([127, 0, 0, 1])).await
    }

    pub(crate) async fn post(&self, path: &str, token: &str, body: &Value) -> (u16, Value) {
        let path = format!("/api/collections/users/{path}");
        let (status, body) = self.send("POST", &path, token, "application/json", &body.to_string()).await;
        (status, serde_json::from_str(&body).expect("JSON"))
    }

    /// The entry of a provider in the list of ways.
    pub(crate) async fn way(&self, provider: &str) -> Value {
        let (status, body) = self.send("GET", "/api/collections/users/auth-methods", "", "", "").await;
        let body: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!(status, 200, "{body}");
        let ways = body["oauth2"]["providers"].as_array().cloned().unwrap_or_default();
        ways.into_iter().find(|way| way["name"] == provider).unwrap_or_default()
    }

    /// Whom a token belongs to.
    pub(crate) async fn holder(&self, token: &str) -> Option<String> {
        use records::Authenticate;
        self.identity
            .principal(token, records::Moment::default())
            .await
            .expect("reads")
            .map(|holder| holder.row.id.clone())
    }

    /// Makes a user with a password; verified if said.
    pub(crate) async fn user(&self, email: &str, password: &str, is_verified: bool) -> String {
        let body = json!({ "email": email, "password": password, "passwordConfirm": password, "verified": is_verified });
        let request = self.root(&body).await;
        let draft = Draft { values: request.body.clone(), uploads: Vec::new() };
        self.records.create(&request, "users", draft, &Shape::default()).await.expect("a user").row.id.clone()
    }

    /// The values of a user.
    pub(crate) async fn values(&self, id: &str) -> Map<String, Value> {
        let users = self.records.catalog().find("users").expect("there").clone();
        let row = self.records.find(&users, id).await.expect("reads").expect("there");
        self.records.values(&users, &row).0
    }

    /// A request of a superuser.
    pub(crate) async fn root(&self, body: &Value) -> Request {
        let collection = self.records.catalog().find("_superusers").expect("there").clone();
        let account = self.records.find_account(&collection, &["email".into()], "root@example.com").await;
        Request {
            method: "POST".into(),
            body: body.as_object().expect("an object").clone(),
            auth: account.expect("reads").map(Arc::new),
            ..Request::default()
        }
    }

    /// The identities of a user: provider and subject.
    pub(crate) async fn identities(&self, user: &str) -> Vec<(String, String)> {
        let kept = self.records.catalog().find("_externalAuths").expect("there").clone();
        let rows = self.records.find_by(&kept, &[("recordRef", user)], 100).await.expect("reads");
        let text = |row: &store::Row, name: &str| {
            self.records.values(&kept, row).0[name].as_str().expect("a text").to_owned()
        };
        let mut found: Vec<_> =
            rows.iter().map(|row| (text(row, "provider"), text(row, "providerId"))).collect();
        found.sort();
        found
    }

    pub(crate) async fn users(&self) -> u64 {
        let users = self.records.catalog().find("users").expect("there").clone();
        let all = store::query::Select::table(&users.table());
        self.records.store().reader().await.expect("a reader").count(&all).await.expect("counts")
    }

    pub(crate) async fn delete_users(&self) {
        let users = self.records.catalog().find("users").expect("there").clone();
        let all = store::query::Select::table(&users.table());
        let rows = self.records.store().reader().await.expect("a reader").select(&all).await.expect("reads");
        let root = self.root(&json!({})).await;
        for row in rows {
            self.records.delete(&root, "users", &row.id).await.expect("deleted");
        }
    }

    pub(crate) fn pass(&self, seconds: i64) {
        let Clock::Manual(at) = &self.clock else { panic!("a manual clock") };
        at.fetch_add(seconds * 1000, Ordering::SeqCst);
    }
}
