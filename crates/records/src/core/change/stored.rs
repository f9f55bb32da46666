//! A collection on the wire, and as it is kept.

use serde_json::{Map, Value, json};

use super::reader::Reader;
use super::{auth, defaults, field};
use crate::core::collection::{AuthOptions, Collection, CollectionKind};
use crate::core::index;

/// The collection as clients see it.
pub fn to_wire(collection: &Collection) -> Map<String, Value> {
    let (rules, fields) = (&collection.rules, collection.fields.iter().map(field::to_wire));
    let texts = collection.indexes.iter().map(|i| index::to_text(i, &collection.name));
    let mut wire = defaults::object(json!({
        "id": collection.id,
        "listRule": rules.list,
        "viewRule": rules.view,
        "createRule": rules.create,
        "updateRule": rules.update,
        "deleteRule": rules.delete,
        "name": collection.name,
        "type": defaults::kind_name(collection.kind),
        "fields": fields.collect::<Vec<_>>(),
        "indexes": texts.collect::<Vec<_>>(),
        "created": collection.created,
        "updated": collection.updated,
        "system": collection.is_system,
    }));
    if let Some(options) = &collection.auth {
        auth::to_wire(collection, options, &mut wire);
    }
    wire
}

/// The collection as it is kept: the wire's form plus storage keys, shape, retired keys and secrets.
pub fn to_stored(collection: &Collection) -> String {
    let mut stored = to_wire(collection);
    if let Some(options) = &collection.auth {
        stored.extend(options.other.clone());
        stored.insert("tokenSecret".to_owned(), Value::from(options.token_secret.as_str()));
    }
    if let Some(Value::Array(fields)) = stored.get_mut("fields") {
        for (wire, field) in fields.iter_mut().zip(&collection.fields) {
            wire["key"] = Value::from(&*field.key);
        }
    }
    stored.insert("shape".to_owned(), Value::from(collection.shape));
    stored.insert("retired".to_owned(), Value::from(collection.retired.clone()));
    Value::Object(stored).to_string()
}

/// Reads a kept collection; the error says what could not be read.
pub fn from_stored(id: &str, body: &str) -> Result<Collection, String> {
    let stored: Map<String, Value> =
        serde_json::from_str(body).map_err(|e| format!("collection {id} is no JSON object: {e}"))?;
    let mut faults = Map::new();
    let mut reader = Reader::new(&stored, &[], &mut faults);
    let kind = match reader.text("type").as_str() {
        "base" => CollectionKind::Base,
        "auth" => CollectionKind::Auth,
        other => return Err(format!("collection {id} is of the unknown type {other:?}")),
    };
    let mut collection = Collection::new(id, &reader.text("name"), kind, Vec::new());
    collection.is_system = reader.flag("system");
    collection.created = reader.text("created");
    collection.updated = reader.text("updated");
    collection.retired = reader.texts("retired");
    collection.shape = stored.get("shape").and_then(Value::as_i64).unwrap_or_default();
    for (text, place) in reader.texts("indexes").iter().zip(0..) {
        let index = index::parse(text).map_err(|e| format!("index {place} of collection {id}: {e}"))?;
        collection.indexes.push(index);
    }
    super::plan::read_rules(&mut collection, &stored, &mut faults);
    read_fields(&mut collection, &stored, &mut faults)?;
    if kind == CollectionKind::Auth {
        collection.auth = Some(read_auth(&stored, &mut faults));
    }
    if faults.is_empty() {
        return Ok(collection.settled());
    }
    Err(format!("collection {id} can't be read: {}", Value::Object(faults)))
}

fn read_fields(
    collection: &mut Collection,
    stored: &Map<String, Value>,
    faults: &mut Map<String, Value>,
) -> Result<(), String> {
    let kept = stored.get("fields").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for (place, wire) in kept.iter().enumerate() {
        let object = wire.as_object().ok_or_else(|| format!("field {place} is no object"))?;
        let place = place.to_string();
        let mut reader = Reader::new(object, &["fields", &place], faults);
        let key = reader.text("key");
        let Some(mut field) = field::read(&mut reader) else { continue };
        field.key = key.as_str().into();
        collection.fields.push(field);
    }
    Ok(())
}

fn read_auth(stored: &Map<String, Value>, faults: &mut Map<String, Value>) -> AuthOptions {
    let mut options = auth::default_options(&mut String::new);
    auth::read(&mut options, stored, faults);
    options.token_secret = Reader::new(stored, &[], faults).text("tokenSecret");
    options
}
