//! What a provider sends back through the browser, read strictly, and how it is handed on: as a *ticket*.
//!
//! The client library posts a code and nothing else. So the code that it is handed is a ticket of ours: all that the
//! provider said, signed, so that it can be checked where the code is redeemed: who it says it is (RFC 9207), and of the
//! hybrid flow the ID token. A code that came another way is taken as it is, without those.
//!
//! Invariant: pure. Nothing in here is proven to come from the provider; the ticket only says that it came to us.

use base::time::Timestamp;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// What every ticket begins with; no provider's code has a dot after one letter and a digit.
const PREFIX: &str = "t1.";
/// How long a ticket may be redeemed, in milliseconds.
pub(crate) const TICKET_TIME_MAX_MS: i64 = 600_000;
/// Longest parameter of a callback that is looked at, in bytes.
pub(crate) const PARAMETER_BYTES_MAX: usize = 16 << 10;

/// What came back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Callback {
    /// The code.
    #[serde(rename = "c")]
    pub code: String,
    /// Who it says it comes from.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// The hybrid flow's ID token.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub id_token: Option<String>,
    /// What Apple says of the name, once.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// When it came, in milliseconds.
    #[serde(rename = "t")]
    pub at: i64,
    /// We have seen the callback itself: what is not in it was not there.
    #[serde(skip)]
    pub is_whole: bool,
}

/// A callback with what the client brings beside it.
pub(crate) struct Given<'a> {
    /// What came back.
    pub callback: &'a Callback,
    /// Where the browser was told to come back to.
    pub redirect_uri: &'a str,
    /// The verifier of the code.
    pub verifier: &'a str,
    /// The nonce that an ID token must have.
    pub nonce: &'a str,
}

/// What to do about a callback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// Hand it to whoever waits under this state.
    Good {
        /// The state.
        state: String,
        /// What came.
        callback: Callback,
    },
    /// Tell whoever waits that it failed.
    Failed {
        /// The state.
        state: String,
        /// The error's code.
        error: String,
    },
    /// Nobody can be told: it has no state, or more than one.
    Stray,
}

/// Reads the parameters of a callback, in their order. One that comes twice spoils it.
pub(crate) fn read<'a>(
    parameters: impl Iterator<Item = (std::borrow::Cow<'a, str>, std::borrow::Cow<'a, str>)>,
    now: Timestamp,
) -> Arrival {
    const KNOWN: [&str; 6] = ["state", "code", "iss", "id_token", "user", "error"];
    let mut found: [Option<String>; KNOWN.len()] = Default::default();
    let mut is_spoilt = false;
    for (name, value) in parameters {
        let Some(place) = KNOWN.iter().position(|known| *known == name) else { continue };
        is_spoilt |= found[place].is_some() || value.len() > PARAMETER_BYTES_MAX;
        found[place] = Some(value.into_owned());
    }
    let [state, code, iss, id_token, user, error] = found;
    let state = match state {
        Some(state) if !is_spoilt && !state.is_empty() => state,
        _ => return Arrival::Stray,
    };
    match (code.filter(|code| !code.is_empty()), error) {
        (Some(code), None) => {
            let callback = Callback { code, iss, id_token, user, at: now.0, is_whole: true };
            Arrival::Good { state, callback }
        }
        // a code beside an error is worth nothing
        (_, Some(error)) => Arrival::Failed { state, error: crate::oauth2::code(&error.into()) },
        (None, None) => Arrival::Failed { state, error: "no_code".into() },
    }
}

impl Callback {
    /// The ticket.
    pub(crate) fn ticket(&self, key: &[u8; 32]) -> String {
        let payload = serde_json::to_vec(self).expect("a callback has only texts and a number");
        let mut ticket = format!("{PREFIX}{}", BASE64.encode(payload));
        let mac: [u8; 32] = mac(key, &ticket).finalize().into_bytes().into();
        ticket.push('.');
        BASE64.encode_string(mac, &mut ticket);
        ticket
    }

