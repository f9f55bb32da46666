//! Tokens that we sign for others, and read again: JWT by one of our keys, each kind with a type of its own, so that none
//! passes for another (RFC 8725, 3.11), nor for a session's.
//!
//! Invariant: pure but for the chance that a signature on P-256 needs. No header but our own is ever taken.

use base::time::Timestamp;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED, KeyPair, UnparsedPublicKey};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::jose::{Algorithm, LENGTH_MAX};
use crate::session::{Key, Keys, p256};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Who has signed in, for one client.
    Id,
    /// Lets a client ask about somebody (RFC 9068).
    Access,
    /// Tells a client that a session has ended.
    Logout,
    /// Tells an application behind us who asks.
    Assertion,
}

impl Kind {
    /// What stands in the header between the algorithm and the key.
    fn typ(self) -> &'static str {
        match self {
            Kind::Id => "",
            Kind::Access => r#","typ":"at+jwt""#,
            Kind::Logout => r#","typ":"logout+jwt""#,
            Kind::Assertion => r#","typ":"ondol-assertion+jwt""#,
        }
    }

    fn header(self, algorithm: Algorithm, kid: &str) -> String {
        format!(r#"{{"alg":"{}"{},"kid":"{kid}"}}"#, algorithm.name(), self.typ())
    }
}

/// Signs claims; `None` where the key has no half of that algorithm.
pub(crate) fn sign(kind: Kind, algorithm: Algorithm, key: &Key, claims: &impl Serialize) -> Option<String> {
    let payload = serde_json::to_vec(claims).expect("claims have only text keys");
    let name = name(algorithm, key)?;
    let header = kind.header(algorithm, &name);
    let mut token = format!("{}.{}", BASE64.encode(header), BASE64.encode(payload));
    let signature = match algorithm {
        Algorithm::EdDsa => key.sign(token.as_bytes()).to_vec(),
        Algorithm::Es256 => key.p256()?.sign(&SystemRandom::new(), token.as_bytes()).ok()?.as_ref().to_vec(),
        Algorithm::Rs256 => return None,
    };
    token.push('.');
    BASE64.encode_string(signature, &mut token);
    Some(token)
}

/// The name of a key's half of an algorithm.
fn name(algorithm: Algorithm, key: &Key) -> Option<String> {
    match algorithm {
        Algorithm::EdDsa => Some(key.kid.clone()),
        Algorithm::Es256 => Some(p256::name(&key.kid)),
        Algorithm::Rs256 => None,
    }
}

/// A token that has the right form. What it says is not to be believed yet.
#[derive(Debug)]
pub(crate) struct Unproven<'a> {
    algorithm: Algorithm,
    kid: String,
    payload: Vec<u8>,
    signed: &'a str,
    signature: Vec<u8>,
}

