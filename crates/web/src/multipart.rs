//! `multipart/form-data` (RFC 7578), part by part, in bounded memory.
//!
//! Why not a crate: `multer` takes in all that a fast sender has ready before it looks at it, and lets a part's headers
//! grow to the size of the body. Here at most one network read and one delimiter are held.
//!
//! Invariant: nothing is kept of a part's data; whoever reads decides what to do with each piece.

use axum::body::Body;
use bytes::{Buf, Bytes, BytesMut};
use memchr::memmem;
use percent_encoding::percent_decode_str;

use crate::body;
use crate::problem::Problem;

/// Bytes of the headers of one part.
const PART_HEAD_MAX: usize = 8 << 10;
/// Bytes before the first delimiter.
const PREAMBLE_MAX: usize = 1 << 10;
/// Characters of a delimiter (RFC 2046, section 5.1.1).
const BOUNDARY_MAX: usize = 70;

/// A body that is read part by part.
pub struct Parts {
    body: Body,
    buffer: BytesMut,
    delimiter: Vec<u8>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Preamble,
    InPart,
    BetweenParts,
    Ended,
}

/// The head of one part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// The field's name.
    pub name: String,
    /// The file's name, when the part is a file.
    pub file_name: Option<String>,
}

impl Parts {
    /// Begins to read; `content_type` is the request's header.
    pub fn new(content_type: &str, body: Body) -> Result<Parts, Problem> {
        let boundary = parameter(content_type, "boundary")
            .filter(|b| !b.is_empty() && b.len() <= BOUNDARY_MAX)
            .ok_or_else(|| Problem::invalid("The multipart request names no valid boundary."))?;
        let delimiter = [b"\r\n--", boundary.as_bytes()].concat();
        // the first delimiter may stand at the very beginning: the line end before it is thought of
        Ok(Parts { body, buffer: BytesMut::from(&b"\r\n"[..]), delimiter, state: State::Preamble })
    }

    /// The next part's head; what was left of the part before it is passed over. `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Part>, Problem> {
        if self.state == State::Preamble {
            self.preamble().await?;
        }
        while self.state == State::InPart {
            self.chunk().await?;
        }
        if self.state == State::Ended {
            return Ok(None);
        }
        if self.is_last().await? {
            self.state = State::Ended;
            return Ok(None);
        }
        self.state = State::InPart;
        self.head().await.map(Some)
    }

    /// The next piece of the present part's data; `None` at its end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Problem> {
        while self.state == State::InPart {
            if let Some(at) = memmem::find(&self.buffer, &self.delimiter) {
                let data = self.buffer.split_to(at).freeze();
                self.buffer.advance(self.delimiter.len());
                self.state = State::BetweenParts;
                return Ok((!data.is_empty()).then_some(data));
            }
            // what could be the begin of a delimiter stays
            let ready = self.buffer.len().saturating_sub(self.delimiter.len() - 1);
            if ready > 0 {
                return Ok(Some(self.buffer.split_to(ready).freeze()));
            }
            self.more().await?;
        }
        Ok(None)
    }

    async fn preamble(&mut self) -> Result<(), Problem> {
        loop {
            if let Some(at) = memmem::find(&self.buffer, &self.delimiter) {
                self.buffer.advance(at + self.delimiter.len());
                self.state = State::BetweenParts;
                return Ok(());
            }
            if self.buffer.len() > PREAMBLE_MAX + self.delimiter.len() {
                return Err(malformed());
            }
            self.more().await?;
        }
    }

    /// After a delimiter: `--` ends the body, a line end begins a part.
    async fn is_last(&mut self) -> Result<bool, Problem> {
        loop {
            match &self.buffer[..] {
                [b'-', b'-', ..] => return Ok(true),
                [b'\r', b'\n', ..] => {
                    self.buffer.advance(2);
                    return Ok(false);
                }
                [b' ' | b'\t', ..] => self.buffer.advance(1),
                [] | [b'-' | b'\r'] => self.more().await?,
                _ => return Err(malformed()),
            }
        }
    }

    async fn head(&mut self) -> Result<Part, Problem> {
        loop {
            if self.buffer.starts_with(b"\r\n") {
                return Err(Problem::invalid("A part of the multipart request has no name."));
            }
            if let Some(at) = memmem::find(&self.buffer, b"\r\n\r\n") {
                let head = self.buffer.split_to(at);
                self.buffer.advance(4);
                return part(&String::from_utf8_lossy(&head));
            }
            if self.buffer.len() > PART_HEAD_MAX {
                return Err(Problem::too_large("The head of a multipart part", PART_HEAD_MAX as u64));
            }
            self.more().await?;
        }
    }

    async fn more(&mut self) -> Result<(), Problem> {
        match body::next(&mut self.body).await? {
            Some(data) => {
                self.buffer.extend_from_slice(&data);
                Ok(())
            }
            None => Err(Problem::invalid("The multipart request ends too early.")),
        }
    }
}

fn malformed() -> Problem {
    Problem::invalid("The multipart request is malformed.")
}

