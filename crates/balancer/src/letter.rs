//! A request as it goes over a line: its head in bytes, and its body.

use axum::body::Body;
use bytes::Bytes;
use hyper::header::{self, HeaderValue};

use crate::headers::TRACE_PARENT;
use crate::words::Words;

/// Who asks how a backend is.
const AGENT: &[u8] = b"ondol-balancer";

/// A request.
pub(crate) struct Letter {
    /// From its first line to the empty one.
    pub(crate) head: Vec<u8>,
    pub(crate) content: Content,
    /// Whether the answer has no body whatever it says: the method is HEAD.
    pub(crate) is_of_head: bool,
}

/// A request's body.
pub(crate) enum Content {
    /// Here, whole.
    AtHand(Bytes),
    /// Comes in while it goes out.
    Coming(Body),
    /// Sent on, once.
    Gone,
}

impl Letter {
    /// A question how a backend is.
    pub(crate) fn question(path: &str, host: &str) -> Letter {
        let mut words = Words::new();
        words.text("GET ");
        words.text(path);
        words.text(" HTTP/1.1\r\n");
        words.header(&header::HOST, host.as_bytes());
        words.header(&header::USER_AGENT, AGENT);
        words.end();
        Letter { head: words.into_bytes(), content: Content::AtHand(Bytes::new()), is_of_head: false }
    }

    /// The trace as it tells of it.
    pub(crate) fn trace(&self) -> Option<HeaderValue> {
        let name = TRACE_PARENT;
        let mut lines = self.head.split(|b| *b == b'\n').rev();
        let last = lines.find_map(|line| line.strip_prefix(name.as_str().as_bytes())?.strip_prefix(b": "))?;
        HeaderValue::from_bytes(last.trim_ascii_end()).ok()
    }
}
