//! Whose headers are whose: what stays on one connection is taken out first, what we say of the client is set after it.
//!
//! Invariant: pure. Nothing that a client says of itself reaches a backend under a name by which we speak.

use std::net::IpAddr;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::http::uri::PathAndQuery;
use hyper::{Request, Uri, Version};

use crate::gate::{self, Way};
use crate::words::Words;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(crate) const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
/// Tells the application how often a request has been sent before; from the second time on.
pub(crate) const ATTEMPT: HeaderName = HeaderName::from_static("x-ondol-attempt");
/// Headers that we add to a request, at most.
const OURS_MAX: usize = 9;

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

/// Makes of a request's head what a backend gets.
pub(crate) fn to_backend<B>(head: &Parts, client: &Client, body: B) -> Request<B> {
    let mut request = Request::new(body);
    *request.method_mut() = head.method.clone();
    *request.version_mut() = Version::HTTP_11;
    *request.uri_mut() = match head.uri.authority() {
        None => head.uri.clone(),
        // the gate has seen that the host is the same
        Some(_) => {
            let path = head.uri.path_and_query().cloned();
            Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")))
        }
    };
    *request.headers_mut() = told(&head.headers, client);
    request
}

/// Makes of an answer's headers what a client gets. Its framing is made anew.
pub(crate) fn to_client(headers: &mut HeaderMap) {
    if headers.contains_key(header::TRANSFER_ENCODING) {
        headers.remove(header::CONTENT_LENGTH);
    }
    let mut gone = gate::options(headers);
    let is_gone = |name: &&HeaderName| is_of_connection(name.as_str()) || is_order(name.as_str());
    gone.extend(headers.keys().filter(is_gone).cloned());
    for name in &gone {
        headers.remove(name);
    }
}

/// Headers of one connection (RFC 9110, 7.6.1, and what is in use besides).
fn is_of_connection(name: &str) -> bool {
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

/// The headers that a backend gets: what the client sent of its own, then what we say.
fn told(sent: &HeaderMap, client: &Client) -> HeaderMap {
    let sent = Sent { headers: sent, options: gate::options(sent), is_trusted: client.is_trusted };
    let has_trace = sent.has_trace();
    let mut headers = HeaderMap::with_capacity(sent.headers.len() + OURS_MAX);
    for (name, value) in sent.headers {
        let is_kept = match name.as_str() {
            "expect" => false,
            "x-forwarded-proto" | "x-forwarded-host" => client.is_trusted,
            "traceparent" | "tracestate" => has_trace,
            name => !(is_ours(name) || is_of_connection(name) || is_order(name) || is_odd(name)),
        };
        if is_kept && !sent.options.contains(name) {
            headers.append(name.clone(), value.clone());
        }
    }
    let mut words = Words::new();
    forwarded(&mut headers, &mut words, &sent, client);
    headers.extend(client.id.clone().map(|id| (REQUEST_ID, id)));
    if !has_trace {
        begin_trace(&mut words);
        headers.extend(words.value().map(|trace| (TRACE_PARENT, trace)));
    }
    // no `Via` of ours: behind one nginx and others no longer compress
    if client.way == Way::Tunnel {
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    }
    headers
}

/// Who asks, how, and for which host: our own word, after that of proxies whose word is taken.
fn forwarded(headers: &mut HeaderMap, words: &mut Words, sent: &Sent<'_>, client: &Client) {
    let (peer, proto) = (client.peer, if client.is_secure { "https" } else { "http" });
    let host = headers.get(header::HOST).cloned();
    sent.say_before(words, &FORWARDED_FOR);
    words.address(peer);
    headers.extend(words.value().map(|value| (FORWARDED_FOR, value)));
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
    words.text(host.as_ref().and_then(|host| host.to_str().ok()).unwrap_or_default());
    words.text("\";proto=");
    words.text(proto);
    headers.extend(words.value().map(|value| (header::FORWARDED, value)));
    if !headers.contains_key(FORWARDED_PROTO) {
        headers.insert(FORWARDED_PROTO, HeaderValue::from_static(proto));
    }
    if !headers.contains_key(FORWARDED_HOST) {
        headers.extend(host.map(|host| (FORWARDED_HOST, host)));
    }
}

/// Says a trace (W3C Trace Context) that begins here.
fn begin_trace(words: &mut Words) {
    static WORD: LazyLock<u128> = LazyLock::new(|| u128::from_be_bytes(base::chance::bytes()) | 1);
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let count = COUNT.fetch_add(1, Relaxed);
    let trace = WORD.wrapping_add(u128::from(count));
    words.text("00-");
    words.hex(&trace.to_be_bytes());
    words.text("-");
    words.hex(&count.to_be_bytes());
    words.text("-00");
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
        to_backend(&head, &client, ()).into_parts().0
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
    }

    #[test]
    fn an_answer_with_two_framings_keeps_none_and_orders_are_not_shown() {
        let mut headers = HeaderMap::new();
        let sent = [
            ("content-length", "5"),
            ("transfer-encoding", "chunked"),
            ("connection", "close, x-secret"),
            ("x-secret", "1"),
            ("x-accel-redirect", "/private"),
            ("set-cookie", "a=1"),
        ];
        for (name, value) in sent {
            headers.append(name, value.parse().unwrap());
        }
        to_client(&mut headers);
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["set-cookie"]);
    }
}
