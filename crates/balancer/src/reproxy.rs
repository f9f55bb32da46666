//! What an answer orders to be sent in its stead: a file of a root, or something that other servers have.
//!
//! The application has looked whether it may be seen; the bytes are none of its business. Its place is free by then.
//!
//! Invariant: only what the route allows by name is reached, and by its name only; what is sent in the stead of an answer
//! gives no orders itself. Cookies and tokens of the client are not shown to those servers.

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode, Uri};

use crate::files::{self, Root};
use crate::plan::Orders;

const ACCEL: HeaderName = HeaderName::from_static("x-accel-redirect");
const FILE: HeaderName = HeaderName::from_static("x-reproxy-file");
const URL: HeaderName = HeaderName::from_static("x-reproxy-url");
const SIZE: HeaderName = HeaderName::from_static("x-reproxy-expected-size");

/// Addresses in one order.
const URLS_MAX: usize = 8;
/// What of a client's request is asked on: what part of which bytes, in which form.
const ASKED: [HeaderName; 7] = [
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::RANGE,
    header::IF_RANGE,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::USER_AGENT,
];
/// What tells of bytes: it is taken from where the bytes come from, never from the answer that gave the order.
const OF_BYTES: [HeaderName; 12] = [
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
    header::CONTENT_ENCODING,
    header::ETAG,
    header::LAST_MODIFIED,
    header::ACCEPT_RANGES,
    header::DATE,
    header::SERVER,
    header::AGE,
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("content-md5"),
];

/// An order, as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// `/NAME/PATH`, of a root or a pool.
    Accel(String),
    /// The whole path of a file.
    File(String),
    /// Addresses, of which the first that answers is taken, and how many bytes are expected.
    Urls(Vec<String>, Option<u64>),
    /// It can't be read.
    Garbled,
}

/// What an order comes to.
#[derive(Debug)]
pub(crate) enum Source<'o> {
    /// A file, by its path below a root.
    File(&'o std::sync::Arc<Root>, String),
    /// A path at a pool; at this address of it, if it is one.
    Pool { pool: usize, address: Option<String>, host: String, path: String },
}

impl Order {
    /// The order of an answer, if it gives one.
    pub(crate) fn of(status: StatusCode, headers: &HeaderMap) -> Option<Order> {
        if !status.is_success() {
            return None;
        }
        let given = [ACCEL, FILE, URL].into_iter().find(|name| headers.contains_key(name))?;
        let text =
            headers.get(&given).and_then(|value| value.to_str().ok()).map(|text| text.trim().to_owned());
        let Some(text) = text else { return Some(Order::Garbled) };
        let size = headers.get(SIZE).and_then(|size| size.to_str().ok()).and_then(|size| size.parse().ok());
        Some(match given {
            given if given == ACCEL => Order::Accel(text),
            given if given == FILE => Order::File(text),
            _ => Order::Urls(text.split_ascii_whitespace().take(URLS_MAX).map(str::to_owned).collect(), size),
        })
    }

    /// What it comes to, where that is allowed.
    pub(crate) fn sources<'o>(&self, allowed: &'o Orders) -> Vec<Source<'o>> {
        let found = match self {
            Order::Accel(text) => accel(text, allowed),
            Order::File(text) => file(text, allowed),
            Order::Urls(texts, _) => return texts.iter().filter_map(|text| url(text, allowed)).collect(),
            Order::Garbled => None,
        };
        found.into_iter().collect()
    }

    /// Bytes that are expected.
    pub(crate) fn size(&self) -> Option<u64> {
        match self {
            Order::Urls(_, size) => *size,
            _ => None,
        }
    }
}

/// `/NAME/PATH`, escaped as in an address.
fn accel<'o>(text: &str, allowed: &'o Orders) -> Option<Source<'o>> {
    let (name, rest) = text.strip_prefix('/')?.split_once('/')?;
    if let Some(root) = allowed.roots.iter().find(|root| root.name == name) {
        let path = rest.split(['?', '#']).next().unwrap_or_default();
        return Some(Source::File(root, files::below("", path)?));
    }
    let pool = allowed.pools.iter().position(|(known, _)| known == name)?;
    Some(Source::Pool { pool, address: None, host: name.to_owned(), path: path(&format!("/{rest}"))? })
}

/// The whole path of a file, written as it is.
fn file<'o>(text: &str, allowed: &'o Orders) -> Option<Source<'o>> {
    let of = |root: &'o std::sync::Arc<Root>| {
        let rest = text.strip_prefix(root.path.to_str()?.trim_end_matches('/'))?.strip_prefix('/')?;
        Some(Source::File(root, files::plain("", rest)?))
    };
    allowed.roots.iter().find_map(of)
}

/// `http://POOL/PATH`, or with the address of one of its servers in the place of its name.
fn url<'o>(text: &str, allowed: &'o Orders) -> Option<Source<'o>> {
    let uri: Uri = text.parse().ok()?;
    let authority = uri.authority().map(|authority| authority.as_str())?;
    if uri.scheme_str() != Some("http") || authority.contains('@') {
        return None;
    }
    let path = path(uri.path_and_query()?.as_str())?;
    let host = authority.to_owned();
    if let Some(pool) = allowed.pools.iter().position(|(name, _)| name == authority) {
        return Some(Source::Pool { pool, address: None, host, path });
    }
    let address = if uri.port().is_some() { host.clone() } else { format!("{host}:80") };
    let pool = allowed.pools.iter().position(|(_, desk)| desk.id(&address).is_some())?;
    Some(Source::Pool { pool, address: Some(address), host, path })
}

/// A path with its query, as it may be sent on.
fn path(text: &str) -> Option<String> {
    let is_plain = text.starts_with('/') && text.bytes().all(|b| (b'!'..=b'~').contains(&b) && b != b'#');
    is_plain.then(|| text.to_owned())
}

