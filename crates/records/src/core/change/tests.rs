//! Tests of collections: plans, the wire's form, what is kept.

mod faults;

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::*;
use crate::core::catalog::Catalog;
use crate::core::collection::Collection;
use crate::core::field::FieldKind;
use crate::core::sample;

fn keys(collection: &Collection) -> Vec<(&str, &str)> {
    collection.fields.iter().map(|f| (f.name.as_str(), &*f.key)).collect()
}

/// The wire's form of a collection's fields, to be sent back changed.
fn fields(collection: &Collection) -> Vec<Value> {
    to_wire(collection)["fields"].as_array().cloned().unwrap_or_default()
}

fn text(name: &str) -> Value {
    json!({ "name": name, "type": "text" })
}

#[test]
fn a_new_collection_has_its_id_field_first_and_locked_rules() {
    let posts = sample::collection(json!({ "name": "posts", "fields": [text("title")] }));
    expect_test::expect![[r#"
        {
          "id": "pbc_1125843985",
          "listRule": null,
          "viewRule": null,
          "createRule": null,
          "updateRule": null,
          "deleteRule": null,
          "name": "posts",
          "type": "base",
          "fields": [
            {
              "id": "text3208210256",
              "name": "id",
              "type": "text",
              "system": true,
              "hidden": false,
              "presentable": false,
              "help": "",
              "required": true,
              "min": 15,
              "max": 15,
              "pattern": "^[a-z0-9]+$",
              "autogeneratePattern": "[a-z0-9]{15}",
              "primaryKey": true
            },
            {
              "id": "text724990059",
              "name": "title",
              "type": "text",
              "system": false,
              "hidden": false,
              "presentable": false,
              "help": "",
              "required": false,
              "min": 0,
              "max": 0,
              "pattern": "",
              "autogeneratePattern": "",
              "primaryKey": false
            }
          ],
          "indexes": [],
          "created": "2026-11-22 03:04:05.678Z",
          "updated": "2026-11-22 03:04:05.678Z",
          "system": false
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&to_wire(&posts)).expect("it is JSON"));
    assert_eq!(posts.shape, 1);
}

#[test]
fn an_auth_collection_has_its_fields_indexes_and_settings() {
    let members = sample::members();
    let names: Vec<&str> = members.fields.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(names, ["id", "nick", "note", "password", "tokenKey", "email", "emailVisibility", "verified"]);
    let wire = Value::Object(to_wire(&members));
    let id = &members.id;
    assert_eq!(
        wire["indexes"],
        json!([
            format!("CREATE UNIQUE INDEX `idx_tokenKey_{id}` ON `members` (`tokenKey`)"),
            format!("CREATE UNIQUE INDEX `idx_email_{id}` ON `members` (`email`) WHERE `email` != ''"),
        ])
    );
    assert_eq!(wire["authRule"], "");
    assert_eq!(wire["manageRule"], Value::Null);
    assert_eq!(wire["passwordAuth"], json!({ "enabled": true, "identityFields": ["email"] }));
    assert_eq!(wire["authToken"], json!({ "duration": 432_000 }));
    assert_eq!(wire["fileToken"], json!({ "duration": 180 }));
    assert_eq!(wire["otp"]["length"], 8);
    assert!(wire["verificationTemplate"]["body"].as_str().is_some_and(|b| b.contains("{TOKEN}")));
    assert!(!wire.to_string().contains("secret\""));
}

#[test]
fn the_first_collections_are_those_that_clients_know() {
    let first = first_collections(sample::NOW, &mut || "w".repeat(15));
    let [superusers, users] = first.as_slice() else { panic!("there are two") };
    assert_eq!((superusers.id.as_str(), superusers.name.as_str()), ("pbc_3142635823", "_superusers"));
    assert_eq!((users.id.as_str(), users.name.as_str()), ("_pb_users_auth_", "users"));
    let ids: Vec<&str> = users.fields.iter().map(|f| f.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "text3208210256",
            "password901924565",
            "text2504183744",
            "email3885137012",
            "bool1547992806",
            "bool256245529",
            "text1579384326",
            "file376926767",
            "autodate2990389176",
            "autodate3332085495",
        ]
    );
    assert!(superusers.is_system && superusers.is_superusers() && !users.is_system);
    assert_eq!(users.rules.create.as_deref(), Some(""));
    assert_eq!(superusers.rules.list, None);
    let secret = superusers.auth.as_ref().map(|a| a.token_secret.len());
    assert_eq!(secret, Some(60));
    for collection in &first {
        let again = from_stored(&collection.id, &to_stored(collection)).expect("it was kept by us");
        assert_eq!(&again, collection);
    }
}

