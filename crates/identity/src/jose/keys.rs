//! An issuer's key set (JWKS, RFC 7517): those of its keys that can prove an ID token.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde_json::Value;

use super::Algorithm;
use crate::refusal::Refusal;

/// Keys at most that a set may have.
pub(crate) const KEYS_MAX: usize = 100;

/// The keys of an issuer.
#[derive(Clone, Debug)]
pub(crate) struct Keys(Vec<Key>);

/// A key that proves signatures.
#[derive(Clone, Debug)]
pub(super) struct Key {
    kid: Option<String>,
    public: Public,
}

#[derive(Clone, Debug)]
enum Public {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// An uncompressed point.
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
}

impl Keys {
    /// Reads a key set; keys of other kinds and for other uses are passed over.
    pub(crate) fn parse(set: &Value) -> Result<Keys, Refusal> {
        let keys = set.get("keys").and_then(Value::as_array);
        let keys = keys.ok_or(Refusal::Mismatch("the provider's key set is none"))?;
        if keys.len() > KEYS_MAX {
            return Err(Refusal::Mismatch("the provider's key set has more than 100 keys"));
        }
        let keys: Vec<Key> = keys.iter().filter_map(Key::parse).collect();
        if keys.is_empty() {
            Err(Refusal::Mismatch("the provider's key set has no key of use"))
        } else {
            Ok(Keys(keys))
        }
    }

    /// The keys of an algorithm that a token may mean: the one that it names, or any where it names none.
    pub(super) fn of<'a>(
        &'a self,
        algorithm: Algorithm,
        kid: Option<&'a str>,
    ) -> impl Iterator<Item = &'a Key> {
        let is_named = move |key: &&Key| kid.is_none() || key.kid.as_deref() == kid;
        self.0.iter().filter(move |key| key.public.algorithm() == algorithm).filter(is_named)
    }
}

impl Key {
    fn parse(key: &Value) -> Option<Key> {
        let text = |name: &str| key.get(name).and_then(Value::as_str);
        let bytes = |name: &str| BASE64.decode(text(name)?).ok();
        let public = match (text("kty")?, text("crv")) {
            ("RSA", _) => Public::Rsa { n: whole(bytes("n")?), e: whole(bytes("e")?) },
            ("EC", Some("P-256")) => {
                let (x, y) = (bytes("x")?, bytes("y")?);
                (x.len() == 32 && y.len() == 32).then(|| Public::P256([&[4], &x[..], &y[..]].concat()))?
            }
            ("OKP", Some("Ed25519")) => Public::Ed25519(bytes("x").filter(|x| x.len() == 32)?),
            _ => return None,
        };
        let is_for_signatures = key.get("use").is_none_or(|used| used == "sig");
        let may_verify =
            |uses: &Value| uses.as_array().is_some_and(|uses| uses.iter().any(|used| used == "verify"));
        let is_for_verifying = key.get("key_ops").is_none_or(may_verify);
        let is_of_algorithm = match key.get("alg") {
            None => true,
            Some(alg) => alg.as_str().and_then(Algorithm::named) == Some(public.algorithm()),
        };
        let is_fit = is_for_signatures && is_for_verifying && is_of_algorithm;
        is_fit.then(|| Key { kid: text("kid").map(str::to_owned), public })
    }

    /// Whether the key made a signature.
    pub(super) fn verifies(&self, signed: &[u8], signature: &[u8]) -> bool {
        let verified = match &self.public {
            Public::Rsa { n, e } => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, signed, signature)
            }
            Public::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, signature)
            }
            Public::Ed25519(point) => UnparsedPublicKey::new(&ED25519, point).verify(signed, signature),
        };
        verified.is_ok()
    }
}

impl Public {
    fn algorithm(&self) -> Algorithm {
        match self {
            Public::Rsa { .. } => Algorithm::Rs256,
            Public::P256(_) => Algorithm::Es256,
            Public::Ed25519(_) => Algorithm::EdDsa,
        }
    }
}

/// A whole number without the zeros before it, which some issuers write.
fn whole(bytes: Vec<u8>) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes[zeros..].to_vec()
}