/// What of a client's request counts for what is sent in the answer's stead: it is read, whatever was asked.
pub(crate) fn client(head: &Parts) -> Parts {
    let is_read = matches!(head.method, Method::GET | Method::HEAD);
    let mut client = head.clone();
    client.headers.clear();
    if !is_read {
        client.method = Method::GET;
    }
    for name in ASKED.iter().filter(|_| is_read) {
        for value in head.headers.get_all(name) {
            client.headers.append(name, value.clone());
        }
    }
    client
}

/// The request to a pool.
pub(crate) fn request(client: &Parts, host: &str, path: &str) -> Option<Parts> {
    let mut head = client.clone();
    head.uri = path.parse().ok()?;
    head.headers.insert(header::HOST, HeaderValue::try_from(host).ok()?);
    Some(head)
}

/// Puts what an answer says beside its order over what is sent in its stead.
pub(crate) fn dress(sent: &mut HeaderMap, said: &HeaderMap) {
    for name in said.keys().filter(|name| !OF_BYTES.contains(name)) {
        if *name != header::VARY {
            sent.remove(name);
        }
        for value in said.get_all(name) {
            sent.append(name, value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::config::{Config, Place};
    use crate::desk::Desk;
    use crate::sticky::Key;

    fn orders() -> Orders {
        let desk = Desk::new(&Config::default(), None);
        let places = [Place { address: "10.0.0.21:80".into(), weight: 1, is_spare: false, is_host: false }];
        let tasks = tokio_util::task::TaskTracker::new();
        desk.settle(&places, &Config::default(), &Key::draw(), &tasks);
        let root = |name, path| Arc::new(Root::new(name, Path::new(path)));
        Orders {
            roots: vec![root("uploads", "/srv/up"), root("slash", "/srv/slash/")],
            pools: vec![("media".into(), Arc::new(desk))],
        }
    }

    fn comes_to(name: &'static str, value: &str) -> String {
        let headers = HeaderMap::from_iter([(HeaderName::from_static(name), value.parse().unwrap())]);
        let order = Order::of(StatusCode::OK, &headers).expect("an order");
        let orders = orders();
        let told = order.sources(&orders).into_iter().map(|source| match source {
            Source::File(root, path) => format!("{} {path}", root.name),
            Source::Pool { address, host, path, .. } => format!("{host} {path} {address:?}"),
        });
        told.collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn an_order_leads_to_what_is_allowed_by_name_and_nowhere_else() {
        for (name, value, to) in [
            ("x-accel-redirect", "/uploads/a/b%20c.jpg?x", "uploads a/b c.jpg"),
            ("x-accel-redirect", "/media/a?x=%20", "media /a?x=%20 None"),
            ("x-accel-redirect", "/uploads/../etc/passwd", ""),
            ("x-accel-redirect", "/uploads/%2e%2e/etc/passwd", ""),
            ("x-accel-redirect", "/uploads/.env", ""),
            ("x-accel-redirect", "/other/a", ""),
            ("x-accel-redirect", "/uploads", ""),
            ("x-reproxy-file", "/srv/up/a b%20c", "uploads a b%20c"),
            ("x-reproxy-file", "/srv/slash/a", "slash a"),
            ("x-reproxy-file", "/srv/up/../../etc/passwd", ""),
            ("x-reproxy-file", "/srv/upper/a", ""),
            ("x-reproxy-file", "/etc/passwd", ""),
            (
                "x-reproxy-url",
                "http://media/a http://10.0.0.21/b",
                "media /a None; 10.0.0.21 /b Some(\"10.0.0.21:80\")",
            ),
            ("x-reproxy-url", "http://10.0.0.21:80/b?c", "10.0.0.21:80 /b?c Some(\"10.0.0.21:80\")"),
            ("x-reproxy-url", "http://10.0.0.22:80/b", ""),
            ("x-reproxy-url", "http://10.0.0.21:81/b", ""),
            ("x-reproxy-url", "https://media/a", ""),
            ("x-reproxy-url", "http://media@evil/a", ""),
            ("x-reproxy-url", "http://x@media/a", ""),
            ("x-reproxy-url", "http://169.254.169.254/latest/meta-data", ""),
            ("x-reproxy-url", "/a", ""),
        ] {
            assert_eq!(comes_to(name, value), to, "{name}: {value}");
        }
    }

    #[test]
    fn only_an_answer_that_went_well_gives_orders() {
        let headers = HeaderMap::from_iter([(ACCEL, HeaderValue::from_static("/uploads/a"))]);
        assert!(Order::of(StatusCode::OK, &headers).is_some());
        for status in [StatusCode::FORBIDDEN, StatusCode::FOUND, StatusCode::BAD_GATEWAY] {
            assert_eq!(Order::of(status, &headers), None);
        }
        assert_eq!(Order::of(StatusCode::OK, &HeaderMap::new()), None);
    }

    #[test]
    fn the_answers_own_words_stay_but_for_those_about_bytes() {
        let said = [
            ("content-type", "image/jpeg"),
            ("etag", "\"app\""),
            ("content-length", "0"),
            ("set-cookie", "a=1"),
        ];
        let sent = [("content-type", "text/plain"), ("etag", "\"file\""), ("content-length", "9")];
        let map = |pairs: &[(&'static str, &'static str)]| -> HeaderMap {
            pairs.iter().map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v))).collect()
        };
        let mut sent = map(&sent);
        dress(&mut sent, &map(&said));
        let expected = map(&[
            ("content-type", "image/jpeg"),
            ("etag", "\"file\""),
            ("content-length", "9"),
            ("set-cookie", "a=1"),
        ]);
        assert_eq!(sent, expected);
    }
}
