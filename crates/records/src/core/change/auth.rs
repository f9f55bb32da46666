//! The settings of an auth collection on the wire, and their defaults.
//!
//! What this program doesn't act on (mail templates, one-time passwords, providers' settings) is kept and given back, so
//! that exported collections come through unharmed. Secrets are kept and never shown.

mod check;
mod template;

use serde_json::{Map, Value, json};

use super::defaults::object;
use super::reader::Reader;
use crate::core::collection::{AuthOptions, Collection};
use crate::core::flaw::Flaw;

pub(super) use check::check;

/// Lifetime of sign-in tokens in seconds: five days.
const TOKEN_SECONDS: u64 = 432_000;
/// Lifetime of file tokens in seconds.
const FILE_TOKEN_SECONDS: u64 = 180;
/// Random characters of a token secret.
const SECRET_LENGTH: usize = 60;
/// Most words that it is made of.
const SECRET_WORDS: usize = 4;
/// Keys whose values are never shown.
const SECRETS: [&str; 2] = ["secret", "clientSecret"];

/// A new token secret.
pub(super) fn secret(new_id: &mut dyn FnMut() -> String) -> String {
    let mut secret = String::new();
    for _ in 0..SECRET_WORDS {
        if secret.len() < SECRET_LENGTH {
            secret.push_str(&new_id());
        }
    }
    secret
}

/// The settings of a new auth collection.
pub(super) fn default_options(new_id: &mut dyn FnMut() -> String) -> AuthOptions {
    AuthOptions {
        has_password: true,
        identity_fields: vec!["email".to_owned()],
        token_seconds: TOKEN_SECONDS,
        file_token_seconds: FILE_TOKEN_SECONDS,
        token_secret: secret(new_id),
        other: object(json!({
            "authAlert": { "enabled": true, "emailTemplate": template::new_place() },
            "oauth2": {
                "providers": [],
                "mappedFields": { "id": "", "name": "", "username": "", "avatarURL": "" },
                "enabled": false,
            },
            "mfa": { "enabled": false, "duration": 600, "rule": "" },
            "passkey": { "enabled": true },
            "otp": { "enabled": false, "duration": 180, "length": 8, "emailTemplate": template::code() },
            "passwordResetToken": { "duration": 1800 },
            "emailChangeToken": { "duration": 1800 },
            "verificationToken": { "duration": 86_400 },
            "verificationTemplate": template::verification(),
            "resetPasswordTemplate": template::password_reset(),
            "confirmEmailChangeTemplate": template::email_change(),
            "emailChangedTemplate": template::email_changed(),
            "noticeTemplate": template::notice(),
        })),
    }
}

/// Names the fields that take a provider's name and picture of a person.
pub(super) fn map_provider_fields(auth: &mut AuthOptions, name: &str, picture: &str) {
    let sent = json!({ "oauth2": { "mappedFields": { "name": name, "avatarURL": picture } } });
    merge(&mut auth.other, &object(sent));
}

/// Puts a client's JSON upon the settings; what it doesn't name stays.
pub(super) fn read(auth: &mut AuthOptions, sent: &Map<String, Value>, faults: &mut Map<String, Value>) {
    let mut reader = Reader::new(sent, &[], faults);
    if let Some(mut password) = reader.inner("passwordAuth") {
        if password.object.contains_key("enabled") {
            auth.has_password = password.flag("enabled");
        }
        if password.object.contains_key("identityFields") {
            auth.identity_fields = distinct(password.texts("identityFields"));
        }
    }
    if let Some(mut token) = reader.inner("authToken") {
        if token.object.contains_key("duration") {
            auth.token_seconds = token.whole("duration");
        }
        let secret = token.text("secret");
        if !secret.is_empty() {
            auth.token_secret = secret;
        }
    }
    if let Some(mut token) = reader.inner("fileToken")
        && token.object.contains_key("duration")
    {
        auth.file_token_seconds = token.whole("duration");
    }
    let known: Vec<String> = auth.other.keys().cloned().collect();
    let mut others = Map::new();
    for key in known {
        match sent.get(&key) {
            Some(Value::Object(_)) => {
                others.insert(key.clone(), sent[&key].clone());
            }
            None | Some(Value::Null) => {}
            Some(_) => reader.fault(&key, &Flaw::new("validation_invalid_value", "Must be an object.")),
        }
    }
    keep_client_secrets(&auth.other, &mut others);
    merge(&mut auth.other, &others);
}

fn distinct(mut names: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| !name.is_empty() && seen.insert(name.clone()));
    names
}

/// Providers are sent back without their secrets, which were never shown: the kept ones stay, by the provider's name.
fn keep_client_secrets(kept: &Map<String, Value>, sent: &mut Map<String, Value>) {
    fn name(provider: &Value) -> Option<&str> {
        provider.get("name")?.as_str()
    }
    let old = kept.get("oauth2").and_then(|o| o.get("providers")).and_then(Value::as_array);
    let new = sent.get_mut("oauth2").and_then(|o| o.get_mut("providers")).and_then(Value::as_array_mut);
    let (Some(old), Some(new)) = (old, new) else { return };
    for provider in new {
        let has_own = provider.get("clientSecret").and_then(Value::as_str).is_some_and(|s| !s.is_empty());
        let Some(before) = old.iter().find(|o| name(o).is_some() && name(o) == name(provider)) else {
            continue;
        };
        if let (false, Some(secret), Some(provider)) =
            (has_own, before.get("clientSecret"), provider.as_object_mut())
        {
            provider.insert("clientSecret".to_owned(), secret.clone());
        }
    }
}

/// Objects are merged, all else is replaced.
fn merge(into: &mut Map<String, Value>, sent: &Map<String, Value>) {
    for (key, value) in sent {
        match (into.get_mut(key), value) {
            (Some(Value::Object(inner)), Value::Object(value)) => merge(inner, value),
            _ => {
                into.insert(key.clone(), value.clone());
            }
        }
    }
}

/// The settings as the wire shows them, without secrets.
pub(super) fn to_wire(collection: &Collection, auth: &AuthOptions, wire: &mut Map<String, Value>) {
    let shown = json!({
        "authRule": collection.rules.auth,
        "manageRule": collection.rules.manage,
        "passwordAuth": { "enabled": auth.has_password, "identityFields": auth.identity_fields },
        "authToken": { "duration": auth.token_seconds },
        "fileToken": { "duration": auth.file_token_seconds },
    });
    wire.extend(object(shown));
    let mut other = Value::Object(auth.other.clone());
    drop_secrets(&mut other);
    wire.extend(object(other));
}

fn drop_secrets(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.retain(|key, _| !SECRETS.contains(&key.as_str()));
            object.values_mut().for_each(drop_secrets);
        }
        Value::Array(list) => list.iter_mut().for_each(drop_secrets),
        _ => {}
    }
}
