//! What a room wants to know of a request's head: the token, the client's address, the query.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::extract::FromRequestParts;
use hyper::header::{self, HeaderMap};
use hyper::http::Extensions;
use hyper::http::request::Parts;
use percent_encoding::percent_decode;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::problem::Problem;
use crate::visit::Visit;

/// The client's address, proxies that we trust looked through. Put among the request's extensions by the front.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Address(pub IpAddr);

/// The address among a request's extensions; of a request that came by no socket: unspecified.
pub fn address(extensions: &Extensions) -> IpAddr {
    extensions.get::<Address>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |a| a.0)
}

/// Who is at the other end of a request's connection: the client, or a proxy. `None` of a request that came by no socket.
pub fn peer(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<Arc<Visit>>().map(|visit| visit.peer().to_canonical())
}

/// Whether a request came to us encrypted. What a proxy in front of us says of its own client is in `X-Forwarded-Proto`.
pub fn is_secure(extensions: &Extensions) -> bool {
    extensions.get::<Arc<Visit>>().is_some_and(|visit| visit.is_secure())
}

/// The parameters of a path, decoded. What can't be decoded names nothing: 404.
#[derive(Clone, Copy, Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(head: &mut Parts, state: &S) -> Result<Path<T>, Problem> {
        let path = axum::extract::Path::from_request_parts(head, state).await;
        path.map(|axum::extract::Path(found)| Path(found)).map_err(|_| Problem::missing())
    }
}

/// The token of `Authorization: TOKEN` or `Authorization: Bearer TOKEN`; `None` when there is none.
pub fn token(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?.trim();
    let text = match text.get(..7) {
        Some(scheme) if scheme.eq_ignore_ascii_case("bearer ") => text[7..].trim_start(),
        _ => text,
    };
    (!text.is_empty()).then_some(text)
}

/// The pairs of a query string or of an `application/x-www-form-urlencoded` body, decoded, in their order.
pub fn pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    })
}

/// A query string as an object; of a name that comes twice the first value stays.
pub fn query(query: Option<&str>) -> Map<String, Value> {
    let mut map = Map::new();
    for (name, value) in pairs(query.unwrap_or_default()) {
        if !map.contains_key(name.as_ref()) {
            map.insert(name.into_owned(), Value::String(value.into_owned()));
        }
    }
    map
}

/// Decodes `%20` and `+`; what is no UTF-8 is replaced.
fn decode(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|b| b == b'%' || b == b'+') {
        return Cow::Borrowed(text);
    }
    let spaced = text.replace('+', " ");
    Cow::Owned(percent_decode(spaced.as_bytes()).decode_utf8_lossy().into_owned())
}

/// The client's address: the peer's, or, when the peer is a trusted proxy, the last address of `X-Forwarded-For` that
/// is not a trusted proxy itself. What a client writes in front of that is never believed.
pub(crate) fn behind(peer: IpAddr, headers: &HeaderMap, trusted: &[IpAddr]) -> IpAddr {
    let peer = peer.to_canonical();
    if trusted.is_empty() || !trusted.contains(&peer) {
        return peer;
    }
    let mut hops: Vec<&str> = Vec::new();
    for value in headers.get_all("x-forwarded-for") {
        hops.extend(value.to_str().unwrap_or("?").split(',').map(str::trim));
    }
    let mut nearest = peer;
    for hop in hops.into_iter().rev() {
        let Ok(address) = hop.parse::<IpAddr>() else { break };
        nearest = address.to_canonical();
        if !trusted.contains(&nearest) {
            break;
        }
    }
    nearest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forwarded(text: &str) -> HeaderMap {
        HeaderMap::from_iter([("x-forwarded-for".parse().unwrap(), text.parse().unwrap())])
    }

    #[test]
    fn only_a_trusted_proxy_tells_the_address() {
        let (proxy, stranger): (IpAddr, IpAddr) = ("10.0.0.1".parse().unwrap(), "9.9.9.9".parse().unwrap());
        let headers = forwarded("1.1.1.1, 2.2.2.2, 10.0.0.1");
        assert_eq!(behind(proxy, &headers, &[proxy]).to_string(), "2.2.2.2");
        assert_eq!(behind(stranger, &headers, &[proxy]), stranger);
        assert_eq!(behind(proxy, &forwarded("nonsense"), &[proxy]), proxy);
    }

    #[test]
    fn a_token_comes_with_or_without_its_scheme() {
        for (sent, token) in
            [("abc", Some("abc")), ("Bearer abc", Some("abc")), ("bearer  abc", Some("abc")), ("", None)]
        {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, sent.parse().unwrap())]);
            assert_eq!(super::token(&headers), token, "{sent}");
        }
    }

    #[test]
    fn a_query_is_decoded_and_its_first_value_stays() {
        let map = query(Some("filter=a%20%3D+'%EC%98%A8'&page=2&page=3&&flag"));
        assert_eq!(Value::Object(map), serde_json::json!({ "filter": "a = '온'", "page": "2", "flag": "" }));
    }
}
