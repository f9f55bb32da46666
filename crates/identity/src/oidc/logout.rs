//! What a log-out token must say to be believed (OpenID Connect Back-Channel Logout 1.0, 2.6).
//!
//! Invariant: pure; `now` comes in. That a token is new, whoever keeps them says.

use serde_json::Value;

use super::claims::{check_audience, check_time};
use crate::jose::Proven;
use crate::provider::subject;
use crate::refusal::Refusal;

/// Longest name of a provider's session, in bytes.
pub(crate) const SESSION_BYTES_MAX: usize = 255;
/// Longest name of a token, in bytes.
const JTI_BYTES_MAX: usize = 255;
/// The event that makes a token one of log-out.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Whose sessions have ended there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    /// Who it is there, where it says so.
    pub(crate) subject: Option<String>,
    /// Which session there, where it says so; else all of the person.
    pub(crate) session: Option<String>,
    /// What the token is called: it is good once.
    pub(crate) jti: String,
}

/// Holds a proven token against what is expected.
pub(crate) fn check(token: &Proven, issuers: &[&str], client_id: &str, now: i64) -> Result<Ended, Refusal> {
    let claims = &token.claims;
    let is_ours = claims.get("iss").and_then(Value::as_str).is_some_and(|iss| issuers.contains(&iss));
    if !is_ours {
        return Err(Refusal::Mismatch("the log-out token is another issuer's"));
    }
    check_audience(claims, client_id)?;
    check_time(claims, now)?;
    if !claims.get("events").and_then(|events| events.get(EVENT)).is_some_and(Value::is_object) {
        return Err(Refusal::Mismatch("the token is not about a log-out"));
    }
    if claims.contains_key("nonce") {
        return Err(Refusal::Mismatch("the log-out token has a nonce, as an ID token has"));
    }
    let text = |name: &str, most: usize| match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if !text.is_empty() && text.len() <= most => Ok(Some(text.clone())),
        Some(_) => Err(Refusal::Mismatch("a name in the log-out token is empty, too long or no text")),
    };
    let jti = text("jti", JTI_BYTES_MAX)?;
    let jti = jti.ok_or(Refusal::Mismatch("the log-out token has no name, so that it could come again"))?;
    let session = text("sid", SESSION_BYTES_MAX)?;
    let subject = match claims.get("sub") {
        None => None,
        Some(said @ Value::String(_)) => Some(subject(Some(said))?),
        Some(_) => return Err(Refusal::Mismatch("the log-out token's subject is no text")),
    };
    if subject.is_none() && session.is_none() {
        return Err(Refusal::Mismatch("the log-out token does not say whose session has ended"));
    }
    Ok(Ended { subject, session, jti })
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::jose::Algorithm;

    const NOW: i64 = 1_800_000_000;

    fn said(change: &Value) -> Result<Ended, String> {
        let mut claims = json!({
            "iss": "https://op.example", "aud": "us", "iat": NOW, "exp": NOW + 120, "jti": "one", "sub": "7",
            "sid": "s", "events": { EVENT: {} },
        });
        for (name, value) in change.as_object().expect("an object") {
            match value {
                Value::Null => drop(claims.as_object_mut().expect("an object").remove(name)),
                value => claims[name] = value.clone(),
            }
        }
        let claims = claims.as_object().expect("an object").clone();
        let token = Proven { algorithm: Algorithm::Rs256, claims };
        check(&token, &["https://op.example"], "us", NOW).map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn a_log_out_is_of_a_session_or_of_a_person() {
        let ended = said(&json!({})).expect("a log-out");
        assert_eq!((ended.subject.as_deref(), ended.session.as_deref()), (Some("7"), Some("s")));
        assert_eq!(said(&json!({ "sub": null })).expect("a log-out").subject, None);
        assert_eq!(said(&json!({ "sid": null })).expect("a log-out").session, None);
        assert!(said(&json!({ "aud": ["us"] })).is_ok());
    }

    /// Something that JSON can say, not deep.
    fn anything() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,300}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map("[a-z]{1,6}", inner, 0..4)
                    .prop_map(|object| Value::Object(object.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_claims_make_it_panic_and_none_are_taken_that_it_does_not_know(
            name in "iss|aud|azp|iat|exp|nbf|jti|sub|sid|events|nonce",
            value in anything(),
        ) {
            if let Ok(ended) = said(&json!({ name: value })) {
                prop_assert!(!ended.jti.is_empty() && ended.jti.len() <= JTI_BYTES_MAX);
                prop_assert!(ended.session.is_none_or(|sid| (1..=SESSION_BYTES_MAX).contains(&sid.len())));
                prop_assert!(ended.subject.is_none_or(|sub| !sub.is_empty() && sub.len() <= 255));
            }
        }

        #[test]
        fn no_token_makes_it_panic(header in anything(), payload in anything(), signature in ".{0,100}") {
            let part = |value: &Value| BASE64.encode(value.to_string());
            let token = format!("{}.{}.{signature}", part(&header), part(&payload));
            drop(crate::jose::read(crate::jose::Sort::Logout, &token, &Algorithm::ALL));
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        for wrong in [
            json!({ "iss": "https://evil.example" }),
            json!({ "iss": null }),
            json!({ "aud": "another" }),
            json!({ "aud": null }),
            json!({ "exp": NOW - 61 }),
            json!({ "exp": null }),
            json!({ "iat": NOW - 601 }),
            json!({ "iat": NOW + 61 }),
            json!({ "iat": null }),
            json!({ "events": null }),
            json!({ "events": [EVENT] }),
            json!({ "events": { EVENT: "yes" } }),
            json!({ "events": { "other": {} } }),
            json!({ "nonce": "n" }),
            json!({ "jti": null }),
            json!({ "jti": "" }),
            json!({ "jti": "j".repeat(256) }),
            json!({ "sub": null, "sid": null }),
            json!({ "sub": 7 }),
            json!({ "sub": "" }),
            json!({ "sid": 7 }),
            json!({ "sid": "" }),
        ] {
            assert!(said(&wrong).is_err(), "{wrong}");
        }
    }
}
