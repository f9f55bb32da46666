//! Whether a page of our own sent a request, as the browser says (OWASP: cross-site request forgery).
//!
//! Invariant: who says nothing of it is refused: a browser that sends forms says one or the other.

use hyper::header::{HOST, HeaderMap, HeaderName, ORIGIN};

/// Whether the browser says that a page of this very origin sent the request: by Fetch Metadata, or by `Origin` (RFC 6454)
/// where the connection is not secure and browsers send only that.
pub fn has_sent(headers: &HeaderMap) -> bool {
    let text = |name: HeaderName| headers.get(name).and_then(|h| h.to_str().ok());
    if let Some(site) = text(HeaderName::from_static("sec-fetch-site")) {
        return site == "same-origin";
    }
    let (Some(origin), Some(host)) = (text(ORIGIN), text(HOST)) else { return false };
    origin.split_once("://").is_some_and(|(_, from)| from.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn sent(headers: &[(&'static str, &'static str)]) -> bool {
        let pairs = headers.iter().map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v)));
        has_sent(&pairs.collect())
    }

    #[test]
    fn only_our_own_pages_may_change_anything() {
        assert!(sent(&[("sec-fetch-site", "same-origin")]));
        assert!(sent(&[("origin", "http://10.0.0.3:8090"), ("host", "10.0.0.3:8090")]));
        assert!(!sent(&[("sec-fetch-site", "cross-site"), ("origin", "http://a"), ("host", "a")]));
        assert!(!sent(&[("sec-fetch-site", "same-site")]));
        assert!(!sent(&[("origin", "null"), ("host", "a")]));
        assert!(!sent(&[("origin", "http://a:1"), ("host", "a:2")]));
        assert!(!sent(&[("host", "a")]));
    }
}
