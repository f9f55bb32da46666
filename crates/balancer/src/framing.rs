//! How an answer is read: its head, and where its body ends (RFC 9112, 6).
//!
//! Invariant: pure. What two readers could understand differently is a fault. What a head says of the connection is taken out of it
//! here and says what becomes of the connection; who gets the answer never sees it.

use std::mem::MaybeUninit;

use bytes::{Buf, Bytes, BytesMut};
use httparse::{ParserConfig, Status};
use hyper::StatusCode;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};

/// Bytes of an answer's head, and of what stands behind its last chunk.
pub(crate) const HEAD_BYTES_MAX: usize = 64 << 10;
/// Headers of an answer.
const HEADERS_MAX: usize = 200;
/// Bytes of the line before a chunk.
const CHUNK_LINE_MAX: usize = 1 << 10;
/// Digits of a chunk's size.
const CHUNK_DIGITS_MAX: usize = 15;
/// Up to so many bytes are copied, and the piece of memory that they came in is used again.
const COPIED_MAX: usize = 4 << 10;

/// Why an answer can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Fault(&'static str);

/// An answer's head.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    /// Without those that are the connection's own.
    pub(crate) headers: HeaderMap,
    pub(crate) framing: Framing,
    /// Whether the connection can be used again after the body.
    pub(crate) is_lasting: bool,
}

/// Where a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// After so many bytes.
    Length(u64),
    /// After the chunk that is empty.
    Chunks(Chunk),
    /// With the connection.
    Close,
}

/// What comes next of a body in chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chunk {
    /// A chunk's size.
    Size,
    /// So many bytes of it.
    Data(u64),
    /// The end of its line.
    End,
    /// What stands behind the last one, of which so many bytes have been seen.
    Trailer(usize),
    Over,
}

/// Reads a head, once all of it is there. No answer to HEAD has a body.
pub(crate) fn head(bytes: &mut BytesMut, may_have_body: bool) -> Result<Option<Head>, Fault> {
    let mut lines = [const { MaybeUninit::uninit() }; HEADERS_MAX];
    let mut parsed = httparse::Response::new(&mut []);
    let read = ParserConfig::default().parse_response_with_uninit_headers(&mut parsed, bytes, &mut lines);
    let length = match read {
        Ok(Status::Complete(length)) if length <= HEAD_BYTES_MAX => length,
        Ok(Status::Partial) if bytes.len() < HEAD_BYTES_MAX => return Ok(None),
        Ok(_) => return Err(Fault("its head is too long")),
        Err(httparse::Error::TooManyHeaders) => return Err(Fault("it has too many headers")),
        Err(_) => return Err(Fault("its head is none of HTTP/1")),
    };
    let status = parsed.code.and_then(|code| StatusCode::from_u16(code).ok());
    let status = status.ok_or(Fault("its status is none"))?;
    let mut reading = Reading {
        headers: HeaderMap::with_capacity(parsed.headers.len() + 2),
        length: None,
        is_chunked: None,
        closes: false,
        stays: false,
        own: Vec::new(),
    };
    for line in &*parsed.headers {
        let name = HeaderName::from_bytes(line.name.as_bytes()).map_err(|_| Fault("a header has no name"))?;
        reading.take(name, line.value)?;
    }
    let head = reading.end(status, parsed.version == Some(0), may_have_body)?;
    bytes.advance(length);
    Ok(Some(head))
}

/// What has been read of a head.
struct Reading {
    headers: HeaderMap,
    length: Option<u64>,
    /// Set by a transfer encoding: whether it is the one that we know.
    is_chunked: Option<bool>,
    closes: bool,
    stays: bool,
    /// Further headers that are the connection's own.
    own: Vec<HeaderName>,
}

