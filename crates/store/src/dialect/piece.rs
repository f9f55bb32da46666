//! A part of a statement with its bound values, and templates that are filled with such parts.

use crate::query::Value;

/// Stands for a value's place until the whole statement is there. Nothing that we print contains it.
pub(super) const PLACE: char = '\u{1}';

/// SQL text with [`PLACE`]s, and the values for them in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Piece {
    pub(super) text: String,
    pub(super) values: Vec<Value>,
}

impl Piece {
    pub(super) fn new(text: impl Into<String>) -> Piece {
        Piece { text: text.into(), values: Vec::new() }
    }

    /// A bound value; `cast` says its type where the engine wants to hear it.
    pub(super) fn bound(value: Value, cast: &str) -> Piece {
        Piece { text: format!("{PLACE}{cast}"), values: vec![value] }
    }
}

/// The template with `{0}`, `{1}`, … replaced by parts; one that comes twice binds its values twice.
pub(super) fn fill(template: &str, parts: &[&Piece]) -> Piece {
    let mut filled = Piece { text: String::with_capacity(template.len() * 2), values: Vec::new() };
    let mut rest = template;
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        filled.text.push_str(before);
        match from.as_bytes() {
            [_, digit @ b'0'..=b'9', b'}', ..] => {
                let part = parts[usize::from(digit - b'0')];
                filled.text.push_str(&part.text);
                filled.values.extend(part.values.iter().cloned());
                rest = &from[3..];
            }
            _ => {
                filled.text.push('{');
                rest = &from[1..];
            }
        }
    }
    filled.text.push_str(rest);
    filled
}

/// Parts with something between them.
pub(super) fn joined(parts: &[Piece], between: &str) -> Piece {
    let mut whole = Piece::default();
    for (i, part) in parts.iter().enumerate() {
        whole.text.push_str(if i == 0 { "" } else { between });
        whole.text.push_str(&part.text);
        whole.values.extend(part.values.iter().cloned());
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::{PLACE, Piece, fill};
    use crate::query::Value;

    #[test]
    fn a_part_that_comes_twice_binds_its_value_twice() {
        let part = Piece::bound(Value::Int(1), "::bigint");
        let filled = fill("CASE WHEN {0}>0 THEN '{}' || '{1}' ELSE {0} END", &[&part, &Piece::new("{0}")]);
        let expected = format!("CASE WHEN {PLACE}::bigint>0 THEN '{{}}' || '{{0}}' ELSE {PLACE}::bigint END");
        assert_eq!(filled.text, expected);
        assert_eq!(filled.values, [Value::Int(1), Value::Int(1)]);
    }
}
