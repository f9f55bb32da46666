//! A session's tokens: JWT of one kind only (EdDSA), which any web server proves alone, by the public key that it names.
//!
//! The payload is what existing clients read (`id`, `collectionId`, `type`, `exp`, `iat`, `refreshable`), and of ours `sid` (the
//! session), `renew` (from when on the session is to be looked at again) and `gen`: a mark under the account's token key, so
//! that a new one voids them all. A file token says so in `type` and in its mark: it can't pass for a sign-in token.
//!
//! Reading has two steps, because the header only names the key: [`read`] gives an [`Unproven`], [`Unproven::prove`] the
//! [`Claims`].
//!
//! Invariant: nothing here asks a clock, a database or chance.
//! Invariant: no header but our own is ever taken; the algorithm isn't the sender's choice (RFC 8725, 3.1).

use base::time::Timestamp;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use records::Principal;
use serde::{Deserialize, Serialize};

use super::key::Key;
use crate::token::{self, LENGTH_MAX, Purpose, is_alive};

/// What stands before and after the key's name in the only header.
const HEADER: (&str, &str) = (r#"{"alg":"EdDSA","kid":""#, r#"","typ":"JWT"}"#);
/// Longest name of a key that is looked for, in characters.
const KID_LENGTH_MAX: usize = 32;
/// Bytes of the mark under the account's token key.
const MARK_BYTES: usize = 12;

/// What a token says, as it stands in its payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Claims {
    /// The account's id.
    pub(crate) id: String,
    /// The id of the account's collection.
    pub(crate) collection_id: String,
    /// What it is for.
    #[serde(rename = "type")]
    pub(crate) purpose: Purpose,
    /// May be exchanged for a fresh one.
    pub(crate) refreshable: bool,
    /// When it was made, in seconds since 1970.
    pub(crate) iat: i64,
    /// From when on it is void, in seconds since 1970.
    pub(crate) exp: i64,
    /// The session.
    pub(crate) sid: String,
    /// From when on the session is to be looked at again, in seconds since 1970.
    pub(crate) renew: i64,
    /// The mark under the account's token key.
    #[serde(rename = "gen")]
    pub(crate) mark: String,
}

/// A token that has the right form. What it says is not to be believed yet.
#[derive(Debug)]
pub(crate) struct Unproven<'a> {
    kid: String,
    payload: Vec<u8>,
    signed: &'a str,
    signature: Vec<u8>,
}

/// The mark of an account's tokens of one purpose; `None` when the account or its collection has no secret to make it from.
pub(crate) fn mark(purpose: Purpose, account: &Principal, token_key: &str) -> Option<String> {
    let secret = &account.collection.auth.as_ref()?.token_secret;
    let key = token::Key::derive(purpose, token_key, secret)?;
    Some(BASE64.encode(&key.mark(&account.row.id)[..MARK_BYTES]))
}

/// Makes a token.
pub(crate) fn sign(claims: &Claims, key: &Key) -> String {
    let payload = serde_json::to_vec(claims).expect("claims have only text keys");
    let header = format!("{}{}{}", HEADER.0, key.kid, HEADER.1);
    let mut token = format!("{}.{}", BASE64.encode(header), BASE64.encode(payload));
    let signature = key.sign(token.as_bytes());
    token.push('.');
    BASE64.encode_string(signature, &mut token);
    token
}

/// Reads a token; `None` for everything that has not exactly our form.
pub(crate) fn read(token: &str) -> Option<Unproven<'_>> {
    if token.len() > LENGTH_MAX {
        return None;
    }
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, payload) = signed.split_once('.')?;
    let header = String::from_utf8(BASE64.decode(header).ok()?).ok()?;
    let kid = header.strip_prefix(HEADER.0)?.strip_suffix(HEADER.1)?;
    let is_name = (1..=KID_LENGTH_MAX).contains(&kid.len()) && kid.bytes().all(|b| b.is_ascii_alphanumeric());
    if !is_name {
        return None;
    }
    let (kid, payload, signature) =
        (kid.to_owned(), BASE64.decode(payload).ok()?, BASE64.decode(signature).ok()?);
    Some(Unproven { kid, payload, signed, signature })
}

/// Whether a text has the form of a session's token, whoever signed it.
#[cfg(test)]
pub(crate) fn has_form(token: &str) -> bool {
    read(token).is_some()
}

