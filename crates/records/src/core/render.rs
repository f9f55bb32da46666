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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::core::sample;

    fn kept(collection: &Collection, id: &str, values: Value) -> Row {
        let mut all = value::empty(collection);
        all.0.extend(sample::object(values));
        Row { id: id.to_owned(), rev: 1, shape: collection.shape, body: value::write(collection, &all) }
    }

    fn posts() -> Collection {
        sample::collection(json!({
            "name": "posts",
            "fields": [{ "name": "title", "type": "text" }, { "name": "n", "type": "number" }],
        }))
    }

    #[test]
    fn a_plain_row_is_shown_as_it_is_kept() {
        let posts = posts();
        let mut row = kept(&posts, "abc", json!({ "title": "하나", "n": 1 }));
        let expected =
            r#"{"collectionId":"pbc_1125843985","collectionName":"posts","id":"abc","title":"하나","n":1}"#;
        assert_eq!(super::row(&posts, &row, Sight::default()), expected);
        row.shape -= 1;
        assert_eq!(super::row(&posts, &row, Sight::default()), expected);
    }

    #[test]
    fn a_plain_row_is_not_even_read() {
        let posts = posts();
        let row = Row { id: "x".to_owned(), rev: 1, shape: posts.shape, body: r#"{"as":"kept"}"#.to_owned() };
        assert!(super::row(&posts, &row, Sight::default()).ends_with(r#""id":"x","as":"kept"}"#));
    }

    #[test]
    fn a_record_without_fields_is_whole_json() {
        let bare = sample::collection(json!({ "name": "bare" }));
        let text = super::row(&bare, &kept(&bare, "x", json!({})), Sight::default());
        assert_eq!(serde_json::from_str::<Value>(&text).map(|v| v["id"].clone()).ok(), Some(json!("x")));
    }

    #[test]
    fn an_id_with_signs_is_written_as_json() {
        let posts = posts();
        for id in ["a\"b", "\"", "a\\", "a\"", "\u{1}", "가"] {
            let text = super::row(&posts, &kept(&posts, id, json!({})), Sight::default());
            let read: Value = serde_json::from_str(&text).expect("it is JSON");
            assert_eq!(read["id"], id);
        }
    }

    #[test]
    fn older_rows_and_renamed_fields_are_shown_in_the_present_form() {
        let posts = posts();
        let row = kept(&posts, "abc", json!({ "title": "t", "n": 1 }));
        let renamed = sample::changed(
            &posts,
            json!({ "fields": [
                { "id": posts.fields[1].id, "name": "headline", "type": "text" },
                { "name": "is_new", "type": "bool" },
            ] }),
        );
        let read: Value =
            serde_json::from_str(&super::row(&renamed, &row, Sight::default())).expect("it is JSON");
        assert_eq!(
            read,
            json!({ "collectionId": posts.id, "collectionName": "posts", "id": "abc", "headline": "t", "is_new": false })
        );
    }

    #[test]
    fn hidden_fields_and_addresses_are_shown_to_those_who_may_see_them() {
        let members = sample::members();
        let show = |visible: bool, sight: Sight| {
            let row = kept(
                &members,
                "m",
                json!({
                    "email": "a@b.example", "emailVisibility": visible, "password": "hash",
                    "tokenKey": "key", "note": "hush", "nick": "n",
                }),
            );
            let read: Value = serde_json::from_str(&super::row(&members, &row, sight)).expect("it is JSON");
            ["nick", "email", "note", "password", "tokenKey"].map(|key| read.get(key).is_some())
        };
        let sight = |hidden, email| Sight { hidden, email };
        assert_eq!(show(false, sight(false, false)), [true, false, false, false, false]);
        assert_eq!(show(true, sight(false, false)), [true, true, false, false, false]);
        assert_eq!(show(false, sight(false, true)), [true, true, false, false, false]);
        assert_eq!(show(false, sight(true, true)), [true, true, true, false, false]);
    }

    #[test]
    fn hashes_of_plain_records_are_never_shown() {
        let doors =
            sample::collection(json!({ "name": "doors", "fields": [{ "name": "pin", "type": "password" }] }));
        let text = super::row(
            &doors,
            &kept(&doors, "d", json!({ "pin": "hash" })),
            Sight { hidden: true, email: true },
        );
        assert!(text.contains("\"pin\":\"\"") && !text.contains("hash"), "{text}");
    }
}
