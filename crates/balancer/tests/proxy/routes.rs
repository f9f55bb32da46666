//! Routes: by host and path to a pool, a folder, an address or into this process; and what they do on the way.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use balancer::{Config, Place, Route, Uploads};
use base::unit::{Bytes, Span};
use hyper::Request;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use web::limiter::Allowance;
use web::{Pass, Passing};

use crate::bench::{Bench, config, read};
use crate::witness::Witness;

/// Whoever answers in this process.
struct Here;

impl Pass for Here {
    fn pass(self: Arc<Self>, request: Request<Body>) -> Passing {
        Box::pin(async move { Response::new(Body::from(format!("here {}", request.uri().path()))) })
    }
}

async fn named(name: &'static str) -> Witness {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}", name.len());
    Witness::new(Arc::new(move |_| Some(head.clone().into_bytes()))).await
}

pub(crate) fn pool(name: &str, server: &Witness) -> (String, Vec<Place>) {
    (
        name.to_owned(),
        vec![Place { address: server.address.to_string(), weight: 1, is_spare: false, is_host: false }],
    )
}

fn route(host: &str, path: &str) -> Route {
    Route { host: host.into(), path: path.into(), ..Route::default() }
}

pub(crate) async fn ask(bench: &Bench, line: &str, headers: &str) -> (u16, String, Vec<u8>) {
    let host = if headers.contains("Host:") { "" } else { "Host: t\r\n" };
    let request = format!("{line} HTTP/1.1\r\n{host}Connection: close\r\n{headers}\r\n");
    read(&bench.say(request.as_bytes()).await)
}

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, bytes) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("it has one")).expect("made");
        std::fs::write(path, bytes).expect("written");
    }
    folder
}

fn root(path: &Path) -> BTreeMap<String, std::path::PathBuf> {
    [("static".to_owned(), path.to_owned())].into()
}

#[tokio::test]
async fn a_request_goes_where_its_host_and_path_lead_and_a_reload_changes_that() {
    let (main, media) = (named("main").await, named("media").await);
    let files = folder(&[("css/a.css", b"a{}"), ("index.html", b"<h1>home</h1>")]);
    let settings = Config {
        pools: [pool("media", &media)].into(),
        roots: root(files.path()),
        routes: vec![
            Route { pool: Some("media".into()), ..route("m.example", "/") },
            Route { files: Some("static".into()), ..route("", "/static/") },
            Route { redirect: Some("https://new.example/*".into()), status: 308, ..route("", "/old/") },
            Route { local: true, name: "inside".into(), ..route("", "/here") },
        ],
        ..config(&[main.address])
    };
    let bench = Bench::over(settings.clone(), web::Config::default(), Some(Arc::new(Here))).await;
    for (line, headers, status, body) in [
        ("GET /", "", 200, "main"),
        ("GET /static", "", 200, "main"),
        ("GET /", "Host: M.example:80\r\n", 200, "media"),
        ("GET /static/css/a.css", "", 200, "a{}"),
        ("GET /static/", "", 200, "<h1>home</h1>"),
        ("GET /here/x", "", 200, "here /here/x"),
        ("POST /here/x", "Content-Length: 0\r\n", 200, "here /here/x"),
        ("GET /hereby", "", 200, "main"),
    ] {
        let (told, head, heard) = ask(&bench, line, headers).await;
        assert_eq!(
            (told, String::from_utf8_lossy(&heard).as_ref()),
            (status, body),
            "{line} {headers}: {head}"
        );
    }
    let (status, head, _) = ask(&bench, "GET /old/a?b=c", "").await;
    assert!(status == 308 && head.contains("location: https://new.example/a?b=c\r\n"), "{head}");
    for path in ["/static/../here", "/static/%2e%2e/here", "//here"] {
        assert_eq!(ask(&bench, &format!("GET {path}"), "").await.0, 400, "{path}");
    }
    let mut open = TcpStream::connect(bench.address).await.expect("it listens");
    open.write_all(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n").await.expect("sent");
    bench.service.reload(Config { routes: vec![route("", "/old/")], ..settings });
    assert_eq!(ask(&bench, "GET /old/a", "").await.2, b"main");
    open.write_all(b"GET / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n").await.expect("sent");
    let mut heard = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut open, &mut heard).await.expect("read");
    assert_eq!(crate::bench::statuses(&heard), [200, 200], "a connection that was open stays so");
    bench.end().await;
}