impl Unproven<'_> {
    /// The key that it claims to be signed with.
    pub(crate) fn kid(&self) -> &str {
        &self.kid
    }

    /// What the token says, if the key signed it and it has not expired.
    pub(crate) fn prove(self, key: &Key, now: Timestamp) -> Option<Claims> {
        if key.kid != self.kid || !key.has_signed(self.signed.as_bytes(), &self.signature) {
            return None;
        }
        let claims: Claims = serde_json::from_slice(&self.payload).ok()?;
        is_alive(claims.exp, now).then_some(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn claims(purpose: Purpose) -> Claims {
        Claims {
            id: "account00000001".into(),
            collection_id: "pbc_1".into(),
            purpose,
            refreshable: true,
            iat: 1_800_000_000,
            exp: 1_800_000_060,
            sid: "session00000001".into(),
            renew: 1_800_000_030,
            mark: "mark".into(),
        }
    }

    fn key(seed: u8) -> Key {
        Key::new("kid1", 1, &[seed; 32], NOW, Timestamp(i64::MAX)).expect("a key")
    }

    fn proves(token: &str, now: Timestamp) -> bool {
        read(token).is_some_and(|unproven| unproven.prove(&key(1), now).is_some())
    }

    #[test]
    fn a_token_says_what_clients_read() {
        let token = sign(&claims(Purpose::Auth), &key(1));
        let [header, payload] = [0, 1].map(|part| {
            let part = token.split('.').nth(part).expect("a part");
            serde_json::from_slice::<serde_json::Value>(&BASE64.decode(part).unwrap()).unwrap()
        });
        assert_eq!(header, serde_json::json!({ "alg": "EdDSA", "kid": "kid1", "typ": "JWT" }));
        let wanted = serde_json::json!({
            "id": "account00000001", "collectionId": "pbc_1", "type": "auth", "refreshable": true,
            "iat": 1_800_000_000, "exp": 1_800_000_060,
            "sid": "session00000001", "renew": 1_800_000_030, "gen": "mark",
        });
        assert_eq!(payload, wanted);
        let proven = read(&token).and_then(|unproven| unproven.prove(&key(1), NOW));
        assert_eq!(proven, Some(claims(Purpose::Auth)));
    }

    #[test]
    fn no_single_changed_character_passes() {
        let token = sign(&claims(Purpose::Auth), &key(1));
        for place in 0..token.len() {
            for other in ["A", "."] {
                let mut changed = token.clone();
                changed.replace_range(place..=place, other);
                assert!(changed == token || !proves(&changed, NOW), "{place} {other}");
            }
        }
        assert!(!proves(&token[..token.len() - 1], NOW));
        assert!(!proves(&format!("{token}A"), NOW) && !proves(&format!("{token}="), NOW));
    }

    #[test]
    fn the_sender_chooses_neither_the_algorithm_nor_the_key() {
        let token = sign(&claims(Purpose::Auth), &key(1));
        let (_, rest) = token.split_once('.').expect("a header");
        for header in [
            r#"{"alg":"none"}"#,
            r#"{"alg":"HS256","kid":"kid1","typ":"JWT"}"#,
            r#"{"alg":"EdDSA","typ":"JWT"}"#,
            r#"{"kid":"kid1","alg":"EdDSA","typ":"JWT"}"#,
            r#"{"alg":"EdDSA","kid":"","typ":"JWT"}"#,
            r#"{"alg":"EdDSA","kid":"kid1","jku":"http://evil.example","typ":"JWT"}"#,
            r#"{"alg":"EdDSA","kid":"kid1","crit":["x"],"typ":"JWT"}"#,
        ] {
            let forged = format!("{}.{rest}", BASE64.encode(header));
            assert!(read(&forged).is_none(), "{header}");
        }
        let other = sign(&claims(Purpose::Auth), &key(2));
        assert!(!proves(&other, NOW), "the name of one key, the signature of another");
    }

    #[test]
    fn a_token_dies_at_its_second() {
        let token = sign(&claims(Purpose::Auth), &key(1));
        assert!(proves(&token, Timestamp(1_800_000_059_999)));
        assert!(!proves(&token, Timestamp(1_800_000_060_000)));
    }

    #[test]
    fn what_is_no_token_is_refused_without_a_panic() {
        for text in ["", ".", "..", "...", "a.b.c", "ey.ey.ey", &"a".repeat(5000), "온.돌.이"] {
            assert!(read(text).is_none(), "{text}");
        }
    }
}
