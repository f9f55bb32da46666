//! What a record's form says: a draft for `records`, and what can be told to be wrong before asking.

use base::error::Fields;
use records::core::collection::Collection;
use records::core::field::{Field, FieldKind};
use records::{Draft, Upload};
use serde_json::{Map, Number, Value, json};

use crate::control::{is_editable, name};
use crate::form::Form;

/// A form that was read.
#[derive(Debug)]
pub(crate) struct Sent {
    /// What is asked of `records`.
    pub(crate) draft: Draft,
    /// Texts that are not of their kind.
    pub(crate) faults: Fields,
}

/// Reads a record's form. A control that a browser does not send (an empty choice) means the empty value.
pub(crate) fn read(collection: &Collection, form: &Form, uploads: Vec<Upload>, is_new: bool) -> Sent {
    let mut sent = Sent { draft: Draft::default(), faults: Fields::default() };
    for field in collection.fields.iter().filter(|field| is_editable(field)) {
        sent.field(field, form, is_new);
    }
    sent.draft.uploads = uploads.into_iter().filter_map(|upload| named(collection, upload)).collect();
    sent
}

/// An upload under its field's key: files of a list are added, a single one takes the place of the old.
fn named(collection: &Collection, upload: Upload) -> Option<Upload> {
    let field = collection.field(upload.key.strip_prefix("f.")?)?;
    let key = if field.is_many() { format!("{}+", field.name) } else { field.name.clone() };
    Some(Upload { key, ..upload })
}

impl Sent {
    fn field(&mut self, field: &Field, form: &Form, is_new: bool) {
        let name = name(field);
        let text = form.get(&name);
        match &field.kind {
            FieldKind::Text(options) if options.is_primary => {
                if is_new && !text.trim().is_empty() {
                    self.put(field, json!(text.trim()));
                }
            }
            FieldKind::Autodate { .. } => {}
            FieldKind::Password { .. } => self.password(field, form),
            FieldKind::File(_) => self.removals(field, form),
            FieldKind::Bool => self.put(field, json!(form.has(&name))),
            FieldKind::Number { .. } => self.number(field, text),
            FieldKind::Json { .. } => self.json(field, text),
            FieldKind::GeoPoint => self.point(field, form),
            _ if field.is_many() => {
                let chosen = form.all(&name).into_iter().filter(|value| !value.is_empty());
                self.put(field, Value::from(chosen.collect::<Vec<_>>()));
            }
            FieldKind::Select { .. } | FieldKind::Relation { .. } => self.put(field, json!(text)),
            FieldKind::Email { .. } | FieldKind::Url { .. } => self.put(field, json!(text.trim())),
            _ => self.put(field, json!(text)),
        }
    }

    fn put(&mut self, field: &Field, value: Value) {
        self.draft.values.insert(field.name.clone(), value);
    }

    /// An empty password means "as it was".
    fn password(&mut self, field: &Field, form: &Form) {
        let plain = form.get(&name(field));
        if plain.is_empty() {
            return;
        }
        self.put(field, json!(plain));
        if let Some(again) = form.find("f.passwordConfirm").filter(|_| field.name == "password") {
            self.draft.values.insert("passwordConfirm".into(), json!(again));
        }
    }

    fn removals(&mut self, field: &Field, form: &Form) {
        let gone = form.all(&format!("{}.remove", name(field)));
        if !gone.is_empty() {
            self.draft.values.insert(format!("{}-", field.name), Value::from(gone));
        }
    }

    fn number(&mut self, field: &Field, text: &str) {
        match number(text) {
            Some(value) => self.put(field, value),
            None => self.faults.add(&field.name, "validation_not_a_number", "This is not a number."),
        }
    }

    fn json(&mut self, field: &Field, text: &str) {
        let read = if text.trim().is_empty() { Ok(Value::Null) } else { serde_json::from_str(text) };
        match read {
            Ok(value) => self.put(field, value),
            Err(fault) => {
                self.faults.add(&field.name, "console_json", &format!("This is not JSON: {fault}."))
            }
        }
    }

    fn point(&mut self, field: &Field, form: &Form) {
        let mut point = Map::new();
        for part in ["lon", "lat"] {
            match number(form.get(&format!("{}.{part}", name(field)))) {
                Some(Value::Null) => drop(point.insert(part.into(), json!(0))),
                Some(value) => drop(point.insert(part.into(), value)),
                None => self.faults.add(&field.name, "validation_not_a_number", "This is not a number."),
            }
        }
        self.put(field, Value::Object(point));
    }
}

/// A number as typed; null for an empty text, `None` for what is no number.
fn number(text: &str) -> Option<Value> {
    let text = text.trim();
    if text.is_empty() {
        return Some(Value::Null);
    }
    if let Ok(whole) = text.parse::<i64>() {
        return Some(json!(whole));
    }
    text.parse().ok().and_then(Number::from_f64).map(Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_typed() {
        assert_eq!(number(" 12 "), Some(json!(12)));
        assert_eq!(number("-0.5"), Some(json!(-0.5)));
        assert_eq!(number(""), Some(Value::Null));
        assert_eq!([number("twelve"), number("NaN"), number("1e999")], [None, None, None]);
    }
}
