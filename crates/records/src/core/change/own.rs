//! The collections that the program keeps for itself: what sign-in remembers between two requests, and the mails that wait.
//!
//! Their names, fields and rules are those that the wire's clients know, where those know them (`_mfas`, `_otps`,
//! `_authOrigins`, `_externalAuths`). None of them holds a mailed code or a token of ours, and keys (`_keys`) only
//! sealed. A row of `_flows` may hold a secret shared with a provider, for as long as that is good for; its `data` is hidden.
//!
//! To add one: its name, a function, and its line in [`own_collections`]. Rows of an account have the fields `collectionRef`
//! and `recordRef`: they go with the account when it is deleted.

mod issuer;

use super::defaults::{collection_id, dates, system_fields};
use crate::core::collection::{Collection, CollectionKind, Rules};
use crate::core::field::{Field, FieldKind, TextOptions};
use crate::core::index::{Index, IndexColumn};

pub use issuer::{CLIENTS, FAMILIES, GRANTS, LOGOUTS};

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

/// Who an account is at a provider.
pub const EXTERNAL_AUTHS: &str = "_externalAuths";
/// Passkeys of accounts: what proves them, and what their owners call them.
pub const PASSKEYS: &str = "_passkeys";
/// What may be done once, or is kept between two steps of a sign-in.
pub const FLOWS: &str = "_flows";

/// Those who may make an account with an address, once it is proved: superusers have invited them, or they have asked to sign up.
pub const INVITATIONS: &str = "_invitations";

/// Sign-ins that have not ended: of whom, since when, from where.
pub const SESSIONS: &str = "_sessions";
/// The keys that sign tokens, their private part sealed.
pub const KEYS: &str = "_keys";
/// Certificates that the service shows, the account at their issuer, and what became of orders.
pub const CERTIFICATES: &str = "_certificates";
/// What happened to accounts: who signed in, and what of that was changed by whom.
pub const AUDIT: &str = "_audit";

/// Whoever an account's row is about, may see it.
const OWNER: &str =
    "@request.auth.id != '' && recordRef = @request.auth.id && collectionRef = @request.auth.collectionId";
/// The same of what outlives the account.
const SUBJECT: &str =
    "@request.auth.id != '' && account = @request.auth.id && accountCollection = @request.auth.collectionId";
/// Longest text that holds a flow's state, in characters.
const DATA_MAX: u64 = 100_000;
/// What of a passkey only the program writes.
const PASSKEY_FIXED: [&str; 10] = [
    "collectionRef",
    "recordRef",
    "credentialId",
    "credentialHash",
    "publicKey",
    "counter",
    "backupEligible",
    "backedUp",
    "transports",
    "lastUsed",
];

/// All of them, as they are made.
pub fn own_collections(now: &str) -> Vec<Collection> {
    let mfas = of_account(MFAS, &[text("method"), json("via").hidden()], now);
    let otps = of_account(OTPS, &[text("sentTo").hidden(), number("tries").hidden()], now);
    let guards = [auth_origins(now), totps(now), external_auths(now), passkeys(now)];
    let known = [mfas, otps].into_iter().chain(guards).chain([sessions(now)]);
    let own =
        [flows(now), mails(now), tallies(now), keys(now), audit(now), invitations(now), certificates(now)];
    let all = known.chain(own).chain(issuer::collections(now));
    all.map(Collection::settled).collect()
}

fn totps(now: &str) -> Collection {
    let used = [number("step").hidden(), json("recovery").hidden()];
    of_account(TOTPS, &[&[text("salt").hidden(), flag("confirmed")][..], &used].concat(), now)
}

fn auth_origins(now: &str) -> Collection {
    let mut origins = of_account(AUTH_ORIGINS, &[text("fingerprint")], now);
    origins.rules.delete = origins.rules.view.clone();
    add_index(&mut origins, Repeats::No, &["collectionRef", "recordRef", "fingerprint"]);
    origins
}

/// Made by signing in; who takes the last one away signs in by other ways.
fn external_auths(now: &str) -> Collection {
    let fields = [text("provider").required(), text("providerId").required(), text("issuer").hidden()];
    let mut external = of_account(EXTERNAL_AUTHS, &fields, now);
    external.rules.delete = external.rules.view.clone();
    add_index(&mut external, Repeats::No, &["collectionRef", "provider", "providerId"]);
    external
}

/// Made by signing in; who deletes one ends it.
fn sessions(now: &str) -> Collection {
    let how = [json("methods"), text("userAgent"), text("address"), text("actor").hidden()];
    let times = [date("lastSeen"), date("idleEnds"), date("ends")];
    let via = [text("provider"), text("providerId").hidden(), text("providerSession").hidden()];
    let mut sessions = of_account(SESSIONS, &[&how[..], &times, &via].concat(), now);
    sessions.rules.delete = sessions.rules.view.clone();
    add_index(&mut sessions, Repeats::Yes, &["idleEnds"]);
    add_index(&mut sessions, Repeats::Yes, &["provider", "providerId"]);
    add_index(&mut sessions, Repeats::Yes, &["provider", "providerSession"]);
    sessions
}

/// Written by the house only. It stays when the account goes, so it names the account otherwise than what goes with it.
fn audit(now: &str) -> Collection {
    let whom = [text("accountCollection"), text("account"), text("actorCollection"), text("actor").hidden()];
    let what = [text("event").required(), text("address"), json("detail")];
    let mut audit = make(AUDIT, &[&what[..], &whom].concat(), now);
    let subject = Some(SUBJECT.to_owned());
    audit.rules = Rules { list: subject.clone(), view: subject, ..Rules::default() };
    add_index(&mut audit, Repeats::Yes, &["accountCollection", "account", "created"]);
    add_index(&mut audit, Repeats::Yes, &["created"]);
    audit
}

