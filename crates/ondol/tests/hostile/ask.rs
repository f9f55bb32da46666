//! One request over a socket of its own, byte for byte as it was written, and its answer.

use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// A house that says nothing for so long is stuck.
const PATIENCE: Duration = Duration::from_secs(60);

/// A request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ask {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) token: String,
    pub(crate) kind: String,
    pub(crate) body: Vec<u8>,
}

/// An answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Ask {
    pub(crate) fn get(path: impl Into<String>) -> Ask {
        Ask { method: "GET".into(), path: path.into(), ..Ask::default() }
    }

    pub(crate) fn json(method: &str, path: impl Into<String>, body: &Value) -> Ask {
        Ask::raw(method, path, "application/json", body.to_string())
    }

    pub(crate) fn raw(method: &str, path: impl Into<String>, kind: &str, body: impl Into<Vec<u8>>) -> Ask {
        Ask {
            method: method.into(),
            path: path.into(),
            kind: kind.into(),
            body: body.into(),
            ..Ask::default()
        }
    }

    pub(crate) fn of(mut self, token: &str) -> Ask {
        token.clone_into(&mut self.token);
        self
    }

    /// Sends it; `None` when the house hung up without a word.
    pub(crate) fn send(&self, to: SocketAddr) -> Option<Answer> {
        let mut head =
            format!("{} {} HTTP/1.1\r\nHost: house\r\nConnection: close\r\n", self.method, self.path);
        if !self.token.is_empty() {
            let _ = write!(head, "Authorization: {}\r\n", self.token);
        }
        if !self.kind.is_empty() {
            let _ = write!(head, "Content-Type: {}\r\n", self.kind);
        }
        if self.method != "GET" || !self.body.is_empty() {
            let _ = write!(head, "Content-Length: {}\r\n", self.body.len());
        }
        head.push_str("\r\n");
        let mut stream = TcpStream::connect(to).expect("the house listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time");
        // the house may have heard enough before the end
        let sent = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&self.body));
        let _ = sent;
        Answer::read(&mut stream)
    }
}

impl Answer {
    /// Reads an answer whose end is the end of the connection.
    pub(crate) fn read(stream: &mut TcpStream) -> Option<Answer> {
        let mut bytes = Vec::new();
        let mut piece = vec![0; 64 << 10];
        loop {
            match stream.read(&mut piece) {
                Ok(0) => break,
                Ok(read) => bytes.extend_from_slice(&piece[..read]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("no answer came"),
                Err(_) => break,
            }
        }
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let body = bytes[end + 4..].to_vec();
        let is_chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
        Some(Answer { status, head, body: if is_chunked { joined(&body) } else { body } })
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// The pieces of a chunked body, joined.
fn joined(mut chunked: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = chunked.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&chunked[..end]).ok().and_then(|s| usize::from_str_radix(s, 16).ok());
        let Some(size @ 1..) = size else { break };
        let piece = chunked.get(end + 2..end + 2 + size).unwrap_or_default();
        whole.extend_from_slice(piece);
        chunked = chunked.get(end + 4 + size..).unwrap_or_default();
    }
    whole
}

/// A text as it stands in an address.
pub(crate) fn encoded(text: &str) -> String {
    let mut whole = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                whole.push(char::from(byte))
            }
            other => {
                let _ = write!(whole, "%{other:02X}");
            }
        }
    }
    whole
}
