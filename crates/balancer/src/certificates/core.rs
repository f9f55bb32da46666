//! When a certificate is renewed, when an order is tried again, and how loud one that ends is. Pure.

use std::time::Duration;

use base::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The part of a certificate's life that is left when it is renewed.
const LEFT_PARTS: i64 = 3;
/// The part of its life by which renewals are spread, so that certificates of one day are not renewed at one moment.
const SPREAD_PARTS: i64 = 30;
const DAY_MS: i64 = 86_400_000;

/// What became of the orders for a name so far. Kept, so that neither a restart nor another host begins anew.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub(super) struct History {
    /// When the last one began, in milliseconds since 1970.
    pub(super) last: i64,
    /// How many in a row have failed.
    pub(super) failed: u32,
    /// Not before this time, as the issuer says.
    #[serde(default)]
    pub(super) not_before: i64,
}

/// A window in which an issuer suggests to renew a certificate.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(super) struct Window {
    /// Of which certificate.
    pub(super) serial: String,
    pub(super) start: i64,
    pub(super) end: i64,
}

/// How near a certificate's end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Nearness {
    Far,
    /// Within the last thirty days, or what is as much of a shorter life.
    Near,
    /// Within the last seven days, or what is as much of a shorter life.
    Close,
    Over,
}

/// When a certificate is to be renewed: within the issuer's window, else when a third of its life is left; `chance`, from 0 to 1,
/// says where in the spread.
pub(super) fn due(begins: Timestamp, ends: Timestamp, window: Option<&Window>, chance: f64) -> Timestamp {
    let within = |start: i64, end: i64| {
        let spread = end.saturating_sub(start).max(0);
        Timestamp(start.saturating_add(share(spread, chance)))
    };
    if let Some(window) = window {
        return within(window.start, window.end.min(ends.0).max(window.start));
    }
    let life = ends.0.saturating_sub(begins.0).max(0);
    let latest = ends.0 - life / LEFT_PARTS;
    within(latest - life / SPREAD_PARTS, latest)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a spread of days, in milliseconds"
)]
fn share(spread: i64, chance: f64) -> i64 {
    (spread as f64 * chance.clamp(0.0, 1.0)) as i64
}

/// When the next order for a name may begin.
pub(super) fn may_order(
    history: &History,
    every_min: Duration,
    again_min: Duration,
    again_max: Duration,
) -> Timestamp {
    if history.last == 0 {
        return Timestamp(0);
    }
    let wait = match history.failed {
        0 => every_min,
        failed => again_min.saturating_mul(1 << (failed - 1).min(20)).min(again_max).max(again_min),
    };
    Timestamp(Timestamp(history.last).after(wait).0.max(history.not_before))
}

/// How near an end is.
pub(super) fn nearness(begins: Timestamp, ends: Timestamp, now: Timestamp) -> Nearness {
    let (life, left) = (ends.0.saturating_sub(begins.0), ends.0.saturating_sub(now.0));
    // of ninety days: thirty, and seven. The renewal is due a little before.
    let part = |days: i64| (days * DAY_MS).min(life.saturating_mul(days) / 90);
    match left {
        _ if left <= 0 => Nearness::Over,
        _ if left <= part(7) => Nearness::Close,
        _ if left <= part(30) => Nearness::Near,
        _ => Nearness::Far,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(days: i64) -> Timestamp {
        Timestamp(days * DAY_MS)
    }

    #[test]
    fn a_certificate_is_renewed_when_a_third_of_its_life_is_left_however_long_that_is() {
        assert_eq!(due(day(0), day(90), None, 1.0), day(60));
        assert_eq!(due(day(0), day(90), None, 0.0), day(57));
        assert_eq!(due(day(0), day(6), None, 1.0), day(4));
    }

    #[test]
    fn the_issuers_word_for_when_goes_before_ours() {
        let window = |start, end| Window { serial: "1".into(), start: day(start).0, end: day(end).0 };
        assert_eq!(due(day(0), day(90), Some(&window(10, 12)), 0.5), day(11));
        assert_eq!(due(day(0), day(90), Some(&window(80, 200)), 1.0), day(90), "never after its end");
        assert_eq!(due(day(0), day(90), Some(&window(9, 1)), 1.0), day(9), "a window that is none");
    }

    #[test]
    fn orders_that_fail_are_tried_again_ever_more_seldom_and_none_follows_another_at_once() {
        let minute = Duration::from_secs(60);
        let after = |failed| {
            let history = History { last: 1, failed, not_before: 0 };
            may_order(&history, 60 * minute, 5 * minute, 720 * minute).0 / 60_000
        };
        assert_eq!([0, 1, 2, 3, 8, 9, 1000].map(after), [60, 5, 10, 20, 640, 720, 720]);
        assert_eq!(may_order(&History::default(), minute, minute, minute).0, 0);
        let told = History { last: 1, failed: 1, not_before: 99_000_000 };
        assert_eq!(
            may_order(&told, minute, minute, minute).0,
            99_000_000,
            "the issuer's word for the wait holds"
        );
    }

    #[test]
    fn an_end_is_near_thirty_days_before_and_close_seven_days_before() {
        let at = |now| nearness(day(0), day(90), day(now));
        assert_eq!(
            [59, 60, 82, 83, 90].map(at),
            [Nearness::Far, Nearness::Near, Nearness::Near, Nearness::Close, Nearness::Over]
        );
        assert_eq!(nearness(day(0), day(6), day(3)), Nearness::Far);
        assert_eq!(nearness(day(0), day(365), day(340)), Nearness::Near);
    }
}
