//! A record's values: from what a client sent to what is kept.
//!
//! Values are JSON. `prepare` turns what a client sent for one field into the field's own form (casts as the wire does: a
//! number from "12", a list from one value…), `check` says what is wrong with a prepared value.
//!
//! A write goes: [`read`] the row (or [`empty`]) → [`apply`] the request → [`crate::core::account::check`] and the hashing
//! of passwords → [`set_automatic`] → [`check`] → [`write()`].

mod automatic;
mod cast;
mod check;
mod file;
mod media;
mod modify;

use serde_json::{Map, Value};

use crate::core::collection::Collection;
use crate::core::field::{Field, FieldKind};

pub(crate) use automatic::ID_MADE_BY;
pub use automatic::{new_id, set_automatic};
pub use check::{check, check_password};
pub use file::{NewFile, file_name, files, files_gone};
pub use media::{Media, media};
pub use modify::{apply, resolve_modifiers};

/// The values of one record by field *name*, complete: every field of the collection is there (but the id may be empty
/// before the first write). Passwords are kept as their hash.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Values(pub Map<String, Value>);

impl Values {
    /// A value that is a text; `""` for everything else.
    pub fn text(&self, name: &str) -> &str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// A value that is true or false; false for everything else.
    pub fn flag(&self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or_default()
    }

    /// The texts of a list, or the one text of a single value; none for `""`.
    pub fn texts(&self, name: &str) -> Vec<&str> {
        self.0.get(name).map(texts).unwrap_or_default()
    }
}

/// The texts in a value that is a list or a single text; an empty text is none.
pub(crate) fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) if !text.is_empty() => vec![text],
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// What a client sent, as a text: numbers and truth values are written out, the rest is empty.
pub(crate) fn text(sent: &Value) -> String {
    cast::text(sent)
}

/// The kind's empty value: `""`, 0, false, `[]`, null for JSON, `{"lon":0,"lat":0}`.
pub fn zero(field: &Field) -> Value {
    match &field.kind {
        _ if field.is_many() => Value::Array(Vec::new()),
        FieldKind::Number { .. } => Value::from(0),
        FieldKind::Bool => Value::Bool(false),
        FieldKind::Json { .. } => Value::Null,
        FieldKind::GeoPoint => cast::point(&Value::Null),
        _ => Value::String(String::new()),
    }
}

/// A client's value in the field's own form; what can't be cast becomes what the wire makes of it (0, "", …). A number
/// that is none (infinite) becomes null, which [`check`] refuses.
pub fn prepare(field: &Field, sent: &Value) -> Value {
    match &field.kind {
        FieldKind::Select { .. } | FieldKind::File(_) | FieldKind::Relation { .. } => {
            cast::words_as(field.is_many(), cast::words(sent))
        }
        FieldKind::Number { .. } => cast::number(sent),
        FieldKind::Bool => Value::Bool(cast::truth(sent)),
        FieldKind::Date { .. } | FieldKind::Autodate { .. } => Value::String(cast::date(sent)),
        FieldKind::Json { .. } => cast::json(sent),
        FieldKind::GeoPoint => cast::point(sent),
        FieldKind::Text(_)
        | FieldKind::Editor { .. }
        | FieldKind::Email { .. }
        | FieldKind::Url { .. }
        | FieldKind::Password { .. } => Value::String(cast::text(sent)),
    }
}

/// The values of a record that is not yet.
pub fn empty(collection: &Collection) -> Values {
    Values(collection.fields.iter().map(|f| (f.name.clone(), zero(f))).collect())
}

/// Reads a stored body (by storage key, of any older shape) as complete values by name. A body that is no JSON object
/// reads as empty values.
pub fn read(collection: &Collection, id: &str, body: &str) -> Values {
    let mut stored: Map<String, Value> = serde_json::from_str(body).unwrap_or_default();
    let mut values = Map::with_capacity(collection.fields.len());
    for field in &collection.fields {
        let value = if field.is_id() {
            Value::from(id)
        } else {
            stored.get_mut(&*field.key).map_or_else(|| zero(field), |kept| cast::present(field, kept.take()))
        };
        values.insert(field.name.clone(), value);
    }
    Values(values)
}

/// The stored body of values: storage keys, in the order of the fields, without the id.
pub fn write(collection: &Collection, values: &Values) -> String {
    let mut body = Vec::with_capacity(256);
    body.push(b'{');
    for field in collection.fields.iter().filter(|f| !f.is_id()) {
        if body.len() > 1 {
            body.push(b',');
        }
        body.push(b'"');
        body.extend_from_slice(field.key.as_bytes());
        body.extend_from_slice(b"\":");
        let written = match values.0.get(&field.name) {
            Some(value) if cast::is_present(field, value) => serde_json::to_writer(&mut body, value),
            Some(value) => serde_json::to_writer(&mut body, &cast::present(field, value.clone())),
            None => serde_json::to_writer(&mut body, &zero(field)),
        };
        written.expect("a JSON value is written to memory");
    }
    body.push(b'}');
    String::from_utf8(body).expect("JSON is UTF-8")
}

/// A date as records hold it; `""` for what is none.
pub(crate) fn date(text: &str) -> String {
    cast::date(&Value::from(text))
}

/// A number as records hold it: whole ones without a fraction.
pub(crate) fn number(float: f64) -> Value {
    cast::from_float(float)
}

#[cfg(test)]
mod tests;
