//! What the tests stand on: a house that serves on a port of its own, so that it knows its address; a person who has signed
//! in, and the team's tools.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use base::secret::Secret;
use base::time::Clock;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use identity::issuer::Client;
use identity::{Beginning, Config, Identity, Place, Way, superusers};
use records::{Draft, Limits, Principal, Records, Shape};
use serde_json::Value;
use store::{Engine, Store};
use tokio::net::TcpListener;
use tokio_util::sync::DropGuard;
use tokio_util::task::TaskTracker;
use web::limiter::Limiter;
use web::{Front, Stop};

use crate::house::{EMAIL, as_superuser, create_user};
use crate::pages::tab::{self, Page};

/// A client of the service file, and its secret.
pub(crate) const WIKI: (&str, &str) = ("wiki", "a secret of the wiki's own");
/// Where it wants its answers.
pub(crate) const REDIRECT: &str = "http://127.0.0.1:9/callback";
/// Where people go who have signed out.
pub(crate) const AFTER: &str = "http://127.0.0.1:9/bye";
/// The verifier of every test, and its challenge (RFC 7636, appendix B).
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A database for web servers to stand on.
pub(crate) struct Ground {
    dir: tempfile::TempDir,
    database: Option<testbed::Database>,
    pub(crate) records: Records,
    pub(crate) clock: Clock,
}

/// One web server.
pub(crate) struct Service {
    pub(crate) identity: Identity,
    pub(crate) front: Front,
    /// Its address, which is the issuer's.
    pub(crate) url: String,
    _stop: DropGuard,
}

impl Ground {
    /// With a superuser and a user.
    pub(crate) async fn lay(clock: Clock) -> Ground {
        let (dir, database) = (tempfile::tempdir().expect("a folder"), testbed::chosen());
        let records = open(&dir, database.as_ref(), &clock).await;
        superusers::create(&records, "root@example.com", &Secret::new("rootrootroot"))
            .await
            .expect("a superuser");
        create_user(&records).await;
        Ground { dir, database, records, clock }
    }

    /// The records as another web server has them: one of its own on a server, the same on the embedded engine.
    async fn beside(&self) -> Records {
        match &self.database {
            Some(database) => open(&self.dir, Some(database), &self.clock).await,
            None => self.records.clone(),
        }
    }

    /// A web server on it, whose service file has these clients (TOML, and a secret), and which may be set otherwise.
    pub(crate) async fn serve(&self, clients: &[(&str, &str, &str)], set: impl Fn(&mut Config)) -> Service {
        self.serve_behind(clients, set, |front| front).await
    }

    /// The same behind something.
    pub(crate) async fn serve_behind(
        &self,
        clients: &[(&str, &str, &str)],
        set: impl Fn(&mut Config),
        before: impl Fn(Front) -> Front,
    ) -> Service {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let clients = clients.iter().map(|(name, table, secret)| {
            let secret = (!secret.is_empty()).then(|| Secret::new(*secret));
            let client = Client::on_service(name, table.parse().expect("TOML"), secret).expect("a client");
            ((*name).to_owned(), client)
        });
        let mut config = Config {
            url: url.clone(),
            may_ask_loopback: true,
            clients: clients.collect::<BTreeMap<_, _>>(),
            ..Config::default()
        };
        set(&mut config);
        let web = Arc::new(web::Config { rates: Vec::new(), ..web::Config::default() });
        let limiter = Arc::new(Limiter::new(&web, self.clock.clone()));
        let identity = Identity::new(config, self.beside().await, limiter);
        let front = Front::new(identity.router(), web);
        let (stop, tasks) = (Stop::new(), TaskTracker::new());
        tasks.spawn(web::serve(vec![listener.into()], before(front.clone()), stop.clone()));
        let (running, until) = (identity.clone(), stop.soft.clone());
        tasks.spawn(async move { running.run(until).await });
        Service { identity, front, url, _stop: stop.soft.drop_guard() }
    }

    /// Two web servers behind one address, as a balancer would have them.
    pub(crate) async fn serve_two(&self, clients: &[(&str, &str, &str)]) -> [Service; 2] {
        let one = self.serve(clients, |_| {}).await;
        let two = self.serve(clients, |config| config.url.clone_from(&one.url)).await;
        [one, two]
    }