/// Reads a token of ours; `None` for everything that has not exactly the form of that kind.
pub(crate) fn read(kind: Kind, token: &str) -> Option<Unproven<'_>> {
    if token.len() > LENGTH_MAX {
        return None;
    }
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, payload) = signed.split_once('.')?;
    let header = String::from_utf8(BASE64.decode(header).ok()?).ok()?;
    let (algorithm, kid) = [Algorithm::EdDsa, Algorithm::Es256].into_iter().find_map(|algorithm| {
        let empty = kind.header(algorithm, "");
        let before = empty.strip_suffix(r#""}"#).expect("it ends so");
        Some((algorithm, header.strip_prefix(before)?.strip_suffix(r#""}"#)?.to_owned()))
    })?;
    let is_name = kid.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let (payload, signature) = (BASE64.decode(payload).ok()?, BASE64.decode(signature).ok()?);
    is_name.then_some(Unproven { algorithm, kid, payload, signed, signature })
}

impl Unproven<'_> {
    /// The key that it claims to be signed with.
    pub(crate) fn kid(&self) -> &str {
        match self.algorithm {
            Algorithm::Es256 => self.kid.strip_suffix(&p256::name("")).unwrap_or_default(),
            _ => &self.kid,
        }
    }

    /// What the token says, if the key signed it. Whether it has expired is the reader's to see.
    pub(crate) fn prove<T: DeserializeOwned>(&self, key: &Key) -> Option<T> {
        if name(self.algorithm, key)? != self.kid {
            return None;
        }
        let is_signed = match self.algorithm {
            Algorithm::EdDsa => key.has_signed(self.signed.as_bytes(), &self.signature),
            _ => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.p256()?.public_key())
                .verify(self.signed.as_bytes(), &self.signature)
                .is_ok(),
        };
        is_signed.then(|| serde_json::from_slice(&self.payload).ok())?
    }
}

/// The public keys of all that we have signed and will sign soon (JWKS, RFC 7517).
pub(crate) fn key_set(keys: &Keys, now: Timestamp) -> Value {
    let ed25519 = keys.living(now).map(|key| {
        json!({
            "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig",
            "kid": key.kid, "x": BASE64.encode(key.public()),
        })
    });
    let p256 = keys.living(now).filter_map(|key| {
        // an uncompressed point: 4, x, y (SEC 1, 2.3.3)
        let (x, y) = key.p256()?.public_key().as_ref().strip_prefix(&[4])?.split_at(32);
        Some(json!({
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig",
            "kid": p256::name(&key.kid), "x": BASE64.encode(x), "y": BASE64.encode(y),
        }))
    });
    json!({ "keys": ed25519.chain(p256).collect::<Vec<Value>>() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::jose;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);
    const KINDS: [Kind; 4] = [Kind::Id, Kind::Access, Kind::Logout, Kind::Assertion];

    fn key(kid: &str) -> Key {
        let sealed = p256::make(kid, &[1; 32], [2; 12]);
        let key = Key::new(kid, 1, &[7; 32], NOW, Timestamp(NOW.0 + 1)).expect("a key");
        key.with_p256(p256::open(&sealed, kid, &[1; 32]))
    }

    #[test]
    fn a_token_is_proved_by_the_key_set_that_we_publish() {
        let key = key("k1");
        let tokens = [Algorithm::EdDsa, Algorithm::Es256]
            .map(|algorithm| sign(Kind::Id, algorithm, &key, &json!({ "sub": "a" })).expect("it signs"));
        let set = key_set(&Keys::new(vec![key], 1), NOW);
        let keys = jose::keys::Keys::parse(&set).expect("a key set");
        for token in tokens {
            let proven = jose::read(jose::Sort::Id, &token, &Algorithm::ALL)
                .expect("a token")
                .prove(&keys)
                .expect("proven");
            assert_eq!(proven.claims["sub"], "a");
        }
        assert!(!set.to_string().contains("\"d\""));
    }

    #[test]
    fn no_kind_passes_for_another_nor_for_a_sessions() {
        let key = key("k1");
        for made in KINDS {
            for algorithm in [Algorithm::EdDsa, Algorithm::Es256] {
                let token = sign(made, algorithm, &key, &json!({ "a": 1 })).expect("it signs");
                for wanted in KINDS {
                    let read = read(wanted, &token).and_then(|unproven| unproven.prove::<Value>(&key));
                    assert_eq!(read.is_some(), made == wanted, "{made:?} {wanted:?}");
                }
                assert!(!crate::session::has_form(&token));
            }
        }
    }

    #[test]
    fn another_key_and_a_changed_token_prove_nothing() {
        let (one, other) = (key("k1"), key("k2"));
        let token = sign(Kind::Access, Algorithm::Es256, &one, &json!({ "a": 1 })).expect("it signs");
        let proves = |token: &str, key: &Key| {
            read(Kind::Access, token).is_some_and(|unproven| unproven.prove::<Value>(key).is_some())
        };
        assert!(proves(&token, &one) && !proves(&token, &other));
        assert_eq!(read(Kind::Access, &token).expect("a token").kid(), "k1");
        let middle = token.len() / 2;
        let changed = format!(
            "{}{}{}",
            &token[..middle],
            if token.as_bytes()[middle] == b'A' { 'B' } else { 'A' },
            &token[middle + 1..]
        );
        assert!(!proves(&changed, &one));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[a-zA-Z0-9._-]{0,80}|.{0,60}") {
            for kind in KINDS {
                prop_assert!(read(kind, &text).is_none());
            }
        }
    }
}
