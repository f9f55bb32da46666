//! What may be set on an account by whom, and what must be verified before it is: the pure part of changing passwords,
//! addresses and the verified mark.
//!
//! The shell asks [`check`], verifies the old password where the verdict says so, hashes the new ones, and puts the
//! hashes into the values. The token key is rotated by [`crate::core::value::set_automatic`].

use base::error::Fields;
use serde_json::{Map, Value};

use crate::core::collection::Collection;
use crate::core::field::{Field, FieldKind};
use crate::core::flaw::{self, Flaw};
use crate::core::value::{self, Values};

/// How much the one who asks may do with a record, beyond what the rules say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// What anybody may whom the rule lets through.
    #[default]
    Plain,
    /// May change passwords and addresses of others: passes the collection's manage rule.
    Manager,
    /// May do everything.
    Superuser,
}

/// What a request asks of the passwords of a record, and what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// What is wrong, by key of the request.
    pub faults: Fields,
    /// The old password that must be verified against this hash first: plain text, hash. When it doesn't fit:
    /// [`wrong_old_password`].
    pub verify: Option<(String, String)>,
    /// New passwords to be hashed: the field's name and the plain text. The hash then is the field's value.
    pub hash: Vec<(String, String)>,
}

/// Judges a request on a record: its passwords, and for accounts the guarded fields. `after` is `before` (nothing for a
/// new record) with the request applied. Collections without passwords and accounts pass with nothing to do.
pub fn check(
    collection: &Collection,
    before: Option<&Values>,
    after: &Values,
    sent: &Map<String, Value>,
    access: Access,
) -> Verdict {
    let mut verdict = Verdict::default();
    if collection.is_auth() {
        check_account(before, after, sent, access, &mut verdict);
    }
    for field in collection.fields.iter().filter(|f| matches!(f.kind, FieldKind::Password { .. })) {
        check_field(collection, field, before, sent, access, &mut verdict);
    }
    verdict
}

/// The fault of a request whose old password did not fit.
pub fn wrong_old_password() -> Fields {
    one("oldPassword", &Flaw::new("validation_invalid_old_password", "Missing or invalid old password."))
}

fn check_account(
    before: Option<&Values>,
    after: &Values,
    sent: &Map<String, Value>,
    access: Access,
    verdict: &mut Verdict,
) {
    let faults = &mut verdict.faults.0;
    let may_manage = access >= Access::Manager;
    let [password, repeated, old] = ["password", "passwordConfirm", "oldPassword"]
        .map(|key| sent.get(key).map(value::text).unwrap_or_default());
    let any = |texts: [&String; 2]| before.is_none() || texts.iter().any(|t| !t.is_empty());
    if !may_manage {
        if before.is_some_and(|b| b.text("email") != after.text("email")) {
            flaw::put(faults, &["email"], &Flaw::mismatch());
        }
        if after.flag("verified") != before.is_some_and(|b| b.flag("verified")) {
            flaw::put(faults, &["verified"], &Flaw::mismatch());
        }
    }
    if password.is_empty() && any([&repeated, &old]) {
        flaw::put(faults, &["password"], &Flaw::required());
    }
    if repeated.is_empty() && any([&password, &old]) {
        flaw::put(faults, &["passwordConfirm"], &Flaw::required());
    } else if repeated != password {
        flaw::put(faults, &["passwordConfirm"], &Flaw::mismatch());
    }
    let has_new = !password.is_empty() || !repeated.is_empty();
    if let Some(before) = before.filter(|_| !may_manage && has_new) {
        if old.is_empty() {
            flaw::put(faults, &["oldPassword"], &Flaw::required());
        } else {
            verdict.verify = Some((old, before.text("password").to_owned()));
        }
    }
}

/// One password field: required when the record is made, checked and hashed when it is sent.
fn check_field(
    collection: &Collection,
    field: &Field,
    before: Option<&Values>,
    sent: &Map<String, Value>,
    access: Access,
    verdict: &mut Verdict,
) {
    let is_accounts = collection.is_auth() && field.name == "password";
    let may_set = !field.is_hidden || is_accounts || access == Access::Superuser;
    let plain = sent.get(&field.name).filter(|_| may_set).map(value::text).unwrap_or_default();
    if plain.is_empty() {
        let has_hash = before.is_some_and(|b| !b.text(&field.name).is_empty());
        if field.is_required && !has_hash {
            flaw::put(&mut verdict.faults.0, &[&field.name], &Flaw::required());
        }
        return;
    }
    for (name, fault) in value::check_password(field, &plain).0 {
        verdict.faults.0.entry(name).or_insert(fault);
    }
    verdict.hash.push((field.name.clone(), plain));
}

