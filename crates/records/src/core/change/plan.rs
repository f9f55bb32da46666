//! From a client's JSON to the next form of a collection.

use std::collections::HashSet;
use std::sync::Arc;

use base::error::Fields;
use serde_json::{Map, Value};

use super::reader::Reader;
use super::{auth, check, defaults, field};
use crate::core::catalog::Catalog;
use crate::core::collection::{Collection, CollectionKind, SUPERUSERS};
use crate::core::field::Field;
use crate::core::flaw::{self, Flaw};
use crate::core::index::{self, Index};

/// Most fields of a collection.
const FIELDS_MAX: usize = 500;
/// Most indexes of a collection.
const INDEXES_MAX: usize = 64;

/// Makes a new collection (`before` is `None`) or the next form of one from a client's JSON, which may be partial for
/// an update. Gives storage keys to new fields, keeps those of old ones (matched by field id, else name), retires those that are gone,
/// and raises the shape when the fields changed. Everything wrong is reported at once, by field, as the wire nests it.
/// `now` is the time as shown; `new_id` gives unguessable words.
pub fn plan(
    catalog: &Catalog,
    before: Option<&Collection>,
    sent: &Map<String, Value>,
    now: &str,
    new_id: &mut dyn FnMut() -> String,
) -> Result<Collection, Fields> {
    let mut faults = Map::new();
    let mut next = match before {
        Some(before) => before.clone(),
        None => defaults::blank(read_kind(sent, &mut faults), new_id),
    };
    read_identity(&mut next, catalog, before, sent, &mut faults);
    read_rules(&mut next, sent, &mut faults);
    let places = read_fields(&mut next, before, sent, &mut faults);
    read_indexes(&mut next, before, sent, &mut faults);
    if let Some(options) = &mut next.auth {
        auth::read(options, sent, &mut faults);
        settle_auth(
            options,
            &next.name,
            next.rules.auth != before.and_then(|b| b.rules.auth.clone()),
            before,
            new_id,
        );
    }
    check::check(catalog, before, &next, &places, &mut faults);
    if !faults.is_empty() {
        return Err(Fields(faults));
    }
    if before.is_none() {
        now.clone_into(&mut next.created);
    }
    now.clone_into(&mut next.updated);
    Ok(next.settled())
}

fn read_kind(sent: &Map<String, Value>, faults: &mut Map<String, Value>) -> CollectionKind {
    let mut reader = Reader::new(sent, &[], faults);
    match reader.text("type").as_str() {
        "" | "base" => CollectionKind::Base,
        "auth" => CollectionKind::Auth,
        "view" => {
            let message = "Collections over a query (views) are not supported.";
            reader.fault("type", &Flaw::new("validation_in_invalid", message));
            CollectionKind::Base
        }
        _ => {
            reader.fault("type", &Flaw::new("validation_in_invalid", "Must be base or auth."));
            CollectionKind::Base
        }
    }
}

/// Id, name, type and the system mark.
fn read_identity(
    next: &mut Collection,
    catalog: &Catalog,
    before: Option<&Collection>,
    sent: &Map<String, Value>,
    faults: &mut Map<String, Value>,
) {
    let mut reader = Reader::new(sent, &[], faults);
    if sent.contains_key("name") || before.is_none() {
        next.name = reader.text("name");
    }
    let id = reader.text("id");
    let Some(before) = before else {
        next.is_system = reader.flag("system");
        next.id = if id.is_empty() { free_id(catalog, next.kind, &next.name) } else { id };
        return;
    };
    if !id.is_empty() && id != before.id {
        reader.fault("id", &Flaw::mismatch());
    }
    let kind = reader.text("type");
    if !kind.is_empty() && kind != defaults::kind_name(before.kind) {
        let flaw = Flaw::new("validation_collection_type_change", "Collection type cannot be changed.");
        reader.fault("type", &flaw);
    }
    if sent.get("system").is_some_and(|s| !s.is_null()) && reader.flag("system") != before.is_system {
        let message = "System collection state cannot be changed.";
        reader.fault("system", &Flaw::new("validation_collection_system_flag_change", message));
    }
}

