//! What of a file is sent: all of it, a part, or only that it is as it was (RFC 9110, 13 and 14).

use std::ops::Range;

use hyper::Method;
use hyper::header::{self, HeaderMap, HeaderName};

/// What is known of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// With its quotes.
    pub(crate) etag: String,
    /// As in `Last-Modified`, in whole seconds since 1970.
    pub(crate) modified: u64,
    pub(crate) size: u64,
}

/// What is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// 200.
    Whole,
    /// 206.
    Part(Range<u64>),
    /// 304.
    Same,
    /// 412.
    Unmet,
    /// 416.
    Beyond,
}

/// Judges by a request's headers; `date` reads a date into seconds since 1970.
pub(crate) fn judge(
    method: &Method,
    headers: &HeaderMap,
    facts: &Facts,
    date: impl Fn(&str) -> Option<u64>,
) -> Verdict {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let tags = |name: HeaderName| {
        let sent: Vec<&str> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
        (!sent.is_empty()).then(|| sent.join(","))
    };
    let is_met = match tags(header::IF_MATCH) {
        Some(tags) => lists(&tags, &facts.etag, false),
        None => text(header::IF_UNMODIFIED_SINCE).and_then(&date).is_none_or(|since| facts.modified <= since),
    };
    if !is_met {
        return Verdict::Unmet;
    }
    let is_same = match tags(header::IF_NONE_MATCH) {
        Some(tags) => lists(&tags, &facts.etag, true),
        None => text(header::IF_MODIFIED_SINCE).and_then(&date).is_some_and(|since| facts.modified <= since),
    };
    if is_same {
        return Verdict::Same;
    }
    let holds = match text(header::IF_RANGE) {
        None => true,
        Some(tag) if tag.starts_with('"') => tag == facts.etag,
        Some(when) => date(when) == Some(facts.modified),
    };
    match text(header::RANGE) {
        Some(range) if holds && *method == Method::GET => part(range, facts.size),
        _ => Verdict::Whole,
    }
}

/// Whether a list of tags has this one; where the weak count too, `W/` does not matter.
fn lists(tags: &str, etag: &str, counts_weak: bool) -> bool {
    tags.split(',').map(str::trim).any(|tag| {
        let tag = if counts_weak { tag.strip_prefix("W/").unwrap_or(tag) } else { tag };
        tag == "*" || tag == etag
    })
}

/// One range of bytes. Several are answered with the whole, as is what can't be read.
fn part(range: &str, size: u64) -> Verdict {
    let Some((from, to)) = range.strip_prefix("bytes=").and_then(|range| range.trim().split_once('-')) else {
        return Verdict::Whole;
    };
    let number = |text: &str| match text.bytes().all(|b| b.is_ascii_digit()) {
        true if !text.is_empty() => Some(text.parse().unwrap_or(u64::MAX)),
        _ => None,
    };
    let (from, to) = match (number(from), number(to)) {
        (Some(from), Some(to)) if from <= to => (from, to.saturating_add(1).min(size)),
        (Some(from), None) if to.is_empty() => (from, size),
        (None, Some(last)) if from.is_empty() && last > 0 => (size.saturating_sub(last), size),
        (None, Some(0)) if from.is_empty() => return Verdict::Beyond,
        _ => return Verdict::Whole,
    };
    if from < to { Verdict::Part(from..to) } else { Verdict::Beyond }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ask(method: &Method, sent: &[(&'static str, &str)]) -> Verdict {
        let facts = Facts { etag: "\"a\"".into(), modified: 1000, size: 10 };
        let headers = sent
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect();
        judge(method, &headers, &facts, |date| date.parse().ok())
    }

    #[test]
    fn conditions_are_asked_in_their_order() {
        for (sent, verdict) in [
            (&[][..], Verdict::Whole),
            (&[("if-none-match", "\"b\", W/\"a\"")], Verdict::Same),
            (&[("if-none-match", "*")], Verdict::Same),
            (&[("if-none-match", "\"b\""), ("if-modified-since", "2000")], Verdict::Whole),
            (&[("if-modified-since", "1000")], Verdict::Same),
            (&[("if-modified-since", "999")], Verdict::Whole),
            (&[("if-modified-since", "yesterday")], Verdict::Whole),
            (&[("if-match", "\"b\"")], Verdict::Unmet),
            (&[("if-match", "W/\"a\"")], Verdict::Unmet),
            (&[("if-match", "\"a\""), ("if-unmodified-since", "1")], Verdict::Whole),
            (&[("if-unmodified-since", "1")], Verdict::Unmet),
            (&[("range", "bytes=0-1"), ("if-range", "\"a\"")], Verdict::Part(0..2)),
            (&[("range", "bytes=0-1"), ("if-range", "W/\"a\"")], Verdict::Whole),
            (&[("range", "bytes=0-1"), ("if-range", "1000")], Verdict::Part(0..2)),
            (&[("range", "bytes=0-1"), ("if-range", "2000")], Verdict::Whole),
            (&[("range", "bytes=0-1"), ("if-none-match", "\"a\"")], Verdict::Same),
        ] {
            assert_eq!(ask(&Method::GET, sent), verdict, "{sent:?}");
        }
        assert_eq!(ask(&Method::HEAD, &[("range", "bytes=0-1")]), Verdict::Whole);
    }

    #[test]
    fn a_range_is_cut_to_the_file_and_what_lies_behind_it_is_told() {
        for (range, verdict) in [
            ("bytes=2-4", Verdict::Part(2..5)),
            ("bytes=2-", Verdict::Part(2..10)),
            ("bytes=-3", Verdict::Part(7..10)),
            ("bytes=-30", Verdict::Part(0..10)),
            ("bytes=2-99999999999999999999999", Verdict::Part(2..10)),
            ("bytes=10-", Verdict::Beyond),
            ("bytes=-0", Verdict::Beyond),
            ("bytes=4-2", Verdict::Whole),
            ("bytes=0-1,3-4", Verdict::Whole),
            ("bytes=-", Verdict::Whole),
            ("items=0-1", Verdict::Whole),
            ("bytes=+1-2", Verdict::Whole),
        ] {
            assert_eq!(ask(&Method::GET, &[("range", range)]), verdict, "{range}");
        }
    }

    proptest! {
        #[test]
        fn a_part_is_never_empty_and_never_longer_than_the_file(range in "bytes=[0-9]{0,3}-[0-9]{0,3}", size in 0..200u64) {
            if let Verdict::Part(part) = part(&range, size) {
                prop_assert!(part.start < part.end && part.end <= size);
            }
        }
    }
}
