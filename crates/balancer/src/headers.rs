//! Whose headers are whose: what stays on one connection is taken out first, what we say of the client is set after it.
//!
//! Invariant: pure. Nothing that a client says of itself reaches a backend under a name by which we speak.

use std::net::IpAddr;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::http::uri::PathAndQuery;
use hyper::{Uri, Version};

use crate::gate::{self, Way};

/// Headers of one connection (RFC 9110, 7.6.1, and what is in use besides).
const HOPS: [HeaderName; 10] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("http2-settings"),
];
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACE_STATE: HeaderName = HeaderName::from_static("tracestate");
/// Tells the application how often a request has been sent before; from the second time on.
pub(crate) const ATTEMPT: HeaderName = HeaderName::from_static("x-ondol-attempt");
/// Orders to other balancers, which clients must neither give nor see.
const ORDERS: [HeaderName; 3] = [
    HeaderName::from_static("x-accel-redirect"),
    HeaderName::from_static("x-reproxy-file"),
    HeaderName::from_static("x-reproxy-url"),
];

/// What is known of a client and its request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client<'a> {
    /// Who is at the other end of the connection.
    pub(crate) peer: IpAddr,
    /// Whether that is a proxy whose word is taken.
    pub(crate) is_trusted: bool,
    /// Whether its connection is encrypted.
    pub(crate) is_secure: bool,
    /// The request's id.
    pub(crate) id: &'a str,
}

/// Makes of a request's head what a backend gets.
pub(crate) fn to_backend(head: &mut Parts, way: Way, client: &Client<'_>) {
    strip(&mut head.headers);
    let headers = &mut head.headers;
    for name in [header::EXPECT, REAL_IP, ATTEMPT].iter().chain(&ORDERS) {
        headers.remove(name);
    }
    drop_odd_names(headers);
    forwarded(headers, client);
    trace(headers, client);
    // no `Via` of ours: behind one nginx and others no longer compress
    if way == Way::Tunnel {
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    }
    head.version = Version::HTTP_11;
    if head.uri.authority().is_some() {
        // the gate has seen that the host is the same
        let path = head.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        head.uri = Uri::from(path);
    }
}

/// Makes of an answer's headers what a client gets. Its framing is made anew.
pub(crate) fn to_client(headers: &mut HeaderMap) {
    if headers.contains_key(header::TRANSFER_ENCODING) {
        headers.remove(header::CONTENT_LENGTH);
    }
    strip(headers);
    for name in &ORDERS {
        headers.remove(name);
    }
}

fn strip(headers: &mut HeaderMap) {
    if headers.contains_key(header::CONNECTION) {
        for name in gate::options(headers) {
            headers.remove(name);
        }
    }
    for name in &HOPS {
        headers.remove(name);
    }
}

/// Some servers read `_` and `.` as `-`: `Content_Length` would become a length. Such names are dropped.
fn drop_odd_names(headers: &mut HeaderMap) {
    let is_plain = |name: &HeaderName| name.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if headers.keys().all(is_plain) {
        return;
    }
    let odd: Vec<HeaderName> = headers.keys().filter(|name| !is_plain(name)).cloned().collect();
    for name in odd {
        headers.remove(name);
    }
}

/// Who asks, how, and for which host: our own word, after that of proxies whose word is taken.
fn forwarded(headers: &mut HeaderMap, client: &Client<'_>) {
    let proto = if client.is_secure { "https" } else { "http" };
    let host = headers.get(header::HOST).cloned();
    let before = match client.is_trusted {
        true => joined(headers, &FORWARDED_FOR),
        false => None,
    };
    let list = before.map_or_else(|| client.peer.to_string(), |before| format!("{before}, {}", client.peer));
    set(headers, FORWARDED_FOR, &list);
    let is_said = |headers: &HeaderMap, name: &HeaderName| client.is_trusted && headers.contains_key(name);
    if !is_said(headers, &FORWARDED_PROTO) {
        headers.insert(FORWARDED_PROTO, HeaderValue::from_static(proto));
    }
    if !is_said(headers, &FORWARDED_HOST)
        && let Some(host) = host.clone()
    {
        headers.insert(FORWARDED_HOST, host);
    }
    let node = match client.peer {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("\"[{v6}]\""),
    };
    let host = host.as_ref().and_then(|host| host.to_str().ok()).unwrap_or_default();
    let own = format!("for={node};host=\"{host}\";proto={proto}");
    let before = if client.is_trusted { joined(headers, &header::FORWARDED) } else { None };
    set(headers, header::FORWARDED, &before.map_or(own.clone(), |before| format!("{before}, {own}")));
}

/// The request's id, and a trace (W3C Trace Context) that begins here when none comes with it.
fn trace(headers: &mut HeaderMap, client: &Client<'_>) {
    static WORD: LazyLock<u128> = LazyLock::new(|| u128::from_be_bytes(base::chance::bytes()) | 1);
    static COUNT: AtomicU64 = AtomicU64::new(1);
    set(headers, REQUEST_ID, client.id);
    let mut sent = headers.get_all(&TRACE_PARENT).iter();
    let is_one = sent.next().is_some_and(|parent| is_trace(parent.as_bytes())) && sent.next().is_none();
    if !is_one {
        headers.remove(&TRACE_STATE);
        let count = COUNT.fetch_add(1, Relaxed);
        let trace = WORD.wrapping_add(u128::from(count));
        set(headers, TRACE_PARENT, &format!("00-{trace:032x}-{count:016x}-00"));
    }
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

fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let values: Vec<&str> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
    (!values.is_empty()).then(|| values.join(", "))
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    match HeaderValue::try_from(value) {
        Ok(value) => drop(headers.insert(name, value)),
        Err(_) => drop(headers.remove(name)),
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
        let mut head = request.body(()).expect("a request").into_parts().0;
        let client = Client { peer: [10, 0, 0, 9].into(), is_trusted, is_secure: false, id: "id-1" };
        to_backend(&mut head, Way::Plain, &client);
        head
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
