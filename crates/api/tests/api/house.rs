//! A house to test in: a store, its records, the room behind the front, and people with tokens.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use api::{Means, Service};
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::Response;
use base::time::Clock;
use http_body_util::BodyExt;
use records::{Authenticate, Error, Limits, Moment, Principal, Records};
use serde_json::{Value, json};
use store::{Engine, Row, Store};
use tempfile::TempDir;
use testbed::Database;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use web::Front;
use web::limiter::Limiter;
use web::metrics::Operators;

/// The token of a superuser.
pub(crate) const ROOT: &str = "root";

pub(crate) struct House {
    pub(crate) records: Records,
    pub(crate) front: Front,
    service: Service,
    ended: Arc<Ended>,
    pub(crate) stop: CancellationToken,
    _tasks: JoinSet<()>,
    folder: TempDir,
    _database: Option<Database>,
}

/// A token is `COLLECTION/ID`, or [`ROOT`]; one of an ended session is none.
struct Tokens(Records, Arc<Ended>);

/// The token whose session has ended, and word of whoever asked for it since.
#[derive(Default)]
struct Ended {
    token: Mutex<Option<String>>,
    was_asked: Notify,
}

impl Tokens {
    async fn find(&self, token: &str) -> Result<Option<Arc<Principal>>, Error> {
        let catalog = self.0.catalog();
        if token == ROOT {
            let collection = catalog.find("_superusers").expect("always there").clone();
            let row = Row { id: "root".into(), rev: 0, shape: collection.shape, body: "{}".into() };
            return Ok(Some(Arc::new(Principal { collection, row: Arc::new(row) })));
        }
        if self.1.token.lock().expect("nobody panicked").as_deref() == Some(token) {
            self.1.was_asked.notify_one();
            return Ok(None);
        }
        let Some((collection, id)) = token.split_once('/') else { return Ok(None) };
        let Some(collection) = catalog.find(collection).cloned() else { return Ok(None) };
        let row = self.0.find(&collection, id).await?;
        Ok(row.map(|row| Arc::new(Principal { collection, row })))
    }
}

impl Authenticate for Tokens {
    fn principal<'a>(&'a self, token: &'a str, _: Moment) -> records::Found<'a> {
        Box::pin(self.find(token))
    }

    fn certain_principal<'a>(&'a self, token: &'a str, moment: Moment) -> records::Found<'a> {
        self.principal(token, moment)
    }

    fn file_principal<'a>(&'a self, token: &'a str) -> records::Found<'a> {
        Box::pin(async move {
            match token.strip_prefix("file:") {
                Some(token) => self.find(token).await,
                None => Ok(None),
            }
        })
    }
}

impl House {
    pub(crate) async fn new() -> House {
        House::with(api::Config::default(), |_| {}).await
    }

    /// A house with other settings, on the engine of this run.
    pub(crate) async fn with(config: api::Config, change: impl FnOnce(&mut store::Config)) -> House {
        House::on(testbed::chosen(), config, change).await
    }

    /// The same on a database server, or embedded where none is given.
    pub(crate) async fn on(
        database: Option<Database>,
        config: api::Config,
        change: impl FnOnce(&mut store::Config),
    ) -> House {
        let folder = tempfile::tempdir().expect("a folder");
        let mut settings = store::Config::new(folder.path());
        if let Some(database) = &database {
            settings.engine = Engine::from_url(&database.url()).expect("a server's address");
        }
        change(&mut settings);
        let store = Store::open(settings, Clock::System).await.expect("opens");
        let records = Records::open_cached(
            store,
            Clock::System,
            Limits::default(),
            Some(cache::Config::in_process(1 << 20)),
        )
        .await
        .expect("opens");
        let web = web::Config::default();
        let limiter = Arc::new(Limiter::new(&web, Clock::System));
        let ended = Arc::<Ended>::default();
        let authenticate = Arc::new(Tokens(records.clone(), ended.clone()));
        let operators = Operators::default();
        let means = Means { records: records.clone(), authenticate, limiter, operators };
        let service = Service::new(config, means);
        let front = Front::new(service.router(), Arc::new(web));
        let (stop, mut tasks) = (CancellationToken::new(), JoinSet::new());
        let (until, works) = (stop.clone(), service.clone());
        tasks.spawn(async move { works.run(until).await });
        House { records, front, service, ended, stop, _tasks: tasks, folder, _database: database }
    }

