//! Records as clients see them.

use serde_json::{Map, Value};
use store::Row;

use crate::core::collection::Collection;
use crate::core::field::{Field, FieldKind};
use crate::core::value::{self, Values};

/// What the viewer may see beyond the plain fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sight {
    /// Hidden fields too (superusers).
    pub hidden: bool,
    /// The e-mail address whatever `emailVisibility` says (superusers, the account itself, who may manage it).
    pub email: bool,
}

/// The JSON text of a record: `collectionId`, `collectionName`, `id`, then the fields in their order. Where the row has the
/// collection's present shape, nothing is hidden and no key differs from its name, the stored body is taken as it is.
pub fn row(collection: &Collection, row: &Row, sight: Sight) -> String {
    match &collection.plain_head {
        Some(head) if row.shape == collection.shape => plain(head, row),
        _ => {
            let values = value::read(collection, &row.id, &row.body);
            Value::Object(self::values(collection, &row.id, &values, sight)).to_string()
        }
    }
}

fn plain(head: &str, row: &Row) -> String {
    let fields = row.body.strip_prefix('{').unwrap_or("}");
    let mut text = String::with_capacity(head.len() + row.id.len() + fields.len() + 8);
    text.push_str(head);
    push_escaped(&mut text, &row.id);
    text.push_str(if fields == "}" { "\"" } else { "\"," });
    text.push_str(fields);
    text
}

/// The inside of a JSON text; ids are nearly always taken as they are.
fn push_escaped(text: &mut String, id: &str) {
    if id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') {
        text.push_str(id);
    } else {
        let quoted = Value::from(id).to_string();
        text.push_str(&quoted[1..quoted.len() - 1]);
    }
}

/// The same from values.
pub fn values(collection: &Collection, id: &str, values: &Values, sight: Sight) -> Map<String, Value> {
    let mut shown = Map::with_capacity(collection.fields.len() + 3);
    shown.insert("collectionId".to_owned(), Value::from(collection.id.as_str()));
    shown.insert("collectionName".to_owned(), Value::from(collection.name.as_str()));
    shown.insert("id".to_owned(), Value::from(id));
    let shows_email = !collection.is_auth() || sight.email || values.flag("emailVisibility");
    for field in
        collection.fields.iter().filter(|f| !f.is_id() && is_shown(collection, f, sight, shows_email))
    {
        let value = match &field.kind {
            // a hash is never shown; clients expect the key of a password field that is not hidden
            FieldKind::Password { .. } => Value::from(""),
            _ => values.0.get(&field.name).cloned().unwrap_or_else(|| value::zero(field)),
        };
        shown.insert(field.name.clone(), value);
    }
    shown
}

fn is_shown(collection: &Collection, field: &Field, sight: Sight, shows_email: bool) -> bool {
    match field.name.as_str() {
        "password" | "tokenKey" if collection.is_auth() => false,
        "email" if collection.is_auth() => shows_email,
        _ => sight.hidden || !field.is_hidden,
    }
}
