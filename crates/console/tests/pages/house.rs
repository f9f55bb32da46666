//! An open house with a console, and a visitor who sends what a browser would.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::header::{COOKIE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, Request, StatusCode};
use base::secret::Secret;
use base::time::{Clock, Timestamp};
use console::{Config, Means, Service};
use identity::{Identity, Outgoing, superusers};
use records::{Draft, Limits, Records};
use serde_json::{Value, json};
use store::{Engine, Store};
use testbed::Database;
use web::Front;
use web::limiter::Limiter;

pub(crate) const EMAIL: &str = "warm@example.com";
pub(crate) const PASSWORD: &str = "warm floor 1";
pub(crate) const HOSTILE: &str = "</textarea><script>alert('x')</script>";

/// An open house with a console, and the cookies of its only visitor.
pub(crate) struct House {
    _dir: tempfile::TempDir,
    pub(crate) records: Records,
    pub(crate) identity: Identity,
    front: Front,
    clock: Clock,
    cookies: String,
    _database: Option<Database>,
}

/// What came back.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) page: String,
}

impl Reply {
    pub(crate) fn location(&self) -> &str {
        self.headers.get(LOCATION).map_or("", |to| to.to_str().expect("plain"))
    }

    /// The value of the first hidden or shown input of a name.
    pub(crate) fn value(&self, name: &str) -> &str {
        let after = self.page.split(&format!("name=\"{name}\"")).nth(1).expect("the input is there");
        after.split("value=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("it has a value")
    }
}

impl House {
    /// A service that nobody has used yet.
    pub(crate) async fn new() -> House {
        House::open(|identity| identity).await
    }

    /// A service that sends its mails to this port.
    pub(crate) async fn with_mail(smtp: u16) -> House {
        let config = mail::Config {
            server: "127.0.0.1".into(),
            port: Some(smtp),
            security: mail::Security::Plain,
            from: "hello@ondol.example".into(),
            ..mail::Config::default()
        };
        let sender = mail::Sender::new(config).expect("settings that are right");
        let (app_name, app_url) = ("팝퐁".to_owned(), "https://ondol.example".to_owned());
        let outgoing = Outgoing { sender, app_name, app_url };
        House::open(|identity| identity.with_mail(outgoing)).await
    }

    async fn open(furnish: impl FnOnce(Identity) -> Identity) -> House {
        let dir = tempfile::tempdir().expect("a folder");
        let clock = Clock::manual(Timestamp(1_800_000_000_000));
        let database = testbed::chosen();
        let mut config = store::Config::new(dir.path());
        if let Some(database) = &database {
            config.engine = Engine::from_url(&database.url()).expect("a server's address");
        }
        let store = Store::open(config, clock.clone()).await.expect("a store");
        let records = Records::open_cached(
            store,
            clock.clone(),
            Limits::default(),
            Some(cache::Config::in_process(1 << 20)),
        )
        .await
        .expect("records");
        let web = web::Config::default();
        let limiter = Arc::new(Limiter::new(&web, clock.clone()));
        let identity = Identity::new(identity::Config::default(), records.clone(), limiter.clone());
        let identity = furnish(identity);
        let config = Config { first_run_key: Some(Secret::new("the-key")), ..Config::default() };
        let console = Service::new(
            config,
            Means {
                records: records.clone(),
                identity: identity.clone(),
                limiter,
                balancers: None,
                watch: None,
            },
        );
        let front = Front::new(console.router().merge(identity.router()), Arc::new(web));
        House { _dir: dir, records, identity, front, clock, cookies: String::new(), _database: database }
    }

    /// A service with a superuser, who has signed in.
    pub(crate) async fn signed_in() -> House {
        let mut house = House::new().await;
        superusers::create(&house.records, EMAIL, &Secret::new(PASSWORD)).await.expect("a superuser");
        let reply = house.post("/_/sign-in", &[("email", EMAIL), ("password", PASSWORD)]).await;
        assert_eq!((reply.status, reply.location()), (StatusCode::SEE_OTHER, "/_/collections"));
        house.keep(&reply);
        house
    }

    /// Lets time pass.
    pub(crate) fn hours_pass(&self, hours: i64) {
        let Clock::Manual(at) = &self.clock else { unreachable!("the clock stands still") };
        at.fetch_add(hours * 3_600_000, Ordering::SeqCst);
    }

