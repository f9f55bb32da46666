//! Making, reading, changing and deleting.

use records::{Act, Draft, ListQuery, Shape, Step};
use serde_json::json;

use crate::house::{House, guest, object, told};

async fn board() -> House {
    let house = House::new().await;
    let fields = json!([
        { "name": "title", "type": "text", "required": true },
        { "name": "views", "type": "number" },
        { "name": "tags", "type": "select", "maxSelect": 3, "values": ["공지", "질문", "잡담"] },
        { "name": "created", "type": "autodate", "onCreate": true },
    ]);
    house.open_collection("posts", fields).await;
    house
}

#[tokio::test]
async fn a_record_is_made_seen_changed_and_deleted() {
    let house = board().await;
    let made = house.create(&guest(), "posts", json!({ "title": "첫 글", "views": "3" })).await.unwrap();
    let id = made["id"].as_str().unwrap();
    assert_eq!(made["views"], 3);
    assert_eq!(made["created"], "2026-11-22 03:00:00.000Z");
    assert_eq!(house.view(&guest(), ("posts", id), "").await.unwrap(), made);
    let changed =
        house.update(&guest(), ("posts", id), json!({ "views+": 2, "+tags": "공지" })).await.unwrap();
    assert_eq!((&changed["views"], &changed["tags"]), (&json!(5), &json!(["공지"])));
    house.records.delete(&guest(), "posts", id).await.unwrap();
    assert!(told(house.view(&guest(), ("posts", id), "").await.unwrap_err()).starts_with("404"));
}

#[tokio::test]
async fn what_is_wrong_is_told_by_field() {
    let house = board().await;
    let fault =
        house.create(&guest(), "posts", json!({ "title": "", "tags": ["없는 말"] })).await.unwrap_err();
    let text = told(fault);
    assert!(text.starts_with("400 Failed to create record."), "{text}");
    assert!(text.contains("\"title\":{\"code\":\"validation_required\""), "{text}");
    assert!(text.contains("\"tags\":{\"code\":\"validation_invalid_value\""), "{text}");
}

#[tokio::test]
async fn an_id_may_be_given_once() {
    let house = board().await;
    let sent = json!({ "id": "abcdefghij12345", "title": "one" });
    house.create(&guest(), "posts", sent.clone()).await.unwrap();
    let text = told(house.create(&guest(), "posts", sent).await.unwrap_err());
    assert!(text.contains("\"id\":{\"code\""), "{text}");
    let text =
        told(house.create(&guest(), "posts", json!({ "id": "../../etc", "title": "x" })).await.unwrap_err());
    assert!(text.contains("\"id\":{\"code\""), "{text}");
}

#[tokio::test]
async fn pages_are_cut_and_counted() {
    let house = board().await;
    for n in 0..7 {
        house.create(&guest(), "posts", json!({ "title": format!("글 {n}"), "views": n })).await.unwrap();
    }
    let query = ListQuery { page: 2, page_size: 3, sort: "-views".into(), ..ListQuery::default() };
    let page = house.records.list(&guest(), "posts", &query).await.unwrap();
    let views: Vec<_> = page
        .items
        .iter()
        .map(|i| serde_json::from_str::<serde_json::Value>(i).unwrap()["views"].clone())
        .collect();
    assert_eq!((views, page.total), (vec![json!(3), json!(2), json!(1)], Some(7)));
    let skipped = ListQuery { skips_total: true, ..query.clone() };
    assert_eq!(house.records.list(&guest(), "posts", &skipped).await.unwrap().total, None);
    let beyond = ListQuery { page: 9, ..query };
    let page = house.records.list(&guest(), "posts", &beyond).await.unwrap();
    assert_eq!((page.items.len(), page.total), (0, Some(7)));
}

#[tokio::test]
async fn a_batch_is_done_whole_or_not_at_all() {
    let house = board().await;
    let step = |act| Step { collection: "posts".into(), act, shape: Shape::default(), asker: None };
    let draft = |sent| Draft { values: object(sent), uploads: Vec::new() };
    let id = "abcdefghij12345";
    let steps = vec![
        step(Act::Create(draft(json!({ "id": id, "title": "a" })))),
        step(Act::Update(id.into(), draft(json!({ "views+": 4 })))),
        step(Act::Upsert(draft(json!({ "id": "zzzzzzzzzz12345", "title": "b" })))),
        step(Act::Delete("zzzzzzzzzz12345".into())),
    ];
    let done = house.records.batch(&guest(), steps).await.map_err(told).unwrap();
    assert_eq!(done.iter().map(Option::is_some).collect::<Vec<_>>(), [true, true, true, false]);
    assert_eq!(house.view(&guest(), ("posts", id), "").await.unwrap()["views"], 4);
    let steps = vec![step(Act::Delete(id.into())), step(Act::Create(draft(json!({ "title": "" }))))];
    let text = told(house.records.batch(&guest(), steps).await.unwrap_err());
    assert!(text.contains("\"requests\":{\"1\":{\"code\":\"batch_request_failed\""), "{text}");
    assert_eq!(house.count("posts").await, 1);
}

#[tokio::test]
async fn a_field_comes_is_renamed_and_goes_without_touching_a_record() {
    let house = board().await;
    let made = house.create(&guest(), "posts", json!({ "title": "글", "views": 7 })).await.unwrap();
    let id = made["id"].as_str().unwrap().to_owned();
    let before = house.records.find(house.records.catalog().find("posts").unwrap(), &id).await.unwrap();
    let catalog = house.records.catalog();
    let wire = records::core::change::to_wire(catalog.find("posts").unwrap());
    let mut fields = wire["fields"].as_array().unwrap().clone();
    fields.retain(|f| f["name"] != "tags");
    for field in &mut fields {
        if field["name"] == "views" {
            field["name"] = json!("seen");
        }
    }
    fields.push(json!({ "name": "tags", "type": "text" }));
    house
        .records
        .update_collection("posts", &object(json!({ "fields": fields })))
        .await
        .map_err(told)
        .unwrap();
    let seen = house.view(&guest(), ("posts", &id), "").await.unwrap();
    assert_eq!((&seen["seen"], &seen["tags"], &seen["views"]), (&json!(7), &json!(""), &json!(null)));
    assert_eq!(house.listed(&guest(), "posts", "seen = 7 && tags = ''", "title").await, ["글"]);
    let after = house.records.find(house.records.catalog().find("posts").unwrap(), &id).await.unwrap();
    assert_eq!(before, after);
}

#[tokio::test]
async fn a_page_of_more_bytes_than_its_limit_is_refused_before_it_is_read() {
    let house = House::with(records::Limits { page_bytes_max: 1000, ..Default::default() }).await;
    house.open_collection("notes", json!([{ "name": "text", "type": "text" }])).await;
    for _ in 0..3 {
        house.create(&guest(), "notes", json!({ "text": "글".repeat(150) })).await.unwrap();
    }
    let ask = |page_size| ListQuery { page_size, ..ListQuery::default() };
    assert_eq!(house.records.list(&guest(), "notes", &ask(2)).await.unwrap().items.len(), 2);
    let text = told(house.records.list(&guest(), "notes", &ask(3)).await.unwrap_err());
    assert!(text.starts_with("400") && text.contains("perPage"), "{text}");
}