impl Reading {
    fn take(&mut self, name: HeaderName, value: &[u8]) -> Result<(), Fault> {
        match name.as_str() {
            "content-length" => {
                let length = decimal(value).ok_or(Fault("its length is none"))?;
                if self.length.replace(length).is_some_and(|other| other != length) {
                    return Err(Fault("it has two lengths"));
                }
                self.headers.insert(name, exact(value)?);
            }
            "transfer-encoding" => {
                let is_known =
                    self.is_chunked.is_none() && value.trim_ascii().eq_ignore_ascii_case(b"chunked");
                self.is_chunked = Some(is_known);
            }
            "connection" => {
                for option in value.split(|b| *b == b',').map(<[u8]>::trim_ascii) {
                    match option {
                        _ if option.eq_ignore_ascii_case(b"close") => self.closes = true,
                        _ if option.eq_ignore_ascii_case(b"keep-alive") => self.stays = true,
                        _ => self.own.extend(HeaderName::from_bytes(option).ok()),
                    }
                }
            }
            name if is_of_connection(name) => {}
            _ => {
                self.headers.append(name, exact(value)?);
            }
        }
        Ok(())
    }

    fn end(mut self, status: StatusCode, is_1_0: bool, may_have_body: bool) -> Result<Head, Fault> {
        let has_none = !may_have_body
            || status.is_informational()
            || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        // who says both may mean either: the chunks are believed, and the connection is not used again
        let is_twofold = self.is_chunked.is_some() && self.length.is_some();
        if self.is_chunked.is_some() {
            self.headers.remove(header::CONTENT_LENGTH);
        }
        let framing = match (self.is_chunked, self.length) {
            _ if has_none => Framing::Length(0),
            (Some(_), _) if is_1_0 => return Err(Fault("HTTP/1.0 has no transfer encoding")),
            (Some(true), _) => Framing::Chunks(Chunk::Size),
            (Some(false), _) => return Err(Fault("its transfer encoding is not known here")),
            (None, Some(length)) => Framing::Length(length),
            (None, None) => Framing::Close,
        };
        for name in &self.own {
            self.headers.remove(name);
        }
        let is_lasting = !self.closes && !is_twofold && framing != Framing::Close && (!is_1_0 || self.stays);
        Ok(Head { status, headers: self.headers, framing, is_lasting })
    }
}

impl Framing {
    /// Takes out of what has come the next piece of the body; `None` when more must come first, or there is no more.
    pub(crate) fn piece(&mut self, bytes: &mut BytesMut) -> Result<Option<Bytes>, Fault> {
        match self {
            Framing::Length(left) => Ok(some(bytes, left)),
            Framing::Close => Ok(some(bytes, &mut { u64::MAX })),
            Framing::Chunks(chunk) => chunk.piece(bytes),
        }
    }

    /// Whether nothing more can come.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self, Framing::Length(0) | Framing::Chunks(Chunk::Over))
    }

    /// Bytes that are still to come, where that is known.
    pub(crate) fn left(&self) -> Option<u64> {
        match self {
            Framing::Length(left) => Some(*left),
            Framing::Chunks(Chunk::Over) => Some(0),
            _ => None,
        }
    }
}

impl Chunk {
    /// The next piece; with the last one of a chunk what follows is looked at too, so that the end is seen at once.
    fn piece(&mut self, bytes: &mut BytesMut) -> Result<Option<Bytes>, Fault> {
        let mut found = None;
        loop {
            match self {
                Chunk::Over => return Ok(found),
                Chunk::Data(0) => *self = Chunk::End,
                Chunk::Data(_) if found.is_some() => return Ok(found),
                Chunk::Data(left) => {
                    found = some(bytes, left);
                    if found.is_none() {
                        return Ok(None);
                    }
                }
                Chunk::Size => {
                    let Some(line) = line(bytes, CHUNK_LINE_MAX)? else { return Ok(found) };
                    *self = match size(&line)? {
                        0 => Chunk::Trailer(0),
                        size => Chunk::Data(size),
                    };
                }
                Chunk::End => {
                    let Some(_) = line(bytes, 0)? else { return Ok(found) };
                    *self = Chunk::Size;
                }
                Chunk::Trailer(seen) => {
                    let Some(line) = line(bytes, HEAD_BYTES_MAX - *seen)? else { return Ok(found) };
                    *seen += line.len();
                    if line.is_empty() {
                        *self = Chunk::Over;
                    }
                }
            }
        }
    }
}