#[tokio::test]
async fn rooms_in_this_process_keep_what_is_theirs_and_end_a_write_though_its_client_goes_away() {
    let (begun, ended) = (Arc::<tokio::sync::Notify>::default(), Arc::<tokio::sync::Notify>::default());
    let (go, done) = (begun.clone(), ended.clone());
    let write = axum::routing::post(async move || {
        go.notify_one();
        tokio::time::sleep(Duration::from_millis(100)).await;
        done.notify_one();
        "done"
    });
    let router = axum::Router::new().route("/write", write);
    let rooms = web::Front::new(router, Arc::default()).into_pass();
    let settings = Config { routes: vec![Route { local: true, ..route("", "/api") }], ..Config::default() };
    let bench = Bench::over(settings, web::Config::default(), Some(rooms)).await;
    let asks = "Origin: https://a.example\r\nAccess-Control-Request-Method: PATCH\r\n";
    assert_eq!(ask(&bench, "OPTIONS /write", asks).await.0, 204);
    let (status, head, body) = ask(&bench, "GET /none", "Origin: https://a.example\r\n").await;
    assert!(status == 404 && body.starts_with(b"{\"status\":404"), "{head}");
    assert!(head.contains("x-frame-options") && head.contains("access-control-allow-origin: *"), "{head}");
    let mut client = TcpStream::connect(bench.address).await.expect("it listens");
    client.write_all(b"POST /write HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n").await.expect("sent");
    begun.notified().await;
    drop(client);
    ended.notified().await;
    bench.end().await;
}

#[tokio::test]
async fn files_are_sent_whole_in_part_or_not_again_and_never_from_outside() {
    let (main, large) = (named("main").await, vec![b'x'; 300_000]);
    let files = folder(&[
        ("a.txt", b"0123456789"),
        ("large.bin", &large),
        ("a.js", b"let a = 1"),
        ("a.js.br", b"BR"),
        ("a.js.gz", b"GZ"),
        (".env", b"secret"),
        ("d/index.html", b"d"),
    ]);
    let outside = folder(&[("secret", b"secret")]);
    std::os::unix::fs::symlink(outside.path(), files.path().join("link")).expect("a link");
    let settings = Config {
        roots: root(files.path()),
        routes: vec![Route { files: Some("static".into()), ..route("", "/s") }],
        ..config(&[main.address])
    };
    let bench = Bench::with(settings, web::Config::default()).await;
    let (status, head, body) = ask(&bench, "GET /s/a.txt", "").await;
    assert!(
        status == 200 && body == b"0123456789" && head.contains("content-type: text/plain; charset=utf-8"),
        "{head}"
    );
    let tag =
        head.split("etag: ").nth(1).and_then(|rest| rest.split("\r\n").next()).expect("a tag").to_owned();
    for (line, headers, status, body) in [
        ("GET /s/a.txt", format!("If-None-Match: {tag}\r\n"), 304, &b""[..]),
        ("GET /s/a.txt", "If-None-Match: \"other\"\r\n".into(), 200, b"0123456789"),
        ("GET /s/a.txt", "If-Modified-Since: Wed, 21 Oct 2076 07:28:00 GMT\r\n".into(), 304, b""),
        ("GET /s/a.txt", "Range: bytes=2-4\r\n".into(), 206, b"234"),
        ("GET /s/a.txt", format!("Range: bytes=-2\r\nIf-Range: {tag}\r\n"), 206, b"89"),
        ("GET /s/a.txt", "Range: bytes=2-4\r\nIf-Range: \"other\"\r\n".into(), 200, b"0123456789"),
        ("GET /s/a.txt", "Range: bytes=20-\r\n".into(), 416, b""),
        ("GET /s/a.txt", "If-Match: \"other\"\r\n".into(), 412, b""),
        ("HEAD /s/a.txt", String::new(), 200, b""),
        ("GET /s/d/", String::new(), 200, b"d"),
        ("GET /s/d", String::new(), 303, b""),
        ("GET /s", String::new(), 303, b""),
        ("GET /s/large.bin", String::new(), 200, &large),
        ("GET /s/large.bin", "Range: bytes=100000-299998\r\n".into(), 206, &large[100_000..299_999]),
        ("GET /s/a.js", "Accept-Encoding: gzip, br\r\n".into(), 200, b"BR"),
        ("GET /s/a.js", "Accept-Encoding: gzip\r\n".into(), 200, b"GZ"),
        ("GET /s/a.js", String::new(), 200, b"let a = 1"),
    ] {
        let (told, head, heard) = ask(&bench, line, &headers).await;
        assert!((told, heard.as_slice()) == (status, body), "{line} {headers}: {told} {head}");
        if line.ends_with(".js") {
            assert!(head.contains("vary: accept-encoding"), "{head}");
        }
    }
    for path in [
        "/s/none",
        "/s/.env",
        "/s/%2eenv",
        "/s/link/secret",
        "/s/a.txt/b",
        "/s//a.txt",
        "/s/..%2f..%2fetc/passwd",
    ] {
        let (status, _, body) = ask(&bench, &format!("GET {path}"), "").await;
        assert!(matches!(status, 400 | 404) && !body.starts_with(b"secret"), "{path}: {status}");
    }
    assert_eq!(ask(&bench, "POST /s/a.txt", "Content-Length: 0\r\n").await.0, 404);
    bench.end().await;
}