    pub(crate) fn keep(&mut self, reply: &Reply) {
        let set = reply.headers.get(SET_COOKIE).expect("a cookie").to_str().expect("plain");
        assert!(set.contains("HttpOnly") && set.contains("SameSite=Strict"), "{set}");
        self.cookies = set.split(';').next().unwrap_or_default().to_owned();
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.answer(Request::get(path), Body::empty()).await
    }

    /// Sends a form as a page of ours does.
    pub(crate) async fn post(&self, path: &str, pairs: &[(&str, &str)]) -> Reply {
        let sent: Vec<String> = pairs.iter().map(|(n, v)| format!("{}={}", escaped(n), escaped(v))).collect();
        let request = Request::post(path)
            .header("sec-fetch-site", "same-origin")
            .header("content-type", "application/x-www-form-urlencoded");
        self.answer(request, Body::from(sent.join("&"))).await
    }

    /// Sends JSON as an application does.
    pub(crate) async fn api(&self, path: &str, body: &Value) -> Reply {
        let request = Request::post(path).header("content-type", "application/json");
        self.answer(request, Body::from(body.to_string())).await
    }

    /// Makes an account of `users`.
    pub(crate) async fn join(&self, email: &str, password: &str) {
        let body = json!({ "email": email, "password": password, "passwordConfirm": password });
        let draft = Draft { values: body.as_object().cloned().unwrap_or_default(), uploads: Vec::new() };
        let request = records::Request { body: draft.values.clone(), ..records::Request::default() };
        self.records.create(&request, "users", draft, &records::Shape::default()).await.expect("an account");
    }

    /// A value of the only account of `users`.
    pub(crate) async fn user(&self, name: &str) -> Value {
        let users = self.records.catalog().find("users").expect("always there").clone();
        let mut reader = self.records.store().reader().await.expect("a reader");
        let rows = reader.select(&store::query::Select::table(&users.table())).await.expect("reads");
        self.records.values(&users, &rows[0]).0[name].clone()
    }

    pub(crate) async fn answer(&self, request: axum::http::request::Builder, body: Body) -> Reply {
        let request =
            request.header("host", "127.0.0.1").header(COOKIE, &self.cookies).body(body).expect("a request");
        let response = self.front.answer(request, IpAddr::V4(Ipv4Addr::LOCALHOST)).await;
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = to_bytes(response.into_body(), 4 << 20).await.expect("a body");
        Reply { status, headers, page: String::from_utf8(bytes.to_vec()).expect("UTF-8") }
    }

    /// Makes the collection `bills` with a few fields, by the pages.
    pub(crate) async fn with_bills(self) -> House {
        let made = self.post("/_/new", &[("name", "bills"), ("type", "base")]).await;
        assert_eq!(made.location(), "/_/collections/bills/fields?said=made", "{}", made.page);
        let editor = self.get("/_/collections/bills/fields").await;
        let saved = self
            .post(
                "/_/collections/bills/fields",
                &[
                    ("field.0.id", editor.value("field.0.id")),
                    ("field.0.type", "text"),
                    ("field.1.type", "text"),
                    ("field.1.name", "title"),
                    ("field.1.required", "true"),
                    ("field.2.type", "number"),
                    ("field.2.name", "number"),
                    ("field.3.type", "select"),
                    ("field.3.name", "topics"),
                    ("field.3.values", "환경\n교육"),
                    ("field.3.maxSelect", "2"),
                    ("field.4.type", "json"),
                    ("field.4.name", "extra"),
                    ("field.5.type", "file"),
                    ("field.5.name", "paper"),
                    ("_do", "save"),
                ],
            )
            .await;
        assert_eq!(saved.location(), "/_/collections/bills/fields?said=saved", "{}", saved.page);
        self
    }

    /// Waits until this process has heard of all that is written.
    pub(crate) async fn hears_all(&self) {
        let store = self.records.store();
        let newest = store.newest().await.expect("the database answers");
        let heard = async {
            while store.position() < newest {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), heard).await.expect("the log is followed");
    }

    /// The id of the newest record of `bills`, read off the grid.
    pub(crate) async fn newest(&self) -> String {
        let grid = self.get("/_/collections/bills").await;
        let after = grid.page.split("/records/").nth(1).expect("a row is there");
        after.split('"').next().unwrap_or_default().to_owned()
    }
}

pub(crate) fn escaped(text: &str) -> String {
    text.bytes().map(|b| format!("%{b:02X}")).collect()
}
