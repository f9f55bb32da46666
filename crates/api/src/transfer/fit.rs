//! A row as a collection takes it: keys become fields, values must have the field's form, the id is made.
//!
//! The wire bends what it is given (a word in a number field counts as 0); a file that is brought in is told instead.
//!
//! Invariant: no I/O, no clock.

use std::collections::HashMap;
use std::sync::Arc;

use base::time::Timestamp;
use records::core::collection::Collection;
use records::core::field::{Field, FieldKind};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::json::what;
use super::source::{Bad, Format, Row};

/// Where the records' ids come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ids {
    /// From a key of each row: as it is when it can be an id, else a hash of it.
    Key(String),
    /// From the file's bytes and the row's place among its rows (several rows may share a line).
    Place([u8; 32]),
}

/// How rows of one file become records of one collection.
pub(super) struct Fit {
    collection: Arc<Collection>,
    /// Which field a key fills, by its place in the collection.
    fields: HashMap<String, usize>,
    ids: Ids,
    is_table: bool,
}

const ID_DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

impl Fit {
    /// `names` are the keys with the names of their fields.
    pub(super) fn new(
        collection: Arc<Collection>,
        names: &[(String, String)],
        ids: Ids,
        format: Format,
    ) -> Fit {
        let place = |name: &str| collection.fields.iter().position(|field| field.name == name);
        let fields = names.iter().filter_map(|(key, name)| Some((key.clone(), place(name)?))).collect();
        Fit { collection, fields, ids, is_table: format == Format::Csv }
    }

    /// The record that the row at a place of the file is.
    pub(super) fn row(&self, place: u64, row: &Row) -> Result<Map<String, Value>, Bad> {
        let bad = |why: String| Bad { line: row.line, why, values: Some(row.values.clone()) };
        let mut record = Map::with_capacity(row.values.len() + 1);
        record.insert("id".to_owned(), self.id(place, row).map_err(bad)?.into());
        for (key, value) in &row.values {
            let Some(place) = self.fields.get(key) else { continue };
            let field = &self.collection.fields[*place];
            match self.value(field, value) {
                Ok(Some(value)) => {
                    record.insert(field.name.clone(), value);
                }
                Ok(None) => {}
                Err(why) => return Err(bad(format!("`{key}` {why}"))),
            }
        }
        // whoever brings accounts in has typed no password twice
        if let Some(password) = record.get("password").filter(|_| self.collection.is_auth()).cloned() {
            record.insert("passwordConfirm".to_owned(), password);
        }
        Ok(record)
    }

    fn id(&self, place: u64, row: &Row) -> Result<String, String> {
        match &self.ids {
            Ids::Place(file) => Ok(hashed(&[file.as_slice(), &place.to_le_bytes()])),
            Ids::Key(key) => match row.values.get(key) {
                Some(Value::String(text)) if !text.is_empty() => Ok(self.id_of(text)),
                Some(Value::Number(number)) => Ok(self.id_of(&number.to_string())),
                None | Some(Value::String(_)) => {
                    Err(format!("`{key}` is empty, and the record's id comes from it"))
                }
                Some(other) => Err(format!("`{key}` is {}, and the record's id comes from it", what(other))),
            },
        }
    }

    fn id_of(&self, text: &str) -> String {
        let fits =
            self.collection.fields.iter().filter(|field| field.is_id()).all(|field| match &field.kind {
                FieldKind::Text(options) => {
                    let length = text.chars().count() as u64;
                    let most = if options.max == 0 { base::id::LENGTH_MAX as u64 } else { options.max };
                    let is_plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
                    is_plain && (options.min..=most).contains(&length) && options.pattern.matches(text)
                }
                _ => false,
            });
        if fits { text.to_owned() } else { hashed(&[text.as_bytes()]) }
    }

    /// The value for a field; `None` when there is nothing to set.
    fn value(&self, field: &Field, value: &Value) -> Result<Option<Value>, String> {
        let is_empty = value.as_str() == Some("");
        let same = || Ok(Some(value.clone()));
        match &field.kind {
            FieldKind::Text(_)
            | FieldKind::Editor { .. }
            | FieldKind::Email { .. }
            | FieldKind::Url { .. }
            | FieldKind::Password { .. } => match value {
                Value::Array(_) | Value::Object(_) => Err(format!("is {}, not a text", what(value))),
                _ => same(),
            },
            FieldKind::Number { .. } | FieldKind::Bool | FieldKind::GeoPoint if is_empty => Ok(None),
            FieldKind::Json { .. } if is_empty && self.is_table => Ok(None),
            FieldKind::Number { .. } => number(value).map(Some),
            FieldKind::Bool => truth(value).map(Some),
            FieldKind::Date { .. } | FieldKind::Autodate { .. } => match value.as_str() {
                Some(text) if text.is_empty() || Timestamp::parse(text).is_some() => same(),
                _ => Err(format!("is no date: {}", short(value))),
            },
            // a text is sent as JSON, so that `"12"` stays a text; in a table JSON is written as it is
            FieldKind::Json { .. } => match value {
                Value::String(_) if !self.is_table => Ok(Some(Value::String(value.to_string()))),
                _ => same(),
            },
            FieldKind::Select { .. } | FieldKind::File(_) | FieldKind::Relation { .. } => match value {
                Value::Object(_) | Value::Bool(_) => {
                    Err(format!("is {}, not a text or a list of them", what(value)))
                }
                Value::Array(list) if !field.is_many() && list.len() > 1 => {
                    Err("has several values, and takes one".into())
                }
                _ => same(),
            },
            FieldKind::GeoPoint => match value {
                Value::Object(_) | Value::String(_) => same(),
                _ => Err(format!("is {}, not a point with lon and lat", what(value))),
            },
        }
    }
}

