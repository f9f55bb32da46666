//! A field of a collection and its kinds.

use std::sync::Arc;

use store::query::{Column, Scalar};

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
    /// What it holds.
    pub kind: FieldKind,
}

/// What a field holds, with the options of the kind. Numbers that the wire leaves at 0 mean "the kind's default".
#[derive(Clone, Debug, PartialEq)]
pub enum FieldKind {
    /// Text.
    Text(TextOptions),
    /// HTML text.
    Editor { max_bytes: u64, converts_urls: bool },
    /// A number.
    Number { min: Option<f64>, max: Option<f64>, is_whole: bool },
    /// True or false.
    Bool,
    /// An e-mail address.
    Email { except_domains: Vec<String>, only_domains: Vec<String> },
    /// An address on the web.
    Url { except_domains: Vec<String>, only_domains: Vec<String> },
    /// A date with time; empty text for none.
    Date { min: String, max: String },
    /// A date that the server sets.
    Autodate { on_create: bool, on_update: bool },
    /// One or several of given words.
    Select { values: Vec<String>, max: u64 },
    /// One or several files.
    File(FileOptions),
    /// One or several records of another collection (by its id).
    Relation { collection: String, cascades: bool, min: u64, max: u64 },
    /// Any JSON.
    Json { max_bytes: u64 },
    /// A password; its hash is kept, never shown.
    Password { min: u64, max: u64, pattern: String, cost: u64 },
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
    pub pattern: String,
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
        match &self.kind {
            FieldKind::Text(options) if options.is_primary => Column::Id,
            _ => Column::Field(self.key.clone(), self.scalar()),
        }
    }

    /// How its stored value is taken in queries.
    pub fn scalar(&self) -> Scalar {
        match &self.kind {
            _ if self.is_many() => Scalar::List,
            FieldKind::Number { .. } => Scalar::Number,
            FieldKind::Bool => Scalar::Bool,
            FieldKind::Json { .. } | FieldKind::GeoPoint => Scalar::Json,
            _ => Scalar::Text,
        }
    }
}
