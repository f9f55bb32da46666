//! Diffie-Hellman as OpenID uses it (OpenID 2.0, 4.2 and 8.4.2): with the specification's own prime and generator.
//!
//! Invariant: the private number comes in as an argument, and is only ever used in constant time.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use crypto_bigint::modular::ConstMontyForm;
use crypto_bigint::{U1024, const_monty_params};
use thiserror::Error;

const_monty_params!(
    Prime,
    U1024,
    "dcf93a0b883972ec0e19989ac5a2ce310e1d37717e8d9571bb7623731866e61e\
     f75a2e27898b057f9891c2e27a639c3f29b60814581cd3b2ca3986d268370557\
     7d45c2e7e52dc81c7a171876e5cea74b1448bfdfaf18828efd2519f14e45e382\
     6634af1949e5b535cc829a483b8a76223e5d490a257f05bdff16f2fb22c583ab",
    "The prime of the specification's appendix B, over which all is computed."
);
/// Bytes of the prime.
pub const BYTES: usize = 128;

type Number = ConstMontyForm<Prime, { U1024::LIMBS }>;

/// The provider's public number can't be used: it is none, or one that tells the secret to everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the provider's public number is none between 1 and the prime less one")]
pub struct Fault;

/// Our private number.
pub struct Private(U1024);

impl Private {
    /// Out of random bytes.
    pub fn new(chance: [u8; BYTES]) -> Private {
        Private(U1024::from_be_slice(&chance))
    }

    /// Our public number, as it is sent.
    pub fn public(&self) -> String {
        BASE64.encode(shown(&Number::new(&U1024::from_u8(2)).pow(&self.0).retrieve()))
    }

    /// The secret shared with the owner of a public number, in the form that is hashed.
    pub fn shared(&self, public: &str) -> Result<Vec<u8>, Fault> {
        let public = read(&BASE64.decode(public).map_err(|_| Fault)?).ok_or(Fault)?;
        let last = Prime::LAST;
        if public <= U1024::ONE || public >= last {
            return Err(Fault);
        }
        Ok(shown(&Number::new(&public).pow(&self.0).retrieve()))
    }
}

impl Prime {
    /// The prime less one, which is its own inverse.
    const LAST: U1024 = <Prime as crypto_bigint::modular::ConstMontyParams<{ U1024::LIMBS }>>::PARAMS
        .modulus()
        .as_ref()
        .wrapping_sub(&U1024::ONE);
}

/// The shortest big-endian form whose first bit says that it is not negative (`btwoc`).
fn shown(number: &U1024) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let bytes: &[u8] = bytes.as_ref();
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(BYTES - 1);
    let sign = (bytes[start] >= 0x80).then_some(0);
    sign.into_iter().chain(bytes[start..].iter().copied()).collect()
}

/// Reads that form; `None` for a negative number, or one that is too long.
fn read(bytes: &[u8]) -> Option<U1024> {
    let is_negative = bytes.first().is_none_or(|byte| *byte >= 0x80);
    let bytes = &bytes[bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len())..];
    if is_negative || bytes.len() > BYTES {
        return None;
    }
    let mut whole = [0; BYTES];
    whole[BYTES - bytes.len()..].copy_from_slice(bytes);
    Some(U1024::from_be_slice(&whole))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn private(byte: u8) -> Private {
        Private::new([byte; BYTES])
    }

    #[test]
    fn both_sides_compute_the_same() {
        let (ours, theirs) = (private(0x5a), private(0xc3));
        assert_eq!(ours.shared(&theirs.public()), theirs.shared(&ours.public()));
        assert!(ours.shared(&theirs.public()).is_ok());
    }

    #[test]
    fn a_public_number_that_gives_the_secret_away_is_refused() {
        let last = BASE64.encode(shown(&Prime::LAST));
        let prime = BASE64.encode(shown(&Prime::LAST.wrapping_add(&U1024::ONE)));
        let long = BASE64.encode([1; 200]);
        for public in ["", "AA==", "AQ==", "AAE=", "/w==", "?", &last, &prime, &long] {
            assert_eq!(private(7).shared(public), Err(Fault), "{public}");
        }
        assert!(private(7).shared("Ag==").is_ok());
    }

    #[test]
    fn numbers_are_shown_as_the_specification_shows_them() {
        for (number, form) in
            [(0u32, "AA=="), (127, "fw=="), (128, "AIA="), (255, "AP8="), (32_768, "AIAA"), (65_536, "AQAA")]
        {
            assert_eq!(BASE64.encode(shown(&U1024::from_u32(number))), form, "{number}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(bytes in prop::collection::vec(any::<u8>(), BYTES)) {
            let number = U1024::from_be_slice(&bytes);
            prop_assert_eq!(read(&shown(&number)), Some(number));
        }

        #[test]
        fn no_public_number_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..140)) {
            let _ = private(9).shared(&BASE64.encode(bytes));
        }
    }
}
