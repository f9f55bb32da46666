//! The collections that the house keeps its own state in. They are made in every database, old or new.
//!
//! To add one: a function here and its line in [`system_collections`]. Rows of an account have the fields `collectionRef` and
//! `recordRef`: they go with the account when it is deleted.

use super::defaults::{collection_id, dates, system_fields};
use super::own::own_collections;
use crate::core::collection::{Collection, CollectionKind, EXTERNAL_AUTHS, FLOWS, Rules};
use crate::core::field::{Field, FieldKind, TextOptions};
use crate::core::index::{Index, IndexColumn};

/// Whom a row of an account belongs to, as a rule.
const OWNER: &str = "@request.auth.id = recordRef && @request.auth.collectionId = collectionRef";
/// Longest text that holds a flow's state, in characters.
const DATA_MAX: u64 = 100_000;

/// The house's own collections, but `_superusers`.
pub fn system_collections(now: &str) -> Vec<Collection> {
    let mut all = vec![external_auths(now), flows(now)];
    all.extend(own_collections(now));
    all
}

/// Who an account is at a provider. Its owner may see and delete it; it is made by signing in.
fn external_auths(now: &str) -> Collection {
    let fields = vec![
        text("collectionRef", 0).required(),
        text("recordRef", 0).required(),
        text("provider", 0).required(),
        text("providerId", 0).required(),
        text("issuer", 0).hidden(),
    ];
    let mut collection = own(EXTERNAL_AUTHS, fields, now);
    let owner = Some(OWNER.to_owned());
    collection.rules = Rules { list: owner.clone(), view: owner.clone(), delete: owner, ..Rules::default() };
    collection.indexes = vec![
        index("idx_externalAuths_collection_provider", true, &["collectionRef", "provider", "providerId"]),
        index("idx_externalAuths_record", false, &["collectionRef", "recordRef"]),
    ];
    collection.settled()
}

/// What may be done once, or is kept between two steps of a sign-in. Nobody but the house sees it.
fn flows(now: &str) -> Collection {
    let fields = vec![
        text("kind", 0).required(),
        text("key", 0).required(),
        text("data", DATA_MAX).hidden(),
        Field::new("expires", FieldKind::Number { min: None, max: None, is_whole: true }).system().required(),
    ];
    let mut collection = own(FLOWS, fields, now);
    collection.indexes = vec![
        index("idx_flows_kind_key", true, &["kind", "key"]),
        index("idx_flows_expires", false, &["expires"]),
    ];
    collection.settled()
}

fn own(name: &str, own: Vec<Field>, now: &str) -> Collection {
    let mut fields = system_fields(CollectionKind::Base);
    fields.extend(own);
    fields.extend(dates().map(Field::system));
    let mut collection =
        Collection::new(&collection_id(CollectionKind::Base, name), name, CollectionKind::Base, fields);
    collection.is_system = true;
    now.clone_into(&mut collection.created);
    now.clone_into(&mut collection.updated);
    collection
}

fn text(name: &str, max: u64) -> Field {
    Field::new(name, FieldKind::Text(TextOptions { max, ..TextOptions::default() })).system()
}

fn index(name: &str, is_unique: bool, fields: &[&str]) -> Index {
    let column =
        |field: &&str| IndexColumn { field: (*field).to_owned(), descending: false, ignores_case: false };
    Index { name: name.to_owned(), is_unique, columns: fields.iter().map(column).collect(), only: Vec::new() }
}
