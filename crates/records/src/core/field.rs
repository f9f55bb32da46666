//! A field of a collection and its kinds.

use std::sync::Arc;

use store::query::{Column, Scalar};

use crate::core::pattern::Pattern;

/// Longest text when the field doesn't say, in characters.
pub const TEXT_MAX: u64 = 5000;
/// Longest password when the field doesn't say, in characters.
pub const PASSWORD_MAX: u64 = 1024;
/// Largest editor content when the field doesn't say, in bytes.
pub const EDITOR_BYTES_MAX: u64 = 5 << 20;
/// Largest JSON when the field doesn't say, in bytes.
pub const JSON_BYTES_MAX: u64 = 1 << 20;
/// Largest file when the field doesn't say, in bytes.
pub const FILE_BYTES_MAX: u64 = 5 << 20;

/// A declared field.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Its id, kept through renames.
    pub id: String,
    /// Its name on the wire.
    pub name: String,
    /// Its key in the stored body: `[a-zA-Z0-9_]+`, given at the field's making, never changed and never reused. `id`
    /// for the id itself, which is not in the body.
    pub key: Arc<str>,
    /// Needed by the program: can't be renamed, retyped or removed.
    pub is_system: bool,
    /// Shown to superusers only.
    pub is_hidden: bool,
    /// Shown where a record is named in a relation.
    pub is_presentable: bool,
    /// Must not be the kind's zero value.
    pub is_required: bool,
    /// A note for those who fill it in.
    pub help: String,
    /// What it holds.
    pub kind: FieldKind,
}

/// What a field holds, with the options of the kind. Numbers that the wire leaves at 0 mean "the kind's default".
#[derive(Clone, Debug, PartialEq)]
pub enum FieldKind {
    /// Text.
    Text(TextOptions),
    /// HTML text.
    Editor {
        /// Largest content in bytes; 0 for the default of 5 MiB.
        max_bytes: u64,
        /// Relative addresses are made absolute by the editor on the page.
        converts_urls: bool,
    },
    /// A number.
    Number {
        /// The smallest.
        min: Option<f64>,
        /// The largest.
        max: Option<f64>,
        /// Without a fraction.
        is_whole: bool,
    },
    /// True or false.
    Bool,
    /// An e-mail address.
    Email {
        /// Domains that are refused.
        except_domains: Vec<String>,
        /// The only domains that are taken.
        only_domains: Vec<String>,
    },
    /// An address on the web.
    Url {
        /// Hosts that are refused.
        except_domains: Vec<String>,
        /// The only hosts that are taken.
        only_domains: Vec<String>,
    },
    /// A date with time; empty text for none.
    Date {
        /// The earliest, as records hold dates; empty for any.
        min: String,
        /// The latest; empty for any.
        max: String,
    },
    /// A date that the server sets.
    Autodate {
        /// At the record's making.
        on_create: bool,
        /// At every change.
        on_update: bool,
    },
    /// One or several of given words.
    Select {
        /// The words.
        values: Vec<String>,
        /// Most words; 0 and 1: one.
        max: u64,
    },
    /// One or several files.
    File(FileOptions),
    /// One or several records of another collection.
    Relation {
        /// The other collection's id.
        collection: String,
        /// This record goes when the other does.
        cascades: bool,
        /// Fewest records, when there are any; 0 for no limit.
        min: u64,
        /// Most records; 0 and 1: one.
        max: u64,
    },
    /// Any JSON.
    Json {
        /// Largest text in bytes; 0 for the default of 1 MiB.
        max_bytes: u64,
    },
    /// A password; its hash is kept, never shown.
    Password {
        /// Fewest characters.
        min: u64,
        /// Most characters; 0 for the default of 1024.
        max: u64,
        /// What the plain text must match; empty for anything.
        pattern: Pattern,
        /// Kept for clients, which send and expect it: our hashing has its own cost.
        cost: u64,
    },
    /// A point on the earth: `{"lon":0,"lat":0}`.
    GeoPoint,
}

/// Options of a text field.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TextOptions {
    /// Fewest characters; 0 for any.
    pub min: u64,
    /// Most characters; 0 for the default of 5000.
    pub max: u64,
    /// A regular expression that a value must match; empty for none.
    pub pattern: Pattern,
    /// A pattern from which an absent value is made; empty for none.
    pub autogenerate_pattern: String,
    /// It is the record's id.
    pub is_primary: bool,
}

