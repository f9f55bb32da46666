//! Places in answers: `me:/data/id` is the JSON Pointer (RFC 6901) `/data/id` in the answer called `me`.

use serde::Deserialize;
use serde_json::Value;

use super::mapping::Documents;

/// A place in an answer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Pointer {
    /// The answer: a `fetch` by its name, `token`, or of OpenID Connect `id` and `userinfo`.
    pub(super) document: String,
    path: String,
}

impl TryFrom<String> for Pointer {
    type Error = String;

    fn try_from(text: String) -> Result<Pointer, String> {
        Pointer::parse(&text)
            .ok_or_else(|| format!("`{text}` is no place: write it as ANSWER:/KEY, such as me:/id"))
    }
}

impl Pointer {
    /// Reads a place; `None` for any other text.
    pub(super) fn parse(text: &str) -> Option<Pointer> {
        let (document, path) = text.split_once(':')?;
        let is_name =
            !document.is_empty() && document.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        (is_name && path.starts_with('/'))
            .then(|| Pointer { document: document.to_owned(), path: path.to_owned() })
    }

    /// What lies there; null counts as nothing.
    pub(super) fn find<'a>(&self, documents: &'a Documents) -> Option<&'a Value> {
        documents.get(&self.document)?.pointer(&self.path).filter(|value| !value.is_null())
    }
}

/// Places of which the first that has something counts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(from = "OneOrMany")]
pub struct Places(pub(super) Vec<Pointer>);

#[derive(Deserialize)]
#[serde(untagged, expecting = "a place such as me:/id, or a list of them")]
enum OneOrMany {
    One(Pointer),
    Many(Vec<Pointer>),
}

impl From<OneOrMany> for Places {
    fn from(written: OneOrMany) -> Places {
        match written {
            OneOrMany::One(pointer) => Places(vec![pointer]),
            OneOrMany::Many(pointers) => Places(pointers),
        }
    }
}

impl Places {
    pub(super) fn find<'a>(&self, documents: &'a Documents) -> Option<&'a Value> {
        self.0.iter().find_map(|pointer| pointer.find(documents))
    }

    /// The text that lies there; anything but a text counts as none.
    pub(super) fn text(&self, documents: &Documents) -> String {
        self.find(documents).and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}

/// Where a mail address lies.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "a place, a list of them, or { pick, where, get }")]
pub enum Emails {
    /// At a place.
    At(Places),
    /// In one entry of a list.
    Picked {
        /// The answer that is a list.
        pick: String,
        /// What must be true of the entry.
        #[serde(rename = "where")]
        holds: Vec<String>,
        /// Where in the entry.
        get: String,
    },
}

impl Default for Emails {
    fn default() -> Emails {
        Emails::At(Places::default())
    }
}

impl Emails {
    pub(super) fn text(&self, documents: &Documents) -> String {
        match self {
            Emails::At(places) => places.text(documents),
            Emails::Picked { pick, holds, get } => {
                let is_it =
                    |entry: &&Value| holds.iter().all(|key| entry.get(key) == Some(&Value::Bool(true)));
                let list = documents.get(pick).and_then(Value::as_array);
                let entry = list.and_then(|list| list.iter().find(is_it));
                entry
                    .and_then(|entry| entry.pointer(get))
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned()
            }
        }
    }
}

/// How it is known that a mail address is verified.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "a place, { all = [places] } or { const = true }")]
pub enum Verified {
    /// What lies there is `true`, the boolean.
    At(Pointer),
    /// The same of several places.
    All {
        /// The places.
        all: Vec<Pointer>,
    },
    /// This provider gives only such addresses, or never says.
    Const {
        /// Whether.
        #[serde(rename = "const")]
        is: bool,
    },
}

impl Default for Verified {
    fn default() -> Verified {
        Verified::Const { is: false }
    }
}

impl Verified {
    pub(super) fn holds(&self, documents: &Documents) -> bool {
        let is_true = |pointer: &Pointer| pointer.find(documents) == Some(&Value::Bool(true));
        match self {
            Verified::At(pointer) => is_true(pointer),
            Verified::All { all } => !all.is_empty() && all.iter().all(is_true),
            Verified::Const { is } => *is,
        }
    }
}