fn one(field: &str, flaw: &Flaw) -> Fields {
    let mut fields = Fields::default();
    flaw::put(&mut fields.0, &[field], flaw);
    fields
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::core::sample;

    const HASH: &str = "$argon2id$kept";

    /// The verdict on a request of an account that is there.
    fn change(sent: Value, access: Access) -> Verdict {
        let members = sample::members();
        let mut before = value::empty(&members);
        let first = json!({ "email": "a@b.example", "verified": false });
        value::apply(&members, &mut before, &sample::object(first), Access::Superuser);
        before.0.insert("password".to_owned(), HASH.into());
        let (mut after, sent) = (before.clone(), sample::object(sent));
        value::apply(&members, &mut after, &sent, access);
        check(&members, Some(&before), &after, &sent, access)
    }

    /// The verdict on a request that makes an account.
    fn make(sent: Value, access: Access) -> Verdict {
        let members = sample::members();
        let (mut after, sent) = (value::empty(&members), sample::object(sent));
        value::apply(&members, &mut after, &sent, access);
        check(&members, None, &after, &sent, access)
    }

    fn codes(verdict: &Verdict) -> Vec<String> {
        let code =
            |(key, fault): (&String, &Value)| format!("{key}: {}", fault["code"].as_str().unwrap_or(""));
        verdict.faults.0.iter().map(code).collect()
    }

    fn pair(a: &str, b: &str) -> (String, String) {
        (a.to_owned(), b.to_owned())
    }

    #[test]
    fn a_new_account_needs_its_password_twice() {
        let good = make(json!({ "password": "12345678", "passwordConfirm": "12345678" }), Access::Plain);
        assert_eq!(codes(&good), [] as [&str; 0]);
        assert_eq!(good.hash, [pair("password", "12345678")]);
        assert_eq!(good.verify, None);
        let none = make(json!({}), Access::Superuser);
        assert_eq!(codes(&none), ["password: validation_required", "passwordConfirm: validation_required"]);
        let other = make(json!({ "password": "12345678", "passwordConfirm": "x" }), Access::Plain);
        assert_eq!(codes(&other), ["passwordConfirm: validation_values_mismatch"]);
        let short = make(json!({ "password": "1234567", "passwordConfirm": "1234567" }), Access::Plain);
        assert_eq!(codes(&short), ["password: validation_min_text_constraint"]);
    }

    #[test]
    fn nobody_verifies_himself() {
        let sent = json!({ "password": "12345678", "passwordConfirm": "12345678", "verified": true });
        assert_eq!(codes(&make(sent.clone(), Access::Plain)), ["verified: validation_values_mismatch"]);
        assert_eq!(codes(&make(sent, Access::Manager)), [] as [&str; 0]);
        assert_eq!(
            codes(&change(json!({ "verified": true }), Access::Plain)),
            ["verified: validation_values_mismatch"]
        );
    }

    #[test]
    fn an_address_is_changed_by_managers_only() {
        let sent = json!({ "email": "new@b.example" });
        assert_eq!(codes(&change(sent.clone(), Access::Plain)), ["email: validation_values_mismatch"]);
        assert_eq!(codes(&change(sent.clone(), Access::Manager)), [] as [&str; 0]);
        assert_eq!(codes(&change(sent, Access::Superuser)), [] as [&str; 0]);
        assert_eq!(codes(&change(json!({ "email": "a@b.example" }), Access::Plain)), [] as [&str; 0]);
    }

    #[test]
    fn a_password_is_changed_with_the_old_one_or_by_managers() {
        let new = json!({ "password": "new-12345", "passwordConfirm": "new-12345" });
        assert_eq!(codes(&change(new.clone(), Access::Plain)), ["oldPassword: validation_required"]);
        let managed = change(new, Access::Manager);
        assert_eq!((codes(&managed).len(), managed.verify), (0, None));
        let own = json!({ "password": "new-12345", "passwordConfirm": "new-12345", "oldPassword": "old" });
        let own = change(own, Access::Plain);
        assert_eq!(codes(&own), [] as [&str; 0]);
        assert_eq!(own.verify, Some(pair("old", HASH)));
        assert_eq!(own.hash, [pair("password", "new-12345")]);
        let half = change(json!({ "oldPassword": "old" }), Access::Plain);
        assert_eq!(codes(&half), ["password: validation_required", "passwordConfirm: validation_required"]);
    }

    #[test]
    fn a_request_without_passwords_has_nothing_to_hash_or_verify() {
        assert_eq!(change(json!({ "nick": "n" }), Access::Plain), Verdict::default());
    }

    #[test]
    fn passwords_of_plain_records_are_hashed_without_being_repeated() {
        let doors = sample::collection(json!({
            "name": "doors",
            "fields": [{ "name": "pin", "type": "password", "required": true, "min": 4 }],
        }));
        let judge = |before: Option<&Values>, sent: Value| {
            check(&doors, before, &value::empty(&doors), &sample::object(sent), Access::Plain)
        };
        assert_eq!(judge(None, json!({ "pin": 1234 })).hash, [pair("pin", "1234")]);
        assert_eq!(codes(&judge(None, json!({}))), ["pin: validation_required"]);
        let mut kept = value::empty(&doors);
        kept.0.insert("pin".to_owned(), HASH.into());
        assert_eq!(judge(Some(&kept), json!({})), Verdict::default());
    }
}
