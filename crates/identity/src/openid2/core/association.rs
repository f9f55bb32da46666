//! The key that the two servers share for a while, and with which the provider signs (OpenID 2.0, 8).
//!
//! Keys always come by Diffie-Hellman; a provider that would send one plainly is asked about each assertion instead. What
//! the provider answers must be what was asked for: nothing weaker is taken.
//!
//! Invariant: pure; the key is never shown.

use std::fmt;
use std::time::Duration;

use base::time::Timestamp;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::NAMESPACE;
use super::exchange::Private;
use super::message::{Message, parameter};
use crate::refusal::Refusal;

/// Longest life that an association is given, whatever the provider says.
const LIFE_MAX: Duration = Duration::from_secs(14 * 86_400);
/// Longest handle (8.2.1).
const HANDLE_BYTES_MAX: usize = 255;

/// With which hash keys are exchanged, and assertions signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hash {
    /// SHA-256.
    #[default]
    Sha256,
    /// SHA-1, for providers that know no other.
    Sha1,
}

impl Hash {
    fn session(self) -> &'static str {
        match self {
            Hash::Sha256 => "DH-SHA256",
            Hash::Sha1 => "DH-SHA1",
        }
    }

    fn signature(self) -> &'static str {
        match self {
            Hash::Sha256 => "HMAC-SHA256",
            Hash::Sha1 => "HMAC-SHA1",
        }
    }

    fn of(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Hash::Sha256 => Sha256::digest(bytes).to_vec(),
            Hash::Sha1 => Sha1::digest(bytes).to_vec(),
        }
    }
}

/// A shared key. It has no `Display`, and its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key(Vec<u8>);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

impl TryFrom<String> for Key {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Key, &'static str> {
        Key::from_base64(&text).ok_or("a key is written in base64")
    }
}

impl From<Key> for String {
    fn from(key: Key) -> String {
        key.to_base64()
    }
}

impl Key {
    /// Reads what [`Key::to_base64`] gave.
    pub fn from_base64(text: &str) -> Option<Key> {
        BASE64.decode(text).ok().map(Key)
    }

    /// For keeping it.
    pub fn to_base64(&self) -> String {
        BASE64.encode(&self.0)
    }
}

/// An agreement with a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Association {
    /// The provider's name for it.
    pub handle: String,
    /// What it signs with.
    pub hash: Hash,
    /// The key.
    pub key: Key,
    /// From when on it is void.
    #[serde(with = "millis")]
    pub until: Timestamp,
}

/// Times are kept in milliseconds.
mod millis {
    use base::time::Timestamp;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        at.0.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        i64::deserialize(from).map(Timestamp)
    }
}

impl Association {
    /// Whether the key made this signature (base64) of a text.
    pub fn made(&self, signature: &str, text: &[u8]) -> bool {
        let Ok(signature) = BASE64.decode(signature) else { return false };
        match self.hash {
            Hash::Sha256 => verify::<Hmac<Sha256>>(&self.key, text, &signature),
            Hash::Sha1 => verify::<Hmac<Sha1>>(&self.key, text, &signature),
        }
    }
}

fn verify<M: Mac + KeyInit>(key: &Key, text: &[u8], signature: &[u8]) -> bool {
    let mut mac = <M as KeyInit>::new_from_slice(&key.0).expect("HMAC takes keys of any length");
    mac.update(text);
    mac.verify_slice(signature).is_ok()
}

/// What is sent to the endpoint to agree on a key.
pub fn request(hash: Hash, private: &Private) -> Vec<(String, String)> {
    vec![
        parameter("ns", NAMESPACE),
        parameter("mode", "associate"),
        parameter("assoc_type", hash.signature()),
        parameter("session_type", hash.session()),
        parameter("dh_consumer_public", &private.public()),
    ]
}

