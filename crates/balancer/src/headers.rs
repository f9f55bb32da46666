//! Whose headers are whose: what stays on one connection is taken out first, what we say of the client is set after it.
//!
//! Invariant: pure. Nothing that a client says of itself reaches a backend under a name by which we speak.

use std::net::IpAddr;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use hyper::Method;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::http::uri::PathAndQuery;

use crate::framing::is_of_connection;
use crate::gate::{self, Way};
use crate::words::Words;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(crate) const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
/// Tells the application how often a request has been sent before; from the second time on.
pub(crate) const ATTEMPT: HeaderName = HeaderName::from_static("x-ondol-attempt");
/// What is known of a client and its request.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    /// Who is at the other end of the connection.
    pub(crate) peer: IpAddr,
    /// Whether that is a proxy whose word is taken.
    pub(crate) is_trusted: bool,
    /// Whether its connection is encrypted.
    pub(crate) is_secure: bool,
    /// The request's id.
    pub(crate) id: Option<HeaderValue>,
    /// How the request goes on.
    pub(crate) way: Way,
}

/// How the body of a request is framed on its way to a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framed {
    /// There is none.
    Not,
    Length(u64),
    Chunks,
}

/// Writes of a request's head what a backend gets; `attempt` is told from the second on.
pub(crate) fn to_backend(head: &Parts, client: &Client, framed: Framed, attempt: u32) -> Words {
    let mut words = Words::new();
    words.text(head.method.as_str());
    words.text(" ");
    // of an absolute address the gate has seen that the host is the same
    let path = head.uri.path_and_query().map_or("/", PathAndQuery::as_str);
    if !path.starts_with(['/', '*']) {
        words.text("/");
    }
    words.text(path);
    words.text(" HTTP/1.1\r\n");
    tell(&mut words, &head.headers, client);
    if attempt > 1 {
        words.name(&ATTEMPT);
        words.number(attempt.into());
        words.end();
    }
    match framed {
        // whoever asks for something to be done says that there is nothing more to it
        Framed::Not if matches!(head.method, Method::POST | Method::PUT | Method::PATCH) => {
            length(&mut words, 0)
        }
        Framed::Not => {}
        Framed::Length(bytes) => length(&mut words, bytes),
        Framed::Chunks => words.header(&header::TRANSFER_ENCODING, b"chunked"),
    }
    words.end();
    words
}

fn length(words: &mut Words, bytes: u64) {
    words.name(&header::CONTENT_LENGTH);
    words.number(bytes);
    words.end();
}

/// Makes of an answer's headers, those of the connection taken out, what a client gets.
pub(crate) fn to_client(headers: &mut HeaderMap) {
    let orders: Vec<HeaderName> = headers.keys().filter(|name| is_order(name.as_str())).cloned().collect();
    for name in &orders {
        headers.remove(name);
    }
}

/// Orders to other balancers, which clients must neither give nor see.
fn is_order(name: &str) -> bool {
    matches!(
        name,
        "x-accel-redirect"
            | "x-reproxy-file"
            | "x-reproxy-url"
            | "x-reproxy-expected-size"
            | "x-reproxy-cache-for"
    )
}

/// Names under which nobody but us speaks; those of proxies that we trust are continued.
fn is_ours(name: &str) -> bool {
    matches!(name, "x-forwarded-for" | "forwarded" | "x-real-ip" | "x-request-id" | "x-ondol-attempt")
}

