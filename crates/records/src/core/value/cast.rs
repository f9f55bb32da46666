//! Casts: from any JSON to a field's own form, as the wire's clients expect them.

use base::time::Timestamp;
use serde_json::{Map, Number, Value, json};

use crate::core::field::{Field, FieldKind};

/// Up to here whole numbers are exact, and are written without a fraction.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;
/// 0000-01-01 and 9999-12-31 23:59:59.999 UTC, in milliseconds: the dates that have the form in which dates are held.
const DATES: std::ops::RangeInclusive<i64> = -62_167_219_200_000..=253_402_300_799_999;

/// A text; numbers and truth values are written out, null, lists and objects are empty.
pub(super) fn text(sent: &Value) -> String {
    match sent {
        Value::String(text) => text.clone(),
        Value::Bool(truth) => truth.to_string(),
        // Rust writes a number without an exponent, as the wire does
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => float.to_string(),
            _ => number.to_string(),
        },
        Value::Null | Value::Array(_) | Value::Object(_) => String::new(),
    }
}

/// A number: whole ones without a fraction; null when it is infinite.
pub(super) fn number(sent: &Value) -> Value {
    match sent {
        Value::Number(number) => number.as_f64().map_or(Value::Null, from_float),
        Value::String(text) => text.parse::<f64>().map_or(Value::from(0), from_float),
        Value::Bool(truth) => Value::from(u8::from(*truth)),
        Value::Null | Value::Array(_) | Value::Object(_) => Value::from(0),
    }
}

/// A number from a float: whole ones without a fraction; null when it is none.
pub(super) fn from_float(float: f64) -> Value {
    if float.fract() == 0.0 && float.abs() <= WHOLE_MAX {
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and fits")]
        return Value::from(float as i64);
    }
    Number::from_f64(float).map_or(Value::Null, Value::Number)
}

/// A truth value: `1`, `t`, `true` and numbers but 0 are true.
pub(super) fn truth(sent: &Value) -> bool {
    match sent {
        Value::Bool(truth) => *truth,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => matches!(text.as_str(), "1" | "t" | "T" | "true" | "TRUE" | "True"),
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

/// A date as records hold it; `""` for what is none.
pub(super) fn date(sent: &Value) -> String {
    let parsed = sent.as_str().and_then(Timestamp::parse).filter(|t| DATES.contains(&t.0));
    parsed.map(|t| t.to_string()).unwrap_or_default()
}

/// Distinct texts, none empty: of a list, of a JSON list in a text, or of a single value.
pub(super) fn words(sent: &Value) -> Vec<String> {
    let all = match sent {
        Value::Array(list) => list.iter().map(text).collect(),
        Value::String(single) if single.contains('[') => {
            serde_json::from_str::<Vec<String>>(single).unwrap_or_else(|_| vec![single.clone()])
        }
        single => vec![text(single)],
    };
    distinct(all)
}

/// The same texts without empty and repeated ones; the first of each stays.
pub(super) fn distinct(all: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::with_capacity(all.len());
    all.into_iter().filter(|word| !word.is_empty() && seen.insert(word.clone())).collect()
}

/// Texts as the value of a list, or of a single choice: the last one.
pub(super) fn words_as(is_many: bool, words: Vec<String>) -> Value {
    if is_many {
        Value::from(words)
    } else {
        Value::String(words.into_iter().next_back().unwrap_or_default())
    }
}

/// Any JSON. A text that is JSON itself (as multipart sends it) is read.
pub(super) fn json(sent: &Value) -> Value {
    let Value::String(text) = sent else { return sent.clone() };
    let starts_as_json = |b: &u8| b.is_ascii_digit() || matches!(b, b'-' | b'"' | b'[' | b'{');
    match text.as_str() {
        "null" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        other if other.as_bytes().first().is_some_and(starts_as_json) => {
            serde_json::from_str(other).unwrap_or_else(|_| sent.clone())
        }
        _ => sent.clone(),
    }
}

/// A point from an object or its JSON text; what is missing or no number is 0.
pub(super) fn point(sent: &Value) -> Value {
    let read = match sent {
        Value::Object(object) => Some(object.clone()),
        Value::String(text) => serde_json::from_str::<Map<String, Value>>(text).ok(),
        _ => None,
    };
    let degrees = |name: &str| {
        let found = read.as_ref().and_then(|object| object.get(name)).filter(|v| v.is_number());
        found.map_or(Value::from(0), number)
    };
    json!({ "lon": degrees("lon"), "lat": degrees("lat") })
}

/// True when a kept value has the field's present form, so that it can be taken as it is.
pub(super) fn is_present(field: &Field, kept: &Value) -> bool {
    match (&field.kind, kept) {
        _ if field.is_many() => kept.as_array().is_some_and(|list| list.iter().all(Value::is_string)),
        (FieldKind::Number { .. }, Value::Number(number)) => {
            !number.is_f64() || number.as_f64().is_some_and(|f| f.fract() != 0.0 || f.abs() > WHOLE_MAX)
        }
        (FieldKind::Bool, Value::Bool(_)) | (FieldKind::Json { .. }, _) => true,
        (FieldKind::Number { .. } | FieldKind::Bool, _) => false,
        (FieldKind::GeoPoint, Value::Object(point)) => {
            point.len() == 2 && ["lon", "lat"].iter().all(|k| point.get(*k).is_some_and(Value::is_number))
        }
        (FieldKind::GeoPoint, _) => false,
        (_, kept) => kept.is_string(),
    }
}

/// A kept value in the field's present form: a single choice becomes a list of one, a list its last element.
pub(super) fn present(field: &Field, kept: Value) -> Value {
    if is_present(field, &kept) {
        return kept;
    }
    match &field.kind {
        FieldKind::Select { .. } | FieldKind::File(_) | FieldKind::Relation { .. } => {
            // not by `words`: a kept single value is a text as it stands, even one with a bracket
            let kept = match kept {
                Value::Array(list) => list.iter().map(text).collect(),
                single => vec![text(&single)],
            };
            words_as(field.is_many(), distinct(kept))
        }
        FieldKind::Number { .. } if kept.is_null() => Value::from(0),
        _ => super::prepare(field, &kept),
    }
}
