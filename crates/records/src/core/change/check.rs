//! What is wrong with a collection as a whole: names, rules of system collections, fields among each other, indexes.

mod field;
mod indexes;

use serde_json::{Map, Value};

use super::auth;
use crate::core::catalog::Catalog;
use crate::core::collection::Collection;
use crate::core::field::{Field, FieldKind};
use crate::core::flaw::{self, Flaw};

/// Longest id of a collection or field, and longest name of a field, in characters.
const ID_MAX: usize = 100;
/// Longest name of a collection.
const NAME_MAX: usize = 255;
/// Names that auth collections use for other things.
const RESERVED_IN_AUTH: [&str; 2] = ["passwordConfirm", "oldPassword"];

/// Adds what is wrong. `places` says where in the request each field stood.
pub(super) fn check(
    catalog: &Catalog,
    before: Option<&Collection>,
    next: &Collection,
    places: &[usize],
    faults: &mut Map<String, Value>,
) {
    check_id(catalog, before, next, faults);
    if let Some(flaw) = check_name(catalog, before, next) {
        flaw::put(faults, &["name"], &flaw);
    }
    check_rules(before, next, faults);
    check_system_fields(before, next, faults);
    let targets = field::Targets { catalog, own: &next.id };
    for (at, field) in next.fields.iter().enumerate() {
        let place = places.get(at).copied().unwrap_or(at).to_string();
        let was = before.and_then(|b| b.fields.iter().find(|o| o.id == field.id));
        check_among(next, at, was, &place, faults);
        field::check(&targets, field, was, &place, faults);
    }
    indexes::check(catalog, before, next, faults);
    if let Some(options) = &next.auth {
        auth::check(next, options, faults);
    }
}

fn check_id(
    catalog: &Catalog,
    before: Option<&Collection>,
    next: &Collection,
    faults: &mut Map<String, Value>,
) {
    if before.is_some() {
        return;
    }
    // ids name tables: small letters only, so that no two of them differ by case alone
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    let flaw = if next.id.len() > ID_MAX {
        Flaw::new("validation_length_out_of_range", "The length must be between 1 and 100.")
    } else if !next.id.bytes().all(is_plain) {
        Flaw::new("validation_match_invalid", "Must be of small letters, digits and _ only.")
    } else if catalog.all().iter().any(|c| c.id == next.id) {
        Flaw::new("validation_invalid_or_existing_id", "The id is invalid or already exists.")
    } else {
        return;
    };
    flaw::put(faults, &["id"], &flaw);
}

fn check_name(catalog: &Catalog, before: Option<&Collection>, next: &Collection) -> Option<Flaw> {
    let name = next.name.as_str();
    if name.is_empty() {
        return Some(Flaw::required());
    }
    if name.len() > NAME_MAX {
        return Some(Flaw::new("validation_length_out_of_range", "The length must be between 1 and 255."));
    }
    if let Some(flaw) = check_word(name) {
        return Some(flaw);
    }
    if before.is_some_and(|b| b.is_system && b.name != name) {
        let message = "System collection name cannot be changed.";
        return Some(Flaw::new("validation_collection_system_name_change", message));
    }
    let mut others = catalog.all().iter().filter(|c| before.is_none_or(|b| b.id != c.id));
    if others.clone().any(|c| c.name.eq_ignore_ascii_case(name)) {
        let message = "Collection name must be unique (case insensitive).";
        return Some(Flaw::new("validation_collection_name_exists", message));
    }
    others.any(|c| c.id == name).then(|| {
        let message = "The name must not match an existing collection id.";
        Flaw::new("validation_collection_name_id_duplicate", message)
    })
}

/// What collections and fields may be called: letters, digits and `_`, without `_via_`.
fn check_word(name: &str) -> Option<Flaw> {
    if name.to_ascii_lowercase().contains("_via_") {
        return Some(Flaw::new("validation_found_via", "The value cannot contain \"_via_\"."));
    }
    let is_plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    (!is_plain).then(|| {
        Flaw::new("validation_match_invalid", "Must be in a valid format: letters, digits and _ only.")
    })
}

