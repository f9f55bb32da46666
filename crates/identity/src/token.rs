//! Mailed tokens: JWT of one kind only (HS256), signed per account, so that a new token key voids them all. (Those of
//! sessions are in `session`.)
//!
//! The payload is what existing clients read: `id`, `collectionId`, `type`, `exp`, `iat`. The signing key is derived from the
//! collection's secret, the account's token key and the token's purpose: a token for one thing can't pass for another, nor
//! one account's token for another's.
//!
//! Reading has two steps, because the key is only known once the account is: [`read`] gives an [`Unproven`] that tells
//! whose token it claims to be, [`Unproven::prove`] gives the [`Claims`].
//!
//! Invariant: nothing here asks a clock, a database or chance.
//! Invariant: no header but our own is ever taken; the algorithm isn't the sender's choice (RFC 8725, 3.1).

use base::time::Timestamp;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// Longest token that is looked at, in bytes. Ours have about 500.
pub const LENGTH_MAX: usize = 2048;

/// `{"alg":"HS256","typ":"JWT"}`: the only header.
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Purpose {
    /// To be somebody.
    Auth,
    /// To download protected files, from an address.
    File,
    /// To show that an address is the account's: mailed to it.
    Verification,
    /// To set a new password: mailed to the account's address.
    PasswordReset,
    /// To take another address: mailed to that one.
    EmailChange,
    /// No token of this form: what takes a changed address back.
    EmailUndo,
    /// No token: what mailed codes are made of.
    Otp,
    /// No token: the seed of an authenticator.
    Totp,
}

impl Purpose {
    /// Of the tokens that are mailed.
    fn is_mailed(self) -> bool {
        matches!(self, Purpose::Verification | Purpose::PasswordReset | Purpose::EmailChange)
    }
}

/// What a token says, as it stands in its payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Claims {
    /// The account's id.
    pub id: String,
    /// The id of the account's collection.
    pub collection_id: String,
    /// What it is for.
    #[serde(rename = "type")]
    pub purpose: Purpose,
    /// Of a mailed token: the account's address when it was made.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub email: String,
    /// Of a token that takes another address: that one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub new_email: String,
    /// When it was made, in seconds since 1970.
    pub iat: i64,
    /// From when on it is void, in seconds since 1970.
    pub exp: i64,
}

/// The key of one account for one purpose: signs its mailed tokens, and marks those of its sessions.
#[derive(Clone)]
pub struct Key([u8; 32]);

impl Key {
    /// Derives the key; `None` when the account or the collection has no secret to derive it from.
    pub fn derive(purpose: Purpose, token_key: &str, collection_secret: &str) -> Option<Key> {
        if token_key.is_empty() || collection_secret.is_empty() {
            return None;
        }
        let mut mac = keyed(collection_secret.as_bytes());
        let label: &[u8] = match purpose {
            Purpose::Auth => b"ondol/token/auth/",
            Purpose::File => b"ondol/token/file/",
            Purpose::Verification => b"ondol/token/verification/",
            Purpose::PasswordReset => b"ondol/token/passwordReset/",
            Purpose::EmailChange => b"ondol/token/emailChange/",
            Purpose::EmailUndo => b"ondol/token/emailUndo/",
            Purpose::Otp => b"ondol/otp/",
            Purpose::Totp => b"ondol/totp/",
        };
        mac.update(label);
        mac.update(token_key.as_bytes());
        Some(Key(mac.finalize().into_bytes().into()))
    }

    /// A text's mark under this key: nobody without the key knows it, or another text with the same.
    pub(crate) fn mark(&self, text: &str) -> [u8; 32] {
        let mut mac = keyed(&self.0);
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// Whether that is a text's mark, in a time that does not tell how much of it fits.
    pub(crate) fn is_mark(&self, text: &str, given: &[u8]) -> bool {
        let mut mac = keyed(&self.0);
        mac.update(text.as_bytes());
        mac.verify_slice(given).is_ok()
    }
}

/// Makes a token.
pub fn sign(claims: &Claims, key: &Key) -> String {
    let payload = serde_json::to_vec(claims).expect("claims have only text keys");
    let mut token = format!("{HEADER}.{}", BASE64.encode(payload));
    let mut mac = keyed(&key.0);
    mac.update(token.as_bytes());
    let signature: [u8; 32] = mac.finalize().into_bytes().into();
    token.push('.');
    BASE64.encode_string(signature, &mut token);
    token
}

/// A token that has the right form. What it says is not to be believed yet.
#[derive(Debug)]
pub struct Unproven<'a> {
    claims: Claims,
    signed: &'a str,
    signature: [u8; 32],
}

/// Reads a token; `None` for everything that has not exactly our form.
pub fn read(token: &str) -> Option<Unproven<'_>> {
    if token.len() > LENGTH_MAX {
        return None;
    }
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, payload) = signed.split_once('.')?;
    if header != HEADER {
        return None;
    }
    let claims: Claims = serde_json::from_slice(&BASE64.decode(payload).ok()?).ok()?;
    if !claims.purpose.is_mailed() {
        return None;
    }
    let signature = BASE64.decode(signature).ok()?.try_into().ok()?;
    Some(Unproven { claims, signed, signature })
}

impl Unproven<'_> {
    /// Whose token it claims to be (collection, record), for finding the key.
    pub fn claimed_account(&self) -> (&str, &str) {
        (&self.claims.collection_id, &self.claims.id)
    }

    /// What it claims to be for.
    pub fn claimed_purpose(&self) -> Purpose {
        self.claims.purpose
    }

    /// What the token says, if the key made it and it has not expired.
    pub fn prove(self, key: &Key, now: Timestamp) -> Option<Claims> {
        let mut mac = keyed(&key.0);
        mac.update(self.signed.as_bytes());
        mac.verify_slice(&self.signature).ok()?;
        is_alive(self.claims.exp, now).then_some(self.claims)
    }
}

