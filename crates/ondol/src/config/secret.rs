//! A secret in the service file: the text itself, or `{ file = "…" }` that holds it.

use std::fmt;

use base::secret::Secret;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

/// A secret as it is written; the file has been read. An empty text is none.
#[derive(Clone, Debug, Default)]
pub(super) struct Written(pub(super) Option<Secret>);

impl Written {
    fn new<E: Error>(text: &str, length_min: usize) -> Result<Written, E> {
        match text.chars().count() {
            0 => Ok(Written(None)),
            length if length < length_min => Err(E::custom(format!(
                "the secret has {length} characters and needs {length_min}: `openssl rand -hex 16` makes one"
            ))),
            _ => Ok(Written(Some(Secret::new(text)))),
        }
    }
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Written, D::Error> {
        from.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Written;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, or { file = \"PATH\" }")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Written, E> {
        Written::new(text, web::metrics::SECRET_LENGTH_MIN)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Written, A::Error> {
        let (Some((key, path)), None) = (map.next_entry::<String, String>()?, map.next_key::<String>()?)
        else {
            return Err(A::Error::custom("write the secret as a text, or as { file = \"PATH\" }"));
        };
        if key != "file" {
            return Err(A::Error::custom(format!("unknown key `{key}`; did you mean `file`?")));
        }
        let text = std::fs::read_to_string(&path)
            .map_err(|error| A::Error::custom(format!("cannot read the secret's file {path}: {error}")))?;
        match text.trim() {
            "" => Err(A::Error::custom(format!("the secret's file {path} is empty"))),
            text => Written::new(text, web::metrics::SECRET_LENGTH_MIN),
        }
    }
}
