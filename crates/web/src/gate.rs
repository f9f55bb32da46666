//! The gate: requests that two readers could understand differently are refused before anybody acts on them.
//!
//! hyper refuses most of them while it reads (bad chunk sizes, spaces before colons, folded headers, control bytes);
//! what follows are those that it lets pass.
//!
//! Invariant: pure; the sentence is what the client reads.

use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use hyper::http::uri::PathAndQuery;
use hyper::{Method, Uri, Version};

/// Why a request is refused, or `None` when it may pass.
pub(crate) fn refuse(head: &Parts) -> Option<&'static str> {
    let headers = &head.headers;
    if head.method == Method::CONNECT || head.method == Method::TRACE {
        return Some("This method is not served here.");
    }
    if head.version == Version::HTTP_2 && is_of_connections(headers) {
        return Some("The request has a header that HTTP/2 has no use for.");
    }
    length(headers)
        .or_else(|| encoding(headers, head.version))
        .or_else(|| host(headers, &head.uri, head.version))
}

/// What speaks of one connection: in HTTP/2 nothing may, and passed on it would (RFC 9113, 8.2.2).
fn is_of_connections(headers: &HeaderMap) -> bool {
    let names = ["connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade"];
    names.iter().any(|name| headers.contains_key(*name))
}

fn length(headers: &HeaderMap) -> Option<&'static str> {
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    let length = lengths.next()?;
    let is_plain = !length.is_empty() && length.as_bytes().iter().all(u8::is_ascii_digit);
    if lengths.next().is_some() || !is_plain {
        return Some("The request's length is ambiguous.");
    }
    headers
        .contains_key(header::TRANSFER_ENCODING)
        .then_some("The request has both a length and a transfer encoding.")
}

fn encoding(headers: &HeaderMap, version: Version) -> Option<&'static str> {
    let mut encodings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let encoding = encodings.next()?;
    let is_chunked = encoding.as_bytes().eq_ignore_ascii_case(b"chunked");
    let is_fine = is_chunked && encodings.next().is_none() && version == Version::HTTP_11;
    (!is_fine).then_some("The request's transfer encoding is not served here.")
}

/// Makes of a request of HTTP/2 that may pass one as others know it: it names its host in a header, and its cookies in one
/// (RFC 9113, 8.2.3 and 8.3.1).
pub(crate) fn settle(head: &mut Parts) {
    if let Some(named) = head.uri.authority()
        && !head.headers.contains_key(header::HOST)
        && let Ok(host) = HeaderValue::try_from(named.as_str())
    {
        head.headers.insert(header::HOST, host);
    }
    let path = head.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    head.uri = Uri::from(path);
    let cookies: Vec<&[u8]> =
        head.headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if cookies.len() > 1
        && let Ok(cookie) = HeaderValue::from_bytes(&cookies.join(&b"; "[..]))
    {
        head.headers.insert(header::COOKIE, cookie);
    }
}

