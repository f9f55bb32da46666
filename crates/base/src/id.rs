//! Record ids: 15 characters of `[a-z0-9]`, as existing clients make them, and in the order of their making.
//!
//! Eight characters are the time in milliseconds, base 36, and seven are chance: ids that follow one another lie side by
//! side in an index, and two makers agree on 78 thousand million of them per millisecond before they meet.

use crate::chance;
use crate::time::Timestamp;

/// Length of the ids that we make, in characters.
pub const LENGTH: usize = 15;
/// Longest foreign id that is accepted, in characters.
pub const LENGTH_MAX: usize = 100;

const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// A new id made at `now`.
pub fn make(now: Timestamp) -> String {
    let mut rest = u64::try_from(now.0).unwrap_or(0);
    let mut head = [b'0'; 8];
    for place in head.iter_mut().rev() {
        *place = DIGITS[(rest % 36) as usize];
        rest /= 36;
    }
    let mut id: String = head.iter().copied().map(char::from).collect();
    id.push_str(&chance::word(LENGTH - 8));
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_the_time_of_their_making() {
        let (early, late) = (make(Timestamp(1_700_000_000_000)), make(Timestamp(1_700_000_000_001)));
        assert!(early < late, "{early} {late}");
        assert_eq!(early.len(), LENGTH);
    }
}
