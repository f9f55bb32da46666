//! The one token that we sign for a provider: Apple's client secret, ES256 with the key that Apple gave out.

use base::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD as BASE64};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::Value;

/// Signs claims with the key of a PEM file (`-----BEGIN PRIVATE KEY-----`, PKCS #8); `None` when it is no such key.
pub(crate) fn es256(pem: &Secret, kid: &str, claims: &Value) -> Option<String> {
    // the key is needed to sign with it
    let body: String =
        pem.reveal().lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect();
    let chance = SystemRandom::new();
    let der = STANDARD.decode(body).ok()?;
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &chance).ok()?;
    let header = serde_json::json!({ "alg": "ES256", "kid": kid, "typ": "JWT" });
    let mut token = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
    let signature = key.sign(&chance, token.as_bytes()).ok()?;
    token.push('.');
    BASE64.encode_string(signature, &mut token);
    Some(token)
}
