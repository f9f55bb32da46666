//! What is wrong with the indexes of a collection.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::core::catalog::Catalog;
use crate::core::collection::Collection;
use crate::core::field::FieldKind;
use crate::core::flaw::{self, Flaw};
use crate::core::index::{self, Index};

/// Adds what is wrong with the indexes, by their place.
pub(super) fn check(
    catalog: &Catalog,
    before: Option<&Collection>,
    next: &Collection,
    faults: &mut Map<String, Value>,
) {
    let (mut names, mut definitions) = (HashSet::new(), HashSet::new());
    for (place, index) in next.indexes.iter().enumerate() {
        // those without columns could not be read, and have their fault
        if index.columns.is_empty() {
            continue;
        }
        let flaw = if !names.insert(index.name.to_ascii_lowercase()) {
            Some(Flaw::new("validation_duplicated_index_name", "The index name already exists."))
        } else {
            check_one(catalog, next, index).or_else(|| {
                let is_new = definitions.insert(index::store_name(index, next));
                let message = "The index definition already exists.";
                (!is_new).then(|| Flaw::new("validation_duplicated_index_definition", message))
            })
        };
        if let Some(flaw) = flaw {
            flaw::put(faults, &["indexes", &place.to_string()], &flaw);
        }
    }
    check_kept(before, next, faults);
}

fn check_one(catalog: &Catalog, next: &Collection, index: &Index) -> Option<Flaw> {
    let other = catalog.all().iter().filter(|c| c.id != next.id);
    let user = other.into_iter().find(|c| c.indexes.iter().any(|i| i.name.eq_ignore_ascii_case(&index.name)));
    if let Some(user) = user {
        let message = format!("The index name is already used in {} collection.", user.name);
        let flaw = Flaw::new("validation_existing_index_name", message);
        return Some(flaw.with("usedTableName", user.name.as_str()));
    }
    let unfit = |message: String| Some(Flaw::new("validation_invalid_index_expression", message));
    if let Some(missing) = index.fields().find(|name| next.field(name).is_none()) {
        return unfit(format!("Invalid CREATE INDEX expression: there is no field {missing}."));
    }
    let is_password =
        |name: &&str| next.field(name).is_some_and(|f| matches!(f.kind, FieldKind::Password { .. }));
    if let Some(secret) = index.fields().find(is_password) {
        return unfit(format!("Invalid CREATE INDEX expression: {secret} is a password."));
    }
    let mut seen = HashSet::new();
    let twice = index.columns.iter().find(|c| !seen.insert(c.field.as_str()))?;
    unfit(format!("Invalid CREATE INDEX expression: {} is named twice.", twice.field))
}

/// Unique indexes on system fields stay.
fn check_kept(before: Option<&Collection>, next: &Collection, faults: &mut Map<String, Value>) {
    let Some(before) = before else { return };
    fn columns(index: &Index) -> Vec<&str> {
        index.columns.iter().map(|c| c.field.as_str()).collect()
    }
    for old in before.indexes.iter().filter(|i| i.is_unique) {
        let is_system = |name: &&str| before.field(name).is_some_and(|f| f.is_system);
        let Some(field) = columns(old).into_iter().find(is_system) else { continue };
        if next.indexes.iter().any(|i| i.is_unique && columns(i) == columns(old)) {
            continue;
        }
        let message = format!("Unique index definition on system fields ({field}) is invalid or missing.");
        let flaw = Flaw::new("validation_invalid_unique_system_field_index", message);
        flaw::put(faults, &["indexes"], &flaw.with("fieldName", field));
        return;
    }
}