#[tokio::test]
async fn texts_are_compressed_where_the_route_says_so_and_event_streams_never() {
    let page = "a page that says the same again and again\n".repeat(500);
    let server = Witness::new({
        let page = page.clone();
        Arc::new(move |read| {
            let kind = if read.path.ends_with("events") { "text/event-stream" } else { "text/html" };
            let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nETag: \"a\"\r\n");
            Some(format!("{head}Content-Length: {}\r\n\r\n{page}", page.len()).into_bytes())
        })
    })
    .await;
    let settings = Config {
        routes: vec![Route { compress: Some(true), ..route("", "/c/") }],
        ..config(&[server.address])
    };
    let bench = Bench::with(settings, web::Config::default()).await;
    for coding in ["br", "gzip"] {
        let (_, head, body) = ask(&bench, "GET /c/", &format!("Accept-Encoding: {coding}\r\n")).await;
        assert!(
            head.contains(&format!("content-encoding: {coding}")) && head.contains("etag: w/\"a\""),
            "{head}"
        );
        assert!(head.contains("vary: accept-encoding") && body.len() < page.len() / 10, "{head}");
    }
    for (path, headers) in [
        ("/plain", "Accept-Encoding: gzip\r\n"),
        ("/c/events", "Accept-Encoding: gzip\r\n"),
        ("/c/", ""),
        ("/c/", "Accept-Encoding: gzip\r\nSec-Fetch-Site: cross-site\r\n"),
        ("/c/", "Accept-Encoding: gzip\r\nRange: bytes=0-1\r\n"),
    ] {
        let (_, head, body) = ask(&bench, &format!("GET {path}"), headers).await;
        assert!(body == page.as_bytes() && head.contains("etag: \"a\""), "{path} {headers}: {head}");
    }
    bench.end().await;
}

