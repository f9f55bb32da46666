//! What every collection has without being asked: system fields and their indexes; and the first collections.

use serde_json::{Map, Value};

use super::auth;
use crate::core::collection::{Collection, CollectionKind, Rules, SUPERUSERS};
use crate::core::field::{Field, FieldKind, FileOptions, TextOptions, checksum};
use crate::core::index::Index;
use crate::core::pattern::{ID_PATTERN, Pattern};
use crate::core::value::ID_MADE_BY;

/// Longest name of an index that we make.
const INDEX_NAME_MAX: usize = 64;
/// Id of the collection `users`, the same everywhere.
const USERS_ID: &str = "_pb_users_auth_";
/// Lifetime of superusers' tokens in seconds: a day.
const SUPERUSER_TOKEN_SECONDS: u64 = 86_400;

/// The id that the wire's clients expect of a new collection of that kind and name.
pub(super) fn collection_id(kind: CollectionKind, name: &str) -> String {
    format!("pbc_{}", checksum(&format!("{}{name}", kind_name(kind))))
}

/// The kind on the wire.
pub(super) fn kind_name(kind: CollectionKind) -> &'static str {
    match kind {
        CollectionKind::Base => "base",
        CollectionKind::Auth => "auth",
    }
}

/// The system fields of a kind, in their order.
pub(super) fn system_fields(kind: CollectionKind) -> Vec<Field> {
    let mut fields = vec![id_field()];
    if kind == CollectionKind::Auth {
        let password = FieldKind::Password { min: 8, max: 0, pattern: Pattern::default(), cost: 0 };
        let token_key = TextOptions {
            min: 30,
            max: 60,
            autogenerate_pattern: "[a-zA-Z0-9]{50}".to_owned(),
            ..TextOptions::default()
        };
        let email = FieldKind::Email { except_domains: Vec::new(), only_domains: Vec::new() };
        fields.extend([
            Field::new("password", password).system().hidden().required(),
            Field::new("tokenKey", FieldKind::Text(token_key)).system().hidden().required(),
            Field::new("email", email).system().required(),
            Field::new("emailVisibility", FieldKind::Bool).system(),
            Field::new("verified", FieldKind::Bool).system(),
        ]);
    }
    fields
}

fn id_field() -> Field {
    let options = TextOptions {
        min: 15,
        max: 15,
        pattern: Pattern::parse(ID_PATTERN).expect("our own pattern can be read"),
        autogenerate_pattern: ID_MADE_BY.to_owned(),
        is_primary: true,
    };
    Field::new("id", FieldKind::Text(options)).system().required()
}

/// Gives a list of fields the system fields that it lacks (as they were, if they were), and those that it has their
/// guarded marks. The id comes first, the others last, as the wire's clients know it.
pub(super) fn complete(kind: CollectionKind, old: &[Field], fields: &mut Vec<Field>) {
    for wanted in system_fields(kind) {
        let was = old.iter().find(|o| o.name == wanted.name);
        if let Some(found) = fields.iter_mut().find(|f| f.name == wanted.name) {
            guard(&wanted, found);
        } else if was.is_none_or(|was| fields.iter().all(|f| f.id != was.id)) {
            let place = if wanted.is_id() { 0 } else { fields.len() };
            fields.insert(place, was.cloned().unwrap_or(wanted));
        }
        // else it is there under another name, which the checks refuse
    }
    for field in fields {
        field.is_system |= old.iter().any(|o| o.is_system && o.id == field.id);
    }
}

fn guard(wanted: &Field, found: &mut Field) {
    if found.kind.name() != wanted.kind.name() {
        return;
    }
    found.is_system = true;
    match wanted.name.as_str() {
        "id" => {
            found.is_required = true;
            found.is_hidden = false;
            if let FieldKind::Text(options) = &mut found.kind {
                options.is_primary = true;
                if options.pattern.is_empty() {
                    options.pattern = Pattern::parse(ID_PATTERN).expect("our own pattern can be read");
                }
            }
        }
        "password" | "tokenKey" => {
            found.is_required = true;
            found.is_hidden = true;
        }
        "email" => found.is_hidden = false,
        _ => {}
    }
}

/// Gives an auth collection the unique indexes that it lacks.
pub(super) fn complete_indexes(id: &str, indexes: &mut Vec<Index>) {
    for field in ["tokenKey", "email"] {
        if indexes.iter().any(|index| index.is_unique_on(field)) {
            continue;
        }
        let mut name = format!("idx_{field}_{id}");
        name.truncate(INDEX_NAME_MAX);
        let mut index = Index::unique(&name, field);
        if field == "email" {
            index.only.push((field.to_owned(), "!=".to_owned(), Value::from("")));
        }
        indexes.push(index);
    }
}

/// The collections that a new database begins with: `_superusers` and `users`.
pub fn first_collections(now: &str, new_id: &mut dyn FnMut() -> String) -> Vec<Collection> {
    let mut superusers = account_collection(
        &collection_id(CollectionKind::Auth, SUPERUSERS),
        SUPERUSERS,
        dates().map(Field::system).into(),
        now,
        new_id,
    );
    superusers.is_system = true;
    if let Some(auth) = &mut superusers.auth {
        auth.token_seconds = SUPERUSER_TOKEN_SECONDS;
    }
    let mut fields = vec![name_field(), avatar_field()];
    fields.extend(dates());
    let mut users = account_collection(USERS_ID, "users", fields, now, new_id);
    let owner = Some("id = @request.auth.id".to_owned());
    users.rules = Rules {
        list: owner.clone(),
        view: owner.clone(),
        create: Some(String::new()),
        update: owner.clone(),
        delete: owner,
        manage: None,
        auth: Some(String::new()),
    };
    if let Some(auth) = &mut users.auth {
        auth::map_provider_fields(auth, "name", "avatar");
    }
    vec![superusers.settled(), users.settled()]
}

fn account_collection(
    id: &str,
    name: &str,
    own: Vec<Field>,
    now: &str,
    new_id: &mut dyn FnMut() -> String,
) -> Collection {
    let mut fields = system_fields(CollectionKind::Auth);
    fields.extend(own);
    let mut collection = Collection::new(id, name, CollectionKind::Auth, fields);
    collection.rules.auth = Some(String::new());
    collection.auth = Some(auth::default_options(new_id));
    complete_indexes(id, &mut collection.indexes);
    now.clone_into(&mut collection.created);
    now.clone_into(&mut collection.updated);
    collection
}

fn name_field() -> Field {
    Field::new("name", FieldKind::Text(TextOptions { max: 255, ..TextOptions::default() }))
}

fn avatar_field() -> Field {
    let types = ["image/jpeg", "image/png", "image/svg+xml", "image/gif", "image/webp"];
    let mime_types = types.map(str::to_owned).into();
    Field::new("avatar", FieldKind::File(FileOptions { max: 1, mime_types, ..FileOptions::default() }))
}

pub(super) fn dates() -> [Field; 2] {
    [
        Field::new("created", FieldKind::Autodate { on_create: true, on_update: false }),
        Field::new("updated", FieldKind::Autodate { on_create: true, on_update: true }),
    ]
}

/// An empty collection of a kind, as a client's JSON is put upon it.
pub(super) fn blank(kind: CollectionKind, new_id: &mut dyn FnMut() -> String) -> Collection {
    let mut collection = Collection::new("", "", kind, Vec::new());
    collection.shape = 0;
    if kind == CollectionKind::Auth {
        collection.rules.auth = Some(String::new());
        collection.auth = Some(auth::default_options(new_id));
    }
    collection
}

/// A JSON object of the wire, written in place.
pub(super) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}
