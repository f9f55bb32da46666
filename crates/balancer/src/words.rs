//! A request's head as it goes to a backend, written into one piece of memory, without a map of headers between and without
//! the detour by `fmt`, which cost more than all else that is done to it.
//!
//! Invariant: names and values are of heads that were read, or our own words: none has a line's end in it.

use std::io::Write;
use std::net::IpAddr;

use hyper::header::HeaderName;

/// Bytes of a head, as a rule.
const BYTES: usize = 1 << 10;
const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// A head that is being written.
pub(crate) struct Words(Vec<u8>);

impl Words {
    pub(crate) fn new() -> Words {
        Words(Vec::with_capacity(BYTES))
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// A header, whole.
    pub(crate) fn header(&mut self, name: &HeaderName, value: &[u8]) {
        self.name(name);
        self.bytes(value);
        self.end();
    }

    /// The beginning of a header.
    pub(crate) fn name(&mut self, name: &HeaderName) {
        self.text(name.as_str());
        self.text(": ");
    }

    /// The end of a line.
    pub(crate) fn end(&mut self) {
        self.text("\r\n");
    }

    /// Each byte as two digits.
    pub(crate) fn hex(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.bytes(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
    }

    pub(crate) fn address(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(v4) => {
                for (place, part) in v4.octets().into_iter().enumerate() {
                    if place > 0 {
                        self.0.push(b'.');
                    }
                    self.number(part.into());
                }
            }
            // memory takes whatever is written
            IpAddr::V6(v6) => drop(write!(self.0, "{v6}")),
        }
    }

    pub(crate) fn number(&mut self, number: u64) {
        let (mut digits, mut begin, mut rest) = ([0; 20], 20, number);
        loop {
            begin -= 1;
            digits[begin] = DIGITS[usize::try_from(rest % 10).unwrap_or(0)];
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.0.extend_from_slice(&digits[begin..]);
    }

    /// All that was written.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Words)) -> String {
        let mut words = Words::new();
        write(&mut words);
        String::from_utf8(words.into_bytes()).expect("text")
    }

    #[test]
    fn addresses_and_digits_read_as_they_are_written_elsewhere() {
        for text in ["0.7.10.99", "100.109.255.200", "2001:db8::1"] {
            assert_eq!(written(|words| words.address(text.parse().unwrap())), text);
        }
        let hex = written(|words| words.hex(&0x00ab_cdef_0123_4567_u64.to_be_bytes()));
        assert_eq!(hex, "00abcdef01234567");
        for number in [0, 7, 10, 65536, u64::MAX] {
            assert_eq!(written(|words| words.number(number)), number.to_string());
        }
        let name = hyper::header::ACCEPT;
        assert_eq!(written(|words| words.header(&name, b"*/*")), "accept: */*\r\n");
    }
}
