//! JSON from strangers: no deeper than a limit, and no key twice, so that nobody else can read it differently than we did.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// How deep lists and objects may lie in one another.
pub const DEPTH_MAX: usize = 32;

/// Reads a JSON text; the error is a sentence without the text.
pub fn parse(text: &[u8]) -> Result<Value, String> {
    let mut from = serde_json::Deserializer::from_slice(text);
    let read = Level(DEPTH_MAX).deserialize(&mut from).and_then(|value| from.end().map(|()| value));
    read.map_err(|error| match error.classify() {
        serde_json::error::Category::Data => error.to_string(),
        _ => format!("it is no JSON (line {}, column {})", error.line(), error.column()),
    })
}

/// A value that may have so many more levels.
struct Level(usize);

impl Level {
    fn deeper<E: Error>(&self) -> Result<usize, E> {
        self.0.checked_sub(1).ok_or_else(|| E::custom(format!("it is more than {DEPTH_MAX} levels deep")))
    }
}

impl<'de> DeserializeSeed<'de> for Level {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let left = self.deeper()?;
        let mut list = Vec::new();
        while let Some(value) = from.next_element_seed(Level(left))? {
            list.push(value);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let left = self.deeper()?;
        let mut map = Map::new();
        while let Some(Key(key)) = from.next_key()? {
            let value = from.next_value_seed(Level(left))?;
            if map.insert(key, value).is_some() {
                return Err(A::Error::custom("it has a key twice"));
            }
        }
        Ok(Value::Object(map))
    }
}

struct Key(String);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Key, D::Error> {
        String::deserialize(from).map(Key)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn plain_json_is_read_as_it_is() {
        let text = r#"{"id":12345678901234567890,"a":[1,-2,2.5,true,null,"온돌"],"b":{}}"#;
        let wanted =
            json!({ "id": 12_345_678_901_234_567_890_u64, "a": [1, -2, 2.5, true, null, "온돌"], "b": {} });
        assert_eq!(parse(text.as_bytes()), Ok(wanted));
    }

    #[test]
    fn a_key_twice_is_refused() {
        for text in [r#"{"sub":"a","sub":"b"}"#, r#"{"x":{"a":1,"\u0061":2}}"#] {
            assert!(parse(text.as_bytes()).is_err_and(|why| why.contains("twice")), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_take_more_room_than_they_are_long(
            text in r#"([\[\]{},:]|"[a-c]"|"\\u00[0-9a-f]{2}"|-?[0-9]{1,30}(\.[0-9]{1,9})?(e[0-9]{1,3})?|true|null|.){0,60}"#,
            bytes in proptest::arbitrary::any::<Vec<u8>>(),
        ) {
            drop(parse(&bytes));
            if let Ok(value) = parse(text.as_bytes()) {
                proptest::prop_assert!(value.to_string().len() <= 400 + 10 * text.len(), "{}", text);
            }
        }
    }

    #[test]
    fn depth_has_an_end() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(nested(DEPTH_MAX).as_bytes()).is_ok());
        assert!(parse(nested(DEPTH_MAX + 1).as_bytes()).is_err_and(|why| why.contains("deep")));
        assert!(parse("[".repeat(1 << 20).as_bytes()).is_err());
    }

    #[test]
    fn what_is_no_json_is_refused_without_being_repeated() {
        for text in ["", "<html>", "{", "{} {}", "\"\u{0}\"", "nul"] {
            assert!(parse(text.as_bytes()).is_err_and(|why| !why.contains("html")), "{text}");
        }
    }
}
