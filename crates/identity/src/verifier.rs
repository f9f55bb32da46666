//! What a client is given when it asks for the ways to sign in, and brings back with the code: the verifier of PKCE (RFC 7636).
//!
//! It is made by us and says, signed, for which collection and provider and when; so nothing needs to be kept until it comes
//! back. The nonce of OpenID Connect follows from it. That it comes back once is seen to by `flow`.
//!
//! Invariant: pure; chance and the hour come in as arguments.

use base::time::Timestamp;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// Random bytes in a verifier.
pub(crate) const CHANCE_BYTES: usize = 24;
/// How long a sign-in may take from the list of providers to the code, in milliseconds.
pub(crate) const TIME_MAX_MS: i64 = 600_000;
/// Bytes of the hour, of chance and of the signature.
const BYTES: usize = 8 + CHANCE_BYTES + 32;

/// What signs verifiers of one collection for one provider.
#[derive(Clone, Copy)]
pub(crate) struct Maker([u8; 32]);

impl Maker {
    /// The maker of a collection (by its secret) for a provider; `None` without a secret.
    pub(crate) fn new(collection_secret: &str, provider: &str) -> Option<Maker> {
        if collection_secret.is_empty() {
            return None;
        }
        let mut mac = keyed(collection_secret.as_bytes());
        mac.update(b"ondol/verifier/");
        mac.update(provider.as_bytes());
        Some(Maker(mac.finalize().into_bytes().into()))
    }

    /// A verifier: 86 characters, as many as RFC 7636 allows and more than it asks for.
    pub(crate) fn make(&self, now: Timestamp, chance: [u8; CHANCE_BYTES]) -> String {
        let mut bytes = Vec::with_capacity(BYTES);
        bytes.extend(now.0.to_be_bytes());
        bytes.extend(chance);
        bytes.extend(self.sign(b"verifier", &bytes));
        BASE64.encode(bytes)
    }

    /// Whether a verifier is ours, for this collection and provider, and not too old.
    pub(crate) fn knows(&self, verifier: &str, now: Timestamp) -> bool {
        let Some(bytes) = BASE64.decode(verifier).ok().filter(|bytes| bytes.len() == BYTES) else {
            return false;
        };
        let (said, signature) = bytes.split_at(BYTES - 32);
        let mut mac = keyed(&self.0);
        mac.update(b"verifier");
        mac.update(said);
        let is_ours = mac.verify_slice(signature).is_ok();
        let at = said.first_chunk().map_or(i64::MAX, |bytes| i64::from_be_bytes(*bytes));
        is_ours && now.0.checked_sub(at).is_some_and(|age| (0..TIME_MAX_MS).contains(&age))
    }

    /// The nonce that belongs to a verifier.
    pub(crate) fn nonce(&self, verifier: &str) -> String {
        BASE64.encode(self.sign(b"nonce", verifier.as_bytes()))
    }

    fn sign(&self, purpose: &[u8], text: &[u8]) -> [u8; 32] {
        let mut mac = keyed(&self.0);
        mac.update(purpose);
        mac.update(text);
        mac.finalize().into_bytes().into()
    }
}

/// The challenge of a verifier, S256.
pub(crate) fn challenge(verifier: &str) -> String {
    BASE64.encode(Sha256::digest(verifier.as_bytes()))
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    #[test]
    fn a_verifier_is_known_by_its_maker_in_its_time() {
        let maker = Maker::new("secret", "google").expect("a maker");
        let verifier = maker.make(NOW, [1; CHANCE_BYTES]);
        assert!((43..=128).contains(&verifier.len()));
        assert!(maker.knows(&verifier, NOW));
        assert!(maker.knows(&verifier, Timestamp(NOW.0 + TIME_MAX_MS - 1)));
        assert!(!maker.knows(&verifier, Timestamp(NOW.0 + TIME_MAX_MS)), "of yesterday");
        assert!(!maker.knows(&verifier, Timestamp(NOW.0 - 1)), "of tomorrow");
        for (secret, provider) in [("other", "google"), ("secret", "github")] {
            assert!(
                !Maker::new(secret, provider).expect("a maker").knows(&verifier, NOW),
                "{secret} {provider}"
            );
        }
        assert!(Maker::new("", "google").is_none());
    }

    #[test]
    fn no_changed_verifier_is_known() {
        let maker = Maker::new("secret", "google").expect("a maker");
        let verifier = maker.make(NOW, [1; CHANCE_BYTES]);
        for place in 0..verifier.len() {
            let mut changed = verifier.clone();
            changed.replace_range(place..=place, if verifier[place..].starts_with('A') { "E" } else { "A" });
            assert!(!maker.knows(&changed, NOW), "{place}");
        }
        for text in ["", "a", &verifier[1..], &format!("{verifier}A"), "온돌"] {
            assert!(!maker.knows(text, NOW), "{text}");
        }
    }

    #[test]
    fn the_challenge_is_that_of_the_standard() {
        // RFC 7636, appendix B
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(challenge(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn a_nonce_follows_from_its_verifier_alone() {
        let maker = Maker::new("secret", "google").expect("a maker");
        assert_eq!(maker.nonce("a"), maker.nonce("a"));
        assert_ne!(maker.nonce("a"), maker.nonce("b"));
    }
}