/// Some of what has come, of at most so many bytes.
fn some(bytes: &mut BytesMut, left: &mut u64) -> Option<Bytes> {
    let length = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
    if length == 0 {
        return None;
    }
    *left -= length as u64;
    if length > COPIED_MAX {
        return Some(bytes.split_to(length).freeze());
    }
    let piece = Bytes::copy_from_slice(&bytes[..length]);
    bytes.advance(length);
    Some(piece)
}

/// The next line without its end, once it is there.
fn line(bytes: &mut BytesMut, most: usize) -> Result<Option<BytesMut>, Fault> {
    match bytes.iter().take(most + 2).position(|b| *b == b'\n') {
        Some(0) => Err(Fault("a line ends without a carriage return")),
        Some(end) => {
            let mut line = bytes.split_to(end + 1);
            line.truncate(end);
            match line.split_off(end - 1).first() {
                Some(b'\r') => Ok(Some(line)),
                _ => Err(Fault("a line ends without a carriage return")),
            }
        }
        None if bytes.len() >= most + 2 => Err(Fault("a line within its body is too long")),
        None => Ok(None),
    }
}

/// The size in the line before a chunk; what may follow it is let be.
fn size(line: &[u8]) -> Result<u64, Fault> {
    let digits = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    let (digits, rest) = line.split_at(digits);
    let is_fine = (1..=CHUNK_DIGITS_MAX).contains(&digits.len())
        && matches!(rest.trim_ascii_start().first(), None | Some(b';'))
        && !rest.contains(&b'\r');
    let size = std::str::from_utf8(digits).ok().and_then(|digits| u64::from_str_radix(digits, 16).ok());
    size.filter(|_| is_fine).ok_or(Fault("a chunk's size is none"))
}

fn decimal(value: &[u8]) -> Option<u64> {
    let is_plain = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(value).ok().filter(|_| is_plain)?.parse().ok()
}

fn exact(value: &[u8]) -> Result<HeaderValue, Fault> {
    HeaderValue::from_bytes(value)
        .map_err(|_| Fault("a header's value has signs in it that it must not have"))
}

