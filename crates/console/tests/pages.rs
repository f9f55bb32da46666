//! The pages as a browser meets them: requests through the router, on a store of their own.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::header::{COOKIE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, Request, StatusCode};
use base::secret::Secret;
use base::time::{Clock, Timestamp};
use console::{Config, Means, Service};
use identity::{Identity, superusers};
use records::{Limits, Records};
use store::Store;
use web::Front;
use web::limiter::Limiter;

const EMAIL: &str = "warm@example.com";
const PASSWORD: &str = "warm floor 1";
const HOSTILE: &str = "</textarea><script>alert('x')</script>";

/// An open house with a console, and the cookies of its only visitor.
struct House {
    _dir: tempfile::TempDir,
    records: Records,
    front: Front,
    cookies: String,
}

/// What came back.
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    page: String,
}

impl Reply {
    fn location(&self) -> &str {
        self.headers.get(LOCATION).map_or("", |to| to.to_str().expect("plain"))
    }

    /// The value of the first hidden or shown input of a name.
    fn value(&self, name: &str) -> &str {
        let after = self.page.split(&format!("name=\"{name}\"")).nth(1).expect("the input is there");
        after.split("value=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("it has a value")
    }
}

impl House {
    /// A service that nobody has used yet.
    async fn new() -> House {
        let dir = tempfile::tempdir().expect("a folder");
        let clock = Clock::manual(Timestamp(1_800_000_000_000));
        let store = Store::open(store::Config::new(dir.path()), clock.clone()).expect("a store");
        let records = Records::open(store, clock.clone(), Limits::default()).await.expect("records");
        let web = web::Config::default();
        let limiter = Arc::new(Limiter::new(&web, clock));
        let identity = Identity::new(identity::Config::default(), records.clone(), limiter.clone());
        let config = Config { first_run_key: Some(Secret::new("the-key")), ..Config::default() };
        let console = Service::new(config, Means { records: records.clone(), identity, limiter });
        let front = Front::new(console.router(), Arc::new(web));
        House { _dir: dir, records, front, cookies: String::new() }
    }

    /// A service with a superuser, who has signed in.
    async fn signed_in() -> House {
        let mut house = House::new().await;
        superusers::create(&house.records, EMAIL, &Secret::new(PASSWORD)).await.expect("a superuser");
        let reply = house.post("/_/sign-in", &[("email", EMAIL), ("password", PASSWORD)]).await;
        assert_eq!((reply.status, reply.location()), (StatusCode::SEE_OTHER, "/_/collections"));
        house.keep(&reply);
        house
    }

    fn keep(&mut self, reply: &Reply) {
        let set = reply.headers.get(SET_COOKIE).expect("a cookie").to_str().expect("plain");
        assert!(set.contains("HttpOnly") && set.contains("SameSite=Strict"), "{set}");
        self.cookies = set.split(';').next().unwrap_or_default().to_owned();
    }

    async fn get(&self, path: &str) -> Reply {
        self.answer(Request::get(path), Body::empty()).await
    }

    /// Sends a form as a page of ours does.
    async fn post(&self, path: &str, pairs: &[(&str, &str)]) -> Reply {
        let sent: Vec<String> = pairs.iter().map(|(n, v)| format!("{}={}", escaped(n), escaped(v))).collect();
        let request = Request::post(path)
            .header("sec-fetch-site", "same-origin")
            .header("content-type", "application/x-www-form-urlencoded");
        self.answer(request, Body::from(sent.join("&"))).await
    }

    async fn answer(&self, request: axum::http::request::Builder, body: Body) -> Reply {
        let request =
            request.header("host", "127.0.0.1").header(COOKIE, &self.cookies).body(body).expect("a request");
        let response = self.front.answer(request, IpAddr::V4(Ipv4Addr::LOCALHOST)).await;
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = to_bytes(response.into_body(), 4 << 20).await.expect("a body");
        Reply { status, headers, page: String::from_utf8(bytes.to_vec()).expect("UTF-8") }
    }