/// Whether a token that expires at `exp` is still good.
pub(crate) fn is_alive(exp: i64, now: Timestamp) -> bool {
    now.0.div_euclid(1000) < exp
}

/// A key for another purpose, derived from a secret.
pub(crate) fn derived(secret: &str, purpose: &[u8]) -> [u8; 32] {
    let mut mac = keyed(secret.as_bytes());
    mac.update(purpose);
    mac.finalize().into_bytes().into()
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn claims(purpose: Purpose) -> Claims {
        let (id, collection_id) = ("account00000001".to_owned(), "pbc_1".to_owned());
        let (email, new_email) = (String::new(), String::new());
        let (iat, exp) = (1_800_000_000, 1_800_000_060);
        Claims { id, collection_id, purpose, email, new_email, iat, exp }
    }

    fn key(purpose: Purpose) -> Key {
        Key::derive(purpose, "token-key", "secret").expect("a key")
    }

    fn proves(token: &str, key: &Key, now: Timestamp) -> bool {
        read(token).is_some_and(|unproven| unproven.prove(key, now).is_some())
    }

    #[test]
    fn a_token_says_what_clients_read() {
        let token = sign(&claims(Purpose::Verification), &key(Purpose::Verification));
        let payload = token.split('.').nth(1).expect("a payload");
        let payload: serde_json::Value = serde_json::from_slice(&BASE64.decode(payload).unwrap()).unwrap();
        assert_eq!(
            payload,
            serde_json::json!({
                "id": "account00000001", "collectionId": "pbc_1", "type": "verification",
                "iat": 1_800_000_000, "exp": 1_800_000_060
            })
        );
        assert_eq!(BASE64.decode(HEADER).unwrap(), br#"{"alg":"HS256","typ":"JWT"}"#);
        let proven = read(&token).and_then(|t| t.prove(&key(Purpose::Verification), NOW));
        assert_eq!(proven, Some(claims(Purpose::Verification)));
    }

    #[test]
    fn no_single_changed_character_passes() {
        let token = sign(&claims(Purpose::Verification), &key(Purpose::Verification));
        for place in 0..token.len() {
            for other in ["A", "B", ".", "="] {
                let mut changed = token.clone();
                changed.replace_range(place..=place, other);
                assert!(
                    changed == token || !proves(&changed, &key(Purpose::Verification), NOW),
                    "{place} {other}"
                );
            }
        }
        assert!(!proves(&token[..token.len() - 1], &key(Purpose::Verification), NOW));
        assert!(!proves(&format!("{token}A"), &key(Purpose::Verification), NOW));
    }

    #[test]
    fn the_sender_does_not_choose_the_algorithm() {
        let token = sign(&claims(Purpose::Verification), &key(Purpose::Verification));
        let payload = token.split('.').nth(1).expect("a payload");
        for header in [r#"{"alg":"none"}"#, r#"{"alg":"none","typ":"JWT"}"#, r#"{"typ":"JWT","alg":"HS256"}"#]
        {
            let header = BASE64.encode(header);
            for signature in ["", "AAAA", token.rsplit('.').next().expect("a signature")] {
                assert!(read(&format!("{header}.{payload}.{signature}")).is_none(), "{header}");
            }
        }
    }

    #[test]
    fn a_token_of_a_session_has_not_this_form() {
        for purpose in [Purpose::Auth, Purpose::File, Purpose::Otp] {
            assert!(read(&sign(&claims(purpose), &key(purpose))).is_none(), "{purpose:?}");
        }
    }

    #[test]
    fn a_token_dies_at_its_second() {
        let token = sign(&claims(Purpose::Verification), &key(Purpose::Verification));
        assert!(proves(&token, &key(Purpose::Verification), Timestamp(1_800_000_059_999)));
        assert!(!proves(&token, &key(Purpose::Verification), Timestamp(1_800_000_060_000)));
    }

    #[test]
    fn a_token_of_another_purpose_account_or_collection_does_not_pass() {
        let token = sign(&claims(Purpose::EmailChange), &key(Purpose::EmailChange));
        assert!(!proves(&token, &key(Purpose::Verification), NOW), "purpose");
        for (token_key, secret) in [("other", "secret"), ("token-key", "other"), ("token-keysecret", "x")] {
            let other = Key::derive(Purpose::EmailChange, token_key, secret).expect("a key");
            assert!(!proves(&token, &other, NOW), "{token_key} {secret}");
        }
    }

    #[test]
    fn without_a_secret_there_is_no_key() {
        assert!(Key::derive(Purpose::Verification, "", "secret").is_none());
        assert!(Key::derive(Purpose::Verification, "token-key", "").is_none());
    }

    #[test]
    fn what_is_no_token_is_refused_without_a_panic() {
        for text in
            ["", ".", "..", "...", "a.b.c", "ey.ey.ey", &"a".repeat(5000), "온.돌.이", &format!("{HEADER}..")]
        {
            assert!(read(text).is_none(), "{text}");
        }
        for payload in ["", "{}", "[]", "null", r#"{"id":1}"#, r#"{"id":"a","id":"b"}"#] {
            assert!(
                read(&format!("{HEADER}.{}.{}", BASE64.encode(payload), "A".repeat(43))).is_none(),
                "{payload}"
            );
        }
    }
}
