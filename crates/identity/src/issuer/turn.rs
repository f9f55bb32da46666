//! Whether a refresh token is the newest of its family.
//!
//! Each is good once, and using it makes the next. A client that asks twice at once, or whose answer got lost, gets the same next
//! one again; for that nothing has to be kept, since a token follows from its family and its number. One that was used before is
//! in two hands, of which one is a thief's: then the whole family dies (RFC 9700, 4.14.2).
//!
//! Invariant: pure.

use std::time::Duration;

use base::time::Timestamp;

/// What becomes of a family whose refresh token is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It takes its next turn.
    Next,
    /// It has just taken it: the same answer again.
    Again,
    /// It dies.
    Reused,
}

/// Judges a token of turn `shown`, which arrived at `arrived`, of a family that has come to turn `turn` at `turned`.
///
/// A request that was under way when the turn was taken could not know of it. Beyond that a client that can show a secret is
/// given no time: it has a place to put its tokens in, and one hand that does.
pub(crate) fn judge(shown: u64, turn: u64, turned: Timestamp, arrived: Timestamp, again: Duration) -> Turn {
    if shown == turn {
        Turn::Next
    } else if shown + 1 == turn && arrived < turned.after(again) {
        Turn::Again
    } else {
        Turn::Reused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_once() {
        let judge = |shown, arrived, again| {
            judge(shown, 3, Timestamp(10_000), Timestamp(arrived), Duration::from_secs(again))
        };
        assert_eq!(judge(3, 20_000, 0), Turn::Next);
        assert_eq!(judge(2, 10_000, 0), Turn::Reused);
        assert_eq!(judge(2, 9_999, 0), Turn::Again, "it was under way");
        assert_eq!(judge(2, 39_999, 30), Turn::Again);
        assert_eq!(judge(2, 40_000, 30), Turn::Reused);
        assert_eq!(judge(1, 9_999, 30), Turn::Reused, "its next one was used already");
        assert_eq!(judge(4, 9_999, 30), Turn::Reused, "there is none such yet");
    }
}
