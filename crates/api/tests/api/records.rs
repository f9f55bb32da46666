//! Records: list, view, create, update, delete, and what rules make of them.

use serde_json::json;

use crate::house::{House, ROOT};

const POSTS: &str = "/api/collections/posts/records";

async fn house() -> House {
    let house = House::new().await;
    let fields = json!([
        { "name": "title", "type": "text", "required": true },
        { "name": "stars", "type": "number" },
        { "name": "owner", "type": "text" },
    ]);
    house.open_collection("posts", fields).await;
    house
}

#[tokio::test]
async fn a_record_lives_from_create_to_delete() {
    let house = house().await;
    let (status, made) = house.ask("POST", POSTS, "", &json!({ "title": "온돌", "stars": 3 })).await;
    assert_eq!((status, &made["title"], &made["collectionName"]), (200, &json!("온돌"), &json!("posts")));
    let path = format!("{POSTS}/{}", made["id"].as_str().expect("an id"));

    assert_eq!(house.get(&path, "").await, (200, made.clone()));
    let (status, changed) = house.ask("PATCH", &path, "", &json!({ "stars+": 2 })).await;
    assert_eq!((status, &changed["stars"], &changed["title"]), (200, &json!(5), &json!("온돌")));
    let (status, picked) = house.get(&format!("{path}?fields=stars"), "").await;
    assert_eq!((status, picked), (200, json!({ "stars": 5 })));

    assert_eq!(house.ask("DELETE", &path, "", &json!(null)).await, (204, json!(null)));
    let missing = json!({ "status": 404, "message": "The requested resource wasn't found.", "data": {} });
    assert_eq!(house.get(&path, "").await, (404, missing));
}

#[tokio::test]
async fn a_list_has_pages_a_filter_and_an_order() {
    let house = house().await;
    for stars in 1..=5 {
        house.create("posts", "", json!({ "title": format!("post {stars}"), "stars": stars })).await;
    }
    let path = format!("{POSTS}?page=1&perPage=2&sort=-stars&filter=stars%3E1&fields=stars");
    let (status, page) = house.get(&path, "").await;
    assert_eq!(status, 200, "{page}");
    let items = json!([{ "stars": 5 }, { "stars": 4 }]);
    assert_eq!(page, json!({ "page": 1, "perPage": 2, "totalItems": 4, "totalPages": 2, "items": items }));

    let (_, page) = house.get(&format!("{POSTS}?skipTotal=1&perPage=1"), "").await;
    assert_eq!((&page["totalItems"], &page["totalPages"]), (&json!(-1), &json!(-1)));
    for wrong in ["page=two", "skipTotal=perhaps", "filter=%28", "sort=nothing", "filter=nothing%3D1"] {
        let (status, body) = house.get(&format!("{POSTS}?{wrong}"), "").await;
        assert_eq!((status, &body["status"]), (400, &json!(400)), "{wrong}: {body}");
    }
}

#[tokio::test]
async fn rules_answer_as_clients_know_them() {
    let house = house().await;
    let made = house.create("posts", ROOT, json!({ "title": "a", "owner": "somebody" })).await;
    let path = format!("{POSTS}/{}", made["id"].as_str().expect("an id"));
    let mine = json!("owner = @request.auth.id && owner != ''");
    let rules = ["listRule", "viewRule", "createRule", "updateRule", "deleteRule"];
    house.set("posts", rules.iter().map(|rule| (rule.to_string(), mine.clone())).collect()).await;

    let (status, page) = house.get(POSTS, "").await;
    assert_eq!((status, &page["totalItems"]), (200, &json!(0)), "a list is empty");
    assert_eq!(house.get(&path, "").await.0, 404, "a view finds nothing");
    let new = json!({ "title": "b", "owner": "x" });
    assert_eq!(house.ask("POST", POSTS, "", &new).await.0, 400, "a create fails");
    assert_eq!(house.ask("PATCH", &path, "", &new).await.0, 404);
    assert_eq!(house.ask("DELETE", &path, "", &json!(null)).await.0, 404);
    assert_eq!(house.get(&path, ROOT).await.0, 200, "superusers pass");

    house.set("posts", rules.iter().map(|rule| (rule.to_string(), json!(null))).collect()).await;
    for (method, path) in
        [("GET", POSTS), ("GET", &path), ("POST", POSTS), ("PATCH", &path), ("DELETE", &path)]
    {
        let (status, body) = house.ask(method, path, "", &json!({})).await;
        let message = &body["message"];
        assert_eq!((status, message), (403, &json!("Only superusers can perform this action.")), "{method}");
    }
}

#[tokio::test]
async fn a_token_is_read_with_its_scheme_and_without_and_an_invalid_one_counts_as_none() {
    let house = house().await;
    house.set("posts", json!({ "listRule": "@request.auth.id != ''" })).await;
    house.create("posts", ROOT, json!({ "title": "a" })).await;
    let user = house.sign_up("kim").await;
    for (token, count) in [(user.clone(), 1), (format!("Bearer {user}"), 1), ("nonsense".into(), 0)] {
        let (status, page) = house.get(POSTS, &token).await;
        assert_eq!((status, &page["totalItems"]), (200, &json!(count)), "{token}");
    }
}

#[tokio::test]
async fn rules_may_ask_for_headers_and_query() {
    let house = house().await;
    house.create("posts", ROOT, json!({ "title": "a" })).await;
    house.set("posts", json!({ "listRule": "@request.headers.x_key = 'k' && @request.query.q = '1'" })).await;
    for (path, key, count) in
        [(format!("{POSTS}?q=1"), "k", 1), (format!("{POSTS}?q=1"), "l", 0), (POSTS.to_owned(), "k", 0)]
    {
        let (_, _, body) = house.send("GET", &path, &[("x-key", key)], axum::body::Body::empty()).await;
        let page: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(page["totalItems"], json!(count), "{path} {key}");
    }
}

#[tokio::test]
async fn faults_are_told_by_field() {
    let house = house().await;
    let (status, body) = house.ask("POST", POSTS, "", &json!({ "title": "" })).await;
    assert_eq!((status, &body["data"]["title"]["code"]), (400, &json!("validation_required")), "{body}");
    let (status, body) = house.get("/api/collections/nothing/records", "").await;
    assert_eq!((status, &body["message"]), (404, &json!("Missing collection context.")));
    for body in ["{\"title\": }", "[1]", "\"a\"", "{\"title\":\"a\"} x"] {
        let kind = [("content-type", "application/json")];
        let (status, _, _) = house.send("POST", POSTS, &kind, body.into()).await;
        assert_eq!(status, 400, "{body}");
    }
    let (status, _, _) = house.send("POST", POSTS, &[("content-type", "text/xml")], "<a/>".into()).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn health_tells_superusers_where_a_request_came_from() {
    let house = House::new().await;
    let healthy = json!({ "code": 200, "message": "API is healthy.", "data": { "role": "primary" } });
    assert_eq!(house.get("/api/health", "").await, (200, healthy));
    assert_eq!(house.get("/api/health", ROOT).await.1["data"]["realIP"], json!("127.0.0.1"));
}