fn host(headers: &HeaderMap, uri: &Uri, version: Version) -> Option<&'static str> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (first, second) = (hosts.next(), hosts.next());
    let named = first.map(|host| host.as_bytes());
    let is_named = |host: &[u8]| {
        !host.is_empty()
            && host.iter().all(|b| b.is_ascii_alphanumeric() || b"-._~:[]%!$&'()*+,;=".contains(b))
    };
    let is_two = version == Version::HTTP_2;
    match named {
        _ if second.is_some() => Some("The request names two hosts."),
        None if is_two => match uri.authority() {
            None => Some("The request names no host."),
            Some(named) if !is_named(named.as_str().as_bytes()) => Some("The request's host is no name."),
            Some(_) => None,
        },
        None if version == Version::HTTP_11 => Some("The request names no host."),
        None => None,
        Some(host) if !is_named(host) => Some("The request's host is no name."),
        Some(host) => {
            let other = uri.authority().is_some_and(|a| !a.as_str().as_bytes().eq_ignore_ascii_case(host));
            other.then_some("The request names two hosts.")
        }
    }
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn verdict(uri: &str, version: Version, headers: &[(&str, &str)]) -> Option<&'static str> {
        let mut request = Request::builder().uri(uri).version(version);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        refuse(&request.body(()).expect("a request").into_parts().0)
    }

    #[test]
    fn plain_requests_pass() {
        for headers in [
            &[("host", "a.example:80")][..],
            &[("host", "[::1]:8090"), ("content-length", "12")],
            &[("host", "a"), ("transfer-encoding", "Chunked")],
        ] {
            assert_eq!(verdict("/", Version::HTTP_11, headers), None, "{headers:?}");
        }
        assert_eq!(verdict("http://A.example/", Version::HTTP_11, &[("host", "a.example")]), None);
        assert_eq!(verdict("/", Version::HTTP_10, &[]), None);
    }

    #[test]
    fn a_request_of_http_2_names_one_host_and_nothing_of_its_connection() {
        let two = |uri: &str, headers: &[(&str, &str)]| verdict(uri, Version::HTTP_2, headers);
        assert_eq!(two("https://a.example/", &[]), None);
        assert_eq!(two("https://a.example/", &[("host", "A.example")]), None);
        assert_eq!(two("/", &[("host", "a.example")]), None);
        for (uri, headers) in [
            ("/", &[][..]),
            ("https://user@a.example/", &[]),
            ("https://a.example/", &[("host", "b.example")]),
            ("https://a/", &[("host", "a"), ("host", "a")]),
            ("https://a/", &[("connection", "close")]),
            ("https://a/", &[("transfer-encoding", "chunked")]),
            ("https://a/", &[("upgrade", "websocket")]),
            ("https://a/", &[("content-length", "3"), ("content-length", "4")]),
        ] {
            assert!(two(uri, headers).is_some(), "{uri} {headers:?}");
        }
    }

    #[test]
    fn a_request_of_http_2_becomes_one_as_others_know_it() {
        let request = Request::builder().uri("https://a.example/x?y").version(Version::HTTP_2);
        let request = request.header("cookie", "a=1").header("cookie", "b=2").body(()).expect("a request");
        let mut head = request.into_parts().0;
        settle(&mut head);
        assert_eq!(
            (head.uri.to_string().as_str(), &head.headers["host"]),
            ("/x?y", &HeaderValue::from_static("a.example"))
        );
        let cookies: Vec<_> = head.headers.get_all("cookie").iter().collect();
        assert_eq!(cookies, ["a=1; b=2"]);
    }

    #[test]
    fn ambiguous_requests_are_refused() {
        for (uri, version, headers) in [
            ("/", Version::HTTP_11, &[][..]),
            ("/", Version::HTTP_11, &[("host", "")]),
            ("/", Version::HTTP_11, &[("host", "a b")]),
            ("/", Version::HTTP_11, &[("host", "a"), ("host", "b")]),
            ("http://b/", Version::HTTP_11, &[("host", "a")]),
            ("/", Version::HTTP_11, &[("host", "a"), ("content-length", "3"), ("content-length", "3")]),
            ("/", Version::HTTP_11, &[("host", "a"), ("content-length", "3, 3")]),
            ("/", Version::HTTP_11, &[("host", "a"), ("content-length", "+3")]),
            (
                "/",
                Version::HTTP_11,
                &[("host", "a"), ("content-length", "3"), ("transfer-encoding", "chunked")],
            ),
            ("/", Version::HTTP_11, &[("host", "a"), ("transfer-encoding", "gzip, chunked")]),
            (
                "/",
                Version::HTTP_11,
                &[("host", "a"), ("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")],
            ),
            ("/", Version::HTTP_10, &[("transfer-encoding", "chunked")]),
        ] {
            assert!(verdict(uri, version, headers).is_some(), "{uri} {headers:?}");
        }
    }
}
