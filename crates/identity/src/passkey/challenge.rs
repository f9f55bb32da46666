//! What an authenticator has to sign: made by us, it says, signed, for which collection, purpose and account, and when. Nothing
//! is kept until it comes back; that it comes back once is seen to by `flow`.
//!
//! Invariant: pure; chance and the hour come in as arguments.

use base::time::Timestamp;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::token::derived;

/// Random bytes in a challenge.
pub(crate) const CHANCE_BYTES: usize = 24;
/// How long a challenge may be answered, in milliseconds.
pub(crate) const TIME_MAX_MS: i64 = 300_000;
/// Bytes of the hour and of chance, before the signature.
const SAID_BYTES: usize = 8 + CHANCE_BYTES;

/// What a challenge is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose<'a> {
    /// A new passkey of an account, whose owner has just proved to be there.
    Register(&'a str),
    /// To sign in, whoever that will be.
    SignIn,
}

/// What makes and knows challenges.
#[derive(Clone, Copy)]
pub(crate) struct Challenger([u8; 32]);

impl Challenger {
    /// That of a collection, by its secret; `None` without one.
    pub(crate) fn new(collection_secret: &str, purpose: Purpose<'_>) -> Option<Challenger> {
        let purpose = match purpose {
            Purpose::Register(account) => format!("ondol/passkey/register/{account}"),
            Purpose::SignIn => "ondol/passkey/sign-in".to_owned(),
        };
        (!collection_secret.is_empty()).then(|| Challenger(derived(collection_secret, purpose.as_bytes())))
    }

    /// A challenge.
    pub(crate) fn make(&self, now: Timestamp, chance: [u8; CHANCE_BYTES]) -> String {
        let said = [&now.0.to_be_bytes()[..], &chance].concat();
        let mark = self.mac(&said).finalize().into_bytes();
        BASE64.encode([&said[..], &mark].concat())
    }

    /// Whether a challenge is ours, for this, and not too old.
    pub(crate) fn knows(&self, challenge: &str, now: Timestamp) -> bool {
        let Ok(bytes) = BASE64.decode(challenge) else { return false };
        let Some((said, mark)) = bytes.split_at_checked(SAID_BYTES) else { return false };
        let at = said.first_chunk().map_or(i64::MAX, |bytes| i64::from_be_bytes(*bytes));
        let is_ours = self.mac(said).verify_slice(mark).is_ok();
        is_ours && now.0.checked_sub(at).is_some_and(|age| (0..TIME_MAX_MS).contains(&age))
    }

    fn mac(&self, said: &[u8]) -> Hmac<Sha256> {
        let mut mac: Hmac<Sha256> = Hmac::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(said);
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    #[test]
    fn a_challenge_is_of_its_secret_purpose_account_and_time() {
        let of = |secret: &str, purpose: Purpose<'_>| Challenger::new(secret, purpose).expect("a secret");
        let mine = of("secret", Purpose::Register("a"));
        let challenge = mine.make(NOW, [7; CHANCE_BYTES]);
        assert!(mine.knows(&challenge, NOW) && mine.knows(&challenge, Timestamp(NOW.0 + TIME_MAX_MS - 1)));
        for late in [Timestamp(NOW.0 + TIME_MAX_MS), Timestamp(NOW.0 - 1)] {
            assert!(!mine.knows(&challenge, late));
        }
        for other in [
            of("other", Purpose::Register("a")),
            of("secret", Purpose::Register("b")),
            of("secret", Purpose::SignIn),
        ] {
            assert!(!other.knows(&challenge, NOW));
        }
        for other in ["", "AAAA", &challenge[1..], &format!("{challenge}A")] {
            assert!(!mine.knows(other, NOW), "{other}");
        }
        assert!(Challenger::new("", Purpose::SignIn).is_none());
    }
}
