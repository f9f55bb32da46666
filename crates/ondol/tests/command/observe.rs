//! What those who run the service see: health, metrics, request ids and the log, from outside.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::path::Path;

use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::database;
use crate::running::{Served, run_with};

const SECRET: &str = "seen by those who watch";

/// A folder with settings and a superuser.
fn folder(settings: &str) -> TempDir {
    let dir = tempdir().expect("a folder");
    std::fs::write(dir.path().join("ondol.toml"), settings).expect("a file");
    let words = ["superuser", "upsert", "root@example.com", "--password-file", "-"];
    let (code, _, stderr) = run_with(dir.path(), &words, "warm floor\n");
    assert_eq!(code, 0, "{stderr}");
    dir
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// Asks with headers of one's own; `\r\n` ends each.
fn ask(served: &Served, line: &str, headers: &str) -> Answer {
    let mut stream = served.connect();
    let host = if headers.contains("Host:") { "" } else { "Host: localhost\r\n" };
    write!(stream, "{line} HTTP/1.1\r\n{host}Connection: close\r\n{headers}\r\n").expect("sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer in UTF-8");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

/// A family as the page tells it.
#[derive(Debug, Default)]
struct Family {
    kind: String,
    help: String,
    samples: BTreeMap<String, f64>,
}

/// Reads the text format strictly: every family with help, kind and lines in one piece, no line twice, names and
/// labels well formed, buckets that grow up to their count.
fn parse(text: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut current = String::new();
    assert!(text.ends_with('\n'), "the last line ends");
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("a help");
            let family = Family { help: help.to_owned(), ..Family::default() };
            assert!(families.insert(name.to_owned(), family).is_none(), "{name} is told twice");
            name.clone_into(&mut current);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a kind");
            assert_eq!(name, current, "help and kind go together");
            let family = families.get_mut(name).expect("has a help");
            assert!(family.kind.is_empty() && matches!(kind, "counter" | "gauge" | "histogram"), "{line}");
            kind.clone_into(&mut family.kind);
        } else {
            let (series, value) = line.rsplit_once(' ').expect("a value");
            let name = series.split('{').next().expect("a name");
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{line}");
            let end = name.strip_prefix(&current).unwrap_or_else(|| panic!("{line} is not of {current}"));
            let family = families.get_mut(&current).expect("begun");
            let ends: &[&str] =
                if family.kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
            assert!(ends.contains(&end), "{line}");
            labels(series);
            let value = value.parse().unwrap_or_else(|error| panic!("{line}: {error}"));
            assert!(family.samples.insert(series.to_owned(), value).is_none(), "{series} is told twice");
        }
    }
    families.values().for_each(buckets);
    families
}

/// The labels of a series, taken apart.
fn labels(series: &str) -> BTreeMap<String, String> {
    let Some((_, rest)) = series.split_once('{') else { return BTreeMap::new() };
    let mut rest = rest.strip_suffix('}').unwrap_or_else(|| panic!("{series} is open"));
    let mut labels = BTreeMap::new();
    while !rest.is_empty() {
        let (name, value) = rest.split_once("=\"").unwrap_or_else(|| panic!("{series}"));
        let end = value.find('"').unwrap_or_else(|| panic!("{series}"));
        assert!(!value[..end].contains('\\'), "no label of ours needs escapes: {series}");
        assert!(labels.insert(name.to_owned(), value[..end].to_owned()).is_none(), "{series}");
        rest = value[end + 1..].trim_start_matches(',');
    }
    labels
}

fn buckets(family: &Family) {
    let mut counts: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    for (series, value) in family.samples.iter().filter(|(series, _)| series.contains("_bucket{")) {
        let mut labels = labels(series);
        let bound = labels.remove("le").expect("a bound").parse().expect("a number, or +Inf");
        counts.entry(format!("{labels:?}")).or_default().push((bound, *value));
    }
    for (labels, mut counts) in counts {
        counts.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert!(counts.is_sorted_by(|a, b| a.1 <= b.1), "{labels} {counts:?}");
        assert!(counts.last().is_some_and(|(bound, _)| bound.is_infinite()), "{labels} {counts:?}");
    }
}