/// Reads the headers of a part.
fn part(head: &str) -> Result<Part, Problem> {
    let disposition = head
        .split("\r\n")
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("content-disposition"))
        .map(|(_, value)| value)
        .ok_or_else(|| Problem::invalid("A part of the multipart request has no name."))?;
    let name = parameter(disposition, "name").map(|n| unescape(&n));
    let extended = parameter(disposition, "filename*")
        .and_then(|v| Some(percent_decode_str(v.splitn(3, '\'').nth(2)?).decode_utf8_lossy().into_owned()));
    let file_name = extended.or_else(|| parameter(disposition, "filename").map(|n| unescape(&n)));
    match name {
        Some(name) if !name.is_empty() => Ok(Part { name, file_name }),
        _ => Err(Problem::invalid("A part of the multipart request has no name.")),
    }
}

/// Browsers write a quote and line ends in names percent-encoded, and nothing else.
fn unescape(name: &str) -> String {
    name.replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n")
}

/// A parameter of a header's value: `form-data; name="a"; filename="b"`.
fn parameter(value: &str, wanted: &str) -> Option<String> {
    let (_, mut rest) = value.split_once(';')?;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ';']);
        let (name, after) = rest.split_once('=')?;
        let (found, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted_text(quoted)?,
            None => {
                let end = after.find(';').unwrap_or(after.len());
                (after[..end].trim().to_owned(), &after[end..])
            }
        };
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(found);
        }
        rest = after;
    }
}

/// A quoted text after its first quote, and what follows it.
fn quoted_text(text: &str) -> Option<(String, &str)> {
    let mut found = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((found, &text[at + 1..])),
            '\\' if text[at + 1..].starts_with(['"', '\\']) => found.extend(chars.next().map(|(_, c)| c)),
            c => found.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read of a body that comes in pieces of `size` bytes: `name[file]=data` per part.
    async fn read(text: &str, size: usize) -> Result<Vec<String>, String> {
        let pieces: Vec<_> = text
            .as_bytes()
            .chunks(size)
            .map(|c| Ok::<_, std::io::Error>(Bytes::copy_from_slice(c)))
            .collect();
        let body = Body::from_stream(futures_util::stream::iter(pieces));
        let mut parts = Parts::new("multipart/form-data; boundary=X", body).map_err(|p| p.message)?;
        let mut read = Vec::new();
        while let Some(part) = parts.next().await.map_err(|p| p.message)? {
            let mut data = Vec::new();
            while let Some(chunk) = parts.chunk().await.map_err(|p| p.message)? {
                data.extend_from_slice(&chunk);
            }
            let file = part.file_name.map(|f| format!("[{f}]")).unwrap_or_default();
            read.push(format!("{}{file}={}", part.name, String::from_utf8_lossy(&data)));
        }
        Ok(read)
    }

    #[tokio::test]
    async fn parts_read_alike_however_the_bytes_arrive() {
        let text = "--X\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--X\r\n\
            content-disposition: form-data; name=\"f\"; filename=\"온 %22돌%22.txt\"\r\nContent-Type: text/plain\r\n\r\n\
            line\r\n--Y\r\n\r\n--X \r\nContent-Disposition: form-data; name=empty\r\n\r\n\r\n--X--\r\nepilogue";
        for size in 1..text.len() {
            let parts = read(text, size).await.expect("reads");
            assert_eq!(parts, ["a=1", "f[온 \"돌\".txt]=line\r\n--Y\r\n", "empty="], "in pieces of {size}");
        }
    }

    #[tokio::test]
    async fn what_is_no_multipart_is_refused_with_a_reason() {
        for (text, reason) in [
            ("", "ends too early"),
            ("--X", "ends too early"),
            ("--X\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nno end", "ends too early"),
            ("--Xjunk", "malformed"),
            ("--X\r\n\r\nno head\r\n--X--", "has no name"),
            ("--X\r\nContent-Disposition: form-data\r\n\r\n\r\n--X--", "has no name"),
        ] {
            let refused = read(text, 7).await.expect_err(text);
            assert!(refused.contains(reason), "{text:?}: {refused}");
        }
        let long = format!("--X\r\nA: {}", "x".repeat(100_000));
        assert!(read(&long, 1000).await.expect_err("long").contains("larger than 8 KiB"));
        assert!(read(&"x".repeat(100_000), 1000).await.expect_err("long").contains("malformed"));
        assert!(Parts::new("multipart/form-data", Body::empty()).is_err());
    }

    #[test]
    fn parameters_are_read_with_quotes_and_without() {
        let value = "form-data; name=\"a \\\"b\\\"; c\"; filename*=UTF-8''%EC%98%A8.txt;x=y";
        assert_eq!(parameter(value, "name").as_deref(), Some("a \"b\"; c"));
        assert_eq!(parameter(value, "x").as_deref(), Some("y"));
        assert_eq!(
            part(&format!("Content-Disposition: {value}")).unwrap().file_name.as_deref(),
            Some("온.txt")
        );
    }
}
