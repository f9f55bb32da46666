//! What a client is told of a person: the claims of what they agreed to (OpenID Connect Core, 5.1 and 5.4).
//!
//! Invariant: pure. A field that the account has not, or that is empty, is no claim.

use records::Principal;
use records::core::field::FieldKind;
use records::core::value::Values;
use serde_json::{Map, Value, json};

use super::scope::{Scope, Scopes};
use crate::own;

/// The claims of an account; `groups` is the field that holds its groups, `url` the service's own address.
pub(crate) fn claims(
    account: &Principal,
    values: &Values,
    scopes: Scopes,
    groups: &str,
    url: &str,
) -> Map<String, Value> {
    let mut claims = own::object(json!({ "sub": account.row.id }));
    let mut tell = |name: &str, value: &str| {
        if !value.is_empty() {
            claims.insert(name.to_owned(), value.into());
        }
    };
    if scopes.has(Scope::Profile) {
        tell("name", values.text("name"));
        tell("preferred_username", values.text("username"));
        tell("picture", &picture(account, values, url));
        let updated = own::date(values, "updated").0.div_euclid(1000);
        if updated > 0 {
            claims.insert("updated_at".into(), updated.into());
        }
    }
    let email = values.text("email");
    if scopes.has(Scope::Email) && !email.is_empty() {
        claims.insert("email".into(), email.into());
        claims.insert("email_verified".into(), values.flag("verified").into());
    }
    if scopes.has(Scope::Groups) && !groups.is_empty() {
        claims.insert("groups".into(), self::groups(account, values, groups).into());
    }
    claims
}

/// The groups of an account, as one of its fields holds them; none where that is hidden from its owner.
pub(crate) fn groups<'a>(account: &Principal, values: &'a Values, field: &str) -> Vec<&'a str> {
    let is_shown = account
        .collection
        .field(field)
        .is_some_and(|field| !field.is_hidden && !matches!(field.kind, FieldKind::Password { .. }));
    if is_shown { values.texts(field) } else { Vec::new() }
}

/// Where everybody finds the account's picture; empty when nobody does.
fn picture(account: &Principal, values: &Values, url: &str) -> String {
    let is_open = account
        .collection
        .field("avatar")
        .is_some_and(|field| matches!(&field.kind, FieldKind::File(options) if !options.is_protected));
    match values.texts("avatar").first() {
        Some(file) if is_open => {
            format!("{url}/api/files/{}/{}/{file}", account.collection.id, account.row.id)
        }
        _ => String::new(),
    }
}

/// How somebody signed in, in the words of RFC 8176; what it has no word for is left out.
pub(crate) fn amr<'a>(methods: impl IntoIterator<Item = &'a str>) -> Vec<&'static str> {
    let methods: Vec<&str> = methods.into_iter().collect();
    let mut amr: Vec<&str> = methods
        .iter()
        .filter_map(|method| match *method {
            "password" => Some("pwd"),
            "otp" | "totp" => Some("otp"),
            "passkey" => Some("pop"),
            _ => None,
        })
        .collect();
    amr.dedup();
    if methods.len() > 1 || methods.contains(&"passkey") {
        amr.push("mfa");
    }
    amr
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use records::core::collection::{Collection, CollectionKind};
    use records::core::field::{Field, TextOptions};
    use store::Row;

    use super::*;

    #[test]
    fn a_client_is_told_what_was_agreed_to_and_no_more() {
        let roles = Field::new("role", FieldKind::Select { values: vec!["admin".into()], max: 2 });
        let key = Field::new("tokenKey", FieldKind::Text(TextOptions::default())).hidden();
        let collection = Collection::new("pbc_1", "users", CollectionKind::Auth, vec![roles, key]);
        let collection = Arc::new(collection);
        let row = Arc::new(Row { id: "kim".into(), rev: 1, shape: 1, body: "{}".into() });
        let account = Principal { collection, row };
        let values = Values(own::object(json!({
            "name": "김", "username": "", "email": "kim@example.com", "verified": true, "role": ["admin"],
            "updated": "2026-11-22 03:04:05.678Z", "tokenKey": "secret",
        })));
        let told_of = |scopes: &str, groups: &str| {
            Value::Object(claims(&account, &values, Scopes::parse(scopes), groups, "https://a.example"))
        };
        let told = |scopes| told_of(scopes, "role");
        assert_eq!(told("openid"), json!({ "sub": "kim" }));
        assert_eq!(
            told("openid profile email groups"),
            json!({
                "sub": "kim", "name": "김", "updated_at": 1_795_316_645, "email": "kim@example.com",
                "email_verified": true, "groups": ["admin"]
            })
        );
        assert_eq!(
            told_of("openid groups", "tokenKey"),
            json!({ "sub": "kim", "groups": [] }),
            "it is hidden"
        );
    }

    #[test]
    fn two_ways_or_a_passkey_are_more_than_one_factor() {
        assert_eq!(amr(["password"]), ["pwd"]);
        assert_eq!(amr(["password", "totp"]), ["pwd", "otp", "mfa"]);
        assert_eq!(amr(["passkey"]), ["pop", "mfa"]);
        assert_eq!(amr(["oauth2"]), [""; 0]);
    }
}
