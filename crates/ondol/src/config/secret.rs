//! A secret in the service file: the text itself, or `{ file = "…" }` that holds it.
//!
//! A file's path is taken from the service file's folder: the reader puts that before it.

use std::fmt;
use std::path::Path;

use base::secret::Secret;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use toml::de::DeValue;

/// A secret as it is written, of so many characters at least; the file has been read. An empty text is none.
#[derive(Clone, Debug, Default)]
pub(super) struct Written<const LENGTH_MIN: usize = 1>(pub(super) Option<Secret>);

impl<const LENGTH_MIN: usize> Written<LENGTH_MIN> {
    fn new<E: Error>(text: &str) -> Result<Self, E> {
        match text.chars().count() {
            0 => Ok(Written(None)),
            length if length < LENGTH_MIN => Err(E::custom(format!(
                "the secret has {length} characters and needs {LENGTH_MIN}: `openssl rand -hex 16` makes one"
            ))),
            _ => Ok(Written(Some(Secret::new(text)))),
        }
    }
}

impl<'de, const LENGTH_MIN: usize> Deserialize<'de> for Written<LENGTH_MIN> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reader)
    }
}

struct Reader<const LENGTH_MIN: usize>;

impl<'de, const LENGTH_MIN: usize> Visitor<'de> for Reader<LENGTH_MIN> {
    type Value = Written<LENGTH_MIN>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, or { file = \"PATH\" }")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Written::new(text)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
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
            text => Written::new(text),
        }
    }
}

/// The same value with its file's path taken from a folder.
pub(super) fn grounded<'a>(value: &DeValue<'a>, folder: &Path) -> DeValue<'a> {
    let mut value = value.clone();
    if let DeValue::Table(table) = &mut value
        && let Some(path) = table.get_mut("file")
        && let DeValue::String(written) = path.get_mut()
    {
        *written = folder.join(&**written).display().to_string().into();
    }
    value
}

/// What is said of a secret that others may read, if they may: it stands in `service_file`, or in a file of its own.
pub(super) fn exposure(value: &DeValue<'_>, service_file: &Path) -> Option<String> {
    match value {
        DeValue::String(text) if !text.is_empty() && others_may_read(service_file) => Some(format!(
            "others on this machine may read the secret in this file; say chmod o= {}, or {{ file = \"…\" }}",
            service_file.display()
        )),
        DeValue::Table(table) => match table.get("file").map(toml::Spanned::get_ref) {
            Some(DeValue::String(path)) if others_may_read(Path::new(&**path)) => {
                Some(format!("others on this machine may read the secret in {path}; say chmod o= {path}"))
            }
            _ => None,
        },
        _ => None,
    }
}

#[cfg(unix)]
fn others_may_read(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|about| about.permissions().mode() & 0o004 != 0)
}

#[cfg(not(unix))]
fn others_may_read(_path: &Path) -> bool {
    false
}
