//! Values as PostgreSQL binds them, and its answers as values.
//!
//! A value takes the form that its place wants (`$1::float8` makes a whole number one with a fraction); only what would
//! change its meaning is refused.
//!
//! PostgreSQL keeps no U+0000 in a text. A write that brings one is refused ([`refuse_nul`]). A question may hold one:
//! nothing stored has it, so [`NUL`] is asked for in its place, which nothing stored has either, and which sorts where
//! U+0000 would.

use std::error::Error as Failure;

use bytes::{BufMut, BytesMut};
use memchr::{memchr, memchr2};
use tokio_postgres::types::{Format, FromSql, IsNull, ToSql, Type, WrongType};

use crate::error::Error;
use crate::query::Value;

/// What is asked for in place of U+0000: a noncharacter, which Unicode keeps out of all exchanged text, between two of
/// the character that comes after U+0000.
const NUL: &str = "\u{1}\u{fdd0}\u{1}";

type Fallible<T> = Result<T, Box<dyn Failure + Sync + Send>>;

/// A value to bind.
#[derive(Debug)]
pub(super) struct Bound<'a>(pub(super) &'a Value);

/// A value of an answer.
pub(super) struct Cell(pub(super) Value);

/// A text of an answer, in place.
pub(super) struct Text<'a>(pub(super) &'a str);

/// Refuses values that would bring in what the server can't read again: U+0000, as it is or as the escape that JSON has
/// for it, and the escape of half a surrogate pair. The server takes such escapes, and fails when the value is looked at.
pub(super) fn refuse_nul(values: &[Value]) -> Result<(), Error> {
    let is_unfit = |value: &Value| match value {
        Value::Text(text) => memchr2(b'\0', b'\\', text.as_bytes()).is_some_and(|at| {
            let rest = &text[at..];
            rest.contains('\0') || has_unfit_escape(rest)
        }),
        _ => false,
    };
    if values.iter().any(is_unfit) { Err(Error::Nul) } else { Ok(()) }
}

/// True when the text has an escape `\uXXXX` of U+0000 or of half a surrogate pair, with a backslash that is not itself
/// escaped.
fn has_unfit_escape(text: &str) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let escape = &rest[at..];
        let taken = match unit(escape) {
            None => escape.chars().take(2).map(char::len_utf8).sum(),
            Some(0 | 0xdc00..=0xdfff) => return true,
            Some(0xd800..=0xdbff) => match unit(&escape[6..]) {
                Some(0xdc00..=0xdfff) => 12,
                _ => return true,
            },
            Some(_) => 6,
        };
        rest = &escape[taken..];
    }
    false
}

/// The number of an escape `\uXXXX` at the beginning of a text.
fn unit(text: &str) -> Option<u32> {
    u32::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok()
}

impl ToSql for Bound<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Fallible<IsNull> {
        if *self.0 == Value::Null {
            return Ok(IsNull::Yes);
        }
        match *kind {
            Type::BOOL => out.put_u8(u8::from(self.number()? != 0.0)),
            Type::INT2 => out.put_i16(i16::try_from(self.whole()?)?),
            Type::INT4 => out.put_i32(i32::try_from(self.whole()?)?),
            Type::INT8 => out.put_i64(self.whole()?),
            Type::FLOAT4 => out.put_f32(self.number()? as f32),
            Type::FLOAT8 => out.put_f64(self.number()?),
            Type::JSONB => {
                out.put_u8(1); // the version of the form
                self.put_text(out);
            }
            _ => self.put_text(out),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn to_sql_checked(&self, kind: &Type, out: &mut BytesMut) -> Fallible<IsNull> {
        self.to_sql(kind, out)
    }

    fn encode_format(&self, kind: &Type) -> Format {
        match *kind {
            Type::BOOL | Type::INT2 | Type::INT4 | Type::INT8 => Format::Binary,
            Type::FLOAT4 | Type::FLOAT8 | Type::JSONB => Format::Binary,
            _ => Format::Text,
        }
    }
}

impl Bound<'_> {
    fn whole(&self) -> Fallible<i64> {
        match self.0 {
            Value::Int(number) => Ok(*number),
            Value::Bool(is_true) => Ok(i64::from(*is_true)),
            // -2^63 and below 2^63: there every whole number with a fraction of nothing is one of 64 bits
            Value::Real(number) if number.fract() == 0.0 && (-TWO_63..TWO_63).contains(number) => {
                Ok(*number as i64)
            }
            other => Err(format!("{other:?} is bound where a whole number is wanted").into()),
        }
    }

    fn number(&self) -> Fallible<f64> {
        match self.0 {
            Value::Int(number) => Ok(*number as f64),
            Value::Bool(is_true) => Ok(f64::from(u8::from(*is_true))),
            Value::Real(number) => Ok(*number),
            other => Err(format!("{other:?} is bound where a number is wanted").into()),
        }
    }

    fn put_text(&self, out: &mut BytesMut) {
        match self.0 {
            Value::Null => {}
            Value::Bool(is_true) => out.put_slice(is_true.to_string().as_bytes()),
            Value::Int(number) => out.put_slice(number.to_string().as_bytes()),
            Value::Real(number) => out.put_slice(number.to_string().as_bytes()),
            Value::Text(text) if memchr(b'\0', text.as_bytes()).is_some() => {
                out.put_slice(text.replace('\0', NUL).as_bytes())
            }
            Value::Text(text) => out.put_slice(text.as_bytes()),
        }
    }
}