    pub(crate) async fn user(&self) -> Principal {
        let users = self.records.catalog().find("users").expect("there").clone();
        let found = self.records.find_account(&users, &["email".into()], EMAIL).await.expect("reads");
        found.expect("the user")
    }

    /// A client as a superuser makes one.
    pub(crate) async fn create_client(&self, values: Value) -> String {
        let request = as_superuser(&self.records, &values).await;
        let draft = Draft { values: request.body.clone(), uploads: Vec::new() };
        let made = self.records.create(&request, "_clients", draft, &Shape::default()).await;
        made.expect("a client").row.id.clone()
    }

    /// The records of a collection of ours.
    pub(crate) async fn own(&self, collection: &str) -> Vec<Value> {
        let collection = self.records.catalog().find(collection).expect("there").clone();
        let mut conn = self.records.store().reader().await.expect("a reader");
        let rows = conn.select(&store::query::Select::table(&collection.table())).await.expect("reads");
        rows.iter().map(|row| Value::Object(self.records.values(&collection, row).0)).collect()
    }
}

impl Service {
    /// A session of the user, as a browser's cookie.
    pub(crate) async fn cookie(&self, ground: &Ground) -> String {
        let beginning = Beginning { ways: vec![Way::Password], place: place(), actor: None, via: None };
        let token = self.identity.begin_session(&ground.user().await, &beginning).await.expect("a session");
        format!("ondol={token}")
    }

    /// The session of a cookie ends.
    pub(crate) async fn end(&self, cookie: &str) {
        let token = cookie.trim_start_matches("ondol=");
        let proven = self.identity.session(token, records::Moment::default()).await.expect("reads");
        self.identity.end_session(&proven.expect("a session"), &place()).await.expect("ended");
    }

    /// Asks as whoever has these headers.
    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Page {
        let host = self.url.strip_prefix("http://").expect("an address");
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", host);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).expect("a request");
        tab::read(self.front.answer(request, IpAddr::from([127, 0, 0, 1])).await).await
    }

    /// A client sends a form.
    pub(crate) async fn post(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        pairs: &[(&str, &str)],
    ) -> (u16, Value) {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        let page = self.ask("POST", path, &[&kind, headers].concat(), &body).await;
        (page.status, serde_json::from_str(&page.text).unwrap_or(Value::Null))
    }

    /// The wiki sends a form, and shows itself.
    pub(crate) async fn as_wiki(&self, path: &str, pairs: &[(&str, &str)]) -> (u16, Value) {
        let own = [("client_id", WIKI.0), ("client_secret", WIKI.1)];
        self.post(path, &[], &[&own, pairs].concat()).await
    }

    /// Where a browser with this cookie is sent when a client asks for something.
    pub(crate) async fn authorize(&self, cookie: &str, more: &[(&str, &str)]) -> Page {
        let headers = [("cookie", cookie), ("accept", "text/html")];
        self.ask("GET", &asking(more), &headers, "").await
    }

    /// A code for a client that the team trusts.
    pub(crate) async fn code(&self, cookie: &str, more: &[(&str, &str)]) -> String {
        let page = self.authorize(cookie, more).await;
        parameter(page.header("location"), "code").unwrap_or_else(|| panic!("no code: {page:?}"))
    }

    /// Tokens of the wiki's for a scope.
    pub(crate) async fn tokens(&self, cookie: &str, scope: &str) -> Value {
        let code = self.code(cookie, &[("scope", scope)]).await;
        let (status, tokens) = self.as_wiki(TOKEN, &with_code(&code)).await;
        assert_eq!(status, 200, "{tokens}");
        tokens
    }

    /// The status of userinfo with a token, and what it says.
    pub(crate) async fn about(&self, access: &str) -> (u16, Value) {
        let page = self
            .ask("GET", "/auth/oidc/userinfo", &[("authorization", &format!("Bearer {access}"))], "")
            .await;
        (page.status, serde_json::from_str(&page.text).expect("JSON"))
    }

    /// The wiki renews its tokens.
    pub(crate) async fn renew(&self, refresh: &str) -> (u16, Value) {
        self.as_wiki(TOKEN, &[("grant_type", "refresh_token"), ("refresh_token", refresh)]).await
    }
}

fn place() -> Place {
    Place { address: [127, 0, 0, 1].into(), browser: "Firefox".into() }
}