/// The id that a collection of that name has everywhere, or the next free one after it.
fn free_id(catalog: &Catalog, kind: CollectionKind, name: &str) -> String {
    let id = defaults::collection_id(kind, name);
    let is_free = |id: &String| catalog.all().iter().all(|c| c.id != *id);
    if is_free(&id) {
        return id;
    }
    (2..).map(|n| format!("{id}{n}")).find(is_free).expect("numbers don't end before collections do")
}

/// The rules that the JSON names.
pub(super) fn read_rules(next: &mut Collection, sent: &Map<String, Value>, faults: &mut Map<String, Value>) {
    let mut reader = Reader::new(sent, &[], faults);
    let is_auth = next.is_auth();
    let rules = &mut next.rules;
    let places = [
        ("listRule", &mut rules.list),
        ("viewRule", &mut rules.view),
        ("createRule", &mut rules.create),
        ("updateRule", &mut rules.update),
        ("deleteRule", &mut rules.delete),
    ];
    let own = [("manageRule", &mut rules.manage), ("authRule", &mut rules.auth)];
    for (key, rule) in places.into_iter().chain(own.into_iter().filter(|_| is_auth)) {
        if sent.contains_key(key) {
            *rule = reader.rule(key);
        }
    }
}

/// The fields, matched with those before. Gives the place in the request of each.
fn read_fields(
    next: &mut Collection,
    before: Option<&Collection>,
    sent: &Map<String, Value>,
    faults: &mut Map<String, Value>,
) -> Vec<usize> {
    let old: &[Field] = before.map_or(&[], |b| &b.fields);
    let list = match sent.get("fields") {
        None | Some(Value::Null) if before.is_some() => return (0..next.fields.len()).collect(),
        None | Some(Value::Null) => &[],
        Some(Value::Array(list)) if list.len() <= FIELDS_MAX => list.as_slice(),
        Some(_) => {
            let message = format!("Must be a list of at most {FIELDS_MAX} fields.");
            flaw::put(faults, &["fields"], &Flaw::new("validation_invalid_value", message));
            return (0..next.fields.len()).collect();
        }
    };
    let mut read = Vec::with_capacity(list.len());
    for (place, wire) in list.iter().enumerate() {
        let at = place.to_string();
        let Some(object) = wire.as_object() else {
            let flaw = Flaw::new("validation_invalid_value", "Must be an object.");
            flaw::put(faults, &["fields", &at], &flaw);
            continue;
        };
        let mut reader = Reader::new(object, &["fields", &at], faults);
        if let Some(field) = field::read(&mut reader) {
            read.push((place, field));
        }
    }
    let (places, mut fields): (Vec<usize>, Vec<Field>) = read.into_iter().unzip();
    take_ids(old, &mut fields);
    // what stands before the first sent field is the id that we add: it has no place of its own
    let added = fields.iter().all(|f| f.name != "id");
    defaults::complete(next.kind, old, &mut fields);
    give_keys(next, old, &mut fields);
    next.fields = fields;
    let offset = usize::from(added);
    let rest = places.len() + offset..next.fields.len().max(places.len() + offset);
    std::iter::repeat_n(0, offset).chain(places).chain(rest).collect()
}

/// Gives each field the id of the old field that it is: the one with its id, else the one of its name and type.
fn take_ids(old: &[Field], fields: &mut [Field]) {
    let named: HashSet<String> = fields.iter().map(|f| f.id.clone()).collect();
    let mut taken: HashSet<String> = named.clone();
    for field in fields {
        if old.iter().any(|o| o.id == field.id) {
            continue;
        }
        let same =
            |o: &&Field| o.name == field.name && o.kind.name() == field.kind.name() && !named.contains(&o.id);
        if let Some(found) = old.iter().find(same) {
            field.id = found.id.clone();
        } else if field.id.is_empty() {
            let base = Field::new(&field.name, field.kind.clone()).id;
            let mut ids = std::iter::once(base.clone()).chain((2..).map(|n| format!("{base}{n}")));
            let is_free = |id: &String| !taken.contains(id) && old.iter().all(|o| o.id != *id);
            field.id = ids.find(is_free).expect("numbers don't end before fields do");
        }
        taken.insert(field.id.clone());
    }
}