const TWO_63: f64 = 9_223_372_036_854_775_808.0;

impl<'a> FromSql<'a> for Cell {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Fallible<Cell> {
        Ok(Cell(match *kind {
            Type::BOOL => Value::Bool(bool::from_sql(kind, raw)?),
            Type::INT2 => Value::Int(i16::from_sql(kind, raw)?.into()),
            Type::INT4 => Value::Int(i32::from_sql(kind, raw)?.into()),
            Type::INT8 => Value::Int(i64::from_sql(kind, raw)?),
            Type::FLOAT4 => Value::Real(f32::from_sql(kind, raw)?.into()),
            Type::FLOAT8 => Value::Real(f64::from_sql(kind, raw)?),
            Type::VOID => Value::Null,
            _ => Value::Text(Text::from_sql(kind, raw)?.0.into()),
        }))
    }

    fn from_sql_null(_: &Type) -> Fallible<Cell> {
        Ok(Cell(Value::Null))
    }

    fn accepts(kind: &Type) -> bool {
        let is_number = matches!(*kind, Type::INT2 | Type::INT4 | Type::INT8 | Type::FLOAT4 | Type::FLOAT8);
        is_number || matches!(*kind, Type::BOOL | Type::VOID) || Text::accepts(kind)
    }
}

impl<'a> FromSql<'a> for Text<'a> {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Fallible<Text<'a>> {
        match *kind {
            Type::JSONB => match raw.split_first() {
                Some((1, text)) => Ok(Text(simdutf8::compat::from_utf8(text)?)),
                _ => Err(Box::new(WrongType::new::<Text<'_>>(kind.clone()))),
            },
            _ => Ok(Text(simdutf8::compat::from_utf8(raw)?)),
        }
    }

    fn accepts(kind: &Type) -> bool {
        matches!(
            *kind,
            Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN | Type::JSON | Type::JSONB
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(value: Value, kind: Type) -> Result<Vec<u8>, String> {
        let mut out = BytesMut::new();
        Bound(&value).to_sql_checked(&kind, &mut out).map_err(|e| e.to_string())?;
        Ok(out.to_vec())
    }

    #[test]
    fn a_value_takes_the_form_that_its_place_wants() {
        let one = 1.0_f64.to_be_bytes().to_vec();
        assert_eq!(bound(Value::Int(1), Type::FLOAT8), Ok(one.clone()));
        assert_eq!(bound(Value::Bool(true), Type::FLOAT8), Ok(one));
        assert_eq!(bound(Value::Real(1.0), Type::INT8), Ok(1_i64.to_be_bytes().to_vec()));
        assert_eq!(bound(Value::Bool(true), Type::INT8), Ok(1_i64.to_be_bytes().to_vec()));
        assert_eq!(bound(Value::Int(7), Type::BOOL), Ok(vec![1]));
        assert_eq!(bound(Value::Int(7), Type::TEXT), Ok(b"7".to_vec()));
        assert_eq!(bound(Value::Real(0.5), Type::NUMERIC), Ok(b"0.5".to_vec()));
        assert_eq!(bound(Value::Text("{}".into()), Type::JSONB), Ok(b"\x01{}".to_vec()));
    }

    #[test]
    fn a_value_whose_meaning_would_change_is_refused() {
        for (value, kind) in [
            (Value::Real(0.5), Type::INT8),
            (Value::Real(TWO_63), Type::INT8),
            (Value::Real(f64::NAN), Type::INT8),
            (Value::Int(40_000), Type::INT2),
            (Value::Text("1".into()), Type::FLOAT8),
        ] {
            assert!(bound(value.clone(), kind.clone()).is_err(), "{value:?} as {kind}");
        }
    }

    #[test]
    fn a_written_nul_is_refused_in_each_form() {
        for (text, is_refused) in [
            ("a\0b", true),
            (r#"{"a":"\u0000"}"#, true),
            (r#"{"a":"\\\u0000"}"#, true),
            (r#"{"a":"\\u0000"}"#, false),
            (r#"{"a":"\u00001"}"#, true),
            (r#"{"a":"u0000 \u0001"}"#, false),
            (r#"{"a":"\\u0000 \u0000"}"#, true),
            (r#"{"a":"\ud83d\ude00 😀"}"#, false),
            (r#"{"a":"\ud83d"}"#, true),
            (r#"{"a":"\ud83d\u0041"}"#, true),
            (r#"{"a":"\ude00"}"#, true),
            (r#"{"a":"\\ude00 \n"}"#, false),
        ] {
            assert_eq!(refuse_nul(&[Value::Null, Value::Text(text.into())]).is_err(), is_refused, "{text}");
        }
    }

    #[test]
    fn a_nul_that_is_asked_for_becomes_what_nothing_stored_has() {
        assert_eq!(
            bound(Value::Text("a\0".into()), Type::TEXT),
            Ok("a\u{1}\u{fdd0}\u{1}".as_bytes().to_vec())
        );
    }
}
