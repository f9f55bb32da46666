//! Records that refer to one another: expand and cascades.

use serde_json::{Value, json};

use crate::house::{House, guest, superuser, told};

async fn blog() -> House {
    let house = House::new().await;
    house.open_collection("authors", json!([{ "name": "name", "type": "text" }])).await;
    let authors = house.records.catalog().find("authors").unwrap().id.clone();
    let author = json!({ "name": "author", "type": "relation", "collectionId": authors, "maxSelect": 1 });
    let readers = json!({ "name": "readers", "type": "relation", "collectionId": authors, "maxSelect": 9 });
    house.open_collection("posts", json!([{ "name": "title", "type": "text" }, author, readers])).await;
    let posts = house.records.catalog().find("posts").unwrap().id.clone();
    let post = json!({ "name": "post", "type": "relation", "collectionId": posts, "cascadeDelete": true, "required": true });
    house.open_collection("comments", json!([{ "name": "text", "type": "text" }, post])).await;
    house
}

async fn make(house: &House, collection: &str, sent: Value) -> String {
    let made = house.create(&guest(), collection, sent).await.map_err(told).unwrap();
    made["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn expand_goes_forward_and_back_and_on() {
    let house = blog().await;
    let (kim, lee) = (
        make(&house, "authors", json!({ "name": "김" })).await,
        make(&house, "authors", json!({ "name": "이" })).await,
    );
    let post = make(&house, "posts", json!({ "title": "글", "author": kim, "readers": [lee, kim] })).await;
    make(&house, "comments", json!({ "text": "하나", "post": post })).await;
    make(&house, "comments", json!({ "text": "둘", "post": post })).await;
    let seen = house
        .view(&guest(), ("posts", &post), "author,readers,comments_via_post.post.author,nothing")
        .await
        .unwrap();
    let expand = &seen["expand"];
    assert_eq!(expand["author"]["name"], "김");
    let names: Vec<_> = expand["readers"].as_array().unwrap().iter().map(|r| r["name"].clone()).collect();
    assert_eq!(names, ["이", "김"]);
    assert_eq!(expand["comments_via_post"].as_array().unwrap().len(), 2);
    assert_eq!(expand["comments_via_post"][0]["expand"]["post"]["expand"]["author"]["name"], "김");
    assert!(expand.get("nothing").is_none());
}

#[tokio::test]
async fn what_may_not_be_seen_is_left_out_of_expand() {
    let house = blog().await;
    let kim = make(&house, "authors", json!({ "name": "김" })).await;
    let post = make(&house, "posts", json!({ "title": "글", "author": kim })).await;
    let locked = json!({ "viewRule": null });
    house.records.update_collection("authors", locked.as_object().unwrap()).await.unwrap();
    let seen = house.view(&guest(), ("posts", &post), "author").await.unwrap();
    assert!(seen.get("expand").is_none(), "{seen}");
    let root = superuser(&house.records);
    assert_eq!(
        house.view(&root, ("posts", &post), "author").await.unwrap()["expand"]["author"]["name"],
        "김"
    );
}

#[tokio::test]
async fn a_relation_must_lead_somewhere() {
    let house = blog().await;
    let fault = house
        .create(&guest(), "posts", json!({ "title": "글", "author": "nobodynobody123" }))
        .await
        .unwrap_err();
    let text = told(fault);
    assert!(text.contains("\"author\":{\"code\":\"validation_missing_rel_records\""), "{text}");
}

#[tokio::test]
async fn with_a_record_go_those_that_depend_on_it_and_references_to_it() {
    let house = blog().await;
    let (kim, lee) = (
        make(&house, "authors", json!({ "name": "김" })).await,
        make(&house, "authors", json!({ "name": "이" })).await,
    );
    let post = make(&house, "posts", json!({ "title": "글", "author": kim, "readers": [lee, kim] })).await;
    make(&house, "comments", json!({ "text": "하나", "post": post })).await;
    house.records.delete(&guest(), "authors", &kim).await.unwrap();
    let seen = house.view(&guest(), ("posts", &post), "").await.unwrap();
    assert_eq!((&seen["author"], &seen["readers"]), (&json!(""), &json!([lee])));
    house.records.delete(&guest(), "posts", &post).await.unwrap();
    assert_eq!(house.count("comments").await, 0);
}

#[tokio::test]
async fn a_record_that_a_required_relation_needs_stays() {
    let house = blog().await;
    let posts = house.records.catalog().find("posts").unwrap().id.clone();
    let post = json!({ "name": "post", "type": "relation", "collectionId": posts, "required": true });
    house.open_collection("pins", json!([post])).await;
    let post = make(&house, "posts", json!({ "title": "글" })).await;
    make(&house, "pins", json!({ "post": post })).await;
    make(&house, "comments", json!({ "text": "하나", "post": post })).await;
    assert!(told(house.records.delete(&guest(), "posts", &post).await.unwrap_err()).starts_with("400"));
    assert_eq!((house.count("posts").await, house.count("comments").await), (1, 1));
}
