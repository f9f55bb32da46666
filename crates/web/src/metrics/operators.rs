//! Who may see what is meant for those who run the service.
//!
//! It is whoever brings the secret, and whoever asks on this machine itself, without anybody between: with a program,
//! not through a proxy that forwards for others, and not by a page in a browser here that was made elsewhere.
//!
//! Invariant: doubt is a no.

use std::net::IpAddr;
use std::sync::Arc;

use base::secret::Secret;
use hyper::header::{self, HeaderMap, HeaderName};
use hyper::http::Extensions;

use crate::request;
use crate::visit::Visit;

/// Least characters of the secret.
pub const SECRET_LENGTH_MIN: usize = 16;

/// What proxies add, and browsers that ask on behalf of a page.
const SIGNS_OF_OTHERS: [HeaderName; 8] = [
    header::FORWARDED,
    header::VIA,
    header::ORIGIN,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-real-ip"),
    HeaderName::from_static("cf-connecting-ip"),
];
/// For whom a browser asks: for the person at it, for a page from here, or for a page from elsewhere.
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Those who run the service, as a request shows them. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Operators {
    secret: Option<Arc<Secret>>,
}

impl Operators {
    /// Those on this machine, and the bearers of the secret if there is one.
    pub fn new(secret: Option<Secret>) -> Operators {
        Operators { secret: secret.map(Arc::new) }
    }

    /// Whether a request, by the extensions and headers of its head, is theirs.
    pub fn admit(&self, extensions: &Extensions, headers: &HeaderMap) -> bool {
        let peer = extensions.get::<Arc<Visit>>().map(|visit| visit.peer());
        peer.is_some_and(|peer| is_here(peer, headers)) || self.knows(headers)
    }

    fn knows(&self, headers: &HeaderMap) -> bool {
        match (&self.secret, request::token(headers)) {
            (Some(secret), Some(token)) => is_same(secret.reveal().as_bytes(), token.as_bytes()),
            _ => false,
        }
    }
}

/// Takes as long for a near miss as for a far one.
fn is_same(secret: &[u8], sent: &[u8]) -> bool {
    let differing = secret.iter().zip(sent).fold(0, |found, (a, b)| found | (a ^ b));
    std::hint::black_box(differing) == 0 && secret.len() == sent.len()
}

/// The request was made on this machine, for nobody else. The host is looked at because a page of a foreign name can be
/// led here by that name's owner (DNS rebinding).
fn is_here(peer: IpAddr, headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let is_local_name = name.eq_ignore_ascii_case("localhost")
        || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    peer.to_canonical().is_loopback()
        && is_local_name
        && SIGNS_OF_OTHERS.iter().all(|sign| !headers.contains_key(sign))
        && headers.get(SITE).is_none_or(|site| site == "none" || site == "same-origin")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(secret: &str, peer: &str, sent: &[(&str, &str)]) -> bool {
        let mut headers: HeaderMap =
            [(header::HOST, "localhost:8090".parse().unwrap())].into_iter().collect();
        for (name, value) in sent {
            headers.insert(HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        let mut extensions = Extensions::new();
        extensions.insert(Visit::from(peer.parse().unwrap()));
        let secret = (!secret.is_empty()).then(|| Secret::new(secret));
        Operators::new(secret).admit(&extensions, &headers)
    }

    #[test]
    fn who_asks_on_this_machine_is_admitted() {
        for peer in ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"] {
            for host in ["localhost", "LocalHost:80", "127.0.0.1:8090", "[::1]:8090"] {
                assert!(admits("", peer, &[("host", host)]), "{peer} {host}");
            }
        }
    }

    #[test]
    fn who_asks_from_elsewhere_or_for_somebody_else_is_not() {
        assert!(!admits("", "10.0.0.9", &[]));
        for sign in [
            ("x-forwarded-for", "127.0.0.1"),
            ("forwarded", "for=127.0.0.1"),
            ("via", "1.1 proxy"),
            ("x-real-ip", "127.0.0.1"),
            ("origin", "https://evil.example"),
            ("sec-fetch-site", "cross-site"),
            ("host", "evil.example"),
            ("host", "127.0.0.1.evil.example:8090"),
            ("host", ""),
        ] {
            assert!(!admits("", "127.0.0.1", &[sign]), "{sign:?}");
        }
    }

    #[test]
    fn the_secret_admits_from_anywhere_and_nothing_that_resembles_it() {
        let secret = "a secret of the watchers";
        let bearer = format!("Bearer {secret}");
        assert!(admits(secret, "10.0.0.9", &[("authorization", &bearer), ("host", "popong.com")]));
        for sent in
            ["", "Bearer", "Bearer a secret of the watcher", "Bearer a secret of the watchers!", "Bearer A"]
        {
            assert!(!admits(secret, "10.0.0.9", &[("authorization", sent)]), "{sent}");
        }
        assert!(!admits("", "10.0.0.9", &[("authorization", &bearer)]));
    }
}
