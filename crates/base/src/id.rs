//! Record ids: 15 characters of `[a-z0-9]`, as existing clients make them, and in the order of their making. What is no
//! record has longer ones of the same kind.
//!
//! Eight characters are the time in milliseconds, base 36, and seven are chance: ids that follow one another lie side by
//! side in an index, and two makers agree on 78 thousand million of them per millisecond before they meet.

use crate::chance;
use crate::time::Timestamp;

/// Length of the ids that we make, in characters.
pub const LENGTH: usize = 15;
/// Longest foreign id that is accepted, in characters.
pub const LENGTH_MAX: usize = 100;

/// Length of what [`make_long`] makes, in characters.
const LENGTH_LONG: usize = LENGTH + 4;

const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// A new id made at `now`.
pub fn make(now: Timestamp) -> String {
    from_parts(now, u64::from_le_bytes(chance::bytes()))
}

/// The id made of a time and an evenly distributed random number, for those who must not ask for chance themselves.
pub fn from_parts(now: Timestamp, random: u64) -> String {
    spelled::<LENGTH>(now, random)
}

/// An id made at `now` for what is no record, such as a write, with four more characters of chance.
pub fn make_long(now: Timestamp) -> String {
    spelled::<LENGTH_LONG>(now, u64::from_le_bytes(chance::bytes()))
}

/// The time, then chance: of that a `u64` has enough for twelve characters.
fn spelled<const LENGTH: usize>(now: Timestamp, random: u64) -> String {
    let mut id = [b'0'; LENGTH];
    let (head, tail) = id.split_at_mut(8);
    spell(u64::try_from(now.0).unwrap_or(0), head);
    spell(random, tail);
    String::from_utf8(id.to_vec()).expect("digits are ASCII")
}

/// The last places of a number in base 36.
fn spell(mut rest: u64, places: &mut [u8]) {
    for place in places.iter_mut().rev() {
        *place = DIGITS[(rest % 36) as usize];
        rest /= 36;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_the_time_of_their_making() {
        let (early, late) = (make(Timestamp(1_700_000_000_000)), make(Timestamp(1_700_000_000_001)));
        assert!(early < late, "{early} {late}");
        assert_eq!(early.len(), LENGTH);
        let (early, late) =
            (make_long(Timestamp(1_700_000_000_000)), make_long(Timestamp(1_700_000_000_001)));
        assert!(early < late, "{early} {late}");
        assert_eq!(early.len(), LENGTH_LONG);
    }
}
