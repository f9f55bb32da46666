//! Values that are known before the database is asked: how they are written out, taken for another type, matched and
//! compared. All of it as SQLite would do it with a column of the type, so that an answer doesn't depend on where it is
//! found.

use std::cmp::Ordering;
use std::sync::Arc;

use serde_json::Value as Json;
use store::query::{Compare, Value};

/// For what the operands of a comparison are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Affinity {
    /// Numbers become texts.
    Text,
    /// Texts that read as numbers become such.
    Number,
    /// Everything stays as it is.
    Nothing,
}

pub(super) fn text(text: &str) -> Value {
    Value::Text(Arc::from(text))
}

/// A value of a request's JSON: lists and objects become their text.
pub(super) fn of_json(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(is_true) => Value::Bool(*is_true),
        Json::Number(number) => number.as_f64().map_or(Value::Null, Value::Real),
        Json::String(written) => text(written),
        Json::Array(_) | Json::Object(_) => text(&json.to_string()),
    }
}

/// A constant as it is compared with a column of an affinity.
pub(super) fn suited(value: &Value, other: Affinity) -> Value {
    match (value, other) {
        (Value::Int(_) | Value::Real(_) | Value::Bool(_), Affinity::Text) => text(&stored_text(value)),
        (Value::Text(written), Affinity::Number) => numeric(written).unwrap_or_else(|| value.clone()),
        _ => value.clone(),
    }
}

fn numeric(written: &str) -> Option<Value> {
    let trimmed = written.trim();
    let is_number =
        trimmed.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'));
    if !is_number {
        return None;
    }
    trimmed.parse().ok().filter(|number: &f64| number.is_finite()).map(Value::Real)
}

/// A number as it is when it gets stored as text: `5.0`.
fn stored_text(value: &Value) -> String {
    match value {
        Value::Bool(is_true) => u8::from(*is_true).to_string(),
        Value::Int(whole) => whole.to_string(),
        Value::Real(number) => format!("{number:?}"),
        Value::Text(written) => written.to_string(),
        Value::Null => String::new(),
    }
}

/// A constant as a pattern of `~`: anywhere in the text, unless it says by a `%` of its own where.
pub(super) fn pattern(value: &Value) -> Value {
    let written = match value {
        Value::Null => return Value::Null,
        Value::Real(number) => number.to_string(),
        other => stored_text(other),
    };
    if has_wildcard(&written) { text(&written) } else { text(&format!("%{}%", escaped(&written))) }
}

/// Whether there is a `%` without a `\` before it.
fn has_wildcard(written: &str) -> bool {
    let mut is_escaped = false;
    for c in written.chars() {
        match c {
            '%' if !is_escaped => return true,
            '\\' => is_escaped = !is_escaped,
            _ => is_escaped = false,
        }
    }
    false
}

/// Puts `\` before each `\`, `%` and `_` that has none; read from the end, as a `\` belongs to what follows it.
fn escaped(written: &str) -> String {
    let mut backward = Vec::with_capacity(written.len() + 2);
    let mut needs_escape = false;
    for c in written.chars().rev() {
        if needs_escape {
            if c != '\\' {
                backward.push('\\');
            }
            needs_escape = false;
        } else {
            needs_escape = matches!(c, '\\' | '%' | '_');
        }
        backward.push(c);
    }
    if needs_escape {
        backward.push('\\');
    }
    backward.into_iter().rev().collect()
}

/// Whether a comparison of two constants is true; `None` where the database had better say it.
pub(super) fn holds(left: &Value, compare: Compare, right: &Value) -> Option<bool> {
    let ordering = order(left, right);
    let is_null = *left == Value::Null || *right == Value::Null;
    match compare {
        Compare::Eq => Some(ordering == Some(Ordering::Equal)),
        Compare::Ne => Some(ordering != Some(Ordering::Equal)),
        Compare::Like | Compare::NotLike => None,
        _ if is_null => Some(false),
        Compare::Gt => ordering.map(Ordering::is_gt),
        Compare::Ge => ordering.map(Ordering::is_ge),
        Compare::Lt => ordering.map(Ordering::is_lt),
        Compare::Le => ordering.map(Ordering::is_le),
    }
}

/// Numbers come before texts; nothing equals only itself.
fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Null, Value::Null) => Some(Ordering::Equal),
        (Value::Null, _) | (_, Value::Null) => None,
        (Value::Text(a), Value::Text(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
        (Value::Text(_), _) => Some(Ordering::Greater),
        (_, Value::Text(_)) => Some(Ordering::Less),
        (a, b) => number(a).partial_cmp(&number(b)),
    }
}

#[expect(clippy::cast_precision_loss, reason = "whole constants are counts and parts of dates")]
fn number(value: &Value) -> f64 {
    match value {
        Value::Bool(is_true) => f64::from(u8::from(*is_true)),
        Value::Int(whole) => *whole as f64,
        Value::Real(number) => *number,
        Value::Null | Value::Text(_) => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_anywhere_unless_they_say_where() {
        for (written, expected) in [
            ("a", "%a%"),
            ("a%", "a%"),
            ("50\\%", "%50\\%%"),
            ("a_b", "%a\\_b%"),
            ("a\\b", "%a\\\\b%"),
            ("\\\\%", "\\\\%"),
            ("_", "%\\_%"),
            ("", "%%"),
        ] {
            assert_eq!(pattern(&text(written)), text(expected), "{written}");
        }
        assert_eq!(pattern(&Value::Real(5.0)), text("%5%"));
        assert_eq!(pattern(&Value::Null), Value::Null);
    }

    #[test]
    fn constants_take_the_type_of_the_column() {
        assert_eq!(suited(&Value::Real(5.0), Affinity::Text), text("5.0"));
        assert_eq!(suited(&Value::Bool(true), Affinity::Text), text("1"));
        assert_eq!(suited(&text(" 12.5 "), Affinity::Number), Value::Real(12.5));
        for same in ["x", "", "inf", "1x"] {
            assert_eq!(suited(&text(same), Affinity::Number), text(same));
        }
        assert_eq!(suited(&Value::Real(5.0), Affinity::Nothing), Value::Real(5.0));
    }

    #[test]
    fn constants_compare_as_in_the_database() {
        use Compare::{Eq, Gt, Like, Lt, Ne};
        assert_eq!(holds(&text("b"), Gt, &text("a")), Some(true));
        assert_eq!(holds(&text("1"), Gt, &Value::Real(9.0)), Some(true));
        assert_eq!(holds(&Value::Bool(true), Eq, &Value::Real(1.0)), Some(true));
        assert_eq!(holds(&Value::Null, Eq, &Value::Null), Some(true));
        assert_eq!(holds(&Value::Null, Ne, &Value::Int(1)), Some(true));
        assert_eq!(holds(&Value::Null, Lt, &Value::Int(1)), Some(false));
        assert_eq!(holds(&text("a"), Like, &text("a")), None);
    }
}
