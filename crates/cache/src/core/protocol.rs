//! Memcached's classic text protocol, as far as we speak it (memcached's `doc/protocol.txt`).
//!
//! Invariant: an answer is taken whole or not at all, and none may be longer than its limit.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// The longest line of an answer: a key of 250 bytes with what stands around it, or an error's text.
const LINE_BYTES_MAX: usize = 1024;
const AFTER_VALUE: &[u8] = b"\r\nEND\r\n";

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// To `get`: the value.
    Value {
        /// The key that it says it is of.
        key: Bytes,
        /// The bytes.
        value: Bytes,
    },
    /// To `get`: it has none.
    Missing,
    /// To `set`: it is stored.
    Stored,
    /// To `set`: it is not stored; to anything: the server could not (it is full, or the value too long).
    Declined,
    /// To `version`.
    Version,
}

/// What came is no answer; the connection can't be used further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Garbage;

/// Asks for a key.
pub(crate) fn get(out: &mut BytesMut, key: &str) {
    out.put_slice(b"get ");
    out.put_slice(key.as_bytes());
    out.put_slice(b"\r\n");
}

/// Stores a value for as long as there is room.
pub(crate) fn set(out: &mut BytesMut, key: &str, value: &[u8]) {
    out.put_slice(format!("set {key} 0 0 {}\r\n", value.len()).as_bytes());
    out.put_slice(value);
    out.put_slice(b"\r\n");
}

/// Takes the first answer off `input`; `None` while it is not all there.
pub(crate) fn take(input: &mut BytesMut, value_bytes_max: usize) -> Result<Option<Reply>, Garbage> {
    let Some(end) = input.windows(2).take(LINE_BYTES_MAX).position(|two| two == b"\r\n") else {
        return if input.len() > LINE_BYTES_MAX { Err(Garbage) } else { Ok(None) };
    };
    let line = &input[..end];
    if let Some(words) = line.strip_prefix(b"VALUE ") {
        let (key_length, length) = header(words).ok_or(Garbage)?;
        return value(input, end, key_length, length, value_bytes_max);
    }
    let reply = match line {
        b"END" => Reply::Missing,
        b"STORED" => Reply::Stored,
        b"NOT_STORED" => Reply::Declined,
        line if line.starts_with(b"SERVER_ERROR") => Reply::Declined,
        line if line.starts_with(b"VERSION ") => Reply::Version,
        _ => return Err(Garbage),
    };
    input.advance(end + 2);
    Ok(Some(reply))
}

/// The lengths of key and value in `key flags length`.
fn header(words: &[u8]) -> Option<(usize, usize)> {
    let words = std::str::from_utf8(words).ok()?;
    let mut words = words.split(' ');
    let (key, _flags, length) = (words.next()?, words.next()?, words.next()?);
    Some((key.len(), length.parse().ok()?))
}

fn value(
    input: &mut BytesMut,
    line_end: usize,
    key_length: usize,
    length: usize,
    value_bytes_max: usize,
) -> Result<Option<Reply>, Garbage> {
    if length > value_bytes_max {
        return Err(Garbage);
    }
    let start = line_end + 2;
    let whole = start + length + AFTER_VALUE.len();
    if input.len() < whole {
        input.reserve(whole - input.len());
        return Ok(None);
    }
    let reply = input.split_to(whole).freeze();
    if !reply.ends_with(AFTER_VALUE) {
        return Err(Garbage);
    }
    let key_start = "VALUE ".len();
    let key = reply.slice(key_start..key_start + key_length);
    Ok(Some(Reply::Value { key, value: reply.slice(start..start + length) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 100;

    fn all(text: &[u8]) -> Result<Vec<Reply>, Garbage> {
        let mut input = BytesMut::from(text);
        let mut replies = Vec::new();
        while let Some(reply) = take(&mut input, LIMIT)? {
            replies.push(reply);
        }
        Ok(replies)
    }

    fn value(key: &'static str, value: &'static str) -> Reply {
        Reply::Value { key: Bytes::from_static(key.as_bytes()), value: Bytes::from_static(value.as_bytes()) }
    }

    #[test]
    fn answers_that_come_together_are_taken_one_by_one() {
        let text =
            b"VALUE a 0 5\r\n\r\nEND\r\nEND\r\nSTORED\r\nEND\r\nSERVER_ERROR object too large for cache\r\n";
        let expected = vec![value("a", "\r\nEND"), Reply::Stored, Reply::Missing, Reply::Declined];
        assert_eq!(all(text), Ok(expected));
    }

    #[test]
    fn an_answer_that_comes_in_pieces_is_taken_when_it_is_whole() {
        let text = b"VALUE bills:1 0 3\r\nabc\r\nEND\r\n";
        for cut in 0..text.len() {
            let mut input = BytesMut::from(&text[..cut]);
            assert_eq!(take(&mut input, LIMIT), Ok(None), "cut at {cut}");
            input.extend_from_slice(&text[cut..]);
            assert_eq!(take(&mut input, LIMIT), Ok(Some(value("bills:1", "abc"))));
            assert!(input.is_empty());
        }
    }

    #[test]
    fn what_is_no_answer_is_garbage() {
        let long = [b'a'; LINE_BYTES_MAX + 10];
        for text in [
            b"ERROR\r\n".as_slice(),
            b"CLIENT_ERROR bad\r\n",
            b"HTTP/1.1 400 Bad Request\r\n",
            b"VALUE a 0 101\r\n",
            b"VALUE a 0 -1\r\n",
            b"VALUE a\r\n",
            b"VALUE a 0 1\r\nabcdefghijkl\r\n",
            &long,
        ] {
            assert_eq!(all(text), Err(Garbage), "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn questions_are_written_as_memcached_reads_them() {
        let mut out = BytesMut::new();
        get(&mut out, "a");
        set(&mut out, "b", b"xy");
        assert_eq!(&out[..], b"get a\r\nset b 0 0 2\r\nxy\r\n");
    }
}