    /// What a client sent as a code: the callback of a ticket of ours, or a plain code. `None` for a ticket that is not
    /// ours or is too old.
    pub(crate) fn redeem(sent: &str, key: &[u8; 32], now: Timestamp) -> Option<Callback> {
        if !sent.starts_with(PREFIX) {
            return Some(Callback { code: sent.to_owned(), at: now.0, ..Callback::default() });
        }
        let (signed, signature) = sent.rsplit_once('.')?;
        mac(key, signed).verify_slice(&BASE64.decode(signature).ok()?).ok()?;
        let payload = BASE64.decode(signed.strip_prefix(PREFIX)?).ok()?;
        let callback: Callback = serde_json::from_slice(&payload).ok()?;
        let age = now.0.checked_sub(callback.at)?;
        (0..TICKET_TIME_MAX_MS).contains(&age).then_some(Callback { is_whole: true, ..callback })
    }
}

fn mac(key: &[u8; 32], text: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);
    const KEY: [u8; 32] = [7; 32];

    fn arrival(query: &'static str) -> Arrival {
        read(web::request::pairs(query), NOW)
    }

    fn failed(error: &str) -> Arrival {
        Arrival::Failed { state: "s".into(), error: error.into() }
    }

    #[test]
    fn a_callback_is_read_whole() {
        let good = arrival("state=s&code=c&iss=https%3A%2F%2Fop.example&scope=x");
        let callback = Callback {
            code: "c".into(),
            iss: Some("https://op.example".into()),
            at: NOW.0,
            is_whole: true,
            ..Callback::default()
        };
        assert_eq!(good, Arrival::Good { state: "s".into(), callback });
    }

    #[test]
    fn a_parameter_twice_and_a_callback_without_state_reach_nobody() {
        for query in [
            "",
            "code=c",
            "state=&code=c",
            "state=s&state=t&code=c",
            "state=s&code=c&code=d",
            "state=s&iss=a&iss=b",
        ] {
            assert_eq!(arrival(query), Arrival::Stray, "{query}");
        }
    }

    #[test]
    fn an_error_is_told_by_its_code_alone() {
        assert_eq!(arrival("state=s&error=access_denied&error_description=%3Cb%3E"), failed("access_denied"));
        assert_eq!(arrival("state=s&error=%3Cscript%3E"), failed("an error of its own"));
        assert_eq!(arrival("state=s&code=c&error=access_denied"), failed("access_denied"));
        assert_eq!(arrival("state=s"), failed("no_code"));
    }

    #[test]
    fn a_ticket_is_redeemed_by_its_key_and_in_its_time() {
        let Arrival::Good { callback, .. } = arrival("state=s&code=c.d&id_token=e.f.g") else {
            panic!("good")
        };
        let ticket = callback.ticket(&KEY);
        assert_eq!(Callback::redeem(&ticket, &KEY, NOW), Some(callback));
        assert_eq!(Callback::redeem(&ticket, &[8; 32], NOW), None);
        assert_eq!(Callback::redeem(&ticket, &KEY, Timestamp(NOW.0 + TICKET_TIME_MAX_MS)), None);
        assert_eq!(Callback::redeem(&ticket, &KEY, Timestamp(NOW.0 - 1)), None);
        for place in 0..ticket.len() {
            let mut changed = ticket.clone();
            changed.replace_range(place..=place, if ticket[place..].starts_with('A') { "B" } else { "A" });
            let found = Callback::redeem(&changed, &KEY, NOW);
            assert!(found.is_none_or(|found| !found.is_whole && found.code == changed), "{place}");
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_that_comes_back_makes_it_panic(query in ".{0,200}", ticket in ".{0,200}") {
            drop(read(web::request::pairs(&query), NOW));
            drop(Callback::redeem(&ticket, &KEY, NOW));
            drop(Callback::redeem(&format!("{PREFIX}{ticket}"), &KEY, NOW));
        }
    }

    #[test]
    fn any_other_code_is_a_plain_one() {
        let plain = Callback::redeem("4/0AX4XfWh", &KEY, NOW).expect("a code");
        assert_eq!((plain.code.as_str(), plain.is_whole, plain.iss), ("4/0AX4XfWh", false, None));
    }
}
