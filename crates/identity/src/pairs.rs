//! Names and values of a query or a form body (`application/x-www-form-urlencoded`), read strictly.
//!
//! Protocols that compare and sign such values must not read them otherwise than their partner does: so what lenient
//! readers repair (a stray `%`, bytes that are no UTF-8) is a fault here, and a name that comes twice has no value.
//!
//! Invariant: pure; memory is bounded by the text and [`COUNT_MAX`].

use std::collections::HashSet;

use percent_encoding::percent_decode_str;
use thiserror::Error;

/// Most pairs that are read. A sign-in answer has about 20.
pub const COUNT_MAX: usize = 100;
/// Longest text that is read, in bytes.
pub const BYTES_MAX: usize = 64 << 10;

/// Why a text is no list of pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    #[error("it is longer than 64 KiB, or has more than 100 parameters")]
    /// More than is ever read.
    TooLong,
    #[error("a parameter has no `=`")]
    /// A name alone.
    NoValue,
    #[error("a parameter is not percent-encoded UTF-8")]
    /// A `%` that is followed by no byte, or bytes that are no text.
    Encoding,
    #[error("a parameter comes twice")]
    /// The same name again.
    Twice,
}

/// Pairs in their order, each name once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pairs(Vec<(String, String)>);

impl Pairs {
    /// Reads pairs; a name may come once only.
    pub fn parse(text: &str) -> Result<Pairs, Fault> {
        if text.len() > BYTES_MAX {
            return Err(Fault::TooLong);
        }
        let mut pairs = Vec::new();
        for part in text.split('&').filter(|part| !part.is_empty()) {
            if pairs.len() == COUNT_MAX {
                return Err(Fault::TooLong);
            }
            let (name, value) = part.split_once('=').ok_or(Fault::NoValue)?;
            pairs.push((decode(name)?, decode(value)?));
        }
        Pairs::from_list(pairs)
    }

    /// Takes pairs that were read elsewhere; a name may come once only.
    pub fn from_list(pairs: Vec<(String, String)>) -> Result<Pairs, Fault> {
        let mut names = HashSet::new();
        if pairs.iter().all(|(name, _)| names.insert(name.as_str())) {
            Ok(Pairs(pairs))
        } else {
            Err(Fault::Twice)
        }
    }

    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    /// All pairs, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

fn decode(text: &str) -> Result<String, Fault> {
    let bytes = text.as_bytes();
    let is_escaped = bytes.iter().enumerate().filter(|(_, b)| **b == b'%').all(|(at, _)| {
        bytes.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    if !is_escaped {
        return Err(Fault::Encoding);
    }
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().map(String::from).map_err(|_| Fault::Encoding)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pairs_read_as_they_were_written() {
        let pairs = Pairs::parse("a=1&b=%EC%98%A8+%2B%20=&c=&").expect("pairs");
        assert_eq!(pairs.iter().collect::<Vec<_>>(), [("a", "1"), ("b", "온 + ="), ("c", "")]);
    }

    #[test]
    fn what_readers_would_disagree_about_is_refused() {
        for (text, fault) in [
            ("a=1&a=1", Fault::Twice),
            ("a=1&%61=2", Fault::Twice),
            ("a", Fault::NoValue),
            ("<html><title>Over capacity</title></html>", Fault::NoValue),
            ("a=%", Fault::Encoding),
            ("a=%4", Fault::Encoding),
            ("a=%+1", Fault::Encoding),
            ("a=%FF", Fault::Encoding),
            (&"a".repeat(BYTES_MAX + 1), Fault::TooLong),
            (&"a=1&".repeat(COUNT_MAX + 1), Fault::TooLong),
        ] {
            assert_eq!(Pairs::parse(text), Err(fault), "{}", &text[..text.len().min(40)]);
        }
    }

    proptest! {
        #[test]
        fn what_a_form_encoder_wrote_reads_back(names in prop::collection::hash_set(".{0,12}", 0..10), value in ".{0,40}") {
            let list: Vec<(String, String)> = names.into_iter().map(|name| (name, value.clone())).collect();
            let text = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&list).finish();
            prop_assert_eq!(Pairs::parse(&text), Ok(Pairs(list)));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[a&=%+é<0-9]{0,60}") {
            let _ = Pairs::parse(&text);
        }
    }
}
