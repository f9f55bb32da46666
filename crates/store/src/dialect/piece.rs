//! A part of a statement with its bound values, and templates that are filled with such parts.

use std::borrow::Cow;

use memchr::memchr;

use crate::query::Value;

/// Stands for a value's place until the whole statement is there. Nothing that we print contains it.
pub(super) const PLACE: u8 = 1;

/// A value's place, with its type where the engine wants to hear it.
macro_rules! place {
    ($cast:literal) => {
        concat!("\u{1}", $cast)
    };
}
pub(super) use place;

/// SQL text with [`PLACE`]s, and the values for them in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Piece {
    pub(super) text: Cow<'static, str>,
    pub(super) values: Vec<Value>,
}

impl Piece {
    pub(super) fn new(text: impl Into<Cow<'static, str>>) -> Piece {
        Piece { text: text.into(), values: Vec::new() }
    }

    /// A value bound at a [`place`].
    pub(super) fn bound(value: Value, place: &'static str) -> Piece {
        Piece { text: place.into(), values: vec![value] }
    }
}

/// The template with `{0}`, `{1}`, … replaced by parts; one that comes twice binds its values twice.
pub(super) fn fill(template: &str, parts: &[&Piece]) -> Piece {
    let (mut text, mut values) = (String::with_capacity(template.len() * 2), Vec::new());
    walk(template, |stretch| match stretch {
        Stretch::Words(words) => text.push_str(words),
        Stretch::Hole(index) => {
            text.push_str(&parts[index].text);
            values.extend(parts[index].values.iter().cloned());
        }
    });
    Piece { text: text.into(), values }
}

/// The same with texts that bind nothing.
pub(super) fn fill_in(template: &str, texts: &[&str]) -> String {
    let mut filled = String::with_capacity(template.len() * 2);
    walk(template, |stretch| match stretch {
        Stretch::Words(words) => filled.push_str(words),
        Stretch::Hole(index) => filled.push_str(texts[index]),
    });
    filled
}

/// What a template is made of.
enum Stretch<'a> {
    Words(&'a str),
    /// `{0}`, `{1}`, …
    Hole(usize),
}

fn walk<'a>(template: &'a str, mut visit: impl FnMut(Stretch<'a>)) {
    let (mut rest, mut from) = (template, 0);
    while let Some(at) = memchr(b'{', &rest.as_bytes()[from..]) {
        let at = from + at;
        match rest.as_bytes()[at..] {
            [_, digit @ b'0'..=b'9', b'}', ..] => {
                visit(Stretch::Words(&rest[..at]));
                visit(Stretch::Hole(usize::from(digit - b'0')));
                (rest, from) = (&rest[at + 3..], 0);
            }
            _ => from = at + 1,
        }
    }
    visit(Stretch::Words(rest));
}

/// Parts with something between them.
pub(super) fn joined(parts: &[Piece], between: &str) -> Piece {
    let (mut text, mut values) = (String::new(), Vec::new());
    for (i, part) in parts.iter().enumerate() {
        text.push_str(if i == 0 { "" } else { between });
        text.push_str(&part.text);
        values.extend(part.values.iter().cloned());
    }
    Piece { text: text.into(), values }
}

#[cfg(test)]
mod tests {
    use super::{Piece, fill};
    use crate::query::Value;

    #[test]
    fn a_part_that_comes_twice_binds_its_value_twice() {
        let part = Piece::bound(Value::Int(1), place!("::bigint"));
        let filled = fill("CASE WHEN {0}>0 THEN '{}' || '{1}' ELSE {0} END", &[&part, &Piece::new("{0}")]);
        let expected = "CASE WHEN \u{1}::bigint>0 THEN '{}' || '{0}' ELSE \u{1}::bigint END";
        assert_eq!(filled.text, expected);
        assert_eq!(filled.values, [Value::Int(1), Value::Int(1)]);
    }
}
