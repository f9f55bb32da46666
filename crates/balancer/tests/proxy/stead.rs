//! What is sent in an answer's stead: files of allowed roots and what allowed pools have, by order of the application.

use std::sync::{Arc, Mutex};

use balancer::{Config, Place, Route};

use crate::bench::{Bench, config};
use crate::routes::{ask, pool};
use crate::witness::{Reply, Witness};

/// An application that answers `/?HEADER|VALUE` with that header; `+` stands for a space.
fn orders() -> Reply {
    Arc::new(|read| {
        let order = read.path.split_once('?').map_or("", |(_, order)| order).replace('+', " ");
        let line = order.replace('|', ": ");
        let head = "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nETag: \"app\"\r\nX-Own: kept";
        Some(format!("{head}\r\n{line}\r\nContent-Length: 3\r\n\r\napp").into_bytes())
    })
}

/// Each request's fields, in the order they came.
type Heads = Arc<Mutex<Vec<Vec<(String, String)>>>>;

struct Stage {
    bench: Bench,
    files: tempfile::TempDir,
    /// Heads that the store was asked with.
    asked: Heads,
    store: String,
}

async fn stage() -> Stage {
    let application = Witness::new(orders()).await;
    let asked = Heads::default();
    let store = Witness::new({
        let asked = asked.clone();
        Arc::new(move |read| {
            asked.lock().expect("nobody panics").push(read.headers.clone());
            let (status, body) = match read.path.as_str() {
                "/none" => ("404 Not Found", "none"),
                _ if read.header("range").is_some() => ("206 Partial Content", "to"),
                _ => ("200 OK", "stored"),
            };
            let more = "Content-Type: text/plain\r\nETag: \"store\"\r\nX-Accel-Redirect: /files/a";
            let body = if read.method == "HEAD" { "" } else { body };
            Some(
                format!("HTTP/1.1 {status}\r\n{more}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
                    .into_bytes(),
            )
        })
    })
    .await;
    let files = tempfile::tempdir().expect("a folder");
    std::fs::write(files.path().join("a b"), "0123456789").expect("written");
    std::fs::write(files.path().join("a"), "a").expect("written");
    std::os::unix::fs::symlink("/etc/passwd", files.path().join("link")).expect("a link");
    let route = Route {
        path: "/app".into(),
        reproxy_roots: vec!["files".into()],
        reproxy_pools: vec!["store".into()],
        ..Route::default()
    };
    let gone = Place {
        address: format!("127.0.0.1:{}", testbed::free_port()),
        weight: 1,
        is_spare: false,
        is_host: false,
    };
    let mut pools: std::collections::BTreeMap<_, _> =
        [pool("store", &store), pool("other", &application)].into();
    pools.get_mut("store").expect("it is there").push(gone);
    let settings = Config {
        pools,
        roots: [("files".to_owned(), files.path().to_owned()), ("more".to_owned(), "/etc".into())].into(),
        routes: vec![route],
        ..config(&[application.address])
    };
    let store = store.address.to_string();
    Stage { bench: Bench::with(settings, web::Config::default()).await, files, asked, store }
}

#[tokio::test]
async fn an_answer_has_a_file_or_what_a_pool_has_sent_in_its_stead() {
    let stage = stage().await;
    let folder = stage.files.path().display().to_string();
    let (whole, store) = (format!("X-Reproxy-File|{folder}/a+b"), &stage.store);
    for (order, headers, status, body) in [
        ("X-Accel-Redirect|/files/a%20b", "", 200, "0123456789"),
        ("X-Accel-Redirect|/files/a%20b", "Range: bytes=2-3\r\n", 206, "23"),
        ("X-Accel-Redirect|/files/a%20b", "If-Modified-Since: Wed, 21 Oct 2076 07:28:00 GMT\r\n", 304, ""),
        (whole.as_str(), "", 200, "0123456789"),
        ("X-Reproxy-URL|http://store/x", "", 200, "stored"),
        ("X-Accel-Redirect|/store/x", "", 200, "stored"),
        ("X-Reproxy-URL|http://store/x", "Range: bytes=2-3\r\n", 206, "to"),
        (&format!("X-Reproxy-URL|http://{store}/none+http://{store}/x"), "", 200, "stored"),
    ] {
        let (told, head, heard) = ask(&stage.bench, &format!("GET /app?{order}"), headers).await;
        let heard = String::from_utf8_lossy(&heard);
        assert!(
            told == status && (status == 304 || heard == body),
            "{order} {headers}: {told} {head} {heard}"
        );
        assert!(head.contains("x-own: kept") && !head.contains("\"app\""), "{head}");
        assert!(!head.contains("x-accel") && !head.contains("x-reproxy"), "{head}");
        assert!(status == 304 || head.contains("content-type: image/jpeg"), "{head}");
    }
    let (status, head, body) = ask(&stage.bench, "HEAD /app?X-Accel-Redirect|/files/a", "").await;
    assert!(status == 200 && body.is_empty() && head.contains("content-length: 1"), "{head}");
    let post = "Content-Length: 0\r\nRange: bytes=0-1\r\n";
    assert_eq!(ask(&stage.bench, "POST /app?X-Accel-Redirect|/files/a", post).await.2, b"a");
    stage.bench.end().await;
}

#[tokio::test]
async fn what_is_not_allowed_is_not_sent_and_what_a_client_carries_is_not_shown_to_stores() {
    let stage = stage().await;
    let folder = stage.files.path().display().to_string();
    let orders = [
        "X-Accel-Redirect|/files/../etc/passwd".to_owned(),
        "X-Accel-Redirect|/files/link".into(),
        "X-Accel-Redirect|/more/passwd".into(),
        "X-Accel-Redirect|/other/x".into(),
        "X-Reproxy-File|/etc/passwd".into(),
        format!("X-Reproxy-File|{folder}/../../etc/passwd"),
        format!("X-Reproxy-File|{folder}/link"),
        "X-Reproxy-URL|http://169.254.169.254/latest".into(),
        "X-Reproxy-URL|http://other/x".into(),
        "X-Reproxy-URL|file:///etc/passwd".into(),
        "X-Reproxy-URL|http://store/none".into(),
    ];
    for order in orders {
        let (status, head, body) = ask(&stage.bench, &format!("GET /app?{order}"), "").await;
        let body = String::from_utf8_lossy(&body);
        assert!(
            matches!(status, 404 | 502) && !body.contains("root:") && !body.contains("app"),
            "{order}: {status} {head} {body}"
        );
    }
    // off by default, and never shown
    let (status, head, body) = ask(&stage.bench, "GET /plain?X-Accel-Redirect|/files/a", "").await;
    assert!(status == 200 && body == b"app" && !head.contains("x-accel"), "{head}");
    let secret = "Cookie: session=1\r\nAuthorization: Bearer x\r\nX-Accel-Redirect: /files/a\r\n";
    assert_eq!(ask(&stage.bench, "GET /app?X-Reproxy-URL|http://store/x", secret).await.2, b"stored");
    let asked = stage.asked.lock().expect("nobody panics").clone();
    assert!(!asked.is_empty());
    for head in asked {
        assert!(
            !head
                .iter()
                .any(|(name, _)| matches!(name.as_str(), "cookie" | "authorization" | "x-accel-redirect"))
        );
        assert!(
            head.iter().any(|(name, value)| name == "x-forwarded-for" && value == "127.0.0.1"),
            "{head:?}"
        );
    }
    stage.bench.end().await;
}