/// Some servers read `_` and `.` as `-`: `Content_Length` would become a length. Such names are dropped.
fn is_odd(name: &str) -> bool {
    !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// Tells a backend what the client sent of its own, then what we say.
fn tell(words: &mut Words, sent: &HeaderMap, client: &Client) {
    let sent = Sent { headers: sent, options: gate::options(sent), is_trusted: client.is_trusted };
    let (has_trace, is_trusted) = (sent.has_trace(), client.is_trusted);
    let (mut has_proto, mut has_host) = (false, false);
    for (name, value) in sent.headers {
        let is_kept = match name.as_str() {
            // framing is made anew
            "expect" | "content-length" => false,
            "x-forwarded-proto" | "x-forwarded-host" => is_trusted,
            "traceparent" | "tracestate" => has_trace,
            name => !(is_ours(name) || is_of_connection(name) || is_order(name) || is_odd(name)),
        };
        if is_kept && !sent.options.contains(name) {
            words.header(name, value.as_bytes());
            has_proto |= is_trusted && *name == FORWARDED_PROTO;
            has_host |= is_trusted && *name == FORWARDED_HOST;
        }
    }
    let proto = if client.is_secure { "https" } else { "http" };
    let host = sent.headers.get(header::HOST).map_or(&b""[..], HeaderValue::as_bytes);
    forwarded(words, &sent, (client.peer, proto, host));
    if !has_proto {
        words.header(&FORWARDED_PROTO, proto.as_bytes());
    }
    if !has_host {
        words.header(&FORWARDED_HOST, host);
    }
    if let Some(id) = &client.id {
        words.header(&REQUEST_ID, id.as_bytes());
    }
    if !has_trace {
        begin_trace(words);
    }
    // no `Via` of ours: behind one nginx and others no longer compress
    if client.way == Way::Tunnel {
        words.header(&header::CONNECTION, b"upgrade");
        words.header(&header::UPGRADE, b"websocket");
    }
}

/// Who asks, how, and for which host: our own word, after that of proxies whose word is taken.
fn forwarded(words: &mut Words, sent: &Sent<'_>, (peer, proto, host): (IpAddr, &str, &[u8])) {
    words.name(&FORWARDED_FOR);
    sent.say_before(words, &FORWARDED_FOR);
    words.address(peer);
    words.end();
    words.name(&header::FORWARDED);
    sent.say_before(words, &header::FORWARDED);
    words.text("for=");
    match peer {
        IpAddr::V4(_) => words.address(peer),
        IpAddr::V6(_) => {
            words.text("\"[");
            words.address(peer);
            words.text("]\"");
        }
    }
    words.text(";host=\"");
    words.bytes(host);
    words.text("\";proto=");
    words.text(proto);
    words.end();
}

/// Says a trace (W3C Trace Context) that begins here.
fn begin_trace(words: &mut Words) {
    static WORD: LazyLock<u128> = LazyLock::new(|| u128::from_be_bytes(base::chance::bytes()) | 1);
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let count = COUNT.fetch_add(1, Relaxed);
    let trace = WORD.wrapping_add(u128::from(count));
    words.name(&TRACE_PARENT);
    words.text("00-");
    words.hex(&trace.to_be_bytes());
    words.text("-");
    words.hex(&count.to_be_bytes());
    words.text("-00\r\n");
}

fn is_trace(parent: &[u8]) -> bool {
    let is_hex = |part: &[u8]| part.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let has_digit = |part: &[u8]| part.iter().any(|b| *b != b'0');
    let parts: Vec<&[u8]> = parent.split(|b| *b == b'-').collect();
    let [version, trace, caller, flags] = parts[..] else { return false };
    (version.len(), trace.len(), caller.len(), flags.len()) == (2, 32, 16, 2)
        && parts.iter().all(|part| is_hex(part))
        && has_digit(trace)
        && has_digit(caller)
}

/// What a client sent.
struct Sent<'h> {
    headers: &'h HeaderMap,
    /// Headers that its `Connection` names.
    options: Vec<HeaderName>,
    is_trusted: bool,
}