/// Reads what the endpoint answered to [`request`].
pub fn answer(
    status: u16,
    body: &[u8],
    hash: Hash,
    private: &Private,
    now: Timestamp,
) -> Result<Association, Refusal> {
    if status != 200 {
        return Err(Refusal::Status { what: "the provider's endpoint for associations", status });
    }
    let message = Message::direct(body)
        .map_err(|_| Refusal::Mismatch("the association is no message of OpenID 2.0"))?;
    let text = |name: &str| message.get(name).unwrap_or_default();
    if text("session_type") != hash.session() || text("assoc_type") != hash.signature() {
        return Err(Refusal::Mismatch("the association is of another kind than was asked for"));
    }
    let handle = text("assoc_handle");
    let is_handle =
        (1..=HANDLE_BYTES_MAX).contains(&handle.len()) && handle.bytes().all(|b| (33..=126).contains(&b));
    let seconds: u64 = text("expires_in").parse().unwrap_or(0);
    if !is_handle || seconds == 0 {
        return Err(Refusal::Mismatch("the association has no handle, or no life"));
    }
    let shared = private
        .shared(text("dh_server_public"))
        .map_err(|_| Refusal::Mismatch("the public number of the association would give the key away"))?;
    let pad = hash.of(&shared);
    let hidden = BASE64.decode(text("enc_mac_key")).unwrap_or_default();
    if hidden.len() != pad.len() {
        return Err(Refusal::Mismatch("the key of the association has another length than its kind"));
    }
    let key = Key(hidden.iter().zip(&pad).map(|(a, b)| a ^ b).collect());
    let life = Duration::from_secs(seconds).min(LIFE_MAX);
    Ok(Association { handle: handle.to_owned(), hash, key, until: now.after(life) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);
    const KEY: [u8; 32] = [0x42; 32];

    fn ours() -> Private {
        Private::new([0x31; 128])
    }

    /// An answer as a provider gives it, with one line changed.
    fn answered(key: &str, value: Option<&str>) -> Result<Association, Refusal> {
        let theirs = Private::new([0x77; 128]);
        let pad = Sha256::digest(theirs.shared(&ours().public()).expect("a number"));
        let hidden: Vec<u8> = KEY.iter().zip(pad).map(|(a, b)| a ^ b).collect();
        let mut lines = vec![
            ("ns", NAMESPACE.to_owned()),
            ("assoc_handle", "{HMAC-SHA256}{1}".to_owned()),
            ("session_type", "DH-SHA256".to_owned()),
            ("assoc_type", "HMAC-SHA256".to_owned()),
            ("expires_in", "3600".to_owned()),
            ("dh_server_public", theirs.public()),
            ("enc_mac_key", BASE64.encode(hidden)),
        ];
        lines.retain(|(k, _)| *k != key);
        lines.extend(value.map(|value| (key, value.to_owned())));
        let body: String = lines.iter().map(|(k, v)| format!("{k}:{v}\n")).collect();
        answer(200, body.as_bytes(), Hash::Sha256, &ours(), NOW)
    }

    #[test]
    fn the_key_is_the_one_that_the_provider_hid() {
        let got = answered("", None).expect("an association");
        assert_eq!(got.key, Key(KEY.to_vec()));
        assert_eq!(got.until, NOW.after(Duration::from_secs(3600)));
        assert_eq!(answered("expires_in", Some("99999999")).expect("one").until, NOW.after(LIFE_MAX));
        assert_eq!(format!("{:?}", got.key), "Key(…)");
    }

    #[test]
    fn nothing_weaker_or_wrong_is_taken() {
        let one = BASE64.encode([1]);
        for (key, value) in [
            ("ns", None),
            ("session_type", None),
            ("session_type", Some("no-encryption")),
            ("session_type", Some("")),
            ("assoc_type", Some("HMAC-SHA1")),
            ("assoc_handle", None),
            ("assoc_handle", Some("")),
            ("assoc_handle", Some("a b")),
            ("assoc_handle", Some(&"a".repeat(256))),
            ("expires_in", None),
            ("expires_in", Some("0")),
            ("expires_in", Some("-1")),
            ("expires_in", Some("soon")),
            ("dh_server_public", None),
            ("dh_server_public", Some(&one)),
            ("enc_mac_key", None),
            ("enc_mac_key", Some("short")),
            ("enc_mac_key", Some(&BASE64.encode([0; 20]))),
            ("enc_mac_key", Some(&BASE64.encode([0; 33]))),
        ] {
            assert!(matches!(answered(key, value), Err(Refusal::Mismatch(_))), "{key} {value:?}");
        }
        assert!(answer(400, b"", Hash::Sha256, &ours(), NOW).is_err());
    }

    #[test]
    fn a_signature_holds_for_its_text_and_key_only() {
        let mut association = answered("", None).expect("an association");
        for hash in [Hash::Sha256, Hash::Sha1] {
            association.hash = hash;
            let made = match hash {
                Hash::Sha256 => BASE64.encode(signed::<Hmac<Sha256>>(b"a:1\n")),
                Hash::Sha1 => BASE64.encode(signed::<Hmac<Sha1>>(b"a:1\n")),
            };
            assert!(association.made(&made, b"a:1\n"));
            assert!(!association.made(&made, b"a:2\n"));
            assert!(!association.made(&made[..made.len() - 4], b"a:1\n"));
            assert!(!association.made("", b"a:1\n") && !association.made("?", b"a:1\n"));
        }
    }

    fn signed<M: Mac + KeyInit>(text: &[u8]) -> Vec<u8> {
        let mut mac = <M as KeyInit>::new_from_slice(&KEY).expect("a key");
        mac.update(text);
        mac.finalize().into_bytes().to_vec()
    }
}