/// Their order is their number, so that of two web servers that make the next one at once, one does.
fn keys(now: &str) -> Collection {
    let parts = [text("public"), text("sealed").hidden(), text("sealedP256").hidden()];
    let fields = [&[number("number").required()][..], &parts, &[date("begins"), date("ends")]].concat();
    let mut keys = make(KEYS, &fields, now);
    add_index(&mut keys, Repeats::No, &["number"]);
    keys
}

/// Made by a ceremony with an authenticator; its owner gives it another name and deletes it, and nobody writes the rest. It is
/// known by the hash of the credential's id, which itself may be longer than an index takes.
fn passkeys(now: &str) -> Collection {
    let what = [text("credentialId").required(), text("credentialHash").required().hidden()];
    let proof = [text("publicKey").required().hidden(), number("counter").hidden()];
    let flags = [flag("backupEligible").hidden(), flag("backedUp")];
    let about = [json("transports"), text("name"), date("lastUsed")];
    let fields = [&what[..], &proof, &flags, &about].concat();
    let mut passkeys = of_account(PASSKEYS, &fields, now);
    passkeys.rules.delete = passkeys.rules.view.clone();
    let unset = PASSKEY_FIXED.map(|name| format!("@request.body.{name}:isset = false")).join(" && ");
    passkeys.rules.update = Some(format!("{OWNER} && {unset}"));
    add_index(&mut passkeys, Repeats::No, &["credentialHash"]);
    passkeys
}

fn flows(now: &str) -> Collection {
    let data = TextOptions { max: DATA_MAX, ..TextOptions::default() };
    let data = Field::new("data", FieldKind::Text(data)).system().hidden();
    let fields = [text("kind").required(), text("key").required(), data, number("expires").required()];
    let mut flows = make(FLOWS, &fields, now);
    add_index(&mut flows, Repeats::No, &["kind", "key"]);
    add_index(&mut flows, Repeats::Yes, &["expires"]);
    flows
}

/// Texts by their names. A turn is a row that its holder deletes, or that ends.
fn certificates(now: &str) -> Collection {
    let text_of = TextOptions { max: DATA_MAX, ..TextOptions::default() };
    let content = Field::new("text", FieldKind::Text(text_of)).system().hidden();
    let mut certificates = make(CERTIFICATES, &[text("name").required(), content, number("expires")], now);
    add_index(&mut certificates, Repeats::No, &["name"]);
    certificates
}

/// Of one address there is one: who is invited anew, follows the newer link.
fn invitations(now: &str) -> Collection {
    let fields = [
        text("collectionRef").required(),
        text("email").required(),
        text("by"),
        json("values"),
        date("expires"),
    ];
    let mut invitations = make(INVITATIONS, &fields, now);
    add_index(&mut invitations, Repeats::No, &["collectionRef", "email"]);
    add_index(&mut invitations, Repeats::Yes, &["expires"]);
    invitations
}

fn mails(now: &str) -> Collection {
    let about = [text("collectionRef"), text("recordRef"), text("to"), text("kind"), json("about")];
    let course = [text("state"), number("tries"), date("due"), text("reason")];
    let mut mails = make(MAILS, &[&about[..], &course].concat(), now);
    add_index(&mut mails, Repeats::Yes, &["state", "due"]);
    add_index(&mut mails, Repeats::Yes, &["collectionRef", "recordRef"]);
    mails
}

fn tallies(now: &str) -> Collection {
    make(TALLIES, &[number("count"), date("began")], now)
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

/// What is kept of an account, which may see it; or of nobody, where nobody may tell by it whether there is an account.
fn of_account(name: &str, fields: &[Field], now: &str) -> Collection {
    let whose = [text("collectionRef"), text("recordRef")];
    let mut collection = make(name, &[&whose, fields].concat(), now);
    let owner = Some(OWNER.to_owned());
    collection.rules = Rules { list: owner.clone(), view: owner, ..Rules::default() };
    add_index(&mut collection, Repeats::Yes, &["collectionRef", "recordRef"]);
    collection
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

/// Whether two records may have the same values under an index.
#[derive(PartialEq, Eq)]
enum Repeats {
    Yes,
    No,
}

fn add_index(collection: &mut Collection, repeats: Repeats, fields: &[&str]) {
    let column =
        |field: &&str| IndexColumn { field: (*field).to_owned(), descending: false, ignores_case: false };
    let name = format!("idx{}_{}", collection.name, fields.join("_"));
    let (is_unique, columns) = (repeats == Repeats::No, fields.iter().map(column).collect());
    collection.indexes.push(Index { name, is_unique, columns, only: Vec::new() });
}

fn text(name: &str) -> Field {
    Field::new(name, FieldKind::Text(TextOptions::default())).system()
}

fn number(name: &str) -> Field {
    Field::new(name, FieldKind::Number { min: None, max: None, is_whole: true }).system()
}

fn flag(name: &str) -> Field {
    Field::new(name, FieldKind::Bool).system()
}

fn date(name: &str) -> Field {
    Field::new(name, FieldKind::Date { min: String::new(), max: String::new() }).system()
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
        let known = [
            (MFAS, "pbc_2279338944"),
            (OTPS, "pbc_1638494021"),
            (AUTH_ORIGINS, "pbc_4275539003"),
            (EXTERNAL_AUTHS, "pbc_2281828961"),
        ];
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
