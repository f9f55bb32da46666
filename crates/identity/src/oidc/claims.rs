//! What an ID token must say to be believed (OpenID Connect Core 1.0, 3.1.3.7 and 3.3.2.11).
//!
//! Invariant: pure; `now` comes in.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256, Sha512};

use crate::jose::{Algorithm, Proven};
use crate::provider::subject;
use crate::refusal::Refusal;

/// How far another machine's clock may be off, in seconds.
const SKEW: i64 = 60;
/// How long before now a token may have been made, in seconds, however long it says it lives.
const AGE_MAX: i64 = 600;

/// What a token is held against.
pub(crate) struct Expected<'a> {
    /// Who may have made it.
    pub(crate) issuers: Vec<&'a str>,
    /// Whom it must be for.
    pub(crate) client_id: &'a str,
    /// The nonce that it must repeat; `None` where the provider leaves it out.
    pub(crate) nonce: Option<&'a str>,
    /// Seconds since 1970.
    pub(crate) now: i64,
    /// What it must, or may, vouch for.
    pub(crate) vouches: Vouches<'a>,
}

/// What a token vouches for beside the person.
#[derive(Clone, Copy)]
pub(crate) enum Vouches<'a> {
    /// It came through the browser: for this code, and must say so.
    Code(&'a str),
    /// It came from the token endpoint: for this access token, if it says so.
    AccessToken(&'a str),
}

/// Whom a token is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct About {
    pub(crate) issuer: String,
    pub(crate) subject: String,
}

/// Holds a proven token against what is expected.
pub(crate) fn check(token: &Proven, expected: &Expected<'_>) -> Result<About, Refusal> {
    let claims = &token.claims;
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let issuer = text("iss").filter(|issuer| expected.issuers.contains(issuer));
    let issuer = issuer.ok_or(Refusal::Mismatch("the ID token is another issuer's"))?;
    check_audience(claims, expected.client_id)?;
    check_time(claims, expected.now)?;
    let subject = match claims.get("sub") {
        Some(Value::String(_)) => subject(claims.get("sub"))?,
        _ => return Err(Refusal::Mismatch("the ID token does not say whom it is about")),
    };
    // one that is there must be ours, also where none is required
    match (expected.nonce, claims.get("nonce")) {
        (None, None) => {}
        (Some(nonce), Some(Value::String(said))) if said == nonce => {}
        _ => return Err(Refusal::Mismatch("the ID token answers another sign-in: its nonce is not ours")),
    }
    match expected.vouches {
        Vouches::Code(code) if text("c_hash") != Some(&half_hash(token.algorithm, code)) => {
            Err(Refusal::Mismatch("the ID token does not vouch for the code"))
        }
        Vouches::AccessToken(access)
            if claims.contains_key("at_hash")
                && text("at_hash") != Some(&half_hash(token.algorithm, access)) =>
        {
            Err(Refusal::Mismatch("the ID token vouches for another access token"))
        }
        _ => Ok(About { issuer: issuer.to_owned(), subject }),
    }
}

/// For us; and for others too only where it says that it was given to us.
pub(super) fn check_audience(claims: &Map<String, Value>, client_id: &str) -> Result<(), Refusal> {
    const OTHER: Refusal = Refusal::Mismatch("the token is for another application");
    let is_alone = match claims.get("aud") {
        Some(Value::String(audience)) if audience == client_id => true,
        Some(Value::Array(audience)) if audience.iter().any(|one| one == client_id) => audience.len() == 1,
        _ => return Err(OTHER),
    };
    match claims.get("azp") {
        Some(Value::String(party)) if party == client_id => Ok(()),
        None if is_alone => Ok(()),
        _ => Err(OTHER),
    }
}

pub(super) fn check_time(claims: &Map<String, Value>, now: i64) -> Result<(), Refusal> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "seconds; beyond 2^63 it saturates, which is as far off"
    )]
    let seconds = |name: &str| claims.get(name)?.as_f64().map(|seconds| seconds as i64);
    let ends = seconds("exp").ok_or(Refusal::Mismatch("the token does not say when it ends"))?;
    let made = seconds("iat").ok_or(Refusal::Mismatch("the token does not say when it was made"))?;
    if ends.saturating_add(SKEW) <= now {
        return Err(Refusal::Mismatch("the token has ended"));
    }
    if made.saturating_sub(SKEW) > now || made.saturating_add(AGE_MAX) < now {
        return Err(Refusal::Mismatch("the token was not made just now"));
    }
    let begins = if claims.contains_key("nbf") { seconds("nbf").unwrap_or(i64::MAX) } else { made };
    if begins.saturating_sub(SKEW) > now {
        return Err(Refusal::Mismatch("the token is not good yet"));
    }
    Ok(())
}

