//! Collections: for superusers only, in the wire's form.

use serde_json::{Value, json};

use crate::house::{House, ROOT};

const PATH: &str = "/api/collections";

#[tokio::test]
async fn only_superusers_see_and_change_collections() {
    let house = House::new().await;
    let user = house.sign_up("kim").await;
    for (method, path) in [
        ("GET", PATH),
        ("POST", PATH),
        ("GET", "/api/collections/users"),
        ("PATCH", "/api/collections/users"),
        ("DELETE", "/api/collections/users"),
        ("DELETE", "/api/collections/users/truncate"),
        ("PUT", "/api/collections/import"),
        ("GET", "/api/collections/meta/scaffolds"),
    ] {
        let sent = json!({ "name": "stolen" });
        assert_eq!(house.ask(method, path, "", &sent).await.0, 401, "{method} {path}");
        assert_eq!(house.ask(method, path, &user, &sent).await.0, 403, "{method} {path}");
    }
    assert_eq!(house.get("/api/collections/users", ROOT).await.0, 200);
}

#[tokio::test]
async fn a_collection_lives_from_create_to_delete() {
    let house = House::new().await;
    let sent = json!({ "name": "posts", "type": "base", "fields": [{ "name": "title", "type": "text" }] });
    let (status, made) = house.ask("POST", PATH, ROOT, &sent).await;
    assert_eq!((status, &made["name"], &made["listRule"]), (200, &json!("posts"), &Value::Null), "{made}");
    let (status, body) = house.ask("POST", PATH, ROOT, &sent).await;
    assert_eq!((status, body["data"]["name"].is_object()), (400, true), "a name is taken once: {body}");

    house.set("posts", json!({ "name": "articles", "listRule": "" })).await;
    let (status, seen) = house.get("/api/collections/articles", ROOT).await;
    assert_eq!((status, &seen["id"]), (200, &made["id"]));
    house.create("articles", ROOT, json!({ "title": "a" })).await;
    assert_eq!(house.ask("DELETE", "/api/collections/articles/truncate", ROOT, &json!(null)).await.0, 204);
    let (_, page) = house.get("/api/collections/articles/records", "").await;
    assert_eq!(page["totalItems"], json!(0));
    assert_eq!(house.ask("DELETE", "/api/collections/articles", ROOT, &json!(null)).await.0, 204);
    assert_eq!(house.get("/api/collections/articles", ROOT).await.0, 404);
}

#[tokio::test]
async fn collections_are_listed_by_page_filter_and_order() {
    let house = House::new().await;
    for name in ["b_notes", "a_notes", "c_other"] {
        house.open_collection(name, json!([])).await;
    }
    let (status, page) =
        house.get("/api/collections?filter=name~'notes'&sort=name&perPage=1&page=2", ROOT).await;
    assert_eq!(status, 200, "{page}");
    assert_eq!(
        (&page["totalItems"], &page["totalPages"], &page["items"][0]["name"]),
        (&json!(2), &json!(2), &json!("b_notes"))
    );
    assert_eq!(house.get("/api/collections?filter=secret=1", ROOT).await.0, 400);
}

#[tokio::test]
async fn many_collections_come_at_once_or_not_at_all() {
    let house = House::new().await;
    let import = |collections: Value| json!({ "collections": collections, "deleteMissing": false });
    let good = import(json!([{ "name": "one", "type": "base" }, { "name": "two", "type": "base" }]));
    let (status, body) = house.ask("PUT", "/api/collections/import", ROOT, &good).await;
    assert_eq!(status, 204, "{body}");
    let bad = import(json!([{ "name": "three", "type": "base" }, { "name": "no good!", "type": "base" }]));
    assert_eq!(house.ask("PUT", "/api/collections/import", ROOT, &bad).await.0, 400);
    assert_eq!(house.get("/api/collections/three", ROOT).await.0, 404, "nothing of it was done");
    let (status, body) = house.ask("PUT", "/api/collections/import", ROOT, &import(json!([]))).await;
    assert_eq!((status, &body["data"]["collections"]["code"]), (400, &json!("validation_required")));
}

#[tokio::test]
async fn scaffolds_can_be_named_and_sent_back() {
    let house = House::new().await;
    let (status, scaffolds) = house.get("/api/collections/meta/scaffolds", ROOT).await;
    assert_eq!(status, 200, "{scaffolds}");
    for kind in ["base", "auth"] {
        let mut sent = scaffolds[kind].clone();
        assert_eq!((&sent["name"], &sent["id"]), (&json!(""), &json!("")));
        sent["name"] = json!(format!("my_{kind}"));
        let (status, body) = house.ask("POST", PATH, ROOT, &sent).await;
        assert_eq!((status, &body["type"]), (200, &json!(kind)), "{body}");
    }
}
