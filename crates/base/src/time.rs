//! Timestamps as records carry them, and the clock.
//!
//! Time is a parameter: whoever needs the hour takes a [`Clock`], so that tests can hold it still.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use ::time::{Date, Month, OffsetDateTime};

/// Milliseconds since 1970-01-01 UTC. Displays as `2026-11-22 03:04:05.678Z`, the form in which records hold dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Reads `YYYY-MM-DD[ T]HH:MM[:SS[.fff…]][Z|±HH[:MM]]` or a bare date; anything else is `None`. Without an offset: UTC.
    pub fn parse(text: &str) -> Option<Timestamp> {
        parse(text.trim().as_bytes())
    }

    /// The date and time of day in UTC, for calendars and macros; years −9999 to 9999.
    pub fn to_utc(self) -> OffsetDateTime {
        let nanos = i128::from(self.0) * 1_000_000;
        OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    /// This moment moved by a duration.
    #[must_use]
    pub fn after(self, duration: Duration) -> Timestamp {
        Timestamp(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let t = self.to_utc();
        let (year, month, day) = t.to_calendar_date();
        let (hour, minute, second, milli) = t.time().as_hms_milli();
        write!(f, "{year:04}-{:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{milli:03}Z", month as u8)
    }
}

fn parse(text: &[u8]) -> Option<Timestamp> {
    let (year, rest) = digits(text, 4)?;
    let (month, rest) = digits(rest.strip_prefix(b"-")?, 2)?;
    let (day, rest) = digits(rest.strip_prefix(b"-")?, 2)?;
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    let date = Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?).ok()?;
    let days = i64::from(date.to_julian_day()) - i64::from(OffsetDateTime::UNIX_EPOCH.date().to_julian_day());
    let start = days * 86_400_000;
    let Some((separator, rest)) = rest.split_first() else { return Some(Timestamp(start)) };
    if !matches!(separator, b' ' | b'T' | b't') {
        return None;
    }
    let (of_day, rest) = time_of_day(rest)?;
    Some(Timestamp(start + of_day - offset(rest)?))
}

/// Milliseconds of the day, and what follows.
fn time_of_day(text: &[u8]) -> Option<(i64, &[u8])> {
    let (hour, rest) = digits(text, 2)?;
    let (minute, rest) = digits(rest.strip_prefix(b":")?, 2)?;
    let (second, rest) = match rest.strip_prefix(b":") {
        Some(rest) => digits(rest, 2)?,
        None => (0, rest),
    };
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (milli, rest) = match rest.strip_prefix(b".") {
        Some(rest) => fraction(rest)?,
        None => (0, rest),
    };
    Some(((hour * 3600 + minute * 60 + second) * 1000 + milli, rest))
}

fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let length = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let milli = text[..length].iter().chain(b"000").take(3).fold(0, |n, b| n * 10 + i64::from(b - b'0'));
    (1..=9).contains(&length).then_some((milli, &text[length..]))
}

/// The offset from UTC in milliseconds.
fn offset(text: &[u8]) -> Option<i64> {
    let (sign, rest) = match text.split_first() {
        None => return Some(0),
        Some((b'Z' | b'z', [])) => return Some(0),
        Some((b'+', rest)) => (1, rest),
        Some((b'-', rest)) => (-1, rest),
        Some(_) => return None,
    };
    let (hour, rest) = digits(rest, 2)?;
    let rest = rest.strip_prefix(b":").unwrap_or(rest);
    let (minute, rest) = if rest.is_empty() { (0, rest) } else { digits(rest, 2)? };
    (rest.is_empty() && hour < 24 && minute < 60).then_some(sign * (hour * 60 + minute) * 60_000)
}

fn digits(text: &[u8], count: usize) -> Option<(i64, &[u8])> {
    let head = text.get(..count)?;
    head.iter()
        .try_fold(0, |n, b| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0')))
        .map(|n| (n, &text[count..]))
}

/// Where the hour comes from.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The machine's clock.
    #[default]
    System,
    /// A clock that stands until it is moved: for tests.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `at`.
    pub fn manual(at: Timestamp) -> Clock {
        Clock::Manual(Arc::new(AtomicI64::new(at.0)))
    }

    /// The time now.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the machine's clock")]
    pub fn now(&self) -> Timestamp {
        match self {
            Clock::Manual(at) => Timestamp(at.load(Ordering::SeqCst)),
            Clock::System => {
                let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
                Timestamp(i64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(i64::MAX))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_read_in_every_accepted_form_and_display_in_one() {
        for (text, shown) in [
            ("2026-11-22", "2026-11-22 00:00:00.000Z"),
            ("2026-11-22 03:04", "2026-11-22 03:04:00.000Z"),
            ("2026-11-22T03:04:05Z", "2026-11-22 03:04:05.000Z"),
            ("2026-11-22 03:04:05.6789Z", "2026-11-22 03:04:05.678Z"),
            ("2026-11-22T09:04:05.1+09:00", "2026-11-22 00:04:05.100Z"),
            ("1969-12-31 23:59:59.999Z", "1969-12-31 23:59:59.999Z"),
        ] {
            assert_eq!(Timestamp::parse(text).map(|t| t.to_string()).as_deref(), Some(shown), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in
            ["", "today", "2026-13-01", "2026-02-30", "2026-01-01x", "2026-01-01 25:00", "2026-01-01 10:00+9"]
        {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }
}
