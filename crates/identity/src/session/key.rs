//! The keys that sign tokens: which of them signs at a moment, when the next one is made, and how a private part is kept.
//!
//! A key is *next* until it begins (so that every web server knows it before anything is signed with it), *active* until
//! the one after it begins, *retired* until it ends. All of that follows from its dates: no web server has to tell another.
//!
//! Invariant: pure. No token lives longer than its key: whoever signs has its end put off first, or signs a shorter life.
//! Invariant: the private part is never shown: it lies in the database sealed by the secret of the superusers' collection.
//! Nor is a public part believed that lies beside it: it follows from the private one.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base::time::Timestamp;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::signature::{ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

/// Bytes of a private part (RFC 8032, 5.1.5).
pub(crate) const SEED_BYTES: usize = 32;
/// Bytes of the number that a sealing uses once.
pub(crate) const NONCE_BYTES: usize = 12;

/// One key.
pub(crate) struct Key {
    /// Its name in tokens: the id of its record.
    pub(crate) kid: String,
    /// Its place among the keys.
    pub(crate) number: u64,
    /// From when on it signs.
    pub(crate) begins: Timestamp,
    /// From when on nothing that it has signed is taken.
    pub(crate) ends: Timestamp,
    pair: Ed25519KeyPair,
    /// The other half of it, for readers who know nothing of Ed25519.
    p256: Option<EcdsaKeyPair>,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({}, {}, {}..{})", self.kid, self.number, self.begins, self.ends)
    }
}

impl Key {
    /// The key of a private part; `None` when that is none.
    pub(crate) fn new(
        kid: &str,
        number: u64,
        seed: &[u8],
        begins: Timestamp,
        ends: Timestamp,
    ) -> Option<Key> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
        Some(Key { kid: kid.to_owned(), number, begins, ends, pair, p256: None })
    }

    /// The same with its half on P-256.
    #[must_use]
    pub(crate) fn with_p256(self, p256: Option<EcdsaKeyPair>) -> Key {
        Key { p256, ..self }
    }

    /// Its half on P-256, if it has one yet.
    pub(crate) fn p256(&self) -> Option<&EcdsaKeyPair> {
        self.p256.as_ref()
    }

    /// The public part.
    pub(crate) fn public(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    /// Signs a message.
    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.pair.sign(message).as_ref().try_into().expect("a signature of Ed25519 has 64 bytes")
    }

    /// Whether it has signed a message.
    pub(crate) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let public = UnparsedPublicKey::new(&ED25519, self.public());
        public.verify(message, signature).is_ok()
    }
}

/// The public part that belongs to a private one, as text.
pub(super) fn public(seed: &[u8; SEED_BYTES]) -> String {
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).expect("a seed has 32 bytes");
    BASE64.encode(pair.public_key().as_ref())
}

/// Seals a private part, for the key of this name.
pub(super) fn seal(private: &[u8], kid: &str, secret: &[u8; 32], nonce: [u8; NONCE_BYTES]) -> String {
    let mut sealed = private.to_vec();
    let aad = Aad::from(kid.as_bytes());
    let done = cipher(secret).seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed);
    done.expect("a few bytes can be sealed");
    BASE64.encode([&nonce[..], &sealed].concat())
}

/// A private part that was sealed for the key of this name; `None` when it was not, or by another secret.
pub(super) fn unseal(sealed: &str, kid: &str, secret: &[u8; 32]) -> Option<Vec<u8>> {
    let bytes = BASE64.decode(sealed).ok()?;
    let (nonce, rest) = bytes.split_first_chunk::<NONCE_BYTES>()?;
    let mut rest = rest.to_vec();
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let seed = cipher(secret).open_in_place(nonce, Aad::from(kid.as_bytes()), &mut rest).ok()?;
    Some(seed.to_vec())
}

fn cipher(secret: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, secret).expect("the cipher's keys have 32 bytes"))
}

/// How keys follow one another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turns {
    /// How long a key signs.
    pub(crate) life: Duration,
    /// How long before it signs it is there.
    pub(crate) notice: Duration,
}

/// The keys as they are known, by number.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    keys: Vec<Arc<Key>>,
    /// Which reading of them this is; a later one has more. 0: none.
    pub(crate) reading: u64,
}

