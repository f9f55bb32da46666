//! The gate of a proxy: what `web`'s gate lets pass and may still not be passed on.
//!
//! `web` has refused what two readers could understand differently in framing and host. Here follows what concerns only
//! those who send a request on: what could be taken for another request, or for a header of ours, by the server behind.
//!
//! Invariant: pure; the sentence is what the client reads.

use hyper::header::{self, HeaderMap, HeaderName};
use hyper::http::request::Parts;
use hyper::{Method, Version};

/// How a request goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// As a request and its answer.
    Plain,
    /// As a websocket, if the server behind agrees.
    Tunnel,
}

/// Headers that frame or address a request: no `Connection` may name them as its own.
const KEPT: [HeaderName; 3] = [header::HOST, header::CONTENT_LENGTH, header::TRANSFER_ENCODING];

/// The way of a request, or why it is refused.
pub(crate) fn way(head: &Parts, has_body: bool) -> Result<Way, &'static str> {
    let path = head.uri.path();
    if path == "*" && head.method != Method::OPTIONS {
        return Err("The request's address is not served here.");
    }
    if !path.starts_with('/') && path != "*" {
        return Err("The request's address is not served here.");
    }
    let is_visible = |text: &str| text.bytes().all(|b| (b'!'..=b'~').contains(&b));
    if !is_visible(path) || !head.uri.query().is_none_or(is_visible) {
        return Err("The request's address has signs in it that must be escaped.");
    }
    if !head.headers.contains_key(header::HOST) {
        return Err("The request names no host.");
    }
    let options = options(&head.headers);
    if options.iter().any(|option| KEPT.contains(option)) {
        return Err("The request calls a header its connection's own that is not.");
    }
    Ok(if is_websocket(head, &options) && !has_body { Way::Tunnel } else { Way::Plain })
}

/// What `Connection` names: headers that are not for those behind. What is no name names nothing, and two names that are
/// never passed on need not be named.
pub(crate) fn options(headers: &HeaderMap) -> Vec<HeaderName> {
    let values = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let names = values.flat_map(|value| value.split(',')).map(str::trim);
    let is_known = |name: &&str| ["keep-alive", "close"].iter().any(|known| name.eq_ignore_ascii_case(known));
    names.filter(|name| !is_known(name)).filter_map(|name| name.parse().ok()).collect()
}

/// RFC 6455, 4.1. Any other upgrade is not asked for further on.
fn is_websocket(head: &Parts, options: &[HeaderName]) -> bool {
    let mut upgrades = head.headers.get_all(header::UPGRADE).iter();
    head.method == Method::GET
        && head.version == Version::HTTP_11
        && options.contains(&header::UPGRADE)
        && upgrades.next().is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
        && upgrades.next().is_none()
        && head.headers.contains_key(header::SEC_WEBSOCKET_KEY)
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn ask(method: &str, uri: &str, headers: &[(&str, &str)]) -> Result<Way, &'static str> {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        way(&request.body(()).expect("a request").into_parts().0, false)
    }

    #[test]
    fn what_could_be_misread_behind_is_refused() {
        let host = ("host", "a");
        for (method, uri, headers) in [
            ("GET", "*", &[host][..]),
            ("GET", "/", &[]),
            ("GET", "/\u{e9}", &[host]),
            ("GET", "/", &[host, ("connection", "close, Host")]),
            ("POST", "/", &[host, ("connection", "Content-Length")]),
            ("POST", "/", &[host, ("connection", "transfer-encoding")]),
        ] {
            assert!(ask(method, uri, headers).is_err(), "{method} {uri} {headers:?}");
        }
        assert_eq!(ask("OPTIONS", "*", &[host]), Ok(Way::Plain));
        assert_eq!(ask("GET", "/a?b=%20", &[host, ("connection", "keep-alive, x")]), Ok(Way::Plain));
    }

    #[test]
    fn only_a_whole_websocket_request_becomes_a_tunnel() {
        let whole = [
            ("host", "a"),
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "WebSocket"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        assert_eq!(ask("GET", "/", &whole), Ok(Way::Tunnel));
        assert_eq!(ask("POST", "/", &whole), Ok(Way::Plain));
        for without in 1..whole.len() {
            let headers: Vec<_> =
                whole.iter().enumerate().filter(|(at, _)| *at != without).map(|(_, h)| *h).collect();
            assert_eq!(ask("GET", "/", &headers), Ok(Way::Plain), "{headers:?}");
        }
        let h2c = [("host", "a"), ("connection", "upgrade"), ("upgrade", "h2c"), whole[3]];
        assert_eq!(ask("GET", "/", &h2c), Ok(Way::Plain));
    }
}
