//! What an enemy sends costs little and shows nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use crate::house::{House, ROOT, multipart};

const POSTS: &str = "/api/collections/posts/records";
const MIB: u64 = 1 << 20;

async fn house() -> House {
    let house = House::new().await;
    let fields = json!([
        { "name": "title", "type": "text" },
        { "name": "any", "type": "json" },
        { "name": "photo", "type": "file", "maxSize": MIB },
    ]);
    house.open_collection("posts", fields).await;
    house
}

/// A gigabyte of zeros after a begin, always ready; and how much of it was taken.
fn gigabyte(begin: &'static str) -> (Body, Arc<AtomicU64>) {
    let taken = Arc::new(AtomicU64::new(0));
    let count = taken.clone();
    let zeros = stream::repeat(Bytes::from_static(&[0; 64 << 10])).take(16 << 10).inspect(move |chunk| {
        count.fetch_add(chunk.len() as u64, Ordering::Relaxed);
    });
    let begin = stream::once(async move { Bytes::from_static(begin.as_bytes()) });
    (Body::from_stream(begin.chain(zeros).map(Ok::<_, std::io::Error>)), taken)
}

#[tokio::test]
async fn a_gigabyte_is_refused_while_it_arrives() {
    let house = house().await;
    let file = "--BOUND\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"a\"\r\n\r\n";
    let text = "--BOUND\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\n";
    let head = "--BOUND\r\nContent-Disposition: ";
    let many = ("multipart/form-data; boundary=BOUND", 3 * MIB);
    for (kind, begin, most) in [
        (many.0, file, many.1),
        (many.0, text, 17 * MIB),
        (many.0, head, MIB),
        (many.0, "", MIB),
        ("application/json", "{\"title\":\"", 17 * MIB),
        ("application/x-www-form-urlencoded", "title=", 17 * MIB),
    ] {
        let (body, taken) = gigabyte(begin);
        let (status, _, _) = house.send("POST", POSTS, &[("content-type", kind)], body).await;
        assert!(matches!(status.as_u16(), 400 | 413), "{kind} {begin}: {status}");
        let taken = taken.load(Ordering::Relaxed);
        assert!(taken <= most, "{kind} {begin}: {taken} bytes taken");
    }
    let folder = house
        .records
        .store()
        .files()
        .begin()
        .await
        .expect("a file")
        .path()
        .parent()
        .expect("as it was made")
        .to_owned();
    assert_eq!(std::fs::read_dir(folder).expect("the folder").count(), 0, "nothing of it is left on disk");
}

#[tokio::test]
async fn a_gigabyte_that_is_announced_is_refused_before_it_comes() {
    let house = house().await;
    let length = (1u64 << 30).to_string();
    let (body, taken) = gigabyte("");
    let headers = [("content-type", "application/json"), ("content-length", length.as_str())];
    let (status, _, _) = house.send("POST", "/api/batch", &headers, body).await;
    assert_eq!(status, 413);
    assert!(taken.load(Ordering::Relaxed) <= 17 * MIB);
}

