//! Making, changing, importing and deleting collections.

use serde_json::json;

use crate::house::{House, guest, object, told};

#[tokio::test]
async fn a_new_house_has_superusers_users_and_what_the_house_keeps_for_itself() {
    let house = House::new().await;
    let catalog = house.records.catalog();
    let names: Vec<_> = catalog.all().iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names[..2], ["_superusers", "users"]);
    for own in [
        "_externalAuths",
        "_flows",
        "_certificates",
        "_mfas",
        "_otps",
        "_authOrigins",
        "_totps",
        "_passkeys",
        "_sessions",
        "_keys",
        "_mails",
        "_tallies",
        "_clients",
        "_grants",
        "_families",
        "_logouts",
    ] {
        assert!(names.contains(&own), "{own}");
    }
    for own in &catalog.all()[2..] {
        // whose passkey it is gives it a name
        let may_change = own.name == "_passkeys";
        let rules = &own.rules;
        assert!(
            own.is_system && rules.create.is_none() && rules.update.is_some() == may_change,
            "{}",
            own.name
        );
    }
}

#[tokio::test]
async fn a_unique_index_is_kept_and_refuses_with_its_fields() {
    let house = House::new().await;
    house.open_collection("bills", json!([{ "name": "no", "type": "text" }])).await;
    let index = json!({ "indexes": ["CREATE UNIQUE INDEX idx_no ON bills (no)"] });
    house.records.update_collection("bills", &object(index)).await.map_err(told).unwrap();
    house.create(&guest(), "bills", json!({ "no": "1900001" })).await.unwrap();
    let text = told(house.create(&guest(), "bills", json!({ "no": "1900001" })).await.unwrap_err());
    assert!(text.contains("\"no\":{\"code\":\"validation_not_unique\""), "{text}");
    house.records.update_collection("bills", &object(json!({ "indexes": [] }))).await.unwrap();
    house.create(&guest(), "bills", json!({ "no": "1900001" })).await.unwrap();
    let again = json!({ "indexes": ["CREATE UNIQUE INDEX idx_no ON bills (no)"] });
    let text = told(house.records.update_collection("bills", &object(again)).await.unwrap_err());
    assert!(text.contains("\"indexes\":{\"0\":"), "{text}");
}

#[tokio::test]
async fn a_rule_that_names_nothing_is_refused_where_it_stands() {
    let house = House::new().await;
    let sent = json!({ "name": "posts", "type": "base", "fields": [{ "name": "title", "type": "text" }], "listRule": "tilte = 'x'" });
    let text = told(house.records.create_collection(&object(sent)).await.unwrap_err());
    assert!(text.contains("\"listRule\":{\"code\":\"validation_invalid_rule\""), "{text}");
    assert!(house.records.catalog().find("posts").is_none());
}

#[tokio::test]
async fn collections_that_relate_in_a_circle_are_imported_together() {
    let house = House::new().await;
    let to = |id: &str| json!([{ "name": "other", "type": "relation", "collectionId": id, "maxSelect": 1 }]);
    let sent = [
        object(
            json!({ "id": "pbc_0000000001", "name": "hens", "type": "base", "fields": to("pbc_0000000002"), "listRule": "other.other.id != ''" }),
        ),
        object(
            json!({ "id": "pbc_0000000002", "name": "eggs", "type": "base", "fields": to("pbc_0000000001") }),
        ),
    ];
    house.records.import_collections(&sent, false).await.map_err(told).unwrap();
    house.records.import_collections(&sent, false).await.map_err(told).unwrap();
    assert!(house.records.catalog().find("eggs").is_some());
    house.records.import_collections(&sent[..0], true).await.map_err(told).unwrap();
    assert!(house.records.catalog().find("eggs").is_none());
}

#[tokio::test]
async fn a_collection_to_which_another_relates_is_not_deleted() {
    let house = House::new().await;
    house.open_collection("a", json!([{ "name": "t", "type": "text" }])).await;
    let a = house.records.catalog().find("a").unwrap().id.clone();
    house
        .open_collection("b", json!([{ "name": "a", "type": "relation", "collectionId": a, "maxSelect": 1 }]))
        .await;
    assert!(told(house.records.delete_collection("a").await.unwrap_err()).contains("relation"));
    house.records.delete_collection("b").await.unwrap();
    house.records.delete_collection("a").await.unwrap();
    assert!(told(house.records.delete_collection("a").await.unwrap_err()).starts_with("404"));
}

#[tokio::test]
async fn a_truncation_leaves_the_collection_and_nothing_in_it() {
    let house = House::new().await;
    house.open_collection("a", json!([{ "name": "t", "type": "text" }])).await;
    for n in 0..1100 {
        house.create(&guest(), "a", json!({ "t": n.to_string() })).await.unwrap();
    }
    house.records.truncate_collection("a").await.unwrap();
    assert_eq!(house.count("a").await, 0);
}

#[tokio::test]
async fn a_collection_that_another_process_has_just_made_is_found_at_once() {
    let house = House::new().await;
    let other = house.of_another_process().await;
    let sent = json!({ "name": "bills", "type": "base", "fields": [{ "name": "no", "type": "text" }], "listRule": "" });
    other.create_collection(&object(sent)).await.map_err(told).unwrap();
    assert!(house.listed(&guest(), "Bills", "", "no").await.is_empty());
    other.update_collection("bills", &object(json!({ "name": "acts" }))).await.map_err(told).unwrap();
    assert!(house.listed(&guest(), "acts", "", "no").await.is_empty(), "by its new name too");
    assert!(house.records.collection("none").await.unwrap().is_none());
}
