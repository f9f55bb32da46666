//! Collections of an export, made in a database where they are not: those that lead to each other, accounts that are named
//! by a field of their own, and system collections.

use base::time::Clock;
use records::core::change;
use records::{Draft, Limits, Records, Request, Shape};
use serde_json::{Map, Value, json};
use store::{Config, Engine, Store};
use testbed::Database;

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().expect("it is an object")
}

/// A database where nothing is yet; it goes when the last two are dropped.
async fn open() -> (Records, tempfile::TempDir, Option<Database>) {
    let (dir, database) = (tempfile::tempdir().expect("there is room"), testbed::chosen());
    let mut config = Config::new(dir.path());
    if let Some(database) = &database {
        config.engine = Engine::from_url(&database.url()).expect("a server's address");
    }
    let store = Store::open(config, Clock::System).await.expect("the place is ours");
    let records = Records::open(store, Clock::System, Limits::default()).await.expect("the store is new");
    (records, dir, database)
}

fn export() -> Vec<Map<String, Value>> {
    let rule = "@request.auth.id != '' && recordRef = @request.auth.id && collectionRef = @request.auth.collectionId";
    let text = |name: &str| json!({ "name": name, "type": "text", "system": true, "required": true });
    [
        json!({
            "id": "posts", "name": "posts", "type": "base", "listRule": "author.handle != '' && title != ''",
            "fields": [
                { "name": "title", "type": "text" },
                { "name": "author", "type": "relation", "collectionId": "writers", "maxSelect": 1 },
            ],
            "indexes": ["CREATE INDEX by_author ON posts (author, title DESC)"],
        }),
        json!({
            "id": "writers", "name": "writers", "type": "auth", "listRule": "best.title != ''",
            "fields": [
                { "name": "handle", "type": "text", "required": true },
                { "name": "best", "type": "relation", "collectionId": "posts", "maxSelect": 1 },
            ],
            "indexes": ["CREATE UNIQUE INDEX handles ON writers (handle)"],
            "passwordAuth": { "enabled": true, "identityFields": ["handle", "email"] },
        }),
        json!({
            "id": "pbc_2279338944", "name": "_mfas", "type": "base", "system": true, "listRule": rule, "viewRule": rule,
            "fields": [text("collectionRef"), text("recordRef"), text("method")],
            "indexes": ["CREATE INDEX idx_mfas_collectionRef_recordRef ON _mfas (collectionRef, recordRef)"],
        }),
        json!({
            "id": "pbc_2281828961", "name": "_externalAuths", "type": "base", "system": true,
            "listRule": rule, "viewRule": rule, "deleteRule": rule,
            "fields": [text("collectionRef"), text("recordRef"), text("provider"), text("providerId")],
            "indexes": [
                "CREATE UNIQUE INDEX idx_externalAuths_record_provider ON _externalAuths (collectionRef, recordRef, provider)",
                "CREATE UNIQUE INDEX idx_externalAuths_collection_provider ON _externalAuths (collectionRef, provider, providerId)",
            ],
        }),
    ]
    .map(object)
    .into()
}

#[tokio::test]
async fn an_export_comes_through_whole_and_a_second_time_changes_nothing() {
    let (records, _dir, _database) = open().await;
    records.import_collections(&export(), false).await.expect("the export is in order");
    let catalog = records.catalog();
    let first: Vec<Map<String, Value>> = catalog.all().iter().map(|c| change::to_wire(c)).collect();
    for name in ["_superusers", "users", "posts", "writers", "_mfas", "_externalAuths"] {
        assert!(catalog.find(name).is_some(), "{name}");
    }
    assert!(catalog.find("_mfas").is_some_and(|c| c.is_system && c.rules.list.is_some()));

    records.import_collections(&first, true).await.expect("it is our own form");
    let again = records.catalog();
    for collection in again.all() {
        let before = catalog.find(&collection.id).expect("none was added");
        assert_eq!(collection.fields, before.fields);
        assert_eq!((collection.shape, &collection.indexes), (before.shape, &before.indexes));
    }
}

#[tokio::test]
async fn records_live_through_new_names_and_new_forms_of_their_fields() {
    let (records, _dir, _database) = open().await;
    let tags = json!({ "name": "tags", "type": "select", "values": ["a", "b"], "maxSelect": 1 });
    let sent = json!({ "name": "notes", "viewRule": "", "createRule": "",
        "fields": [{ "name": "title", "type": "text" }, tags] });
    let notes = records.create_collection(&object(sent)).await.expect("it is in order");
    let draft = Draft { values: object(json!({ "title": "하나", "tags": "a" })), uploads: Vec::new() };
    let request = Request { body: draft.values.clone(), ..Request::default() };
    let made = records.create(&request, "notes", draft, &Shape::default()).await.expect("anybody may");

    let mut fields = change::to_wire(&notes)["fields"].as_array().cloned().expect("it has fields");
    fields[1]["name"] = json!("headline");
    fields[2]["maxSelect"] = json!(2);
    fields.push(json!({ "name": "title", "type": "number" }));
    let change = object(json!({ "fields": fields, "name": "memos" }));
    records.update_collection("notes", &change).await.expect("it is in order");
    let text = records
        .view(&Request::default(), "memos", &made.row.id, &Shape::default())
        .await
        .expect("anybody may see it");
    let read: Value = serde_json::from_str(&text).expect("it is JSON");
    assert_eq!(
        (&read["headline"], &read["tags"], &read["title"]),
        (&json!("하나"), &json!(["a"]), &json!(0))
    );
    assert_eq!(read["collectionName"], "memos");
}
