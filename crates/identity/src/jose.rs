//! Signed tokens of others (JWS, RFC 7515, compact): read strictly, and verified by keys that their issuer publishes.
//!
//! Map: `keys` (the issuer's key set), `sign` (the one token that we sign for a provider). The signatures themselves are
//! ring's.
//!
//! Invariant: the algorithm is one that the settings allow *and* the one of the key; a header can neither bring a key nor
//! name where one lies, nor ask for anything that is not understood here (RFC 8725, 2 and 3).

pub(crate) mod keys;
pub(crate) mod sign;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Map, Value};

use crate::fetch::json;
use crate::refusal::Refusal;
use keys::Keys;

/// Longest token that is looked at, in bytes.
pub(crate) const LENGTH_MAX: usize = 16 << 10;
/// Longest name of a key, in bytes.
const KID_BYTES_MAX: usize = 256;
/// What a header may not hold: keys, places of keys, and extensions, of which none is known here.
const REFUSED: [&str; 7] = ["jwk", "jku", "x5u", "x5c", "crit", "b64", "zip"];

/// An algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// RSA, PKCS #1 1.5, SHA-256.
    Rs256,
    /// ECDSA on P-256, SHA-256.
    Es256,
    /// Ed25519 (RFC 8037; under its own name RFC 9864).
    EdDsa,
}

impl Algorithm {
    /// All of them, by default.
    pub(crate) const ALL: [Algorithm; 3] = [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa];

    /// The algorithm of a name; `None` for all that are not taken, `none` and shared secrets among them.
    pub(crate) fn named(name: &str) -> Option<Algorithm> {
        Some(match name {
            "RS256" => Algorithm::Rs256,
            "ES256" => Algorithm::Es256,
            "EdDSA" | "Ed25519" => Algorithm::EdDsa,
            _ => return None,
        })
    }

    /// Its name, as all readers know it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Algorithm::Rs256 => "RS256",
            Algorithm::Es256 => "ES256",
            Algorithm::EdDsa => "EdDSA",
        }
    }
}

/// A token that has the right form. What it says is not to be believed yet.
#[derive(Debug)]
pub(crate) struct Unproven<'a> {
    algorithm: Algorithm,
    kid: Option<String>,
    signed: &'a str,
    signature: Vec<u8>,
    claims: Map<String, Value>,
}

/// A token whose signature is right, by a key of the issuer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Proven {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// What it says.
    pub claims: Map<String, Value>,
}

/// What sort of token is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// It says who somebody is.
    Id,
    /// It says that somebody has signed out.
    Logout,
}

/// Why a token is not proven.
#[derive(Debug)]
pub(crate) enum Doubt {
    /// None of the keys is the one that it names: newer keys may have it.
    UnknownKey,
    /// The signature is wrong.
    Refused(Refusal),
}

/// Reads a token of a sort. One that names its type is of that type (RFC 8725, 3.11).
pub(crate) fn read<'a>(sort: Sort, token: &'a str, allowed: &[Algorithm]) -> Result<Unproven<'a>, Refusal> {
    const FORM: Refusal = Refusal::Mismatch("the ID token has not the form of one");
    if token.len() > LENGTH_MAX {
        return Err(FORM);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(FORM)?;
    let (header, payload) = signed.split_once('.').ok_or(FORM)?;
    let object = |text: &str| match BASE64.decode(text).ok().map(|bytes| json::parse(&bytes)) {
        Some(Ok(Value::Object(object))) => Ok(object),
        _ => Err(FORM),
    };
    let header = object(header)?;
    let algorithm = header.get("alg").and_then(Value::as_str).and_then(Algorithm::named);
    let algorithm = algorithm
        .filter(|algorithm| allowed.contains(algorithm))
        .ok_or(Refusal::Mismatch("the ID token is not signed by an algorithm that was agreed on"))?;
    if REFUSED.iter().any(|name| header.contains_key(*name)) {
        return Err(Refusal::Mismatch("the ID token's header asks for what is not taken"));
    }
    let is = |typ: &Value, name: &str| typ.as_str().is_some_and(|typ| typ.eq_ignore_ascii_case(name));
    let is_of_sort = |typ| is(typ, "jwt") || sort == Sort::Logout && is(typ, "logout+jwt");
    if header.get("typ").is_some_and(|typ| !is_of_sort(typ)) {
        return Err(Refusal::Mismatch("the token is of another type"));
    }
    let kid = match header.get("kid") {
        None => None,
        Some(Value::String(kid)) if kid.len() <= KID_BYTES_MAX => Some(kid.clone()),
        Some(_) => return Err(FORM),
    };
    let signature = BASE64.decode(signature).map_err(|_| FORM)?;
    Ok(Unproven { algorithm, kid, signed, signature, claims: object(payload)? })
}

impl Unproven<'_> {
    /// What the token says, if one of the keys made it.
    pub(crate) fn prove(self, keys: &Keys) -> Result<Proven, Doubt> {
        let mut candidates = keys.of(self.algorithm, self.kid.as_deref()).peekable();
        if candidates.peek().is_none() {
            return Err(Doubt::UnknownKey);
        }
        if candidates.any(|key| key.verifies(self.signed.as_bytes(), &self.signature)) {
            return Ok(Proven { algorithm: self.algorithm, claims: self.claims });
        }
        Err(Doubt::Refused(Refusal::Mismatch("the ID token's signature is wrong")))
    }
}

#[cfg(test)]
mod tests;