/// The token endpoint.
pub(crate) const TOKEN: &str = "/auth/oidc/token";

/// What the wiki sends browsers to, with some things said otherwise.
pub(crate) fn asking(more: &[(&str, &str)]) -> String {
    let usual = [
        ("client_id", WIKI.0),
        ("redirect_uri", REDIRECT),
        ("response_type", "code"),
        ("scope", "openid email"),
        ("state", "s"),
        ("nonce", "n"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let kept = usual.into_iter().filter(|(name, _)| !more.iter().any(|(other, _)| other == name));
    let pairs = kept.chain(more.iter().copied());
    format!(
        "/auth/oidc/authorize?{}",
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
    )
}

/// What goes with a code.
pub(crate) fn with_code(code: &str) -> [(&str, &str); 4] {
    [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ]
}

/// A parameter of an address.
pub(crate) fn parameter(address: &str, name: &str) -> Option<String> {
    let url = url::Url::parse(address).ok()?;
    url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

/// What a token says, whoever signed it.
pub(crate) fn said(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("a payload");
    serde_json::from_slice(&BASE64.decode(payload).expect("base64")).expect("JSON")
}

/// A text of an answer.
pub(crate) fn text(answer: &Value, name: &str) -> String {
    answer[name].as_str().unwrap_or_else(|| panic!("no {name} in {answer}")).to_owned()
}

async fn open(dir: &tempfile::TempDir, database: Option<&testbed::Database>, clock: &Clock) -> Records {
    let mut kept = store::Config::new(dir.path());
    if let Some(database) = database {
        kept.engine = Engine::from_url(&database.url()).expect("a server's address");
    }
    let store = Store::open(kept, clock.clone()).await.expect("a store");
    Records::open(store, clock.clone(), Limits::default()).await.expect("records")
}

/// The table of a client that may be answered at [`REDIRECT`].
pub(crate) fn table(more: &str) -> String {
    format!("redirects = [{REDIRECT:?}]\nafter_logout = [{AFTER:?}]\n{more}")
}

/// A person's finger: what stands before a house and agrees to whatever a page asks it about.
pub(crate) fn agreeing(inner: Front) -> Front {
    let press = move |request: Request| {
        let inner = inner.clone();
        async move { press(&inner, request).await }
    };
    Front::new(
        Router::new().route("/{*path}", axum::routing::any(press)),
        Arc::new(web::Config { rates: Vec::new(), ..web::Config::default() }),
    )
}

async fn press(inner: &Front, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let (cookie, host) = (head.headers.get("cookie").cloned(), head.headers.get("host").cloned());
    let response = inner.answer(Request::from_parts(head, body), IpAddr::from([127, 0, 0, 1])).await;
    let is_page =
        response.headers().get("content-type").is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if !is_page || response.status() != 200 {
        return response;
    }
    let (head, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, 1 << 20).await.expect("a page");
    let page = tab::read(Response::from_parts(head.clone(), Body::from(bytes.clone()))).await;
    if !page.text.contains("action=\"/auth/oidc/consent\"") {
        return Response::from_parts(head, Body::from(bytes));
    }
    let set: Vec<&str> = page
        .headers
        .iter()
        .filter(|(name, _)| name == "set-cookie")
        .map(|(_, value)| value.split(';').next().unwrap_or_default())
        .collect();
    let cookies =
        [cookie.as_ref().and_then(|cookie| cookie.to_str().ok()).unwrap_or_default()].into_iter().chain(set);
    let mut fields = page.form("/auth/oidc/consent");
    fields.push(("answer".into(), "yes".into()));
    let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
    let post = Request::post("/auth/oidc/consent")
        .header("host", host.expect("a host"))
        .header("sec-fetch-site", "same-origin")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("cookie", cookies.collect::<Vec<_>>().join("; "))
        .body(Body::from(form))
        .expect("a request");
    let told = tab::read(inner.answer(post, IpAddr::from([127, 0, 0, 1])).await).await;
    web::reply::see_other(&onward(&told))
}

/// Where a page sends the browser on to.
pub(crate) fn onward(page: &Page) -> String {
    let (_, rest) =
        page.text.split_once("content=\"0;url=").unwrap_or_else(|| panic!("it sends nowhere: {page:?}"));
    rest.split('"').next().expect("an end").replace("&amp;", "&")
}
