//! Conditions and ranges (RFC 9110, sections 13 and 14): what of a file is sent.
//!
//! Invariant: pure.

use std::time::Duration;

use axum::http::header::{self, HeaderMap, HeaderName};
use base::time::Timestamp;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// What tells one state of a file from another.
pub(super) struct Stamp {
    pub(super) length: u64,
    /// Since 1970.
    pub(super) modified: Duration,
}

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Whole,
    /// Bytes from `first` to `last`, both included.
    Part {
        first: u64,
        last: u64,
    },
    /// The client has it already.
    Unchanged,
    /// The client wanted another state of it.
    Failed,
    /// There are no such bytes.
    BadRange,
}

impl Stamp {
    /// The strong entity tag.
    pub(super) fn tag(&self) -> String {
        format!("\"{:x}-{:x}\"", self.modified.as_nanos(), self.length)
    }

    /// The time of the last change, as headers write it.
    pub(super) fn date(&self) -> Option<String> {
        let at = Timestamp(i64::try_from(self.modified.as_millis()).ok()?).to_utc();
        let weekday = WEEKDAYS[usize::from(at.weekday().number_days_from_monday())];
        let month = MONTHS[usize::from(u8::from(at.month())) - 1];
        let (hour, minute, second) = at.to_hms();
        Some(format!(
            "{weekday}, {:02} {month} {:04} {hour:02}:{minute:02}:{second:02} GMT",
            at.day(),
            at.year()
        ))
    }

    /// True when nothing has changed since a date of a header.
    fn is_unchanged_since(&self, date: &str) -> Option<bool> {
        let date = read_date(date)?;
        Some(i64::try_from(self.modified.as_secs()).unwrap_or(i64::MAX) <= date.0 / 1000)
    }

    fn is_named_in(&self, tags: &str, may_be_weak: bool) -> bool {
        let mine = self.tag();
        tags.trim() == "*"
            || tags.split(',').map(str::trim).any(|tag| {
                let tag = if may_be_weak { tag.strip_prefix("W/").unwrap_or(tag) } else { tag };
                tag == mine
            })
    }
}

/// Reads `Tue, 14 Nov 2023 22:13:20 GMT`; the two forms that are obsolete count as none.
fn read_date(text: &str) -> Option<Timestamp> {
    let (_, text) = text.trim().strip_suffix(" GMT")?.split_once(", ")?;
    let mut parts = text.split(' ');
    let (day, month, year, clock) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    Timestamp::parse(&format!("{year}-{month:02}-{day} {clock}Z"))
}

/// What a request gets, in the order of precedence of RFC 9110, section 13.2.2.
pub(super) fn answer(headers: &HeaderMap, stamp: &Stamp) -> Answer {
    let get = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let holds = match get(header::IF_MATCH) {
        Some(tags) => stamp.is_named_in(tags, false),
        None => {
            get(header::IF_UNMODIFIED_SINCE).and_then(|date| stamp.is_unchanged_since(date)).unwrap_or(true)
        }
    };
    if !holds {
        return Answer::Failed;
    }
    let is_known = match get(header::IF_NONE_MATCH) {
        Some(tags) => stamp.is_named_in(tags, true),
        None => {
            get(header::IF_MODIFIED_SINCE).and_then(|date| stamp.is_unchanged_since(date)).unwrap_or(false)
        }
    };
    if is_known {
        return Answer::Unchanged;
    }
    let is_same = get(header::IF_RANGE)
        .is_none_or(|mark| stamp.is_named_in(mark, false) || stamp.date().as_deref() == Some(mark.trim()));
    match get(header::RANGE).filter(|_| is_same) {
        Some(range) => part(range, stamp.length),
        None => Answer::Whole,
    }
}

/// One range of bytes. What is no such thing, and several ranges at once, get the whole file.
fn part(range: &str, length: u64) -> Answer {
    let Some(range) = range.trim().strip_prefix("bytes=").map(str::trim) else { return Answer::Whole };
    let Some((first, last)) = range.split_once('-').filter(|_| !range.contains(',')) else {
        return Answer::Whole;
    };
    let (first, last) = (first.trim(), last.trim());
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let number = |text: &str| text.parse::<u64>().unwrap_or(u64::MAX);
    let (first, last) = match (is_number(first), is_number(last)) {
        (true, true) if number(first) <= number(last) => (number(first), number(last)),
        (true, false) if last.is_empty() => (number(first), u64::MAX),
        // the last so many bytes
        (false, true) if first.is_empty() => match number(last) {
            0 => return Answer::BadRange,
            count => (length.saturating_sub(count), u64::MAX),
        },
        _ => return Answer::Whole,
    };
    match first < length {
        true => Answer::Part { first, last: last.min(length - 1) },
        false => Answer::BadRange,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp { length: 100, modified: Duration::from_millis(1_700_000_000_500) };

    fn asked(headers: &[(&str, &str)]) -> Answer {
        let headers = headers.iter().map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap()));
        answer(&HeaderMap::from_iter(headers), &STAMP)
    }

    #[test]
    fn ranges_give_a_part_and_what_is_no_range_the_whole() {
        for (range, answer) in [
            ("bytes=0-9", Answer::Part { first: 0, last: 9 }),
            ("bytes=90-", Answer::Part { first: 90, last: 99 }),
            ("bytes=-10", Answer::Part { first: 90, last: 99 }),
            ("bytes=-1000", Answer::Part { first: 0, last: 99 }),
            ("bytes=0-18446744073709551616", Answer::Part { first: 0, last: 99 }),
            ("bytes=100-", Answer::BadRange),
            ("bytes=-0", Answer::BadRange),
            ("bytes=18446744073709551616-", Answer::BadRange),
            ("bytes=9-0", Answer::Whole),
            ("bytes=0-1,5-6", Answer::Whole),
            ("bytes=a-b", Answer::Whole),
            ("bytes=", Answer::Whole),
            ("lines=0-1", Answer::Whole),
            ("bytes=--5", Answer::Whole),
        ] {
            assert_eq!(asked(&[("range", range)]), answer, "{range}");
        }
    }

    #[test]
    fn conditions_are_kept() {
        let (tag, date) = (STAMP.tag(), STAMP.date().unwrap());
        assert_eq!(date, "Tue, 14 Nov 2023 22:13:20 GMT");
        let range = ("range", "bytes=0-9");
        for (headers, answer) in [
            (&[("if-none-match", tag.as_str())][..], Answer::Unchanged),
            (&[("if-none-match", "\"other\", *")], Answer::Whole),
            (&[("if-none-match", "\"other\""), ("if-modified-since", &date)], Answer::Whole),
            (&[("if-modified-since", &date)], Answer::Unchanged),
            (&[("if-modified-since", "Tue, 14 Nov 2023 22:13:19 GMT")], Answer::Whole),
            (&[("if-modified-since", "yesterday")], Answer::Whole),
            (&[("if-match", "\"other\"")], Answer::Failed),
            (&[("if-unmodified-since", "Tue, 14 Nov 2023 22:13:19 GMT")], Answer::Failed),
            (&[("if-range", &tag), range], Answer::Part { first: 0, last: 9 }),
            (&[("if-range", "\"other\""), range], Answer::Whole),
        ] {
            assert_eq!(asked(headers), answer, "{headers:?}");
        }
    }
}
