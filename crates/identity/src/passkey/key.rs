//! Public keys of passkeys (COSE, RFC 9052 and 9053; WebAuthn level 3, 6.5.1.1): read strictly, and what they prove.

use minicbor::Decoder;
use minicbor::data::Type;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};

use super::curve;
use super::flaw::Flaw;

/// Algorithms that are offered, by their COSE numbers, the best liked first: EdDSA, ES256, RS256.
pub(crate) const OFFERED: [i64; 3] = [ED, ES256, RS256];
const ED: i64 = -8;
const ES256: i64 = -7;
const RS256: i64 = -257;
/// Entries of a key at most: kind, algorithm, curve, two coordinates.
const ENTRIES_MAX: u64 = 5;
/// Bits of the modulus of an RSA key.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// An uncompressed point.
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
}

/// The entries of a key, as far as any kind has them.
#[derive(Default)]
struct Entries<'a> {
    kind: Option<i64>,
    algorithm: Option<i64>,
    /// The curve's number, where it is one.
    curve: Option<i64>,
    /// Under -1, -2 and -3.
    bytes: [Option<&'a [u8]>; 3],
}

impl Key {
    /// Reads the key at the beginning of bytes, and tells how long it is.
    pub(crate) fn parse(bytes: &[u8]) -> Result<(Key, usize), Flaw> {
        let mut decoder = Decoder::new(bytes);
        let entries = Entries::read(&mut decoder).ok_or(Flaw::Key)?;
        if !entries.algorithm.is_some_and(|algorithm| OFFERED.contains(&algorithm)) {
            return Err(Flaw::Algorithm);
        }
        let key = entries.key().ok_or(Flaw::Key)?;
        Ok((key, decoder.position()))
    }

    /// The number of its algorithm.
    pub(crate) fn algorithm(&self) -> i64 {
        match self {
            Key::P256(_) => ES256,
            Key::Ed25519(_) => ED,
            Key::Rsa { .. } => RS256,
        }
    }

    /// Whether the key made a signature.
    pub(crate) fn verifies(&self, signed: &[u8], signature: &[u8]) -> bool {
        let verified = match self {
            Key::Rsa { n, e } => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, signed, signature)
            }
            Key::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(signed, signature)
            }
            Key::Ed25519(point) => UnparsedPublicKey::new(&ED25519, point).verify(signed, signature),
        };
        verified.is_ok()
    }
}

impl<'a> Entries<'a> {
    /// Reads a map that has nothing but such entries, each once.
    fn read(decoder: &mut Decoder<'a>) -> Option<Entries<'a>> {
        let count = decoder.map().ok()?.filter(|count| *count <= ENTRIES_MAX)?;
        let mut entries = Entries::default();
        for _ in 0..count {
            let name = decoder.i64().ok()?;
            let is_bytes = decoder.datatype().ok()? == Type::Bytes;
            let is_new = match name {
                1 => entries.kind.replace(decoder.i64().ok()?).is_none(),
                3 => entries.algorithm.replace(decoder.i64().ok()?).is_none(),
                -1 if !is_bytes => entries.curve.replace(decoder.i64().ok()?).is_none(),
                -3..=-1 => {
                    let place = usize::try_from(-1 - name).ok()?;
                    entries.bytes[place].replace(decoder.bytes().ok()?).is_none()
                }
                _ => false,
            };
            is_new.then_some(())?;
        }
        Some(entries)
    }

    /// The key, where kind, algorithm, curve and numbers agree.
    fn key(&self) -> Option<Key> {
        match (self.kind?, self.algorithm?, self.curve, self.bytes) {
            (1, ED, Some(6), [None, Some(x), None]) => (x.len() == 32).then(|| Key::Ed25519(x.to_vec())),
            (2, ES256, Some(1), [None, Some(x), Some(y)]) => {
                let (x, y) = (x.try_into().ok()?, y.try_into().ok()?);
                curve::has(x, y).then(|| Key::P256([&[4], &x[..], &y[..]].concat()))
            }
            (3, RS256, None, [Some(n), Some(e), None]) => {
                let key = Key::Rsa { n: n.to_vec(), e: e.to_vec() };
                is_fit(n, e).then_some(key)
            }
            _ => None,
        }
    }
}

/// Whether an RSA key is strong enough and of the usual form: without zeros before it, an odd modulus, an odd exponent of 3 to
/// 5 bytes at most.
fn is_fit(n: &[u8], e: &[u8]) -> bool {
    let bits = n.first().map_or(0, |first| n.len() * 8 - first.leading_zeros() as usize);
    let is_odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
    let starts = |number: &[u8]| number.first().is_some_and(|first| *first != 0);
    let exponent = e.iter().take(5).fold(0u64, |sum, byte| (sum << 8) | u64::from(*byte));
    RSA_BITS.contains(&bits)
        && starts(n)
        && is_odd(n)
        && starts(e)
        && is_odd(e)
        && e.len() <= 5
        && exponent >= 3
}