impl<'h> Sent<'h> {
    /// The values of a header that is not the connection's own.
    fn values(&self, name: &HeaderName) -> impl Iterator<Item = &'h [u8]> {
        let is_own = self.options.contains(name);
        let values = (!is_own).then(|| self.headers.get_all(name).iter());
        values.into_iter().flatten().map(HeaderValue::as_bytes)
    }

    /// Whether it is a part of one trace.
    fn has_trace(&self) -> bool {
        let name = TRACE_PARENT;
        let mut parents = self.values(&name);
        parents.next().is_some_and(is_trace) && parents.next().is_none()
    }

    /// Says what proxies that we trust say of those before them, to be continued.
    fn say_before(&self, words: &mut Words, name: &HeaderName) {
        if self.is_trusted {
            for value in self.values(name).filter_map(|value| std::str::from_utf8(value).ok()) {
                words.text(value);
                words.text(", ");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn passed(uri: &str, is_trusted: bool, sent: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().uri(uri).header("host", "t");
        for (name, value) in sent {
            request = request.header(*name, *value);
        }
        let head = request.body(()).expect("a request").into_parts().0;
        let id = Some(HeaderValue::from_static("id-1"));
        let client = Client { peer: [10, 0, 0, 9].into(), is_trusted, is_secure: false, id, way: Way::Plain };
        let written = to_backend(&head, &client, Framed::Not, 1).into_bytes();
        let mut lines = [httparse::EMPTY_HEADER; 40];
        let mut read = httparse::Request::new(&mut lines);
        assert_eq!(read.parse(&written), Ok(httparse::Status::Complete(written.len())));
        let mut request = Request::builder().uri(read.path.expect("a path"));
        for line in &*read.headers {
            request = request.header(line.name, line.value);
        }
        request.body(()).expect("a request").into_parts().0
    }

    fn value(head: &Parts, name: &str) -> String {
        let values: Vec<&str> = head.headers.get_all(name).iter().map(|v| v.to_str().unwrap()).collect();
        values.join(" | ")
    }

    #[test]
    fn what_is_the_connections_own_stays_behind() {
        let sent = [
            ("connection", "close, X-Own, X-Forwarded-For"),
            ("x-own", "1"),
            ("keep-alive", "1"),
            ("te", "trailers"),
            ("upgrade", "h2c"),
            ("http2-settings", "AAAA"),
            ("proxy-authorization", "x"),
            ("expect", "100-continue"),
            ("content_length", "5"),
            ("x.y", "5"),
            ("x-reproxy-file", "/etc/passwd"),
            ("x-ondol-attempt", "9"),
            ("x-forwarded-for", "6.6.6.6"),
            ("accept", "*/*"),
        ];
        let head = passed("/", false, &sent);
        let mut names: Vec<&str> = head.headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        let kept = ["accept", "forwarded", "host", "traceparent"];
        let ours = ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-request-id"];
        assert_eq!(names, [&kept[..], &ours].concat());
        assert_eq!(value(&head, "x-forwarded-for"), "10.0.0.9");
    }

    #[test]
    fn a_strangers_word_about_itself_is_replaced_and_a_trusted_proxys_continued() {
        let sent = [
            ("x-forwarded-for", "6.6.6.6"),
            ("x-forwarded-for", "7.7.7.7"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "evil"),
            ("forwarded", "for=6.6.6.6"),
            ("x-real-ip", "6.6.6.6"),
        ];
        let head = passed("/", false, &sent);
        let told = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded", "x-real-ip"];
        let own = "for=10.0.0.9;host=\"t\";proto=http";
        assert_eq!(told.map(|name| value(&head, name)), ["10.0.0.9", "http", "t", own, ""]);
        let head = passed("/", true, &sent);
        let list = "6.6.6.6, 7.7.7.7, 10.0.0.9";
        let forwarded = format!("for=6.6.6.6, {own}");
        assert_eq!(told.map(|name| value(&head, name)), [list, "https", "evil", &forwarded, ""]);
    }

    #[test]
    fn a_request_has_one_id_and_one_trace() {
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let head =
            passed("/", false, &[("traceparent", parent), ("tracestate", "a=1"), ("x-request-id", "?")]);
        let told = ["x-request-id", "traceparent", "tracestate"];
        assert_eq!(told.map(|name| value(&head, name)), ["id-1", parent, "a=1"]);
        for sent in
            [&[][..], &[("traceparent", "nonsense"), ("tracestate", "a=1")], &[("traceparent", parent); 2]]
        {
            let head = passed("/", false, sent);
            let made = value(&head, "traceparent");
            assert!(is_trace(made.as_bytes()) && made != parent, "{made}");
            assert_eq!(value(&head, "tracestate"), "");
        }
    }

    #[test]
    fn an_absolute_address_becomes_a_path() {
        assert_eq!(passed("http://t/a?b", false, &[]).uri, "/a?b");
        assert_eq!(passed("http://t", false, &[]).uri, "/");
        assert_eq!(passed("http://t?b", false, &[]).uri, "/?b");
    }

    #[test]
    fn a_body_has_one_framing_whatever_the_client_said_of_it() {
        let head =
            Request::builder().method("POST").uri("/").header("host", "t").header("content-length", "7");
        let head = head.body(()).expect("a request").into_parts().0;
        let client = Client {
            peer: [10, 0, 0, 9].into(),
            is_trusted: false,
            is_secure: false,
            id: None,
            way: Way::Plain,
        };
        for (framed, told) in [
            (Framed::Not, "\r\ncontent-length: 0\r\n\r\n"),
            (Framed::Length(3), "\r\ncontent-length: 3\r\n\r\n"),
            (Framed::Chunks, "\r\ntransfer-encoding: chunked\r\n\r\n"),
        ] {
            let written = to_backend(&head, &client, framed, 2).into_bytes();
            let written = String::from_utf8(written).expect("text");
            assert!(written.ends_with(&format!("x-ondol-attempt: 2{told}")), "{written}");
            assert_eq!(written.matches("content-length").count(), usize::from(framed != Framed::Chunks));
        }
    }

    #[test]
    fn orders_are_not_shown() {
        let mut headers = HeaderMap::new();
        headers.append("x-accel-redirect", "/private".parse().unwrap());
        headers.append("set-cookie", "a=1".parse().unwrap());
        to_client(&mut headers);
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["set-cookie"]);
    }
}
