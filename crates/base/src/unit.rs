//! Sizes and durations as people write them: `8 MiB`, `500 KB`, `30 s`, `10 min`, `2 h`.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

/// A number of bytes, written as `4096`, `500 KB`, `8 MiB`, `1 GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

/// A length of time, written as `500 ms`, `30 s`, `10 min`, `2 h`, `7 d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

const SIZES: [(&str, u64); 7] = [
    ("", 1),
    ("B", 1),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];
const SPANS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1_000), ("min", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

impl Bytes {
    /// Reads a size; the error says what is accepted.
    pub fn parse(text: &str) -> Result<Bytes, String> {
        measure(text, &SIZES)
            .map(Bytes)
            .ok_or_else(|| format!("`{text}` is not a size: write it as 500 KB, 8 MiB or 1 GiB"))
    }
}

impl Span {
    /// Reads a duration; the error says what is accepted.
    pub fn parse(text: &str) -> Result<Span, String> {
        measure(text, &SPANS).map(|ms| Span(Duration::from_millis(ms))).ok_or_else(|| {
            format!("`{text}` is not a duration: write it as 500 ms, 30 s, 10 min, 2 h or 7 d")
        })
    }
}

fn measure(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = (text[..split].parse::<u64>().ok()?, text[split..].trim());
    units.iter().find(|(name, _)| *name == unit).and_then(|(_, factor)| number.checked_mul(*factor))
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match SIZES.iter().rev().find(|(_, factor)| self.0 >= *factor && self.0.is_multiple_of(*factor)) {
            Some((unit, factor)) if *factor > 1 => write!(f, "{} {unit}", self.0 / factor),
            _ => write!(f, "{} B", self.0),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        match SPANS.iter().rev().find(|(_, factor)| ms >= *factor && ms.is_multiple_of(*factor)) {
            Some((unit, factor)) => write!(f, "{} {unit}", ms / factor),
            None => write!(f, "{ms} ms"),
        }
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Bytes, D::Error> {
        Bytes::parse(&String::deserialize(from)?).map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Span, D::Error> {
        Span::parse(&String::deserialize(from)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_durations_read_as_they_display() {
        for text in ["12 B", "500 KB", "8 MiB", "1 GiB"] {
            assert_eq!(Bytes::parse(text).map(|b| b.to_string()).as_deref(), Ok(text));
        }
        for text in ["5 ms", "30 s", "10 min", "2 h", "7 d"] {
            assert_eq!(Span::parse(text).map(|s| s.to_string()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn a_number_with_an_unknown_unit_is_refused_with_examples() {
        assert!(Bytes::parse("8 mib").is_err_and(|e| e.contains("8 MiB")));
        assert!(Span::parse("5").is_err_and(|e| e.contains("30 s")));
        assert!(Bytes::parse("99999999999999999999 GiB").is_err());
    }
}
