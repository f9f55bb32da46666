//! The collections that the program keeps for itself: what sign-in remembers between two requests, and the mails that wait.
//!
//! Their names, fields and rules are those that the wire's clients know, where those know them (`_mfas`, `_otps`,
//! `_authOrigins`). None of them holds a code, a token or a key.

use super::defaults::{collection_id, dates, system_fields};
use crate::core::collection::{Collection, CollectionKind, Rules};
use crate::core::field::{Field, FieldKind, TextOptions};
use crate::core::index::{Index, IndexColumn};

/// Half sign-ins, where two ways are asked for: who has passed the first one, and which it was.
pub const MFAS: &str = "_mfas";
/// Mailed codes to sign in with: for whom, and how often a wrong one was tried.
pub const OTPS: &str = "_otps";
/// Where an account has signed in from.
pub const AUTH_ORIGINS: &str = "_authOrigins";
/// Mails: those that wait, and for a while those that were sent or could not be.
pub const MAILS: &str = "_mails";
/// Authenticators of accounts: never their seeds.
pub const TOTPS: &str = "_totps";
/// How often something was done about one address lately.
pub const TALLIES: &str = "_tallies";

/// Whoever an account's row is about, may see it.
const OWNER: &str =
    "@request.auth.id != '' && recordRef = @request.auth.id && collectionRef = @request.auth.collectionId";

/// All of them, as they are made.
pub(super) fn own_collections(now: &str) -> Vec<Collection> {
    let owner = || Some(OWNER.to_owned());
    let mut mfas = make(MFAS, &[text("method")], now);
    let mut otps = make(OTPS, &[text("sentTo").hidden(), number("tries").hidden()], now);
    let mut origins = make(AUTH_ORIGINS, &[text("fingerprint")], now);
    for collection in [&mut mfas, &mut otps, &mut origins] {
        collection.rules = Rules { list: owner(), view: owner(), ..Rules::default() };
        add_index(collection, &["collectionRef", "recordRef"]);
    }
    origins.rules.delete = owner();
    let mut once = index(&origins, &["collectionRef", "recordRef", "fingerprint"]);
    once.is_unique = true;
    origins.indexes.push(once);
    let mail = [
        text("to"),
        text("kind"),
        json("about"),
        text("state"),
        number("tries"),
        date("due"),
        text("reason"),
    ];
    let mut mails = make(MAILS, &mail, now);
    add_index(&mut mails, &["state", "due"]);
    add_index(&mut mails, &["collectionRef", "recordRef"]);
    let mut tallies = make(TALLIES, &[number("count"), date("began")], now);
    tallies.fields.retain(|field| !["collectionRef", "recordRef"].contains(&field.name.as_str()));
    let parts =
        [text("salt").hidden(), flag("confirmed"), number("step").hidden(), json("recovery").hidden()];
    let mut totps = make(TOTPS, &parts, now);
    totps.rules = Rules { list: owner(), view: owner(), ..Rules::default() };
    add_index(&mut totps, &["collectionRef", "recordRef"]);
    [mfas, otps, origins, totps, mails, tallies].map(Collection::settled).into()
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
    all.extend([text("collectionRef"), text("recordRef")]);
    all.extend_from_slice(fields);
    all.extend(dates().map(Field::system));
    let mut collection = Collection::new(&collection_id(kind, name), name, kind, all);
    collection.is_system = true;
    now.clone_into(&mut collection.created);
    now.clone_into(&mut collection.updated);
    collection
}

fn add_index(collection: &mut Collection, fields: &[&str]) {
    let index = index(collection, fields);
    collection.indexes.push(index);
}

fn index(collection: &Collection, fields: &[&str]) -> Index {
    let column =
        |field: &&str| IndexColumn { field: (*field).to_owned(), descending: false, ignores_case: false };
    let name = format!("idx{}_{}", collection.name, fields.join("_"));
    Index { name, is_unique: false, columns: fields.iter().map(column).collect(), only: Vec::new() }
}

fn text(name: &str) -> Field {
    Field::new(name, FieldKind::Text(TextOptions::default())).system()
}

fn number(name: &str) -> Field {
    Field::new(name, FieldKind::Number { min: None, max: None, is_whole: true }).system()
}

fn date(name: &str) -> Field {
    Field::new(name, FieldKind::Date { min: String::new(), max: String::new() }).system()
}

fn flag(name: &str) -> Field {
    Field::new(name, FieldKind::Bool).system()
}

fn json(name: &str) -> Field {
    Field::new(name, FieldKind::Json { max_bytes: 0 }).system()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::change::{from_stored, to_stored};
    use crate::core::sample;

    #[test]
    fn what_the_program_keeps_for_itself_has_the_ids_that_clients_know() {
        let ids = own_collections(sample::NOW).into_iter().map(|c| (c.name, c.id)).collect::<Vec<_>>();
        let known = [(MFAS, "pbc_2279338944"), (OTPS, "pbc_1638494021"), (AUTH_ORIGINS, "pbc_4275539003")];
        for (name, id) in known {
            assert!(ids.contains(&(name.to_owned(), id.to_owned())), "{ids:?}");
        }
    }

    #[test]
    fn what_the_program_keeps_for_itself_is_kept_whole() {
        for own in own_collections(sample::NOW) {
            assert_eq!(from_stored(&own.id, &to_stored(&own)).as_ref(), Ok(&own));
            assert_eq!(with_own_fields(&own, &own), None);
        }
    }

    #[test]
    fn a_collection_from_elsewhere_gets_what_it_lacks() {
        let own = own_collections(sample::NOW).remove(1);
        let mut there = own.clone();
        there.fields.retain(|field| field.name != "tries");
        let next = with_own_fields(&there, &own).expect("something is missing");
        assert!(next.field("tries").is_some() && next.shape > there.shape);
    }
}