/// What a service's page of numbers tells, as the rows of its document.
fn told(dir: &Path) -> BTreeSet<String> {
    let served = Served::start(dir);
    let answer = ask(&served, "GET /metrics", "");
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    // its own line comes with the scrape that follows it
    let told = parse(&ask(&served, "GET /metrics", "").body);
    told.iter().map(|(name, family)| format!("| `{name}` | {} | {} |", family.kind, family.help)).collect()
}

#[test]
fn the_page_of_numbers_and_its_document_say_the_same() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operations.md");
    let page = std::fs::read_to_string(page).expect("docs/operations.md");
    let documented = page.lines().filter(|line| {
        [" | counter | ", " | gauge | ", " | histogram | "].iter().any(|kind| line.contains(kind))
    });
    let embedded = told(folder("").path());
    let database = testbed::postgres().database();
    let dir = database::folder(&database, "postgres", None);
    let cache = format!("[cache]\nmemcached = [\"{}\"]\n", testbed::memcached().address());
    let mut file =
        std::fs::OpenOptions::new().append(true).open(dir.path().join("ondol.toml")).expect("a file");
    file.write_all(cache.as_bytes()).expect("written");
    let balancer = told(folder("[balancer]\nbackends = [\"127.0.0.1:1\"]\n").path());
    let all = &(&told(dir.path()) | &embedded) | &balancer;
    assert_eq!(documented.map(str::to_owned).collect::<BTreeSet<_>>(), all);
    let is_of_cache = |row: &&String| row.starts_with("| `ondol_cache_");
    assert_eq!(embedded.iter().find(is_of_cache), None, "nothing is kept of the embedded engine's records");
}

#[test]
fn requests_are_counted_by_route_and_never_by_what_was_sent() {
    let dir = folder("");
    let served = Served::start(dir.path());
    for id in ["aaa", "bbb", "../x", "%00"] {
        served.ask("GET", &format!("/api/collections/users/records/{id}"), "", "");
        served.ask("GET", &format!("/nowhere/{id}"), "", "");
        served.ask("BREW", &format!("/nowhere/{id}"), "", "");
    }
    served.ask("POST", "/api/collections/users/records", "", "{\"a\": 1}");
    let text = ask(&served, "GET /metrics", "").body;
    let told = parse(&text);
    let requests = &told["ondol_http_requests_total"].samples;
    let count = |method: &str, route: &str, class: &str| {
        let series =
            format!("ondol_http_requests_total{{method=\"{method}\",route=\"{route}\",class=\"{class}\"}}");
        requests.get(&series).copied().unwrap_or_else(|| panic!("{series}: {requests:#?}"))
    };
    assert!(count("GET", "/api/collections/{collection}/records/{id}", "4xx") >= 2.0);
    assert_eq!(count("other", "other", "4xx"), 4.0);
    assert_eq!(count("POST", "/api/collections/{collection}/records", "4xx"), 1.0);
    assert!(!text.contains("nowhere") && !text.contains("aaa") && !text.contains("BREW"), "{text}");
    let number = |name: &str| told[name].samples[name];
    assert_eq!(number("ondol_http_request_bytes_total"), 8.0);
    assert_eq!(number("ondol_http_requests_in_flight"), 1.0, "the scrape itself");
    assert_eq!(number("ondol_database_up"), 1.0);
    assert!(number("process_resident_memory_bytes") > 1e6 && number("process_open_fds") > 3.0);
    assert!(number("ondol_change_log_position") > 0.0);
}

#[test]
fn the_numbers_are_for_this_machine_and_for_those_with_the_secret() {
    let dir = folder(&format!("[metrics]\nsecret = \"{SECRET}\"\n"));
    let served = Served::start(dir.path());
    let forwarded = "X-Forwarded-For: 127.0.0.1\r\n";
    let unknown = ask(&served, "GET /no-such-page", forwarded);
    for stranger in [forwarded, "Host: popong.com\r\n", "Origin: https://evil.example\r\n"] {
        let refused = ask(&served, "GET /metrics", stranger);
        assert_eq!((refused.status, &refused.body), (404, &unknown.body), "{stranger}");
        let wrong = ask(&served, "GET /metrics", &format!("{stranger}Authorization: Bearer {SECRET}x\r\n"));
        assert_eq!(wrong.status, 404, "{stranger}");
        let known = ask(&served, "GET /metrics", &format!("{stranger}Authorization: Bearer {SECRET}\r\n"));
        assert_eq!(known.status, 200, "{stranger}");
    }
    assert_eq!(ask(&served, "GET /metrics", "").status, 200);
    assert_eq!(ask(&served, "POST /metrics", "Content-Length: 0\r\n").status, 404);
}