    /// Makes the collection `bills` with a few fields, by the pages.
    async fn with_bills(self) -> House {
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

    /// The id of the newest record of `bills`, read off the grid.
    async fn newest(&self) -> String {
        let grid = self.get("/_/collections/bills").await;
        let after = grid.page.split("/records/").nth(1).expect("a row is there");
        after.split('"').next().unwrap_or_default().to_owned()
    }
}

fn escaped(text: &str) -> String {
    text.bytes().map(|b| format!("%{b:02X}")).collect()
}

#[tokio::test]
async fn whoever_has_not_signed_in_is_led_to_the_sign_in_and_back() {
    let house = House::new().await;
    for path in ["/_/collections", "/_/new", "/_/collections/users?page=2", "/_/pulse", "/_/nowhere"] {
        let reply = house.get(path).await;
        assert_eq!(reply.status, StatusCode::SEE_OTHER, "{path}");
        assert!(reply.location().starts_with("/_/sign-in?to=%2F_%2F"), "{path}: {}", reply.location());
    }
    let written = house.post("/_/new", &[("name", "bills")]).await;
    assert_eq!(written.location(), "/_/sign-in");
    assert!(house.records.catalog().find("bills").is_none());
}

#[tokio::test]
async fn the_key_of_the_first_run_works_once() {
    let mut house = House::new().await;
    assert_eq!(house.get("/_/first-run?key=wrong").await.status, StatusCode::FORBIDDEN);
    assert_eq!(house.get("/_/first-run?key=the-key").await.status, StatusCode::OK);
    let pairs =
        |again| [("key", "the-key"), ("email", EMAIL), ("password", PASSWORD), ("passwordConfirm", again)];
    let differing = house.post("/_/first-run", &pairs("other")).await;
    assert_eq!(differing.status, StatusCode::BAD_REQUEST);
    assert!(differing.page.contains("The two passwords differ."));
    let made = house.post("/_/first-run", &pairs(PASSWORD)).await;
    assert_eq!(made.location(), "/_/collections");
    house.keep(&made);
    assert_eq!(house.get("/_/collections").await.status, StatusCode::OK);
    for reply in
        [house.get("/_/first-run?key=the-key").await, house.post("/_/first-run", &pairs(PASSWORD)).await]
    {
        assert_eq!(reply.status, StatusCode::GONE);
        assert!(reply.page.contains("This service already has a superuser."));
    }
}

#[tokio::test]
async fn a_wrong_password_is_refused_in_the_same_words_as_an_unknown_address() {
    let house = House::signed_in().await;
    let wrong = house.post("/_/sign-in", &[("email", EMAIL), ("password", "no")]).await;
    let unknown = house.post("/_/sign-in", &[("email", "x@example.com"), ("password", "no")]).await;
    assert_eq!((wrong.status, unknown.status), (StatusCode::UNAUTHORIZED, StatusCode::UNAUTHORIZED));
    assert_eq!(wrong.page.replace(EMAIL, ""), unknown.page.replace("x@example.com", ""));
    assert!(!wrong.headers.contains_key(SET_COOKIE));
}

#[tokio::test]
async fn tries_to_sign_in_are_counted() {
    let house = House::signed_in().await;
    let mut last = StatusCode::OK;
    for _ in 0..40 {
        last = house.post("/_/sign-in", &[("email", EMAIL), ("password", "no")]).await.status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_change_that_another_site_asks_for_is_refused() {
    let house = House::signed_in().await;
    for (name, value) in
        [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example"), ("x-none", "1")]
    {
        let request = Request::post("/_/new").header(name, value);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let reply = house.answer(request, Body::from("name=evil&type=base")).await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN, "{name}");
        assert!(reply.page.contains("not sent from one of our own pages"));
    }
    assert!(house.records.catalog().find("evil").is_none());
}

#[tokio::test]
async fn every_page_says_what_a_browser_may_do_with_it() {
    let house = House::signed_in().await;
    for path in ["/_/collections", "/_/collections/nowhere", "/_/assets/console.js", "/_/sign-in"] {
        let headers = house.get(path).await.headers;
        let policy = headers["content-security-policy"].to_str().expect("plain");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(headers["x-content-type-options"], "nosniff");
    }
    let tag = house.get("/_/assets/console.css").await.headers["etag"].clone();
    let again =
        house.answer(Request::get("/_/assets/console.css").header("if-none-match", tag), Body::empty()).await;
    assert_eq!((again.status, &*again.page), (StatusCode::NOT_MODIFIED, ""));
}

#[tokio::test]
async fn a_missing_page_says_so_in_the_visitors_language() {
    let house = House::signed_in().await;
    let korean = Request::get("/_/collections/nowhere").header("accept-language", "ko-KR,ko;q=0.9");
    let reply = house.answer(korean, Body::empty()).await;
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
    assert!(reply.page.contains("<html lang=\"ko\"") && reply.page.contains("찾을 수 없어요"));
    assert!(house.get("/_/nowhere").await.page.contains("<html lang=\"en\""));
}

#[tokio::test]
async fn the_switches_keep_the_look_and_lead_back() {
    let house = House::new().await;
    let reply = house.post("/_/look", &[("lang", "ko"), ("back", "/_/sign-in?to=x")]).await;
    assert_eq!(reply.location(), "/_/sign-in?to=x");
    assert!(reply.headers[SET_COOKIE].to_str().expect("plain").starts_with("ondol_lang=ko;"));
    assert_eq!(
        house.post("/_/look", &[("theme", "dark"), ("back", "//evil")]).await.location(),
        "/_/collections"
    );
}

#[tokio::test]
async fn a_record_goes_through_its_form_and_back() {
    let house = House::signed_in().await.with_bills().await;
    let sent = [
        ("f.title", "온돌\r\n난방"),
        ("f.number", "2104"),
        ("f.topics", "환경"),
        ("f.topics", "교육"),
        ("f.extra", "{\"a\": [1]}"),
    ];
    let made = house.post("/_/collections/bills/new", &sent).await;
    assert_eq!(made.location(), "/_/collections/bills?said=made", "{}", made.page);
    let path = format!("/_/collections/bills/records/{}", house.newest().await);
    let form = house.get(&path).await;
    assert!(form.page.contains("온돌\n난방") && form.page.contains("value=\"2104\""));
    assert!(form.page.contains("value=\"교육\" checked") && form.page.contains("&quot;a&quot;: [\n    1"));
    let rev = form.value("_rev").to_owned();
    let changed = [("_rev", &*rev), ("f.title", "온돌"), ("f.number", ""), ("f.extra", "")];
    assert_eq!(house.post(&path, &changed).await.location(), format!("{path}?said=saved"));
    let form = house.get(&path).await;
    assert!(!form.page.contains("checked data-free") && !form.page.contains("value=\"교육\" checked"));
    assert!(form.page.contains("name=\"f.number\" type=\"number\" step=\"any\" value=\"0\""));
}

#[tokio::test]
async fn a_form_that_was_overtaken_asks_before_it_overwrites() {
    let house = House::signed_in().await.with_bills().await;
    house.post("/_/collections/bills/new", &[("f.title", "one")]).await;
    let path = format!("/_/collections/bills/records/{}", house.newest().await);
    let rev = house.get(&path).await.value("_rev").to_owned();
    house.post(&path, &[("_rev", &rev), ("f.title", "theirs")]).await;
    let mine = house.post(&path, &[("_rev", &rev), ("f.title", "mine")]).await;
    assert_eq!(mine.status, StatusCode::BAD_REQUEST);
    assert!(mine.page.contains("Somebody else has changed this record") && mine.page.contains("mine"));
    let fresh = mine.value("_rev").to_owned();
    assert_eq!(
        house.post(&path, &[("_rev", &fresh), ("f.title", "mine")]).await.status,
        StatusCode::SEE_OTHER
    );
}

#[tokio::test]
async fn what_is_wrong_stands_beside_its_field() {
    let house = House::signed_in().await.with_bills().await;
    let sent = [("f.title", ""), ("f.number", "3")];
    let reply = house.post("/_/collections/bills/new", &sent).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert!(
        reply.page.contains("id=\"f-title-fault\">Cannot be blank.") && reply.page.contains("value=\"3\"")
    );
    let reply = house.post("/_/collections/bills/new", &[("f.title", "x"), ("f.extra", "{oops")]).await;
    assert!(reply.page.contains("This is not JSON") && reply.page.contains("{oops"));
}

#[tokio::test]
async fn an_upload_is_kept_shown_and_taken_away() {
    let house = House::signed_in().await.with_bills().await;
    let body = "--x\r\nContent-Disposition: form-data; name=\"f.title\"\r\n\r\nwith a file\r\n\
                --x\r\nContent-Disposition: form-data; name=\"f.paper\"; filename=\"note.txt\"\r\n\
                Content-Type: text/plain\r\n\r\nwarm\r\n--x--\r\n";
    let request = Request::post("/_/collections/bills/new")
        .header("sec-fetch-site", "same-origin")
        .header("content-type", "multipart/form-data; boundary=x");
    let made = house.answer(request, Body::from(body)).await;
    assert_eq!(made.status, StatusCode::SEE_OTHER, "{}", made.page);
    let path = format!("/_/collections/bills/records/{}", house.newest().await);
    let form = house.get(&path).await;
    let (file, rev) = (form.value("f.paper.remove").to_owned(), form.value("_rev").to_owned());
    assert!(file.starts_with("note_") && form.page.contains("/api/files/bills/"));
    house.post(&path, &[("_rev", &rev), ("f.title", "without"), ("f.paper.remove", &file)]).await;
    assert!(!house.get(&path).await.page.contains(&file));
}

#[tokio::test]
async fn hostile_content_is_shown_as_text() {
    let house = House::signed_in().await.with_bills().await;
    house.post("/_/collections/bills/new", &[("f.title", HOSTILE)]).await;
    let path = format!("/_/collections/bills/records/{}", house.newest().await);
    let query = escaped(HOSTILE);
    for path in [
        &*path,
        "/_/collections/bills",
        &format!("/_/collections/bills?filter={query}&sort={query}&column={query}"),
    ] {
        let page = house.get(path).await.page;
        assert!(page.contains("&lt;script&gt;") && !page.contains("<script>"), "{path}");
    }
}

#[tokio::test]
async fn words_find_and_a_wrong_filter_is_told() {
    let house = House::signed_in().await.with_bills().await;
    for title in ["온돌 난방", "마을 도서관"] {
        house.post("/_/collections/bills/new", &[("f.title", title)]).await;
    }
    let found = house.get(&format!("/_/collections/bills?filter={}", escaped("난방 온돌"))).await.page;
    assert!(found.contains("1 found") && found.contains("온돌 난방") && !found.contains("마을 도서관"));
    let none = house.get(&format!("/_/collections/bills?filter={}", escaped("a\\ \"' %"))).await;
    assert!(none.status == StatusCode::OK && none.page.contains("Nothing fits"), "quotes are no filter");
    let wrong = house.get(&format!("/_/collections/bills?filter={}", escaped("titel = 1"))).await.page;
    assert!(wrong.contains("The filter can&#39;t be read") || wrong.contains("The filter can't be read"));
    assert!(wrong.contains("titel"));
}

#[tokio::test]
async fn records_go_only_when_it_was_asked() {
    let house = House::signed_in().await.with_bills().await;
    house.post("/_/collections/bills/new", &[("f.title", "to go")]).await;
    let id = house.newest().await;
    let asked = house.post("/_/collections/bills/delete", &[("id", &id)]).await;
    assert!(asked.page.contains("Delete this record?") && asked.page.contains("to go"));
    assert_eq!(house.newest().await, id);
    let gone = house.post("/_/collections/bills/delete", &[("id", &id), ("sure", "1")]).await;
    assert_eq!(gone.location(), "/_/collections/bills?said=deleted");
    assert!(house.get("/_/collections/bills").await.page.contains("No records yet"));
}

#[tokio::test]
async fn fields_rules_and_indexes_are_saved_and_their_faults_told() {
    let house = House::signed_in().await.with_bills().await;
    let wrong = house.post("/_/collections/bills/rules", &[("listRule", ""), ("viewRule", "nope = 1")]).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert!(wrong.page.split("id=\"viewRule-fault\">").nth(1).expect("a line").starts_with("Invalid rule"));
    let sent = [
        ("listRule", ""),
        ("viewRule", "title != ''"),
        ("createRule.locked", "1"),
        ("updateRule.locked", "1"),
        ("deleteRule.locked", "1"),
    ];
    assert_eq!(house.post("/_/collections/bills/rules", &sent).await.status, StatusCode::SEE_OTHER);
    let rules = &house.records.catalog().find("bills").expect("there").rules.clone();
    assert_eq!(
        (rules.list.as_deref(), rules.view.as_deref(), rules.create.as_deref()),
        (Some(""), Some("title != ''"), None)
    );
    let index = [("_do", "make"), ("field.0", "title"), ("unique", "1")];
    assert_eq!(house.post("/_/collections/bills/indexes", &index).await.status, StatusCode::SEE_OTHER);
    house.post("/_/collections/bills/new", &[("f.title", "once")]).await;
    let twice = house.post("/_/collections/bills/new", &[("f.title", "once")]).await;
    assert_eq!(twice.status, StatusCode::BAD_REQUEST);
    let dropped = house.post("/_/collections/bills/indexes", &[("_do", "drop.idx_bills_title")]).await;
    assert_eq!(dropped.status, StatusCode::SEE_OTHER, "{}", dropped.page);
}

#[tokio::test]
async fn a_collection_is_renamed_emptied_and_deleted_with_its_name_typed() {
    let house = House::signed_in().await.with_bills().await;
    house.post("/_/collections/bills/new", &[("f.title", "x")]).await;
    let renamed = house.post("/_/collections/bills/settings", &[("_do", "rename"), ("name", "laws")]).await;
    assert_eq!(renamed.location(), "/_/collections/laws/settings?said=saved", "{}", renamed.page);
    let refused = house.post("/_/collections/laws/settings", &[("_do", "drop"), ("confirm", "bills")]).await;
    assert!(refused.status == StatusCode::BAD_REQUEST && refused.page.contains("That is not the name."));
    house.post("/_/collections/laws/settings", &[("_do", "empty"), ("confirm", "laws")]).await;
    assert!(house.get("/_/collections/laws").await.page.contains("No records yet"));
    let gone = house.post("/_/collections/laws/settings", &[("_do", "drop"), ("confirm", "laws")]).await;
    assert_eq!(gone.location(), "/_/collections?said=deleted");
    assert!(house.records.catalog().find("laws").is_none());
}

#[tokio::test]
async fn signing_in_of_accounts_is_set() {
    let house = House::signed_in().await;
    let sent = [("_do", "auth"), ("has_password", "1"), ("identity", "email"), ("token_seconds", "3600")];
    let saved = house.post("/_/collections/users/settings", &sent).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.page);
    let users = house.records.catalog().find("users").expect("there").clone();
    assert_eq!(users.auth.as_ref().expect("accounts").token_seconds, 3600);
}

#[tokio::test]
async fn a_new_account_needs_its_password_twice() {
    let house = House::signed_in().await;
    let with =
        |again| [("f.email", "a@example.com"), ("f.password", "long enough"), ("f.passwordConfirm", again)];
    let refused = house.post("/_/collections/users/new", &with("other")).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(!refused.page.contains("long enough"), "a password never comes back");
    let made = house.post("/_/collections/users/new", &with("long enough")).await;
    assert_eq!(made.location(), "/_/collections/users?said=made", "{}", made.page);
}

#[tokio::test]
async fn signing_out_ends_the_session() {
    let mut house = House::signed_in().await;
    let left = house.post("/_/sign-out", &[]).await;
    house.keep(&left);
    assert_eq!(house.get("/_/collections").await.status, StatusCode::SEE_OTHER);
}
