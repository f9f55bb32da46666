//! Mailed codes: made of keys, never kept. Whoever has the keys of an account can tell its code again, for the mail and for
//! the check; what lies in the database shows nobody a code, and a new password voids those that are out.
//!
//! Invariant: nothing here asks a clock, a database or chance.

use crate::token::Key;

/// Most digits of a code.
const LENGTH_MAX: usize = 30;
/// Fewest, whatever the collection says.
const LENGTH_MIN: usize = 4;

/// The code of one `_otps` record, whose id nobody can guess, in so many digits.
pub(crate) fn code(key: &Key, otp_id: &str, length: usize) -> String {
    let mark = key.mark(otp_id);
    // 128 bits: the digits of 30 places are even to one in a hundred million
    let mut rest = mark.iter().take(16).fold(0u128, |number, byte| (number << 8) | u128::from(*byte));
    let mut digits = String::new();
    for _ in 0..length.clamp(LENGTH_MIN, LENGTH_MAX) {
        digits.push(char::from(b'0' + u8::try_from(rest % 10).expect("one digit")));
        rest /= 10;
    }
    digits
}

/// Whether a code was given, in a time that doesn't tell how much of it fits.
pub(crate) fn fits(code: &str, given: &str) -> bool {
    let differing = code.bytes().zip(given.bytes()).fold(0, |sum, (a, b)| sum | (a ^ b));
    code.len() == given.len() && differing == 0 && !code.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::Purpose;

    fn key(token_key: &str) -> Key {
        Key::derive(Purpose::Otp, token_key, "secret").expect("a key")
    }

    #[test]
    fn a_code_belongs_to_its_account_and_its_request() {
        let first = code(&key("a"), "otp1", 8);
        assert_eq!((first.len(), &first), (8, &code(&key("a"), "otp1", 8)));
        assert!(first.bytes().all(|b| b.is_ascii_digit()));
        for (token_key, otp) in [("b", "otp1"), ("a", "otp2")] {
            assert_ne!(first, code(&key(token_key), otp, 8));
        }
    }

    #[test]
    fn digits_come_equally_often() {
        let mut counts = [0; 10];
        for n in 0..1000 {
            for digit in code(&key("a"), &n.to_string(), 8).bytes() {
                counts[usize::from(digit - b'0')] += 1;
            }
        }
        assert!(counts.iter().all(|count| (700..900).contains(count)), "{counts:?}");
    }

    #[test]
    fn only_the_whole_code_fits() {
        assert!(fits("1234", "1234"));
        for given in ["", "123", "12345", "1235", "１２３４"] {
            assert!(!fits("1234", given), "{given}");
        }
        assert!(!fits("", ""));
        assert_eq!(code(&key("a"), "x", 0).len(), LENGTH_MIN);
        assert_eq!(code(&key("a"), "x", 1000).len(), LENGTH_MAX);
    }
}
