//! The half of a key that is on P-256 (ES256): for tools that know nothing of Ed25519.
//!
//! It is kept sealed beside the other half, under a name of its own, and comes and goes with it.

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};

use super::key::{NONCE_BYTES, seal, unseal};

/// A new private part, sealed for the key of this name.
pub(crate) fn make(kid: &str, secret: &[u8; 32], nonce: [u8; NONCE_BYTES]) -> String {
    let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
    let made = made.expect("the operating system gives random bytes");
    seal(made.as_ref(), &name(kid), secret, nonce)
}

/// A pair out of what was sealed; `None` when it was not, or by another secret.
pub(crate) fn open(sealed: &str, kid: &str, secret: &[u8; 32]) -> Option<EcdsaKeyPair> {
    let private = unseal(sealed, &name(kid), secret)?;
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &private, &SystemRandom::new()).ok()
}

/// What it is called: no other part of any key has that name, so that none passes for it.
pub(crate) fn name(kid: &str) -> String {
    format!("{kid}-p256")
}

#[cfg(test)]
mod tests {
    use ring::signature::KeyPair;

    use super::*;

    #[test]
    fn the_half_on_p256_opens_for_its_key_only() {
        let sealed = make("kid1", &[1; 32], [3; NONCE_BYTES]);
        let pair = open(&sealed, "kid1", &[1; 32]).expect("it opens");
        assert_eq!(pair.public_key().as_ref().len(), 65);
        assert!(open(&sealed, "kid2", &[1; 32]).is_none());
        assert!(open(&sealed, "kid1", &[2; 32]).is_none());
        assert!(unseal(&sealed, "kid1", &[1; 32]).is_none(), "nor as the other half");
    }
}
