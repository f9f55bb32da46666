//! A collection: its fields, indexes and rules.
//!
//! Fields are declared for validation and for indexes, never to make room: bodies are kept under storage keys (see
//! [`crate::core::field::Field::key`]), so that adding, renaming or dropping a field touches no record.

use std::sync::Arc;

use serde_json::{Map, Value};
use store::Table;

use crate::core::field::{Field, FieldKind};
use crate::core::index::Index;

/// What a collection's records are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CollectionKind {
    /// Plain records.
    Base,
    /// Records that can sign in.
    Auth,
}

/// Who may do what: filter expressions. `None`: superusers only; `""`: anybody.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    /// Which records are listed.
    pub list: Option<String>,
    /// Which record is shown.
    pub view: Option<String>,
    /// Which new record is taken.
    pub create: Option<String>,
    /// Which record may be changed.
    pub update: Option<String>,
    /// Which record may be deleted.
    pub delete: Option<String>,
    /// Auth collections: who may change passwords and addresses of others as if a superuser.
    pub manage: Option<String>,
    /// Auth collections: which records may sign in; `None`: nobody.
    pub auth: Option<String>,
}

impl Rules {
    /// All that there are.
    pub(crate) fn all(&self) -> impl Iterator<Item = &str> {
        let Rules { list, view, create, update, delete, manage, auth } = self;
        [list, view, create, update, delete, manage, auth].into_iter().flatten().map(String::as_str)
    }
}

/// Settings of an auth collection.
#[derive(Clone, Debug, PartialEq)]
pub struct AuthOptions {
    /// Sign-in by password is allowed.
    pub has_password: bool,
    /// The fields that name an account at sign-in; each has a unique index.
    pub identity_fields: Vec<String>,
    /// Lifetime of sign-in tokens, in seconds.
    pub token_seconds: u64,
    /// Lifetime of file tokens, in seconds.
    pub file_token_seconds: u64,
    /// Random key of this collection's tokens; never shown.
    pub token_secret: String,
    /// Everything else that the wire carries for auth collections (oauth2, mfa, otp, templates…), kept as it came.
    pub other: Map<String, Value>,
}

/// A collection as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Collection {
    /// Its id.
    pub id: String,
    /// Its name, unique regardless of case.
    pub name: String,
    /// What its records are.
    pub kind: CollectionKind,
    /// Needed by the program: can't be renamed or deleted.
    pub is_system: bool,
    /// Its fields in their order, system fields included.
    pub fields: Vec<Field>,
    /// Its declared indexes.
    pub indexes: Vec<Index>,
    /// Who may do what.
    pub rules: Rules,
    /// Only for [`CollectionKind::Auth`].
    pub auth: Option<AuthOptions>,
    /// When it was made, as shown.
    pub created: String,
    /// When it was last changed, as shown.
    pub updated: String,
    /// Rows written with this number have a body that holds exactly the present fields, complete and in their present
    /// form. It grows with every change of the fields.
    pub shape: i64,
    /// Storage keys of fields that are gone: never given again.
    pub retired: Vec<String>,
    /// What every record's JSON text begins with, up to its id, where stored bodies of the present shape may be shown as
    /// they are; `None` where something is hidden or renamed. Made by [`Collection::settled`].
    pub plain_head: Option<Arc<str>>,
}

impl Collection {
    /// A new collection of these fields (which it takes as they are), with no indexes and all rules locked.
    pub fn new(id: &str, name: &str, kind: CollectionKind, fields: Vec<Field>) -> Collection {
        let collection = Collection {
            id: id.to_owned(),
            name: name.to_owned(),
            kind,
            is_system: false,
            fields,
            indexes: Vec::new(),
            rules: Rules::default(),
            auth: None,
            created: String::new(),
            updated: String::new(),
            shape: 1,
            retired: Vec::new(),
            plain_head: None,
        };
        collection.settled()
    }

    /// The same with what follows from its parts worked out anew: to be called after every change of a part.
    #[must_use]
    pub fn settled(mut self) -> Collection {
        let shows_as_kept = |f: &Field| {
            let is_secret = f.is_hidden || matches!(f.kind, FieldKind::Password { .. });
            !is_secret && (f.is_id() || *f.key == *f.name)
        };
        let is_plain = !self.is_auth() && self.fields.iter().all(shows_as_kept);
        self.plain_head = is_plain.then(|| {
            let (id, name) = (Value::from(self.id.as_str()), Value::from(self.name.as_str()));
            Arc::from(format!("{{\"collectionId\":{id},\"collectionName\":{name},\"id\":\""))
        });
        self
    }

    /// Where its records are kept.
    pub fn table(&self) -> Table {
        Table::new(&["r_", &self.id].concat())
    }

    /// A field by name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|f| f.name == name)
    }

    /// True for collections of accounts.
    pub fn is_auth(&self) -> bool {
        self.kind == CollectionKind::Auth
    }

    /// True for the collection of superusers.
    pub fn is_superusers(&self) -> bool {
        self.name == SUPERUSERS
    }
}

/// The name of the collection of superusers.
pub const SUPERUSERS: &str = "_superusers";