#[test]
fn strangers_learn_the_role_and_operators_and_superusers_the_rest() {
    let dir = folder("");
    let served = Served::start(dir.path());
    let forwarded = "X-Forwarded-For: 127.0.0.1\r\n";
    let told = ask(&served, "GET /api/health", forwarded);
    assert_eq!(told.status, 200);
    assert_eq!(told.body, r#"{"code":200,"message":"API is healthy.","data":{"role":"primary"}}"#);
    let body = r#"{"identity":"root@example.com","password":"warm floor"}"#;
    let (status, signed) = served.ask("POST", "/api/collections/_superusers/auth-with-password", "", body);
    assert_eq!(status, 200, "{signed}");
    let signed: Value = serde_json::from_str(&signed).expect("JSON");
    let token = signed["token"].as_str().expect("a token");
    for more in [String::new(), format!("{forwarded}Authorization: {token}\r\n")] {
        let data = &ask(&served, "GET /api/health", &more).json()["data"];
        assert_eq!(data["role"], "primary", "{data}");
        assert_eq!((&data["delay_ms"], &data["engine"]["name"]), (&0.into(), &"sqlite".into()), "{data}");
        assert_eq!(data["version"], env!("CARGO_PKG_VERSION"), "{data}");
        assert!(data["engine"]["version"].is_string() && data["position"].as_i64() > Some(0), "{data}");
        assert!(data["uptime_ms"].is_u64() && data["realIP"] == "127.0.0.1", "{data}");
    }
}

#[test]
fn an_id_leads_from_the_answer_to_the_log_and_no_token_stands_there() {
    let dir = folder("[web]\naccess_log = \"all\"\n[log]\nform = \"json\"\n");
    let served = Served::start(dir.path());
    let trace = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n";
    let kept = ask(
        &served,
        "GET /api/health?token=hidden-word",
        &format!("X-Request-Id: from.outside_1\r\n{trace}"),
    );
    assert_eq!(kept.header("x-request-id"), Some("from.outside_1"));
    let made = ask(&served, "GET /nowhere", "X-Request-Id: no good\r\nAuthorization: hidden-word\r\n");
    let id = made.header("x-request-id").expect("an id").to_owned();
    assert!(id.len() >= 10 && id != "no good", "{id}");
    served.signal("TERM");
    let (code, log) = served.end();
    assert_eq!(code, 0, "{log}");
    assert!(!log.contains("hidden-word") && !log.contains("no good"), "{log}");
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let line = |id: &str| {
        let mut found = lines.iter().filter(|line| line["target"] == "access" && line["request"] == id);
        let line = found.next().unwrap_or_else(|| panic!("no line of {id} in\n{log}"));
        assert!(found.next().is_none(), "one line per request\n{log}");
        line
    };
    let first = line("from.outside_1");
    assert_eq!((&first["method"], &first["path"]), (&"GET".into(), &"/api/health".into()));
    assert_eq!((&first["status"], &first["address"]), (&200.into(), &"127.0.0.1".into()));
    assert_eq!(first["bytes"], kept.body.len());
    assert!(first["ms"].as_f64() > Some(0.0), "{first}");
    assert_eq!(first["trace"], "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(first["parent"], "b7ad6b7169203331");
    assert_eq!((&line(&id)["status"], &line(&id)["level"]), (&404.into(), &"INFO".into()));
}

#[test]
fn by_default_what_strangers_do_fills_no_log() {
    let dir = folder("[log]\nform = \"json\"\n");
    let served = Served::start(dir.path());
    for _ in 0..10 {
        assert_eq!(ask(&served, "GET /api/nowhere", "").status, 404);
    }
    served.signal("TERM");
    let (_, log) = served.end();
    assert!(!log.contains("nowhere") && log.contains("stopping"), "{log}");
}