/// Keeps the keys of old fields, gives new ones a key that was never used, retires what is gone, and raises the shape
/// when anything about the bodies changed.
fn give_keys(next: &mut Collection, old: &[Field], fields: &mut [Field]) {
    let gone = old.iter().filter(|o| fields.iter().all(|f| f.id != o.id));
    next.retired.extend(gone.map(|o| o.key.to_string()));
    let mut used: HashSet<Arc<str>> = old.iter().map(|o| o.key.clone()).collect();
    used.extend(next.retired.iter().map(|key| Arc::from(key.as_str())));
    used.insert(Arc::from("id"));
    for field in fields.iter_mut() {
        field.key = match old.iter().find(|o| o.id == field.id) {
            Some(was) => was.key.clone(),
            None if field.is_id() => Arc::from("id"),
            None => {
                let name = field.name.as_str();
                let mut keys =
                    std::iter::once(Arc::from(name)).chain((2..).map(|n| Arc::from(format!("{name}_{n}"))));
                keys.find(|key: &Arc<str>| !used.contains(key)).expect("numbers don't end before fields do")
            }
        };
        used.insert(field.key.clone());
    }
    let form = |f: &Field| (f.name.clone(), f.key.clone(), f.scalar());
    if old.iter().map(form).ne(fields.iter().map(form)) {
        next.shape += 1;
    }
}

/// The indexes: those sent, or those before without the ones on fields that are gone. Fields that got a new name are
/// renamed in both.
fn read_indexes(
    next: &mut Collection,
    before: Option<&Collection>,
    sent: &Map<String, Value>,
    faults: &mut Map<String, Value>,
) {
    if sent.get("indexes").is_some_and(|i| !i.is_null()) {
        next.indexes = read_index_list(sent, faults);
    }
    let is_sent = sent.get("indexes").is_some_and(|i| !i.is_null());
    let is = |f: &&Field, name: &str| f.name.eq_ignore_ascii_case(name);
    let now = |name: &str| next.fields.iter().find(|f| is(f, name)).map(|f| f.name.clone());
    let moved = |name: &str| {
        let was = before?.fields.iter().find(|f| is(f, name))?;
        next.fields.iter().find(|f| f.id == was.id).map(|f| f.name.clone())
    };
    // those sent speak of the fields as they will be, those before of the fields as they were
    let renamed = |name: &str| {
        if is_sent { now(name).or_else(|| moved(name)) } else { moved(name).or_else(|| now(name)) }
    };
    let mut indexes = next.indexes.clone();
    indexes.iter_mut().for_each(|index| index.rename(renamed));
    if !is_sent {
        indexes.retain(|index| index.fields().all(|name| next.field(name).is_some()));
    }
    if next.is_auth() {
        defaults::complete_indexes(&next.id, &mut indexes);
    }
    next.indexes = indexes;
}

/// Reads the sent list. An index that can't be read is a fault, and stands in the list without columns, so that the
/// others keep their places.
fn read_index_list(sent: &Map<String, Value>, faults: &mut Map<String, Value>) -> Vec<Index> {
    let texts = Reader::new(sent, &[], faults).texts("indexes");
    if texts.len() > INDEXES_MAX {
        let message = format!("There may be at most {INDEXES_MAX} indexes.");
        flaw::put(faults, &["indexes"], &Flaw::new("validation_length_too_long", message));
        return Vec::new();
    }
    let mut indexes = Vec::with_capacity(texts.len());
    for (place, text) in texts.iter().enumerate() {
        indexes.push(index::parse(text).unwrap_or_else(|message| {
            let flaw = Flaw::new("validation_invalid_index_expression", message);
            flaw::put(faults, &["indexes", &place.to_string()], &flaw);
            Index { name: String::new(), is_unique: false, columns: Vec::new(), only: Vec::new() }
        }));
    }
    indexes
}

/// What follows from the settings: superusers always sign in by password and never through a provider; a new auth rule
/// makes every token void.
fn settle_auth(
    options: &mut crate::core::collection::AuthOptions,
    name: &str,
    has_new_rule: bool,
    before: Option<&Collection>,
    new_id: &mut dyn FnMut() -> String,
) {
    if name == SUPERUSERS {
        options.has_password = true;
        if let Some(oauth2) = options.other.get_mut("oauth2") {
            oauth2["enabled"] = Value::Bool(false);
        }
    }
    if before.is_some() && has_new_rule {
        options.token_secret = auth::secret(new_id);
    }
}