#[tokio::test]
async fn an_upload_that_is_taken_in_whole_holds_no_backend_until_it_is_there() {
    let server = Witness::echo().await;
    let settings = Config {
        routes: vec![Route {
            uploads: Uploads::Whole,
            body_bytes_max: Some(Bytes(400_000)),
            ..route("", "/up")
        }],
        probe_every: Span(Duration::from_secs(600)),
        ..config(&[server.address])
    };
    let bench = Bench::with(settings, web::Config::default()).await;
    let body = "x".repeat(300_000);
    for framing in [format!("Content-Length: {}", body.len()), "Transfer-Encoding: chunked".to_owned()] {
        let is_chunked = framing.starts_with('T');
        let mut client = TcpStream::connect(bench.address).await.expect("it listens");
        let head = format!("POST /up HTTP/1.1\r\nHost: t\r\nConnection: close\r\n{framing}\r\n\r\n");
        client.write_all(head.as_bytes()).await.expect("sent");
        let sent = if is_chunked { format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len()) } else { body.clone() };
        let (first, last) = sent.split_at(200_000);
        client.write_all(first.as_bytes()).await.expect("sent");
        let page = bench.page().await;
        assert!(page.contains("answers_total{") && page.contains(",class=\"2xx\"} "), "{page}");
        assert!(
            page.lines()
                .any(|line| line.starts_with("ondol_balancer_backend_requests{") && line.ends_with(" 0"))
        );
        client.write_all(last.as_bytes()).await.expect("sent");
        let mut heard = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut client, &mut heard).await.expect("read");
        assert_eq!(read(&heard).2.len(), "POST /up ".len() + body.len());
    }
    let large = "x".repeat(400_001);
    let known = format!("Content-Length: {}\r\n", large.len());
    assert_eq!(ask(&bench, "POST /up", &known).await.0, 413);
    let chunked = format!(
        "POST /up HTTP/1.1\r\nHost: t\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{large}\r\n0\r\n\r\n",
        large.len()
    );
    assert_eq!(read(&bench.say(chunked.as_bytes()).await).0, 413);
    bench.end().await;
    // nothing that was refused was sent on, and what was sent has a length
    let sent = server.ended().await.concat();
    let text = String::from_utf8_lossy(&sent);
    assert_eq!(text.matches("POST /up").count(), 2);
    assert_eq!(text.to_lowercase().matches("content-length: 300000").count(), 2);
}

#[tokio::test]
async fn a_slow_client_does_not_hold_a_backend_whose_answer_fits_into_what_is_taken_ahead() {
    let most = 1 << 20;
    let server = Witness::new(Arc::new(move |_| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {most}\r\n\r\n");
        Some([head.into_bytes(), vec![b'x'; most]].concat())
    }))
    .await;
    let settings = Config { answer_ahead_max: Bytes(2 << 20), ..config(&[server.address]) };
    let bench = Bench::with(settings, web::Config::default()).await;
    let mut client = TcpStream::connect(bench.address).await.expect("it listens");
    client.write_all(b"GET / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n").await.expect("sent");
    // it has been given the request, and has it no longer, though nobody reads
    crate::conduct::until(
        &bench,
        &format!("ondol_balancer_backend_answers_total{{backend=\"{}\",class=\"2xx\"}} 1", server.address),
    )
    .await;
    crate::conduct::until(
        &bench,
        &format!("ondol_balancer_backend_requests{{backend=\"{}\"}} 0", server.address),
    )
    .await;
    let mut heard = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut client, &mut heard).await.expect("read");
    assert_eq!(read(&heard).2.len(), most);
    bench.end().await;
}

#[tokio::test]
async fn a_route_has_limits_of_its_own() {
    let server = named("ok").await;
    let settings = Config {
        routes: vec![
            Route { name: "tight".into(), ..route("", "/tight") },
            Route { requests_per_address_max: 1, ..route("", "/one") },
            Route { requests_max: 1, ..route("", "/all") },
        ],
        ..config(&[server.address])
    };
    let rates =
        vec![Allowance { label: "tight:request".into(), requests: 2, per: Span(Duration::from_secs(600)) }];
    let bench = Bench::with(settings, web::Config { rates, ..web::Config::default() }).await;
    let mut told = Vec::new();
    for path in ["/tight", "/tight", "/tight", "/"] {
        told.push(ask(&bench, &format!("GET {path}"), "").await.0);
    }
    assert_eq!(told, [200, 200, 429, 200]);
    for (path, refusal) in [("/one", 429), ("/all", 503)] {
        let mut first = TcpStream::connect(bench.address).await.expect("it listens");
        let half =
            format!("POST {path} HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\nConnection: close\r\n\r\na");
        first.write_all(half.as_bytes()).await.expect("sent");
        while ask(&bench, &format!("GET {path}"), "").await.0 != refusal {}
        first.write_all(b"b").await.expect("sent");
        let mut heard = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut first, &mut heard).await.expect("read");
        assert_eq!(read(&heard).0, 200);
        while ask(&bench, &format!("GET {path}"), "").await.0 != 200 {}
    }
    bench.end().await;
}
