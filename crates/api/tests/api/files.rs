//! Files: up, down, in part, small, and only to whom they may go.

use std::io::Cursor;

use axum::body::Body;
use axum::http::HeaderMap;
use image::{DynamicImage, ImageFormat};
use serde_json::{Value, json};

use crate::house::{House, ROOT, multipart};

async fn house() -> House {
    let house = House::new().await;
    let fields = json!([
        { "name": "title", "type": "text" },
        { "name": "photos", "type": "file", "maxSelect": 3, "maxSize": 100_000, "thumbs": ["20x10", "0x7f"] },
        { "name": "secret", "type": "file", "protected": true },
    ]);
    house.open_collection("posts", fields).await;
    house
}

async fn upload(house: &House, parts: &[(&str, Option<&str>, &[u8])]) -> (u16, Value) {
    let (kind, body) = multipart(parts);
    let path = "/api/collections/posts/records";
    let (status, _, body) = house.send("POST", path, &[("content-type", kind)], body).await;
    (status.as_u16(), serde_json::from_slice(&body).expect("JSON"))
}

fn path(record: &Value, file: &Value) -> String {
    format!(
        "/api/files/posts/{}/{}",
        record["id"].as_str().expect("as it was made"),
        file.as_str().expect("as it was made")
    )
}

async fn get(house: &House, path: &str, headers: &[(&str, &str)]) -> (u16, HeaderMap, Vec<u8>) {
    let (status, headers, body) = house.send("GET", path, headers, Body::empty()).await;
    (status.as_u16(), headers, body)
}

fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::new_rgb8(width, height).write_to(&mut bytes, ImageFormat::Png).expect("a picture");
    bytes.into_inner()
}

#[tokio::test]
async fn a_file_comes_back_as_it_went_whole_and_in_part() {
    let house = house().await;
    let (status, made) =
        upload(&house, &[("title", None, b"a"), ("photos", Some("온돌 notes.txt"), b"0123456789")]).await;
    assert_eq!(status, 200, "{made}");
    let path = path(&made, &made["photos"][0]);

    let (status, headers, body) = get(&house, &path, &[]).await;
    assert_eq!((status, &body[..]), (200, &b"0123456789"[..]));
    assert_eq!(headers["content-type"], "text/plain; charset=utf-8");
    assert!(
        headers["content-disposition"].to_str().expect("as it was made").starts_with("attachment; filename="),
        "{headers:?}"
    );
    assert_eq!(
        (&headers["content-length"], &headers["accept-ranges"]),
        (&"10".parse().expect("as it was made"), &"bytes".parse().expect("as it was made"))
    );
    assert!(headers["content-security-policy"].to_str().expect("as it was made").contains("sandbox"));
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert!(!headers.contains_key("x-frame-options"), "a picture may stand inside another site's page");

    let (status, part, body) = get(&house, &path, &[("range", "bytes=2-4")]).await;
    assert_eq!(
        (status, &body[..], &part["content-range"]),
        (206, &b"234"[..], &"bytes 2-4/10".parse().expect("as it was made"))
    );
    let (status, none, body) = get(&house, &path, &[("range", "bytes=50-")]).await;
    assert_eq!(
        (status, body.len(), &none["content-range"]),
        (416, 0, &"bytes */10".parse().expect("as it was made"))
    );
    let tag = headers["etag"].to_str().expect("as it was made");
    assert_eq!(get(&house, &path, &[("if-none-match", tag)]).await.0, 304);

    let (status, headers, body) = house.send("HEAD", &path, &[], Body::empty()).await;
    assert_eq!(
        (status.as_u16(), body.len(), &headers["content-length"]),
        (200, 0, &"10".parse().expect("as it was made"))
    );
}

#[tokio::test]
async fn what_could_run_in_a_browser_is_never_shown_in_place() {
    let house = house().await;
    let page = b"<html><script>alert(1)</script></html>";
    let (_, made) =
        upload(&house, &[("photos", Some("a.png"), &page[..]), ("photos", Some("b.png"), &png(2, 2))]).await;
    for (file, how) in [(&made["photos"][0], "attachment"), (&made["photos"][1], "inline")] {
        let (_, headers, _) = get(&house, &path(&made, file), &[]).await;
        assert!(headers["content-disposition"].to_str().expect("as it was made").starts_with(how), "{file}");
    }
    let (_, headers, _) = get(&house, &format!("{}?download=1", path(&made, &made["photos"][1])), &[]).await;
    assert!(headers["content-disposition"].to_str().expect("as it was made").starts_with("attachment"));
}

#[tokio::test]
async fn a_small_picture_is_made_in_the_sizes_that_the_field_offers() {
    let house = house().await;
    let (_, made) = upload(&house, &[("photos", Some("a.png"), &png(400, 200))]).await;
    let path = path(&made, &made["photos"][0]);
    for (size, shown) in [
        ("100x100", (100, 100)),
        ("20x10", (20, 10)),
        ("0x7f", (14, 7)),
        ("33x33", (400, 200)),
        ("nonsense", (400, 200)),
    ] {
        for _ in 0..2 {
            let (status, _, body) = get(&house, &format!("{path}?thumb={size}"), &[]).await;
            let picture = image::load_from_memory(&body).expect("a picture");
            assert_eq!((status, (picture.width(), picture.height())), (200, shown), "{size}");
        }
    }
}

#[tokio::test]
async fn a_protected_file_needs_a_token_that_may_view_the_record() {
    let house = house().await;
    let user = house.sign_up("kim").await;
    house.set("posts", json!({ "viewRule": "title = 'shared' && @request.auth.id != ''" })).await;
    for (title, reader) in [("shared", true), ("hidden", false)] {
        let (status, made) =
            upload(&house, &[("title", None, title.as_bytes()), ("secret", Some("s.txt"), b"secret")]).await;
        assert_eq!(status, 200, "{made}");
        let path = path(&made, &made["secret"]);
        assert_eq!(get(&house, &path, &[]).await.0, 404);
        assert_eq!(get(&house, &path, &[("authorization", ROOT)]).await.0, 404, "only a file token counts");
        let status = get(&house, &format!("{path}?token=file:{user}"), &[]).await.0;
        assert_eq!(status == 200, reader, "{title}");
        let (status, headers, _) = get(&house, &format!("{path}?token=file:{ROOT}"), &[]).await;
        assert_eq!(status, 200);
        assert!(headers["cache-control"].to_str().expect("as it was made").starts_with("private"));
    }
}

#[tokio::test]
async fn a_file_that_no_record_names_is_not_there() {
    let house = house().await;
    let (_, made) = upload(&house, &[("photos", Some("a.txt"), b"a")]).await;
    let id = made["id"].as_str().expect("as it was made");
    for path in [
        format!("/api/files/posts/{id}/other.txt"),
        format!("/api/files/posts/{id}/..%2F..%2Fdata.db"),
        format!("/api/files/posts/{id}/%2Fetc%2Fpasswd"),
        format!("/api/files/posts/{id}/.made"),
        "/api/files/posts/..%2F..%2F../data.db".to_owned(),
        "/api/files/..%2Fposts/x/data.db".to_owned(),
        format!("/api/files/posts/{id}/%00"),
        format!("/api/files/posts/{id}/%FF"),
    ] {
        let status = get(&house, &path, &[]).await.0;
        assert!(status == 404 || status == 400, "{path}: {status}");
    }
}