#[test]
fn a_kept_collection_reads_as_it_was() {
    for collection in [sample::things(), sample::members()] {
        let mut collection = collection;
        collection.retired.push("gone".to_owned());
        let again = from_stored(&collection.id, &to_stored(&collection)).expect("it was kept by us");
        assert_eq!(again, collection);
    }
}

#[test]
fn what_can_not_be_read_is_said() {
    for (body, reason) in [
        ("[", "no JSON object"),
        ("{}", "unknown type"),
        (r#"{"type":"base","name":"x","fields":[{"type":"rubber","name":"a"}]}"#, "validation_in_invalid"),
        (r#"{"type":"base","name":"x","fields":[],"indexes":["DROP TABLE x"]}"#, "index 0"),
    ] {
        let error = from_stored("x", body).expect_err("it can't be read");
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn the_wires_form_sent_back_changes_nothing_but_the_date() {
    for collection in [sample::things(), sample::members()] {
        let catalog = Catalog::new(vec![Arc::new(collection.clone())]);
        let wire = Value::Object(to_wire(&collection));
        let next = sample::plan(&catalog, Some(&collection), wire.clone()).expect("it is its own form");
        assert_eq!(next, collection);
        assert_eq!(sample::plan(&Catalog::default(), None, wire).map(|c| c.fields), Ok(collection.fields));
    }
}

#[test]
fn a_partial_update_leaves_the_rest() {
    let members = sample::members();
    let next = sample::changed(
        &members,
        json!({ "listRule": "", "authToken": { "duration": 60 }, "otp": { "enabled": true } }),
    );
    let wire = Value::Object(to_wire(&next));
    assert_eq!(next.fields, members.fields);
    assert_eq!(next.shape, members.shape);
    assert_eq!(wire["listRule"], "");
    assert_eq!(wire["authToken"]["duration"], 60);
    assert_eq!(wire["otp"]["enabled"], true);
    assert_eq!(wire["otp"]["duration"], 180);
}

#[test]
fn a_renamed_field_keeps_its_key_and_the_shape_grows() {
    let posts = sample::collection(json!({ "name": "posts", "fields": [text("title"), text("body")] }));
    let mut sent = fields(&posts);
    sent[1]["name"] = json!("headline");
    let renamed = sample::changed(&posts, json!({ "fields": sent }));
    assert_eq!(keys(&renamed), [("id", "id"), ("headline", "title"), ("body", "body")]);
    assert_eq!(renamed.shape, posts.shape + 1);
    let mut sent = fields(&renamed);
    sent.push(text("title"));
    let added = sample::changed(&renamed, json!({ "fields": sent }));
    assert_eq!(added.fields.last().map(|f| &*f.key), Some("title_2"));
}

#[test]
fn a_dropped_field_retires_its_key() {
    let posts = sample::collection(json!({ "name": "posts", "fields": [text("title"), text("body")] }));
    let dropped = sample::changed(&posts, json!({ "fields": [text("body")] }));
    assert_eq!(keys(&dropped), [("id", "id"), ("body", "body")]);
    assert_eq!(dropped.retired, ["title"]);
    let again = sample::changed(&dropped, json!({ "fields": [text("body"), text("title")] }));
    assert_eq!(keys(&again), [("id", "id"), ("body", "body"), ("title", "title_2")]);
    let third = sample::changed(&again, json!({ "fields": [text("body")] }));
    let fourth = sample::changed(&third, json!({ "fields": [text("body"), text("title")] }));
    assert_eq!(fourth.fields[2].key.as_ref(), "title_3");
    assert_eq!(fourth.retired, ["title", "title_2"]);
}

#[test]
fn a_field_is_the_same_by_its_id_and_else_by_its_name_and_type() {
    let posts = sample::collection(json!({
        "name": "posts",
        "fields": [{ "id": "mine1", "name": "title", "type": "text" }],
    }));
    let same = sample::changed(&posts, json!({ "fields": [text("title")] }));
    assert_eq!(same.fields[1].id, "mine1");
    let other_id = json!({ "id": "other", "name": "title", "type": "text" });
    assert_eq!(sample::changed(&posts, json!({ "fields": [other_id] })).fields[1].id, "mine1");
    let other_type = sample::changed(&posts, json!({ "fields": [{ "name": "title", "type": "number" }] }));
    assert_eq!(other_type.fields[1].key.as_ref(), "title_2");
    assert_eq!(other_type.retired, ["title"]);
}

#[test]
fn two_fields_may_change_names_with_each_other() {
    let posts = sample::collection(json!({
        "name": "posts",
        "fields": [text("a"), text("b")],
        "indexes": ["CREATE INDEX i ON posts (a)"],
    }));
    let mut sent = fields(&posts);
    sent[1]["name"] = json!("b");
    sent[2]["name"] = json!("a");
    let next = sample::changed(&posts, json!({ "fields": sent }));
    assert_eq!(keys(&next), [("id", "id"), ("b", "a"), ("a", "b")]);
    assert_eq!(next.indexes[0].columns[0].field, "b");
    assert_eq!(next.plain_head, None);
}

#[test]
fn the_shape_grows_with_forms_and_order_and_stays_otherwise() {
    let posts = sample::collection(json!({
        "name": "posts",
        "fields": [text("a"), { "name": "s", "type": "select", "values": ["x", "y"], "maxSelect": 1 }],
    }));
    let change = |change: &dyn Fn(&mut Vec<Value>)| {
        let mut sent = fields(&posts);
        change(&mut sent);
        sample::changed(&posts, json!({ "fields": sent })).shape - posts.shape
    };
    assert_eq!(change(&|_| {}), 0);
    assert_eq!(change(&|f| f[1]["max"] = json!(3)), 0);
    assert_eq!(change(&|f| f[2]["maxSelect"] = json!(2)), 1);
    assert_eq!(change(&|f| f.swap(1, 2)), 1);
    assert_eq!(change(&|f| f.push(text("z"))), 1);
}

#[test]
fn indexes_follow_renamed_fields_and_go_with_dropped_ones() {
    let posts = sample::collection(json!({
        "name": "posts",
        "fields": [text("title"), text("body")],
        "indexes": [
            "CREATE UNIQUE INDEX one ON posts (title, body DESC) WHERE TITLE != 'x'",
            "CREATE INDEX two ON posts (body)",
        ],
    }));
    let mut sent = fields(&posts);
    sent[1]["name"] = json!("headline");
    let renamed = sample::changed(&posts, json!({ "fields": sent, "name": "articles" }));
    assert_eq!(
        to_wire(&renamed)["indexes"][0],
        "CREATE UNIQUE INDEX `one` ON `articles` (\n  `headline`,\n  `body` DESC\n) WHERE `headline` != 'x'"
    );
    let names = |c: &Collection| -> Vec<String> {
        c.indexes.iter().map(|i| crate::core::index::to_store(i, c).name).collect()
    };
    assert_eq!(names(&renamed), names(&posts));
    let dropped = sample::changed(&posts, json!({ "fields": [text("body")] }));
    assert_eq!(dropped.indexes.iter().map(|i| i.name.as_str()).collect::<Vec<_>>(), ["two"]);
    assert_eq!(sample::changed(&posts, json!({ "indexes": [] })).indexes, []);
}

#[test]
fn system_fields_that_are_not_sent_stay_as_they_were() {
    let members = sample::members();
    let mut sent = fields(&members);
    for field in &mut sent {
        if field["name"] == "email" {
            field["onlyDomains"] = json!(["example.com"]);
        }
        field["system"] = json!(false);
        field["hidden"] = json!(false);
    }
    let strict = sample::changed(&members, json!({ "fields": sent }));
    let marks = |name: &str| strict.field(name).map(|f| (f.is_system, f.is_hidden));
    assert_eq!(marks("tokenKey"), Some((true, true)));
    assert_eq!(marks("password"), Some((true, true)));
    assert_eq!(marks("email"), Some((true, false)));
    let bare = sample::changed(&strict, json!({ "fields": [text("nick")] }));
    let Some(FieldKind::Email { only_domains, .. }) = bare.field("email").map(|f| &f.kind) else {
        panic!("accounts have an address")
    };
    assert_eq!(only_domains, &["example.com"]);
    assert_eq!(bare.fields[0].name, "id");
}

#[test]
fn secrets_are_kept_and_never_shown() {
    let provider = json!({ "name": "google", "clientId": "c", "clientSecret": "hush" });
    let members = sample::changed(
        &sample::members(),
        json!({ "oauth2": { "enabled": true, "providers": [provider] }, "authToken": { "secret": "s".repeat(40) } }),
    );
    let wire = Value::Object(to_wire(&members));
    assert!(!wire.to_string().contains("hush"));
    assert!(!wire.to_string().contains("ssss"));
    assert_eq!(wire["oauth2"]["providers"][0]["clientId"], "c");
    let again = sample::changed(&members, wire);
    let kept = |c: &Collection| c.auth.as_ref().map(|a| (a.token_secret.clone(), a.other["oauth2"].clone()));
    assert_eq!(kept(&again), kept(&members));
    assert!(to_stored(&again).contains("hush"));
}

#[test]
fn a_new_auth_rule_makes_tokens_void() {
    let members = sample::changed(&sample::members(), json!({ "authToken": { "secret": "s".repeat(40) } }));
    let secret = |c: &Collection| c.auth.as_ref().map(|a| a.token_secret.clone());
    let same = sample::changed(&members, json!({ "authRule": "" }));
    assert_eq!(secret(&same), secret(&members));
    let stricter = sample::changed(&members, json!({ "authRule": "verified = true" }));
    assert_ne!(secret(&stricter), secret(&members));
}

#[test]
fn superusers_always_sign_in_by_password() {
    let first = first_collections(sample::NOW, &mut || "w".repeat(15));
    let next = sample::changed(&first[0], json!({ "passwordAuth": { "enabled": false } }));
    assert_eq!(next.auth.map(|a| a.has_password), Some(true));
}

#[test]
fn a_second_collection_of_a_name_that_was_renamed_gets_an_id_of_its_own() {
    let mut posts = sample::collection(json!({ "name": "posts" }));
    posts.name = "articles".to_owned();
    let id = posts.id.clone();
    let catalog = Catalog::new(vec![Arc::new(posts)]);
    let second = sample::plan(&catalog, None, json!({ "name": "posts" })).expect("the name is free");
    assert_eq!(second.id, format!("{id}2"));
}

#[test]
fn a_system_collection_of_a_foreign_export_comes_through() {
    let rule = "@request.auth.id != '' && recordRef = @request.auth.id";
    let dates = json!({ "name": "created", "type": "autodate", "system": true, "onCreate": true });
    let sent = json!({
        "id": "pbc_2279338944",
        "name": "_mfas",
        "type": "base",
        "system": true,
        "listRule": rule,
        "viewRule": rule,
        "createRule": null,
        "fields": [
            { "id": "text455797646", "name": "collectionRef", "type": "text", "system": true, "required": true },
            { "id": "text127846527", "name": "recordRef", "type": "text", "system": true, "required": true },
            dates,
        ],
        "indexes": ["CREATE INDEX `idx_mfas_collectionRef_recordRef` ON `_mfas` (collectionRef,recordRef)"],
        "created": "2025-01-01 00:00:00.000Z",
        "updated": "2025-01-01 00:00:00.000Z",
    });
    let mfas = sample::collection(sent);
    assert!(mfas.is_system && mfas.fields.iter().all(|f| f.is_system));
    assert_eq!(mfas.rules.list.as_deref(), Some(rule));
    assert_eq!(mfas.created, sample::NOW);
    assert_eq!(mfas.id, sample::collection(json!({ "name": "_mfas" })).id);
}

#[test]
fn the_view_shows_the_id_and_the_fields_that_are_not_hidden() {
    let members = sample::members();
    let view = view(&members);
    let names: Vec<&str> = view.columns.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(view.name, "members");
    assert_eq!(names, ["id", "nick", "email", "emailVisibility", "verified"]);
}

#[test]
fn nothing_that_a_client_sends_breaks_a_plan() {
    let odd = [json!(null), json!(1), json!(-1.5), json!("x"), json!([]), json!([1]), json!({}), json!([{}])];
    let places: Vec<String> = to_wire(&sample::members()).into_iter().map(|(key, _)| key).collect();
    for before in [None, Some(sample::members())] {
        for key in &places {
            for value in &odd {
                let mut sent = Map::new();
                sent.insert("type".to_owned(), json!("auth"));
                sent.insert(key.clone(), value.clone());
                let _ = sample::plan(&Catalog::default(), before.as_ref(), Value::Object(sent));
            }
        }
    }
    for field in fields(&sample::things()) {
        for key in field.as_object().into_iter().flat_map(Map::keys) {
            for value in &odd {
                let mut field = field.clone();
                field[key] = value.clone();
                let _ = sample::plan(&Catalog::default(), None, json!({ "name": "x", "fields": [field] }));
            }
        }
    }
}