#[tokio::test]
async fn long_and_deep_texts_are_refused_with_a_reason() {
    let house = house().await;
    let long = "a".repeat(1 << 20);
    let many = "title%3D1%26%26".repeat(2000) + "title%3D1";
    let deep = "(".repeat(30_000) + "title%3D1" + &")".repeat(30_000);
    for query in [
        format!("filter=title%3D'{long}'"),
        format!("filter={many}"),
        format!("filter={deep}"),
        format!("sort={}", "title,".repeat(5000)),
        format!("expand={}", "a.".repeat(10_000)),
        format!("fields={}", "a:excerpt(1,".repeat(10_000)),
    ] {
        // a uri has at most 64 KiB in process; the server refuses a head over 32 KiB before
        let query = &query[..query.len().min(60_000)];
        let (status, body) = house.get(&format!("{POSTS}?{query}"), "").await;
        assert!(status == 400 || status == 200, "{}: {status} {body}", &query[..20]);
        assert!(body.to_string().len() < 10_000, "an answer does not repeat what was sent");
        assert!(!body.to_string().to_lowercase().contains("sql"), "{body}");
    }
    let deep = format!("{{\"any\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let (status, _, body) =
        house.send("POST", POSTS, &[("content-type", "application/json")], deep.into()).await;
    assert_eq!(status, 400, "{}", String::from_utf8_lossy(&body));
    let topic = format!("posts/*?options={}", "%7B%22query%22%3A".repeat(100));
    let sent = json!({ "clientId": "x", "subscriptions": [topic, long] });
    assert_eq!(house.ask("POST", "/api/realtime", "", &sent).await.0, 400);
}

#[tokio::test]
async fn odd_multipart_is_refused_and_odd_names_stay_in_their_folder() {
    let house = house().await;
    let many: Vec<_> = (0..1001).map(|_| ("title", None, &b"x"[..])).collect();
    let (kind, body) = multipart(&many);
    assert_eq!(house.send("POST", POSTS, &[("content-type", kind)], body).await.0, 400);
    for (kind, body) in [
        ("multipart/form-data", "--X--"),
        ("multipart/form-data; boundary=", "----"),
        ("multipart/form-data; boundary=X", "--X\r\n\r\n\r\n--X--"),
        (
            "multipart/form-data; boundary=X",
            "--X\r\nContent-Disposition: form-data; name=\"@jsonPayload\"\r\n\r\n[1]\r\n--X--",
        ),
        (
            "multipart/form-data; boundary=X",
            "--X\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\n\u{0}",
        ),
    ] {
        let (status, _, answer) = house.send("POST", POSTS, &[("content-type", kind)], body.into()).await;
        assert_eq!(status, 400, "{body}: {}", String::from_utf8_lossy(&answer));
    }
    for name in ["../../data.db", "/etc/passwd", "..\\..\\x", "a\u{0}b", ".", "..", "CON", &"ㅎ".repeat(300)]
    {
        let (kind, body) = multipart(&[("photo", Some(name), b"x")]);
        let (status, _, body) = house.send("POST", POSTS, &[("content-type", kind)], body).await;
        let made: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(status, 200, "{name:?}: {made}");
        let kept = made["photo"].as_str().expect("a name");
        assert!(
            !kept.contains(['/', '\\', '\0']) && !kept.starts_with('.') && kept.len() <= 255,
            "{name:?}: {kept}"
        );
        let path = format!("/api/files/posts/{}/{kept}", made["id"].as_str().expect("as it was made"));
        assert_eq!(house.send("GET", &path, &[], Body::empty()).await.0, 200, "{name:?}: {kept}");
    }
}

#[tokio::test]
async fn odd_paths_and_tokens_are_answered_in_json() {
    let house = house().await;
    let long = "t".repeat(20_000);
    for (method, path, token) in [
        ("GET", "/api/collections/%00/records", ""),
        ("GET", "/api/collections/%FF%FE/records", ""),
        ("GET", "/api/collections/posts/records/%2e%2e", ""),
        ("GET", "/api/collections/posts'--/records", ""),
        ("GET", "/api/collections/posts/records/a'%20OR%20'1'='1", ""),
        ("GET", "/api//collections", ""),
        ("GET", "/api/collections/posts/records/", ""),
        ("PUT", "/api/collections/posts/records", ""),
        ("GET", "/api/collections", long.as_str()),
        ("GET", "/api/collections", "_superusers/nobody"),
        ("GET", "/api/collections", "users/' OR 1=1"),
        ("GET", "/api/nothing", ROOT),
    ] {
        let (status, body) = house.ask(method, path, token, &Value::Null).await;
        assert!((400..500).contains(&status), "{method} {path}: {status}");
        assert_eq!(body["status"], json!(status), "{method} {path}: {body}");
    }
}
