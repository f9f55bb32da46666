//! Collections for tests, made as a client makes them.

use serde_json::{Map, Value, json};

use crate::core::catalog::Catalog;
use crate::core::change;
use crate::core::collection::Collection;

/// When everything in tests happens.
pub(crate) const NOW: &str = "2026-11-22 03:04:05.678Z";

/// A JSON object written in place.
pub(crate) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => panic!("not an object: {other}"),
    }
}

/// A collection from a client's JSON, in an empty database.
pub(crate) fn collection(sent: Value) -> Collection {
    plan(&Catalog::default(), None, sent).expect("a sample is in order")
}

/// The next form of a collection.
pub(crate) fn changed(before: &Collection, sent: Value) -> Collection {
    plan(&Catalog::default(), Some(before), sent).expect("a sample is in order")
}

/// A plan at [`NOW`] with words that are no secret; the faults as JSON.
pub(crate) fn plan(catalog: &Catalog, before: Option<&Collection>, sent: Value) -> Result<Collection, Value> {
    let mut word = || "w".repeat(15);
    change::plan(catalog, before, &object(sent), NOW, &mut word).map_err(|faults| Value::Object(faults.0))
}

/// A base collection `things` with a field of every kind.
pub(crate) fn things() -> Collection {
    collection(json!({
        "id": "things",
        "name": "things",
        "fields": [
            { "name": "title", "type": "text", "min": 2, "max": 5, "pattern": "^[a-z가-힣]+$" },
            { "name": "story", "type": "editor", "maxSize": 10 },
            { "name": "count", "type": "number", "min": 1, "max": 10, "onlyInt": true },
            { "name": "done", "type": "bool" },
            { "name": "mail", "type": "email", "exceptDomains": ["spam.example"] },
            { "name": "page", "type": "url", "onlyDomains": ["example.com"] },
            { "name": "day", "type": "date", "min": "2026-01-01", "max": "2026-12-31" },
            { "name": "color", "type": "select", "values": ["red", "green", "blue"], "maxSelect": 1 },
            { "name": "colors", "type": "select", "values": ["red", "green", "blue"], "maxSelect": 2 },
            { "name": "cover", "type": "file", "maxSize": 100, "mimeTypes": ["image/png"] },
            { "name": "photos", "type": "file", "maxSelect": 2 },
            { "name": "parent", "type": "relation", "collectionId": "things" },
            { "name": "friends", "type": "relation", "collectionId": "things", "minSelect": 2, "maxSelect": 3 },
            { "name": "extra", "type": "json", "maxSize": 20 },
            { "name": "place", "type": "geoPoint" },
            { "name": "created", "type": "autodate", "onCreate": true },
            { "name": "updated", "type": "autodate", "onCreate": true, "onUpdate": true },
        ],
    }))
}

/// An auth collection `members` with a field of its own and a hidden one.
pub(crate) fn members() -> Collection {
    collection(json!({
        "name": "members",
        "type": "auth",
        "fields": [
            { "name": "nick", "type": "text" },
            { "name": "note", "type": "text", "hidden": true },
        ],
    }))
}
