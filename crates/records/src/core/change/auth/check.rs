//! What is wrong with the settings of an auth collection.

use serde_json::{Map, Value};

use crate::core::collection::{AuthOptions, Collection};
use crate::core::flaw::{self, Flaw};

/// Lifetimes of tokens, in seconds: up to three years.
const SECONDS: std::ops::RangeInclusive<u64> = 10..=94_670_856;
/// Lifetimes of codes and half sign-ins, in seconds: up to a day.
const CODE_SECONDS: std::ops::RangeInclusive<u64> = 10..=86_400;
/// Characters of a token secret.
const SECRET_LENGTH: std::ops::RangeInclusive<usize> = 30..=255;

/// The mails that stand in the settings by themselves.
const MAILS: [&str; 5] = [
    "verificationTemplate",
    "resetPasswordTemplate",
    "confirmEmailChangeTemplate",
    "emailChangedTemplate",
    "noticeTemplate",
];

/// Adds what is wrong with the settings.
pub(crate) fn check(collection: &Collection, auth: &AuthOptions, faults: &mut Map<String, Value>) {
    check_identity(collection, auth, faults);
    check_seconds(faults, &["authToken", "duration"], auth.token_seconds, SECONDS);
    check_seconds(faults, &["fileToken", "duration"], auth.file_token_seconds, SECONDS);
    if !SECRET_LENGTH.contains(&auth.token_secret.len()) {
        let message = "The length must be between 30 and 255.";
        flaw::put(faults, &["authToken", "secret"], &Flaw::new("validation_length_out_of_range", message));
    }
    for token in ["passwordResetToken", "emailChangeToken", "verificationToken"] {
        check_seconds(faults, &[token, "duration"], whole(auth.other.get(token), "duration"), SECONDS);
    }
    for template in MAILS {
        check_mail(faults, &[template], auth.other.get(template));
    }
    for holder in ["authAlert", "otp"] {
        let mail = auth.other.get(holder).and_then(|h| h.get("emailTemplate"));
        check_mail(faults, &[holder, "emailTemplate"], mail);
    }
    check_steps(auth, faults);
    check_providers(auth, faults);
}

/// Fields that name an account must tell accounts apart.
fn check_identity(collection: &Collection, auth: &AuthOptions, faults: &mut Map<String, Value>) {
    if !auth.has_password {
        return;
    }
    let path = ["passwordAuth", "identityFields"];
    if auth.identity_fields.is_empty() {
        flaw::put(faults, &path, &Flaw::required());
    }
    for name in &auth.identity_fields {
        if collection.field(name).is_none() {
            let message = format!("Invalid or missing field {name}.");
            let flaw = Flaw::new("validation_missing_field", message).with("fieldName", name.as_str());
            flaw::put(faults, &path, &flaw);
        } else if !collection.indexes.iter().any(|index| index.is_unique_on(name)) {
            let message = format!("The field {name} doesn't have a UNIQUE constraint.");
            let flaw =
                Flaw::new("validation_missing_unique_constraint", message).with("fieldName", name.as_str());
            flaw::put(faults, &path, &flaw);
        }
    }
}

fn check_seconds(
    faults: &mut Map<String, Value>,
    path: &[&str],
    seconds: u64,
    range: std::ops::RangeInclusive<u64>,
) {
    let (least, most) = (*range.start(), *range.end());
    if seconds == 0 {
        flaw::put(faults, path, &Flaw::required());
    } else if seconds < least {
        let message = format!("Must be no less than {least}.");
        let flaw = Flaw::new("validation_min_greater_equal_than_required", message).with("threshold", least);
        flaw::put(faults, path, &flaw);
    } else if seconds > most {
        let message = format!("Must be no greater than {most}.");
        let flaw = Flaw::new("validation_max_less_equal_than_required", message).with("threshold", most);
        flaw::put(faults, path, &flaw);
    }
}

fn check_mail(faults: &mut Map<String, Value>, path: &[&str], mail: Option<&Value>) {
    for part in ["subject", "body"] {
        let text = mail.and_then(|m| m.get(part)).and_then(Value::as_str).unwrap_or_default();
        if text.trim().is_empty() {
            flaw::put(faults, &[path, &[part]].concat(), &Flaw::required());
        }
    }
}

/// Codes and second steps, where they are switched on.
fn check_steps(auth: &AuthOptions, faults: &mut Map<String, Value>) {
    let [mfa, otp, oauth2] = ["mfa", "otp", "oauth2"].map(|key| auth.other.get(key));
    if is_on(otp) {
        check_seconds(faults, &["otp", "duration"], whole(otp, "duration"), CODE_SECONDS);
        if whole(otp, "length") < 4 {
            let flaw = Flaw::new("validation_min_greater_equal_than_required", "Must be no less than 4.");
            flaw::put(faults, &["otp", "length"], &flaw);
        }
    }
    if is_on(mfa) {
        check_seconds(faults, &["mfa", "duration"], whole(mfa, "duration"), CODE_SECONDS);
        let ways = [auth.has_password, is_on(otp), is_on(oauth2)];
        if ways.iter().filter(|way| **way).count() < 2 {
            let message = "A second step needs at least 2 ways of sign-in to be enabled.";
            flaw::put(faults, &["mfa", "enabled"], &Flaw::new("validation_mfa_not_enough_auths", message));
        }
    }
}

fn check_providers(auth: &AuthOptions, faults: &mut Map<String, Value>) {
    let oauth2 = auth.other.get("oauth2");
    if !is_on(oauth2) {
        return;
    }
    let Some(providers) = oauth2.and_then(|o| o.get("providers")).and_then(Value::as_array) else { return };
    let mut seen = std::collections::HashSet::new();
    for (place, provider) in providers.iter().enumerate() {
        let place = place.to_string();
        let text = |key: &str| provider.get(key).and_then(Value::as_str).unwrap_or_default();
        for key in ["name", "clientId", "clientSecret"].into_iter().filter(|key| text(key).is_empty()) {
            flaw::put(faults, &["oauth2", "providers", &place, key], &Flaw::required());
        }
        let name = text("name");
        if !name.is_empty() && !seen.insert(name) {
            let message = format!("The provider {name} is already registered.");
            let flaw = Flaw::new("validation_duplicated_provider", message).with("name", name);
            flaw::put(faults, &["oauth2", "providers", &place, "name"], &flaw);
        }
    }
}

fn is_on(settings: Option<&Value>) -> bool {
    settings.and_then(|s| s.get("enabled")).and_then(Value::as_bool).unwrap_or_default()
}

fn whole(settings: Option<&Value>, key: &str) -> u64 {
    settings.and_then(|s| s.get(key)).and_then(Value::as_u64).unwrap_or_default()
}
