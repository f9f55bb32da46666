//! Batches: all or nothing.

use serde_json::json;

use crate::house::{House, ROOT, multipart};

async fn house() -> House {
    let house = House::new().await;
    let fields =
        json!([{ "name": "title", "type": "text", "required": true }, { "name": "photo", "type": "file" }]);
    house.open_collection("posts", fields).await;
    house
}

#[tokio::test]
async fn all_requests_of_a_batch_are_done_in_order() {
    let house = house().await;
    let old = house.create("posts", "", json!({ "title": "old" })).await;
    let old = old["id"].as_str().expect("an id");
    let records = "/api/collections/posts/records";
    let requests = json!({ "requests": [
        { "method": "POST", "url": format!("{records}?fields=title"), "body": { "title": "one" } },
        { "method": "PUT", "url": records, "body": { "id": "fifteen00000000", "title": "two" } },
        { "method": "PATCH", "url": format!("{records}/fifteen00000000"), "body": { "title": "three" } },
        { "method": "DELETE", "url": format!("{records}/{old}") },
    ]});
    let (status, answers) = house.ask("POST", "/api/batch", "", &requests).await;
    assert_eq!(status, 200, "{answers}");
    assert_eq!(answers[0], json!({ "status": 200, "body": { "title": "one" } }));
    assert_eq!(answers[2]["body"]["title"], json!("three"));
    assert_eq!(answers[3], json!({ "status": 204, "body": null }));
    let (_, page) = house.get(records, "").await;
    assert_eq!(page["totalItems"], json!(2));
}

#[tokio::test]
async fn a_batch_that_fails_has_done_nothing_and_says_where() {
    let house = house().await;
    let records = "/api/collections/posts/records";
    for second in [
        json!({ "method": "POST", "url": records, "body": { "title": "" } }),
        json!({ "method": "GET", "url": records }),
        json!({ "method": "DELETE", "url": format!("{records}/none") }),
        json!({ "method": "POST", "url": "/api/collections/_superusers/records", "body": {} }),
    ] {
        let first = json!({ "method": "POST", "url": records, "body": { "title": "one" } });
        let (status, body) =
            house.ask("POST", "/api/batch", "", &json!({ "requests": [first, second] })).await;
        assert_eq!((status, &body["message"]), (400, &json!("Batch transaction failed.")), "{body}");
        let fault = &body["data"]["requests"]["1"];
        assert_eq!(fault["code"], json!("batch_request_failed"), "{body}");
        assert!(fault["response"]["status"].as_u64().is_some_and(|s| s >= 400), "{body}");
        assert_eq!(house.get(records, "").await.1["totalItems"], json!(0));
    }
}

#[tokio::test]
async fn files_of_a_batch_come_under_their_requests() {
    let house = house().await;
    let requests = json!({ "requests": [
        { "method": "POST", "url": "/api/collections/posts/records", "body": { "title": "with" } },
        { "method": "POST", "url": "/api/collections/posts/records", "body": { "title": "without" } },
    ]});
    let (kind, body) = multipart(&[
        ("@jsonPayload", None, requests.to_string().as_bytes()),
        ("requests.0.photo", Some("a b.txt"), b"hello"),
    ]);
    let (status, _, body) = house.send("POST", "/api/batch", &[("content-type", kind)], body).await;
    let answers: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(status, 200, "{answers}");
    assert_eq!(answers[1]["body"]["photo"], json!(""));
    let (id, photo) = (
        answers[0]["body"]["id"].as_str().expect("as it was made"),
        answers[0]["body"]["photo"].as_str().expect("as it was made"),
    );
    let (status, _, body) =
        house.send("GET", &format!("/api/files/posts/{id}/{photo}"), &[], axum::body::Body::empty()).await;
    assert_eq!((status.as_u16(), &body[..]), (200, &b"hello"[..]), "{photo}");
}

#[tokio::test]
async fn a_batch_has_a_length() {
    let house = house().await;
    let one = json!({ "method": "POST", "url": "/api/collections/posts/records", "body": { "title": "a" } });
    for (requests, code) in [(vec![], "validation_required"), (vec![one; 51], "validation_length_too_long")] {
        let (status, body) = house.ask("POST", "/api/batch", ROOT, &json!({ "requests": requests })).await;
        assert_eq!((status, &body["data"]["requests"]["code"]), (400, &json!(code)), "{body}");
    }
}
