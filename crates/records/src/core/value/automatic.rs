//! What the server sets: autodates, ids, texts made from a pattern, the token key of accounts.

use base::time::Timestamp;
use serde_json::Value;

use super::Values;
use crate::core::collection::Collection;
use crate::core::field::{Field, FieldKind, TextOptions};
use crate::core::pattern;

/// The pattern of new ids that nobody changed: those are made from the time and chance.
pub(crate) const ID_MADE_BY: &str = "[a-z0-9]{15}";
/// The pattern of token keys when the field doesn't have one.
const TOKEN_KEY_MADE_BY: &str = "[a-zA-Z0-9]{50}";

/// Sets what the server sets: autodates, ids and texts made from a pattern, the token key of accounts (a new one when
/// the password or the address changed). `chance` gives evenly distributed random numbers.
pub fn set_automatic(
    collection: &Collection,
    before: Option<&Values>,
    after: &mut Values,
    now: Timestamp,
    chance: &mut dyn FnMut() -> u64,
) {
    for field in &collection.fields {
        match &field.kind {
            FieldKind::Autodate { on_create, on_update } => {
                let is_due = if before.is_some() { *on_update } else { *on_create };
                // a value that was put there on purpose (an import) stays
                let is_untouched = after.text(&field.name) == before.map_or("", |b| b.text(&field.name));
                if is_due && is_untouched {
                    after.0.insert(field.name.clone(), Value::from(now.to_string()));
                }
            }
            FieldKind::Text(options) if before.is_none() && after.text(&field.name).is_empty() => {
                if let Some(made) = make(options, now, chance) {
                    after.0.insert(field.name.clone(), Value::from(made));
                }
            }
            _ => {}
        }
    }
    if collection.is_auth() {
        set_account(collection, before, after, chance);
    }
}

/// A new id for a record, by the pattern of the collection's id field.
pub fn new_id(collection: &Collection, now: Timestamp, chance: &mut dyn FnMut() -> u64) -> String {
    let options = collection.fields.iter().find_map(|field| match &field.kind {
        FieldKind::Text(options) if options.is_primary => Some(options),
        _ => None,
    });
    options
        .and_then(|options| make(options, now, chance))
        .unwrap_or_else(|| base::id::from_parts(now, chance()))
}

fn make(options: &TextOptions, now: Timestamp, chance: &mut dyn FnMut() -> u64) -> Option<String> {
    match options.autogenerate_pattern.as_str() {
        "" => None,
        ID_MADE_BY if options.is_primary => Some(base::id::from_parts(now, chance())),
        pattern => pattern::generate(pattern, chance),
    }
}

fn set_account(
    collection: &Collection,
    before: Option<&Values>,
    after: &mut Values,
    chance: &mut dyn FnMut() -> u64,
) {
    if collection.is_superusers() {
        after.0.insert("verified".to_owned(), Value::Bool(true));
    }
    let is_same = |name: &str| before.is_some_and(|b| b.0.get(name) == after.0.get(name));
    let is_missing = after.text("tokenKey").is_empty();
    let is_stale = before.is_some() && is_same("tokenKey") && !(is_same("password") && is_same("email"));
    if is_missing || is_stale {
        let key = pattern::generate(token_pattern(collection.field("tokenKey")), chance);
        after.0.insert("tokenKey".to_owned(), Value::from(key.unwrap_or_default()));
    }
}

fn token_pattern(field: Option<&Field>) -> &str {
    match field.map(|f| &f.kind) {
        Some(FieldKind::Text(options)) if !options.autogenerate_pattern.is_empty() => {
            &options.autogenerate_pattern
        }
        _ => TOKEN_KEY_MADE_BY,
    }
}
