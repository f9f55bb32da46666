//! The collections that the program keeps for itself: what sign-in remembers between two requests.
//!
//! They are system collections without rules: superusers see them, nobody else does.

use super::defaults::{collection_id, dates, system_fields};
use crate::core::collection::{Collection, CollectionKind};
use crate::core::field::{Field, FieldKind, TextOptions};
use crate::core::index::{Index, IndexColumn};

/// The newest key agreed on with each provider of OpenID 2.0.
pub const OPENID_ASSOCIATIONS: &str = "_openidAssociations";
/// Nonces of such providers that were used, as long as they could be sent again.
pub const OPENID_NONCES: &str = "_openidNonces";

/// All of them, as they are made.
pub fn own_collections(now: &str) -> Vec<Collection> {
    let agreed = [text("endpoint"), text("handle"), text("hash"), text("key").hidden(), date("until")];
    let associations = make(OPENID_ASSOCIATIONS, &agreed, now);
    let mut nonces = make(OPENID_NONCES, &[date("until")], now);
    add_index(&mut nonces, &["until"]);
    [associations, nonces].map(Collection::settled).into()
}

/// The next form of a collection that is there under such a name but was made elsewhere: with the fields that the program
/// needs and it lacks. `None` where nothing is missing.
pub fn with_own_fields(there: &Collection, own: &Collection) -> Option<Collection> {
    let missing: Vec<Field> = own.fields.iter().filter(|f| there.field(&f.name).is_none()).cloned().collect();
    if missing.is_empty() {
        return None;
    }
    let mut next = there.clone();
    next.fields.extend(missing);
    next.shape += 1;
    Some(next.settled())
}

fn make(name: &str, fields: &[Field], now: &str) -> Collection {
    let kind = CollectionKind::Base;
    let mut all = system_fields(kind);
    all.extend_from_slice(fields);
    all.extend(dates().map(Field::system));
    let mut collection = Collection::new(&collection_id(kind, name), name, kind, all);
    collection.is_system = true;
    now.clone_into(&mut collection.created);
    now.clone_into(&mut collection.updated);
    collection
}

fn add_index(collection: &mut Collection, fields: &[&str]) {
    let column =
        |field: &&str| IndexColumn { field: (*field).to_owned(), descending: false, ignores_case: false };
    let name = format!("idx{}_{}", collection.name, fields.join("_"));
    let columns = fields.iter().map(column).collect();
    collection.indexes.push(Index { name, is_unique: false, columns, only: Vec::new() });
}

fn text(name: &str) -> Field {
    Field::new(name, FieldKind::Text(TextOptions::default())).system()
}

fn date(name: &str) -> Field {
    Field::new(name, FieldKind::Date { min: String::new(), max: String::new() }).system()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::change::{from_stored, to_stored};
    use crate::core::sample;

    #[test]
    fn what_the_program_keeps_for_itself_is_kept_whole() {
        for own in own_collections(sample::NOW) {
            assert_eq!(from_stored(&own.id, &to_stored(&own)).as_ref(), Ok(&own));
            assert_eq!(with_own_fields(&own, &own), None);
        }
    }

    #[test]
    fn a_collection_from_elsewhere_gets_what_it_lacks() {
        let own = own_collections(sample::NOW).remove(0);
        let mut there = own.clone();
        there.fields.retain(|field| field.name != "handle");
        let next = with_own_fields(&there, &own).expect("something is missing");
        assert!(next.field("handle").is_some() && next.shape > there.shape);
    }
}
