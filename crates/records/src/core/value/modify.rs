//! A request's keys put upon values: plain keys and the modifiers `+key`, `key+` and `key-`.

use serde_json::{Map, Value};

use super::{Values, cast, prepare};
use crate::core::account::Access;
use crate::core::collection::Collection;
use crate::core::field::{Field, FieldKind};

/// What a key does to its field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Set,
    Append,
    Prepend,
    Take,
}

/// Applies a request's body to values: plain keys, and `+key`, `key+`, `key-` (add, append, take away). Unknown keys are
/// passed over, as are autodates, passwords (see [`crate::core::account`]) and, for all but superusers, hidden fields.
/// Files are names in here: the shell puts those of uploads into `sent` first.
pub fn apply(collection: &Collection, values: &mut Values, sent: &Map<String, Value>, access: Access) {
    for (key, value) in in_order(sent) {
        let Some((field, action)) = find(collection, key) else { continue };
        let is_kept_from = field.is_hidden && access != Access::Superuser;
        if is_kept_from || matches!(field.kind, FieldKind::Password { .. } | FieldKind::Autodate { .. }) {
            continue;
        }
        let next = act(field, action, values.0.get(&field.name).unwrap_or(&Value::Null), value);
        values.0.insert(field.name.clone(), next);
    }
}

/// The request's body as rules see it in `@request.body`: modifiers are replaced by what they come to, plain keys by
/// their values in the field's form; unknown keys and passwords stay as sent.
pub fn resolve_modifiers(
    collection: &Collection,
    before: &Values,
    sent: &Map<String, Value>,
) -> Map<String, Value> {
    let (mut resolved, mut values) = (sent.clone(), before.clone());
    for (key, value) in in_order(sent) {
        let Some((field, action)) = find(collection, key) else { continue };
        resolved.shift_remove(key);
        let next = match &field.kind {
            FieldKind::Password { .. } => value.clone(),
            FieldKind::Autodate { .. } => values.0.get(&field.name).cloned().unwrap_or_default(),
            _ => act(field, action, values.0.get(&field.name).unwrap_or(&Value::Null), value),
        };
        resolved.insert(field.name.clone(), next.clone());
        values.0.insert(field.name.clone(), next);
    }
    resolved
}

/// The keys in the order of their effect: plain ones are shorter than their modifiers, and come first.
fn in_order(sent: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut keys: Vec<_> = sent.iter().collect();
    keys.sort_by_key(|(key, _)| key.len());
    keys
}

/// The field that a key is about, and what it does. Names have no signs in them, so that nothing is ambiguous.
fn find<'a>(collection: &'a Collection, key: &str) -> Option<(&'a Field, Action)> {
    let (name, action) = if let Some(name) = key.strip_suffix('+') {
        (name, Action::Append)
    } else if let Some(name) = key.strip_suffix('-') {
        (name, Action::Take)
    } else if let Some(name) = key.strip_prefix('+') {
        (name, Action::Prepend)
    } else {
        (key, Action::Set)
    };
    let field = collection.field(name)?;
    let takes = match &field.kind {
        FieldKind::Select { .. } | FieldKind::File(_) | FieldKind::Relation { .. } => true,
        FieldKind::Number { .. } => action != Action::Prepend,
        _ => action == Action::Set,
    };
    takes.then_some((field, action))
}

/// A field's next value.
fn act(field: &Field, action: Action, now: &Value, sent: &Value) -> Value {
    if action == Action::Set {
        return prepare(field, sent);
    }
    if matches!(field.kind, FieldKind::Number { .. }) {
        let float = |value: &Value| cast::number(value).as_f64().unwrap_or(f64::NAN);
        let (now, sent) = (float(now), float(sent));
        return cast::from_float(if action == Action::Take { now - sent } else { now + sent });
    }
    let now: Vec<String> = super::texts(now).into_iter().map(str::to_owned).collect();
    let sent = cast::words(sent);
    let next = match action {
        Action::Take => now.into_iter().filter(|word| !sent.contains(word)).collect(),
        Action::Prepend => [sent, now].concat(),
        Action::Append | Action::Set => [now, sent].concat(),
    };
    cast::words_as(field.is_many(), cast::distinct(next))
}
