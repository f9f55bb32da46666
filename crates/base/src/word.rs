//! The words that settings know, and the one that was probably meant.

use serde::de::value::Error;
use serde::de::{Deserialize, Deserializer, Error as _, Visitor};

/// How much two words must be alike for one to be meant by the other.
const LIKENESS_MIN: f64 = 0.8;

/// The one of these words that was probably meant by another; `None` where none is like it.
pub fn nearest<'w>(word: &str, words: &[&'w str]) -> Option<&'w str> {
    let likeness = |known: &str| strsim::jaro_winkler(&word.to_lowercase(), known);
    let best = words.iter().copied().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) > LIKENESS_MIN).then_some(best)
}

/// The names of a struct's fields: a derived `Deserialize` announces them to whatever it reads from; this one only listens.
pub fn keys<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    let mut names: &'static [&'static str] = &[];
    // it always ends in an error: there is nothing to read
    let _ = T::deserialize(Listener(&mut names));
    names
}

struct Listener<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Listener<'_> {
    type Error = Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Error> {
        *self.0 = fields;
        Err(Error::custom("only listening"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Error> {
        Err(Error::custom("only listening"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
