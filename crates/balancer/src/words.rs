//! What we say in headers of our own: all of it written into one piece of memory, without the detour by `fmt`, which cost
//! more than all else that is done to a request's head.

use std::fmt::Write;
use std::net::IpAddr;

use bytes::{BufMut, BytesMut};
use hyper::header::HeaderValue;

/// Bytes of all that is said of one request, as a rule.
const BYTES: usize = 256;
const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Values that are being written.
pub(crate) struct Words(BytesMut);

impl Words {
    pub(crate) fn new() -> Words {
        Words(BytesMut::with_capacity(BYTES))
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.0.put_slice(text.as_bytes());
    }

    /// Each byte as two digits.
    pub(crate) fn hex(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0.put_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
    }

    pub(crate) fn address(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(v4) => {
                for (place, part) in v4.octets().into_iter().enumerate() {
                    if place > 0 {
                        self.0.put_u8(b'.');
                    }
                    self.decimal(part);
                }
            }
            // memory takes whatever is written
            IpAddr::V6(v6) => drop(write!(self.0, "{v6}")),
        }
    }

    fn decimal(&mut self, number: u8) {
        let digit = |unit: u8| DIGITS[usize::from(number / unit % 10)];
        for (unit, least) in [(100, 100), (10, 10), (1, 0)] {
            if number >= least {
                self.0.put_u8(digit(unit));
            }
        }
    }

    /// What was written since the last value; `None` when it can't be a header's.
    pub(crate) fn value(&mut self) -> Option<HeaderValue> {
        HeaderValue::from_maybe_shared(self.0.split().freeze()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_digits_read_as_they_are_written_elsewhere() {
        let mut words = Words::new();
        for text in ["0.7.10.99", "100.109.255.200", "2001:db8::1"] {
            words.address(text.parse().unwrap());
            assert_eq!(words.value().unwrap(), text);
        }
        words.hex(&0x00ab_cdef_0123_4567_u64.to_be_bytes());
        assert_eq!(words.value().unwrap(), "00abcdef01234567");
        words.text("a\nb");
        assert!(words.value().is_none());
    }
}
