//! The gate: requests that two readers could understand differently are refused before anybody acts on them.
//!
//! hyper refuses most of them while it reads (bad chunk sizes, spaces before colons, folded headers, control bytes);
//! what follows are those that it lets pass.
//!
//! Invariant: pure; the sentence is what the client reads.

use hyper::header::{self, HeaderMap};
use hyper::http::request::Parts;
use hyper::{Method, Uri, Version};

/// Why a request is refused, or `None` when it may pass.
pub(crate) fn refuse(head: &Parts) -> Option<&'static str> {
    let headers = &head.headers;
    if head.method == Method::CONNECT || head.method == Method::TRACE {
        return Some("This method is not served here.");
    }
    length(headers)
        .or_else(|| encoding(headers, head.version))
        .or_else(|| host(headers, &head.uri, head.version))
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

fn host(headers: &HeaderMap, uri: &Uri, version: Version) -> Option<&'static str> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (first, second) = (hosts.next(), hosts.next());
    let named = first.map(|host| host.as_bytes());
    let is_named = |host: &[u8]| {
        !host.is_empty()
            && host.iter().all(|b| b.is_ascii_alphanumeric() || b"-._~:[]%!$&'()*+,;=".contains(b))
    };
    match named {
        _ if second.is_some() => Some("The request names two hosts."),
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
