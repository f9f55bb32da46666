//! The readable view of a collection, for people with a database shell.

use store::query::{Column, View};

use crate::core::collection::Collection;
use crate::core::field::FieldKind;

/// The view of a collection: named as it is, with the id and each field that is not hidden, by name. Passwords are left
/// out whatever they say.
pub fn view(collection: &Collection) -> View {
    let is_shown = |f: &&crate::core::field::Field| {
        !f.is_hidden && !f.is_id() && !matches!(f.kind, FieldKind::Password { .. })
    };
    let fields = collection.fields.iter().filter(is_shown).map(|f| (f.name.clone(), f.column()));
    View {
        name: collection.name.clone(),
        columns: std::iter::once(("id".to_owned(), Column::Id)).chain(fields).collect(),
    }
}