fn number(value: &Value) -> Result<Value, String> {
    match value {
        Value::Number(_) => Ok(value.clone()),
        Value::String(text) => match text.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(value.clone()),
            _ => Err(format!("is no number: {}", short(value))),
        },
        _ => Err(format!("is {}, not a number", what(value))),
    }
}

fn truth(value: &Value) -> Result<Value, String> {
    let is_true = match value {
        Value::Bool(truth) => Some(*truth),
        Value::Number(number) => {
            [0.0, 1.0].iter().position(|n| number.as_f64() == Some(*n)).map(|place| place == 1)
        }
        Value::String(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "t" | "1" | "yes" => Some(true),
            "false" | "f" | "0" | "no" => Some(false),
            _ => None,
        },
        _ => None,
    };
    is_true.map(Value::Bool).ok_or_else(|| format!("is neither true nor false: {}", short(value)))
}

/// A value in a sentence, not too long.
fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 40 { text } else { text.chars().take(39).chain(['…']).collect() }
}

/// An id from a hash: the same parts always give the same one.
fn hashed(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    let digest: [u8; 32] = hasher.finalize().into();
    let (head, _) = digest.split_at(16);
    let mut rest = head.iter().fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
    let mut id = String::with_capacity(base::id::LENGTH);
    for _ in 0..base::id::LENGTH {
        id.push(char::from(ID_DIGITS[(rest % 36) as usize]));
        rest /= 36;
    }
    id
}

#[cfg(test)]
mod tests {
    use records::core::collection::CollectionKind;
    use records::core::field::TextOptions;
    use records::core::pattern::Pattern;
    use serde_json::json;

    use super::*;

    fn fit(kind: FieldKind, ids: Ids, format: Format) -> Fit {
        let id = TextOptions {
            min: 15,
            max: 15,
            pattern: Pattern::parse("^[a-z0-9]+$").expect("a pattern"),
            is_primary: true,
            ..TextOptions::default()
        };
        let fields = vec![Field::new("id", FieldKind::Text(id)), Field::new("a", kind)];
        let collection = Collection::new("pbc_1", "things", CollectionKind::Base, fields);
        Fit::new(Arc::new(collection), &[("A".to_owned(), "a".to_owned())], ids, format)
    }

    fn take(fit: &Fit, values: Value) -> Result<Value, String> {
        let Value::Object(values) = values else { panic!("an object") };
        let mut record =
            fit.row(6, &Row { line: 7, values }).map_err(|bad| format!("{}: {}", bad.line, bad.why))?;
        record.remove("id");
        Ok(Value::Object(record))
    }

    #[test]
    fn what_a_field_would_bend_is_told() {
        let place = || Ids::Place([0; 32]);
        let number = fit(FieldKind::Number { min: None, max: None, is_whole: false }, place(), Format::Csv);
        assert_eq!(take(&number, json!({ "A": "12" })), Ok(json!({ "a": "12" })));
        assert_eq!(take(&number, json!({ "A": "" })), Ok(json!({})));
        assert_eq!(take(&number, json!({ "A": "twelve" })), Err("7: `A` is no number: \"twelve\"".into()));
        let truth = fit(FieldKind::Bool, place(), Format::Csv);
        assert_eq!(take(&truth, json!({ "A": "Yes" })), Ok(json!({ "a": true })));
        assert!(take(&truth, json!({ "A": "perhaps" })).is_err());
        let date = fit(FieldKind::Date { min: String::new(), max: String::new() }, place(), Format::Csv);
        assert!(take(&date, json!({ "A": "2012-02-30" })).is_err());
        let text = fit(FieldKind::Text(Default::default()), place(), Format::Json);
        assert_eq!(take(&text, json!({ "A": ["x"] })), Err("7: `A` is a list, not a text".into()));
    }

    #[test]
    fn a_text_in_a_json_field_stays_a_text() {
        let json_field = fit(FieldKind::Json { max_bytes: 0 }, Ids::Place([0; 32]), Format::Json);
        assert_eq!(take(&json_field, json!({ "A": "12" })), Ok(json!({ "a": "\"12\"" })));
    }

    #[test]
    fn an_id_is_the_same_each_time() {
        let text = || FieldKind::Text(Default::default());
        let id = |ids: Ids, place: u64, value: Value| {
            let row = Row { line: 1, values: Map::from_iter([("no".to_owned(), value)]) };
            fit(text(), ids, Format::Csv)
                .row(place, &row)
                .map(|record| record["id"].as_str().unwrap().to_owned())
        };
        let key = || Ids::Key("no".into());
        let first = id(key(), 1, json!("1900001")).expect("an id");
        assert_eq!(first.len(), 15);
        assert_eq!(id(key(), 9, json!(1_900_001)).expect("an id"), first, "a number and its text are one");
        assert_ne!(id(key(), 1, json!("1900002")).expect("an id"), first);
        assert_eq!(id(key(), 1, json!("abcdefghij12345")).expect("an id"), "abcdefghij12345");
        assert!(id(key(), 1, json!("")).is_err() && id(key(), 1, json!(["x"])).is_err());
        let place = |hash| id(Ids::Place([hash; 32]), 3, json!("")).expect("an id");
        assert_eq!(place(1), place(1));
        assert_ne!(place(1), place(2));
        assert_ne!(place(1), id(Ids::Place([1; 32]), 4, json!("")).expect("an id"));
    }
}