    /// The session of a token ends, and its listeners are looked at.
    pub(crate) async fn end_session(&self, token: &str) {
        *self.ended.token.lock().expect("nobody panicked") = Some(token.to_owned());
        self.service.look_again();
        self.ended.was_asked.notified().await;
    }

    /// Makes a collection with these fields; everybody may do everything.
    pub(crate) async fn open_collection(&self, name: &str, fields: Value) {
        let sent = json!({
            "name": name, "type": "base", "fields": fields,
            "listRule": "", "viewRule": "", "createRule": "", "updateRule": "", "deleteRule": "",
        });
        let (status, body) = self.ask("POST", "/api/collections", ROOT, &sent).await;
        assert_eq!(status, 200, "{body}");
    }

    /// The names of all files that lie at records, or arrive.
    pub(crate) fn files(&self) -> Vec<String> {
        let (mut names, mut folders) = (Vec::new(), vec![self.folder.path().join("storage")]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let entry = entry.expect("an entry");
                match entry.file_type().expect("its type").is_dir() {
                    true => folders.push(entry.path()),
                    false => names.push(entry.file_name().into_string().expect("UTF-8")),
                }
            }
        }
        names
    }

    pub(crate) async fn set(&self, collection: &str, sent: Value) {
        let path = format!("/api/collections/{collection}");
        let (status, body) = self.ask("PATCH", &path, ROOT, &sent).await;
        assert_eq!(status, 200, "{body}");
    }

    /// Makes an account in `users` and gives its token.
    pub(crate) async fn sign_up(&self, name: &str) -> String {
        let sent = json!({
            "email": format!("{name}@example.com"), "password": "a long password",
            "passwordConfirm": "a long password",
        });
        let user = self.create("users", ROOT, sent).await;
        format!("users/{}", user["id"].as_str().expect("an id"))
    }

    pub(crate) async fn create(&self, collection: &str, token: &str, sent: Value) -> Value {
        let path = format!("/api/collections/{collection}/records");
        let (status, body) = self.ask("POST", &path, token, &sent).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> (u16, Value) {
        self.ask("GET", path, token, &Value::Null).await
    }

    /// Asks with a JSON body; `null` sends none.
    pub(crate) async fn ask(&self, method: &str, path: &str, token: &str, sent: &Value) -> (u16, Value) {
        let mut headers = vec![("content-type", "application/json")];
        if !token.is_empty() {
            headers.push(("authorization", token));
        }
        let body = if sent.is_null() { Body::empty() } else { Body::from(sent.to_string()) };
        let (status, _, body) = self.send(method, path, &headers, body).await;
        let body = match body.is_empty() {
            true => Value::Null,
            false => serde_json::from_slice(&body).expect("every answer is JSON"),
        };
        (status.as_u16(), body)
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Body,
    ) -> (StatusCode, HeaderMap, Vec<u8>) {
        let (head, body) = self.answer(method, path, headers, body).await.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        (head.status, head.headers, body.to_vec())
    }

    pub(crate) async fn answer(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Body,
    ) -> Response {
        let mut request = Request::builder().method(method).uri(path).header("host", "test");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body).expect("a request");
        self.front.answer(request, IpAddr::from([127, 0, 0, 1])).await
    }
}

/// A multipart body of plain values and files.
pub(crate) fn multipart(parts: &[(&str, Option<&str>, &[u8])]) -> (&'static str, Body) {
    let mut body = Vec::new();
    for (name, file, data) in parts {
        body.extend_from_slice(
            format!("--BOUND\r\nContent-Disposition: form-data; name=\"{name}\"").as_bytes(),
        );
        if let Some(file) = file {
            body.extend_from_slice(format!("; filename=\"{file}\"").as_bytes());
        }
        body.extend_from_slice(b"\r\n\r\n");
        body.extend_from_slice(data);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--BOUND--\r\n");
    ("multipart/form-data; boundary=BOUND", Body::from(body))
}
