//! What an auth collection says about mailed words, second steps and alerts: read out of what the wire carries.

use std::time::Duration;

use records::core::collection::AuthOptions;
use serde_json::Value;

use crate::token::Purpose;

/// A mail as the collection has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Template<'a> {
    /// The subject.
    pub(crate) subject: &'a str,
    /// The body: a page.
    pub(crate) body: &'a str,
}

/// A template by its place in the settings.
pub(crate) fn template<'a>(auth: &'a AuthOptions, place: &[&str]) -> Option<Template<'a>> {
    let (first, rest) = place.split_first()?;
    let mail = rest.iter().try_fold(auth.other.get(*first)?, |at, step| at.get(step))?;
    let text = |part: &str| mail.get(part).and_then(Value::as_str);
    Some(Template { subject: text("subject")?, body: text("body")? })
}

/// Whether one signs in with mailed codes.
pub(crate) fn has_otp(auth: &AuthOptions) -> bool {
    flag(auth, "otp")
}

/// How long a mailed code lives.
pub(crate) fn otp_time(auth: &AuthOptions) -> Duration {
    Duration::from_secs(whole(auth, "otp", "duration"))
}

/// Digits of a mailed code.
pub(crate) fn otp_length(auth: &AuthOptions) -> usize {
    usize::try_from(whole(auth, "otp", "length")).unwrap_or(usize::MAX)
}

/// Whether two ways to sign in are asked for, one after the other.
pub(crate) fn has_mfa(auth: &AuthOptions) -> bool {
    flag(auth, "mfa")
}

/// How long the second way may be awaited; where the collection doesn't say, since it asks for none: ten minutes.
pub(crate) fn mfa_time(auth: &AuthOptions) -> Duration {
    match whole(auth, "mfa", "duration") {
        0 => Duration::from_secs(600),
        seconds => Duration::from_secs(seconds),
    }
}

/// Of which accounts two ways are asked for; empty: of all.
pub(crate) fn mfa_rule(auth: &AuthOptions) -> &str {
    auth.other.get("mfa").and_then(|mfa| mfa.get("rule")).and_then(Value::as_str).unwrap_or_default().trim()
}

/// Whether one signs in by passkeys, where the service knows its own address.
pub(crate) fn has_passkey(auth: &AuthOptions) -> bool {
    let said = auth.other.get("passkey").and_then(|passkey| passkey.get("enabled"));
    said != Some(&Value::Bool(false))
}

/// Whether a sign-in from a new place is told by mail.
pub(crate) fn has_alert(auth: &AuthOptions) -> bool {
    flag(auth, "authAlert")
}

/// Life of a mailed token, in seconds.
pub(crate) fn token_seconds(auth: &AuthOptions, purpose: Purpose) -> u64 {
    match purpose {
        Purpose::Auth | Purpose::Otp | Purpose::Totp | Purpose::EmailUndo => 0,
        Purpose::File => auth.file_token_seconds,
        Purpose::Verification => whole(auth, "verificationToken", "duration"),
        Purpose::PasswordReset => whole(auth, "passwordResetToken", "duration"),
        Purpose::EmailChange => whole(auth, "emailChangeToken", "duration"),
    }
}

fn flag(auth: &AuthOptions, of: &str) -> bool {
    auth.other.get(of).and_then(|of| of.get("enabled")).and_then(Value::as_bool).unwrap_or_default()
}

fn whole(auth: &AuthOptions, of: &str, name: &str) -> u64 {
    auth.other.get(of).and_then(|of| of.get(name)).and_then(Value::as_u64).unwrap_or_default()
}