/// The left half of a text's hash, by the hash of the token's algorithm (Core, 3.1.3.6).
fn half_hash(algorithm: Algorithm, text: &str) -> String {
    match algorithm {
        Algorithm::Rs256 | Algorithm::Es256 => BASE64.encode(&Sha256::digest(text)[..16]),
        Algorithm::EdDsa => BASE64.encode(&Sha512::digest(text)[..32]),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn good() -> Value {
        json!({ "iss": "https://op.example", "sub": "7", "aud": "us", "exp": NOW + 300, "iat": NOW, "nonce": "n" })
    }

    fn check_of(claims: Value, nonce: Option<&str>, vouches: Vouches<'_>) -> Result<About, String> {
        let claims = claims.as_object().expect("an object").clone();
        let expected = Expected {
            issuers: vec!["https://op.example", "op.example"],
            client_id: "us",
            nonce,
            now: NOW,
            vouches,
        };
        check(&Proven { algorithm: Algorithm::Rs256, claims }, &expected)
            .map_err(|refusal| refusal.to_string())
    }

    fn with(name: &str, value: Value) -> Result<About, String> {
        let mut claims = good();
        match value {
            Value::Null => drop(claims.as_object_mut().expect("an object").remove(name)),
            value => claims[name] = value,
        }
        check_of(claims, Some("n"), Vouches::AccessToken("token"))
    }

    #[test]
    fn a_good_token_says_whom_it_is_about() {
        let about = About { issuer: "https://op.example".into(), subject: "7".into() };
        assert_eq!(with("x", json!(1)), Ok(about));
        assert!(with("iss", json!("op.example")).is_ok(), "an alias");
        assert!(with("aud", json!(["us"])).is_ok());
        assert!(with("azp", json!("us")).is_ok());
    }

    #[test]
    fn each_claim_that_is_off_is_refused() {
        for (name, value) in [
            ("iss", json!("https://evil.example")),
            ("iss", json!("https://op.example/")),
            ("iss", json!(null)),
            ("aud", json!("them")),
            ("aud", json!(null)),
            ("aud", json!([])),
            ("aud", json!(["us", "them"])),
            ("azp", json!("them")),
            ("azp", json!(1)),
            ("exp", json!(null)),
            ("exp", json!(NOW - 60)),
            ("exp", json!("soon")),
            ("iat", json!(null)),
            ("iat", json!(NOW + 61)),
            ("iat", json!(NOW - 601)),
            ("nbf", json!(NOW + 61)),
            ("nbf", json!("now")),
            ("sub", json!(null)),
            ("sub", json!("")),
            ("sub", json!(7)),
            ("sub", json!("x".repeat(256))),
            ("sub", json!("7\u{0}")),
            ("nonce", json!("other")),
            ("nonce", json!(null)),
            ("at_hash", json!("AAAAAAAAAAAAAAAAAAAAAA")),
            ("at_hash", json!(1)),
        ] {
            assert!(with(name, value.clone()).is_err(), "{name} {value}");
        }
    }

    #[test]
    fn a_provider_without_nonces_may_not_send_one_of_somebody_else() {
        let mut claims = good();
        assert!(check_of(claims.clone(), None, Vouches::AccessToken("t")).is_err());
        drop(claims.as_object_mut().expect("an object").remove("nonce"));
        assert!(check_of(claims, None, Vouches::AccessToken("t")).is_ok());
    }

    #[test]
    fn a_token_that_came_through_the_browser_must_vouch_for_the_code() {
        // Core, A.4: the code and the hash of the specification's own example
        let code = "Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk";
        let mut claims = good();
        assert!(check_of(claims.clone(), Some("n"), Vouches::Code(code)).is_err());
        claims["c_hash"] = json!("LDktKdoQak3Pk0cnXxCltA");
        assert!(check_of(claims.clone(), Some("n"), Vouches::Code(code)).is_ok());
        assert!(check_of(claims, Some("n"), Vouches::Code("other")).is_err());
    }
}