/// Options of a file field.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FileOptions {
    /// Accepted media types; empty for any.
    pub mime_types: Vec<String>,
    /// Sizes of small pictures that may be asked for: `100x100`, `0x50`, `100x50t`, `100x50b`, `100x50f`.
    pub thumbs: Vec<String>,
    /// Most files; 0 and 1: one.
    pub max: u64,
    /// Largest file in bytes; 0 for the default of 5 MiB.
    pub max_bytes: u64,
    /// Needs a file token and the view rule.
    pub is_protected: bool,
}

impl Field {
    /// A new plain field: its key is its name, its id the one that the wire gives a field of that name.
    pub fn new(name: &str, kind: FieldKind) -> Field {
        Field {
            id: format!("{}{}", kind.name(), checksum(name)),
            name: name.to_owned(),
            key: Arc::from(name),
            is_system: false,
            is_hidden: false,
            is_presentable: false,
            is_required: false,
            help: String::new(),
            kind,
        }
    }

    /// The same as a system field.
    #[must_use]
    pub fn system(self) -> Field {
        Field { is_system: true, ..self }
    }

    /// The same hidden.
    #[must_use]
    pub fn hidden(self) -> Field {
        Field { is_hidden: true, ..self }
    }

    /// The same required.
    #[must_use]
    pub fn required(self) -> Field {
        Field { is_required: true, ..self }
    }

    /// True for the record's id.
    pub fn is_id(&self) -> bool {
        matches!(&self.kind, FieldKind::Text(options) if options.is_primary)
    }

    /// True when the value is a list (`max` above 1 of select, file and relation).
    pub fn is_many(&self) -> bool {
        match &self.kind {
            FieldKind::Select { max, .. } | FieldKind::Relation { max, .. } => *max > 1,
            FieldKind::File(options) => options.max > 1,
            _ => false,
        }
    }

    /// What to read of a row for this field.
    pub fn column(&self) -> Column {
        if self.is_id() { Column::Id } else { Column::Field(self.key.clone(), self.scalar()) }
    }

    /// How its stored value is taken in queries.
    pub fn scalar(&self) -> Scalar {
        match &self.kind {
            _ if self.is_many() => Scalar::List,
            FieldKind::Number { .. } => Scalar::Number,
            FieldKind::Bool => Scalar::Bool,
            FieldKind::Json { .. } | FieldKind::GeoPoint => Scalar::Json,
            FieldKind::Select { .. } | FieldKind::File(_) | FieldKind::Relation { .. } => Scalar::One,
            _ => Scalar::Text,
        }
    }
}

impl FieldKind {
    /// The kind's name on the wire.
    pub fn name(&self) -> &'static str {
        match self {
            FieldKind::Text(_) => "text",
            FieldKind::Editor { .. } => "editor",
            FieldKind::Number { .. } => "number",
            FieldKind::Bool => "bool",
            FieldKind::Email { .. } => "email",
            FieldKind::Url { .. } => "url",
            FieldKind::Date { .. } => "date",
            FieldKind::Autodate { .. } => "autodate",
            FieldKind::Select { .. } => "select",
            FieldKind::File(_) => "file",
            FieldKind::Relation { .. } => "relation",
            FieldKind::Json { .. } => "json",
            FieldKind::Password { .. } => "password",
            FieldKind::GeoPoint => "geoPoint",
        }
    }
}

/// CRC-32 (IEEE 802.3) of a text, from which the wire's clients expect the ids of fields and collections to be made.
pub fn checksum(text: &str) -> u32 {
    let update = |crc: u32, byte: u8| {
        (0..8).fold(crc ^ u32::from(byte), |c, _| if c & 1 == 1 { (c >> 1) ^ 0xEDB8_8320 } else { c >> 1 })
    };
    !text.bytes().fold(u32::MAX, update)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_fields_are_those_that_exported_collections_have() {
        let id = Field::new("id", FieldKind::Text(TextOptions::default()));
        assert_eq!(id.id, "text3208210256");
        assert_eq!(Field::new("password", FieldKind::Bool).id, "bool901924565");
    }

    #[test]
    fn only_lists_are_many() {
        let words = |max| Field::new("tags", FieldKind::Select { values: vec!["a".to_owned()], max });
        assert!(!words(0).is_many() && !words(1).is_many() && words(2).is_many());
        assert_eq!(words(2).scalar(), Scalar::List);
    }
}
