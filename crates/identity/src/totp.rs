//! Codes of an authenticator (RFC 6238: six digits, every 30 seconds, HMAC-SHA-1 as they all have it), and recovery codes.
//!
//! Invariant: nothing here asks a clock, a database or chance.

use base::time::Timestamp;
use ring::hmac;
use sha2::{Digest, Sha256};

use crate::otp;
use crate::token::Key;

/// Seconds of a step.
const STEP_SECONDS: i64 = 30;
/// Digits of a code.
const DIGITS: usize = 6;
/// Steps before and after the present one whose codes are taken: clocks differ.
const STEPS_AROUND: u64 = 1;
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// What an authenticator and the server share: 160 bits.
pub(crate) struct Seed([u8; 20]);

impl Seed {
    /// The seed of a key that is made for it.
    pub(crate) fn of(key: &Key) -> Seed {
        let mark = key.mark("totp");
        let mut seed = [0; 20];
        seed.copy_from_slice(&mark[..20]);
        Seed(seed)
    }

    /// The seed as people type it (RFC 4648, 6, without padding).
    pub(crate) fn text(&self) -> String {
        let mut text = String::with_capacity(32);
        for five in self.0.chunks_exact(5) {
            let bits = five.iter().fold(0u64, |bits, byte| (bits << 8) | u64::from(*byte));
            text.extend(
                (0..8)
                    .rev()
                    .map(|n| char::from(BASE32[usize::try_from((bits >> (5 * n)) & 31).expect("five bits")])),
            );
        }
        text
    }

    /// The address that an authenticator reads off a square code.
    pub(crate) fn uri(&self, issuer: &str, account: &str) -> String {
        let (issuer, account) = (escaped(issuer), escaped(account));
        format!("otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}", self.text())
    }

    /// The step of a code that is good now and later than the last one that was used.
    pub(crate) fn step(&self, given: &str, now: Timestamp, last: u64) -> Option<u64> {
        let present = u64::try_from(now.0.div_euclid(1000 * STEP_SECONDS)).unwrap_or(0);
        let steps = present.saturating_sub(STEPS_AROUND)..=present + STEPS_AROUND;
        steps.filter(|step| *step > last).find(|step| otp::fits(&self.code(*step), given))
    }

    /// The code of a step (RFC 4226, 5.3).
    fn code(&self, step: u64) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        let mark = hmac::sign(&key, &step.to_be_bytes());
        let mark = mark.as_ref();
        let at = usize::from(mark[mark.len() - 1] & 15);
        let bits =
            mark[at..at + 4].iter().fold(0u32, |bits, byte| (bits << 8) | u32::from(*byte)) & 0x7fff_ffff;
        format!("{:0width$}", bits % 10u32.pow(6), width = DIGITS)
    }
}

/// A code as it was meant: without the spaces and dashes with which it is shown.
pub(crate) fn meant(given: &str) -> String {
    given.chars().filter(|c| !c.is_whitespace() && *c != '-').collect::<String>().to_lowercase()
}

/// Whether it has the form of an authenticator's code; else it is taken for a recovery code.
pub(crate) fn is_code(meant: &str) -> bool {
    meant.len() == DIGITS && meant.bytes().all(|b| b.is_ascii_digit())
}

/// What is kept of a recovery code: 50 bits of chance make it unguessable, and the account's own id makes it its own.
pub(crate) fn recovery_hash(id: &str, code: &str) -> String {
    Sha256::digest(format!("{id}/{code}")).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn escaped(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~@".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seed() -> Seed {
        Seed(*b"12345678901234567890")
    }

    #[test]
    fn codes_are_those_of_the_standard() {
        // RFC 6238, appendix B, the last six of its eight digits
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(seed().code(seconds / 30), code, "{seconds}");
        }
        assert_eq!(seed().text(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    }

    #[test]
    fn a_code_is_good_for_one_step_around_and_once() {
        let (seed, now) = (seed(), Timestamp(3_000_000));
        let of = |step: u64| seed.step(&seed.code(step), now, 0);
        assert_eq!([97, 98, 99, 100, 101, 102].map(of), [None, None, Some(99), Some(100), Some(101), None]);
        assert_eq!(seed.step(&seed.code(100), now, 100), None, "once");
        assert_eq!(seed.step(&seed.code(99), now, 100), None, "nor an earlier one");
        assert_eq!(seed.step("", now, 0), None);
    }

    #[test]
    fn a_code_is_read_as_it_is_shown() {
        assert_eq!(meant(" 287 082\n"), "287082");
        assert!(is_code("287082") && !is_code("28708") && !is_code("ab34567890"));
        assert_eq!(meant("AB12-CD34-ef"), "ab12cd34ef");
        assert_ne!(recovery_hash("a", "x"), recovery_hash("b", "x"));
    }

    #[test]
    fn an_address_for_authenticators_is_escaped() {
        let uri = seed().uri("팝퐁 & co", "kim@example.com");
        assert!(
            uri.starts_with("otpauth://totp/%ED%8C%9D%ED%90%81%20%26%20co:kim@example.com?secret=GEZD"),
            "{uri}"
        );
    }
}