fn check_rules(before: Option<&Collection>, next: &Collection, faults: &mut Map<String, Value>) {
    let rules = &next.rules;
    if rules.manage.as_deref() == Some("") {
        let flaw = Flaw::new("validation_nil_or_not_empty_required", "Cannot be blank.");
        flaw::put(faults, &["manageRule"], &flaw);
    }
    let Some(before) = before.filter(|b| b.is_system) else { return };
    let old = &before.rules;
    for (key, was, is) in [
        ("listRule", &old.list, &rules.list),
        ("viewRule", &old.view, &rules.view),
        ("createRule", &old.create, &rules.create),
        ("updateRule", &old.update, &rules.update),
        ("deleteRule", &old.delete, &rules.delete),
        ("manageRule", &old.manage, &rules.manage),
        ("authRule", &old.auth, &rules.auth),
    ] {
        if was != is {
            let message = "System collection API rule cannot be changed.";
            flaw::put(faults, &[key], &Flaw::new("validation_collection_system_rule_change", message));
        }
    }
}

/// System fields stay, under their name and of their kind.
fn check_system_fields(before: Option<&Collection>, next: &Collection, faults: &mut Map<String, Value>) {
    let is_kept = |o: &Field| next.fields.iter().any(|f| f.id == o.id && f.name == o.name);
    if before.is_some_and(|b| b.fields.iter().any(|o| o.is_system && !is_kept(o))) {
        let message = "System fields cannot be deleted or renamed.";
        flaw::put(faults, &["fields"], &Flaw::new("validation_system_field_change", message));
    }
    if !next.fields.iter().any(|f| f.name == "id" && f.is_id()) {
        let flaw = Flaw::new("validation_missing_primary_key", "Missing or invalid \"id\" PK field.");
        flaw::put(faults, &["fields"], &flaw);
        return;
    }
    if next.is_auth() {
        let wrong = super::defaults::system_fields(next.kind)
            .into_iter()
            .find(|wanted| next.field(&wanted.name).is_none_or(|f| f.kind.name() != wanted.kind.name()));
        if let Some(wrong) = wrong {
            let code = match wrong.name.as_str() {
                "password" => "validation_missing_password_field",
                "tokenKey" => "validation_missing_tokenKey_field",
                "email" => "validation_missing_email_field",
                "emailVisibility" => "validation_missing_emailVisibility_field",
                _ => "validation_missing_verified_field",
            };
            let message = format!("System \"{}\" field is required.", wrong.name);
            flaw::put(faults, &["fields"], &Flaw::new(code, message));
        }
    }
}

/// A field among the others, and beside what it was.
fn check_among(
    next: &Collection,
    at: usize,
    was: Option<&Field>,
    place: &str,
    faults: &mut Map<String, Value>,
) {
    let field = &next.fields[at];
    let earlier = &next.fields[..at];
    if earlier.iter().any(|f| f.id == field.id) {
        let message = format!("Duplicated or invalid field id {:?}.", field.id);
        let flaw = Flaw::new("validation_duplicated_field_id", message);
        flaw::put(faults, &["fields", place, "id"], &flaw);
    }
    if earlier.iter().any(|f| f.name.eq_ignore_ascii_case(&field.name)) && !field.name.is_empty() {
        let message = format!("Duplicated or invalid field name {}.", field.name);
        let flaw =
            Flaw::new("validation_duplicated_field_name", message).with("fieldName", field.name.as_str());
        flaw::put(faults, &["fields", place, "name"], &flaw);
    }
    if next.is_auth() && RESERVED_IN_AUTH.contains(&field.name.as_str()) {
        let message = "The field name is reserved and cannot be used.";
        flaw::put(faults, &["fields", place, "name"], &Flaw::new("validation_reserved_field_name", message));
    }
    if field.is_id() && earlier.iter().any(Field::is_id) {
        let message = "The collection must have only 1 PK.";
        let flaw = Flaw::new("validation_unsupported_composite_pk", message);
        flaw::put(faults, &["fields", place, "primaryKey"], &flaw);
    }
    if was.is_some_and(|was| was.kind.name() != field.kind.name()) {
        let flaw = Flaw::new("validation_field_type_change", "Field type cannot be changed.");
        flaw::put(faults, &["fields", place], &flaw);
    }
    if let (Some(FieldKind::Autodate { on_create, on_update }), true) =
        (was.map(|w| &w.kind), field.is_system)
        && field.kind != (FieldKind::Autodate { on_create: *on_create, on_update: *on_update })
    {
        flaw::put(faults, &["fields", place, "onCreate"], &Flaw::mismatch());
    }
}