/// Headers of one connection (RFC 9110, 7.6.1, and what is in use besides).
pub(crate) fn is_of_connection(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "close"
            | "keep-alive"
            | "proxy-connection"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
            | "http2-settings"
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Head, Fault> {
        head(&mut BytesMut::from(text), true).map(|head| head.expect("it is whole"))
    }

    /// All of a body, given by and by; and what is left over.
    fn body(mut framing: Framing, sent: &[u8], step: usize) -> Result<(Vec<u8>, BytesMut), Fault> {
        let (mut bytes, mut whole) = (BytesMut::new(), Vec::new());
        for some in sent.chunks(step) {
            bytes.extend_from_slice(some);
            while let Some(piece) = framing.piece(&mut bytes)? {
                whole.extend_from_slice(&piece);
            }
        }
        Ok((whole, bytes))
    }

    #[test]
    fn a_head_says_where_its_body_ends_and_what_becomes_of_the_connection() {
        for (text, framing, is_lasting) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Framing::Length(5), true),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", Framing::Length(5), true),
            ("HTTP/1.1 200\r\nTransfer-Encoding: Chunked\r\n\r\n", Framing::Chunks(Chunk::Size), true),
            ("HTTP/1.1 200 OK\r\n\r\n", Framing::Close, false),
            ("HTTP/1.1 204 No\r\n\r\n", Framing::Length(0), true),
            ("HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n", Framing::Length(0), true),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: X, Close\r\n\r\n",
                Framing::Length(5),
                false,
            ),
            ("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", Framing::Length(5), false),
            (
                "HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n",
                Framing::Length(5),
                true,
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
                Framing::Chunks(Chunk::Size),
                false,
            ),
        ] {
            let head = read(text).expect(text);
            assert_eq!((head.framing, head.is_lasting), (framing, is_lasting), "{text}");
        }
        let asked = head(&mut BytesMut::from("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), false);
        assert_eq!(asked.expect("a head").map(|head| head.framing), Some(Framing::Length(0)), "of HEAD");
    }

    #[test]
    fn what_is_the_connections_own_is_not_shown() {
        let sent = "HTTP/1.1 200 OK\r\nConnection: x-own, close\r\nX-Own: 1\r\nKeep-Alive: 5\r\nUpgrade: h2c\r\n\
                    Trailer: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\n";
        let head = read(sent).expect("a head");
        let told: Vec<_> =
            head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        assert_eq!(told, [("set-cookie", &b"a"[..]), ("set-cookie", b"b")]);
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_a_fault() {
        for rest in [
            "Content-Length: 5\r\nContent-Length: 6\r\n",
            "Content-Length: 5, 5\r\n",
            "Content-Length: +5\r\n",
            "Content-Length:\r\n",
            "Content-Length: 99999999999999999999\r\n",
            "Transfer-Encoding: gzip\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "X : a\r\n",
            " folded\r\n",
            "no colon\r\n",
        ] {
            assert!(read(&format!("HTTP/1.1 200 OK\r\n{rest}\r\n")).is_err(), "{rest}");
        }
        assert!(read("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").is_err());
        assert!(read("HTTP/2 200 OK\r\n\r\n").is_err());
    }

    #[test]
    fn a_head_waits_until_it_is_whole_and_not_for_ever() {
        let mut bytes = BytesMut::from("HTTP/1.1 200 OK\r\nX: ");
        assert!(head(&mut bytes, true).expect("no fault").is_none());
        bytes.extend_from_slice(&[b'a'; HEAD_BYTES_MAX]);
        assert_eq!(head(&mut bytes, true).err(), Some(Fault("its head is too long")));
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(HEADERS_MAX + 1));
        assert_eq!(read(&many).err(), Some(Fault("it has too many headers")));
    }

    #[test]
    fn chunks_are_read_however_they_come_and_what_follows_is_left() {
        let sent = b"3\r\nabc\r\nA ; x=\"y\"\r\n0123456789\r\n0\r\nX: y\r\n\r\nHTTP/1.1";
        for step in 1..sent.len() {
            let (whole, left) = body(Framing::Chunks(Chunk::Size), sent, step).expect("chunks");
            assert_eq!((&whole[..], &left[..]), (&b"abc0123456789"[..], &b"HTTP/1.1"[..]), "{step}");
        }
    }

    #[test]
    fn chunks_that_are_none_are_a_fault() {
        for sent in [
            "zz\r\nok\r\n",
            "\r\n",
            "-1\r\n",
            "0x3\r\nabc\r\n",
            "3 3\r\nabc\r\n",
            "3\nabc\r\n",
            "3\r\nabcd\r\n",
            "3\r\nabc\n",
            "3\r\nabcX\r\n",
            "ffffffffffffffff\r\n",
            "3;\r;\r\nabc",
            &format!("3;{}", "x".repeat(CHUNK_LINE_MAX + 1)),
            &format!("0\r\nX: {}", "x".repeat(HEAD_BYTES_MAX + 1)),
        ] {
            assert!(body(Framing::Chunks(Chunk::Size), sent.as_bytes(), 5).is_err(), "{sent}");
        }
    }

    proptest! {
        #[test]
        fn a_body_is_never_more_than_was_said(
            length in 0..9000u64, sent in proptest::collection::vec(any::<u8>(), 0..9000), step in 1..5000usize,
        ) {
            let (whole, left) = body(Framing::Length(length), &sent, step).expect("no fault");
            prop_assert_eq!(&[&whole[..], &left[..]].concat(), &sent);
            prop_assert_eq!(whole.len() as u64, length.min(sent.len() as u64));
        }

        #[test]
        fn no_bytes_make_it_panic(sent in proptest::collection::vec(any::<u8>(), 0..200), begun in any::<bool>()) {
            let mut bytes = BytesMut::from(if begun { &b"HTTP/1.1 200 OK\r\n"[..] } else { b"" });
            bytes.extend_from_slice(&sent);
            let _ = head(&mut bytes, true);
            let _ = body(Framing::Chunks(Chunk::Size), &sent, 7);
        }
    }
}
