//! Many collections at once: those of an export, which may refer to each other.

use std::collections::HashSet;
use std::sync::Arc;

use base::error::Fields;
use serde_json::{Map, Value};

use super::{field, plan};
use crate::core::catalog::Catalog;
use crate::core::collection::{Collection, CollectionKind};
use crate::core::field::Field;
use crate::core::flaw::{self, Flaw};

/// What an import comes to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Import {
    /// New and changed collections, each whole, in the order of the import; `true` for new ones.
    pub changed: Vec<(Collection, bool)>,
    /// Ids of collections to be deleted.
    pub deleted: Vec<String>,
}

/// Plans an import. With `deletes_missing`, collections and fields that are not named go, but for those of the system;
/// else they stay. Nothing is changed when anything is wrong.
pub fn import(
    catalog: &Catalog,
    sent: &[Map<String, Value>],
    deletes_missing: bool,
    now: &str,
    new_id: &mut dyn FnMut() -> String,
) -> Result<Import, Fields> {
    if sent.is_empty() {
        return Err(wrong("validation_required", "There are no collections to import.".to_owned()));
    }
    let mut sent: Vec<Map<String, Value>> = sent.to_vec();
    let ids = identify(catalog, &mut sent);
    let stays = |c: &&Arc<Collection>| !deletes_missing || c.is_system || ids.contains(&c.id);
    let deleted: Vec<String> = catalog.all().iter().filter(|c| !stays(c)).map(|c| c.id.clone()).collect();
    let mut present: Vec<Arc<Collection>> = catalog.all().iter().filter(stays).cloned().collect();
    let mut import = Import { changed: Vec::with_capacity(sent.len()), deleted };
    for mut wire in sent {
        let id = wire.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        let before = present.iter().find(|c| c.id == id).cloned();
        if let Some(before) = &before {
            keep_fields(before, &mut wire, deletes_missing);
        }
        let around = Catalog::new(present.clone());
        let planned = plan::plan_among(&around, &ids, before.as_deref(), &wire, now, new_id);
        let next = planned.map_err(|faults| refused(&wire, &id, faults))?;
        present.retain(|c| c.id != next.id);
        present.push(Arc::new(next.clone()));
        import.changed.push((next, before.is_none()));
    }
    Ok(import)
}

/// Gives every collection of the import the id that it has or will have; those ids.
fn identify(catalog: &Catalog, sent: &mut [Map<String, Value>]) -> HashSet<String> {
    let mut ids = HashSet::new();
    for wire in sent {
        let text = |key: &str| wire.get(key).and_then(Value::as_str).unwrap_or_default();
        let (id, name) = (text("id"), text("name"));
        let kind = if text("type") == "auth" { CollectionKind::Auth } else { CollectionKind::Base };
        let known = catalog.find(if id.is_empty() { name } else { id });
        let id = match known {
            Some(known) => known.id.clone(),
            None if id.is_empty() => plan::free_id(catalog, kind, name),
            None => id.to_owned(),
        };
        wire.insert("id".to_owned(), Value::from(id.as_str()));
        ids.insert(id);
    }
    ids
}

/// Adds the fields that the import doesn't name and that stay.
fn keep_fields(before: &Collection, wire: &mut Map<String, Value>, deletes_missing: bool) {
    let Some(Value::Array(fields)) = wire.get_mut("fields") else {
        if deletes_missing {
            let system = before.fields.iter().filter(|f| f.is_system).map(field::to_wire);
            wire.insert("fields".to_owned(), system.map(Value::Object).collect());
        }
        return;
    };
    let is_sent = |old: &Field| {
        fields.iter().any(|wire| {
            let is = |key: &str, text: &str| wire.get(key).and_then(Value::as_str) == Some(text);
            is("id", &old.id) || (is("name", &old.name) && is("type", old.kind.name()))
        })
    };
    let missing = before.fields.iter().filter(|f| (f.is_system || !deletes_missing) && !is_sent(f));
    let (ids, others): (Vec<&Field>, Vec<&Field>) = missing.partition(|f| f.is_id());
    let wire = |f: &Field| Value::Object(field::to_wire(f));
    fields.splice(0..0, ids.into_iter().map(wire));
    fields.extend(others.into_iter().map(wire));
}

/// The import's one fault, which names the collection and what is wrong with it.
fn refused(wire: &Map<String, Value>, id: &str, faults: Fields) -> Fields {
    let name = wire.get("name").and_then(Value::as_str).unwrap_or_default();
    let details = serde_json::to_string_pretty(&Value::Object(faults.0)).unwrap_or_default();
    let message = format!("Data validations failed for collection {name:?} ({id}):\n{details}");
    wrong("validation_collections_import_failure", message)
}

fn wrong(code: &'static str, message: String) -> Fields {
    let mut fields = Fields::default();
    flaw::put(&mut fields.0, &["collections"], &Flaw::new(code, message));
    fields
}