impl Keys {
    pub(crate) fn new(mut keys: Vec<Key>, reading: u64) -> Keys {
        keys.sort_by_key(|key| key.number);
        Keys { keys: keys.into_iter().map(Arc::new).collect(), reading }
    }

    /// The key of this name, while anything that it has signed is taken.
    pub(crate) fn find(&self, kid: &str, now: Timestamp) -> Option<&Arc<Key>> {
        self.keys.iter().find(|key| key.kid == kid && now < key.ends)
    }

    /// The key that signs: the newest that has begun; where all of those have ended, the first to come.
    pub(crate) fn active(&self, now: Timestamp) -> Option<&Arc<Key>> {
        let mut living = self.keys.iter().filter(|key| now < key.ends);
        living.clone().rev().find(|key| key.begins <= now).or_else(|| living.next())
    }

    /// The keys that anything may have been signed with, or will be.
    pub(crate) fn living(&self, now: Timestamp) -> impl Iterator<Item = &Arc<Key>> {
        self.keys.iter().filter(move |key| now < key.ends)
    }

    /// The names of those that have no half on P-256.
    pub(crate) fn halves(&self) -> Vec<String> {
        self.keys.iter().filter(|key| key.p256.is_none()).map(|key| key.kid.clone()).collect()
    }

    /// When the next key is to begin, if it is to be made now.
    pub(crate) fn due(&self, now: Timestamp, turns: Turns) -> Option<Timestamp> {
        let Some(newest) = self.keys.last().filter(|newest| now < newest.ends) else { return Some(now) };
        let (follows, earliest) = (newest.begins.after(turns.life), now.after(turns.notice));
        (follows <= earliest).then_some(earliest)
    }

    /// The number of the next key.
    pub(crate) fn next_number(&self) -> u64 {
        self.keys.last().map_or(1, |newest| newest.number + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TURNS: Turns = Turns { life: Duration::from_secs(100), notice: Duration::from_secs(10) };

    fn at(second: i64) -> Timestamp {
        Timestamp(second * 1000)
    }

    fn keys(dates: &[(i64, i64)]) -> Keys {
        let key = |(number, (begins, ends)): (usize, &(i64, i64))| {
            let number = u64::try_from(number).expect("few") + 1;
            Key::new(&format!("k{number}"), number, &[7; 32], at(*begins), at(*ends)).expect("a key")
        };
        Keys::new(dates.iter().enumerate().map(key).collect(), 1)
    }

    #[test]
    fn the_first_key_signs_at_once_and_each_next_one_after_its_notice() {
        assert_eq!(keys(&[]).due(at(5), TURNS), Some(at(5)));
        let first = keys(&[(5, 500)]);
        assert_eq!(first.due(at(94), TURNS), None);
        assert_eq!(first.due(at(95), TURNS), Some(at(105)));
        let both = keys(&[(5, 500), (105, 600)]);
        assert_eq!(both.due(at(104), TURNS), None);
        let signing = |now| both.active(at(now)).map(|key| key.number);
        assert_eq!([4, 5, 104, 105, 550].map(signing), [Some(1), Some(1), Some(1), Some(2), Some(2)]);
    }

    #[test]
    fn after_a_long_rest_the_old_key_signs_until_the_next_one_is_known_everywhere() {
        assert_eq!(keys(&[(5, 500)]).due(at(400), TURNS), Some(at(410)));
        assert_eq!(keys(&[(5, 500)]).due(at(500), TURNS), Some(at(500)), "it has ended");
    }

    #[test]
    fn a_retired_key_proves_until_it_ends() {
        let both = keys(&[(5, 500), (105, 600)]);
        assert!(both.find("k1", at(499)).is_some());
        assert!(both.find("k1", at(500)).is_none());
        assert!(both.find("k3", at(5)).is_none());
    }

    #[test]
    fn a_sealed_key_opens_for_its_name_and_secret_only() {
        let sealed = seal(&[9; SEED_BYTES], "kid1", &[1; 32], [3; NONCE_BYTES]);
        assert_eq!(unseal(&sealed, "kid1", &[1; 32]), Some(vec![9; SEED_BYTES]));
        assert_eq!(unseal(&sealed, "kid2", &[1; 32]), None);
        assert_eq!(unseal(&sealed, "kid1", &[2; 32]), None);
        assert_eq!(unseal("", "kid1", &[1; 32]), None);
        assert!(!format!("{:?}", keys(&[(1, 2)])).contains("pair"));
    }
}
