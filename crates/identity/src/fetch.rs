//! The one HTTP client for asking others, whatever kind of sign-in: one request, one answer, within hard limits.
//!
//! Map: `address` (pure: which addresses may be asked), `connect` (the guarded connection), `json` (pure: JSON from
//! strangers), `error`, `transcript` (what is asked while a provider is tried).
//!
//! A redirect is an answer like any other; whoever wants to follow it looks at [`Answer::redirect`] and asks again, so that
//! every step is guarded and no secret travels to where it was not sent (a 307 would carry a form to another host).
//! Nothing is taken from the environment, no cookie is kept, and every request has a connection of its own.
//!
//! Invariant: this is the only place of the house that opens connections because of what somebody else wrote.

pub mod address;
mod connect;
mod error;
pub mod json;
pub(crate) mod transcript;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio_rustls::TlsConnector;
use url::Url;
use url::form_urlencoded::Serializer;

use connect::Loopback;

pub use error::Error;

/// What every request says it comes from.
pub const USER_AGENT: &str = concat!("Ondol/", env!("CARGO_PKG_VERSION"));
/// Bytes of an answer's head, and of what is read ahead.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// The client. Cheap to clone.
#[derive(Clone)]
pub struct Fetch {
    inner: Arc<Inner>,
}

struct Inner {
    limits: Limits,
    tls: TlsConnector,
}

/// The limits of a fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of an answer's body; a longer one is an error, and its rest is not read.
    pub body_bytes_max: u64,
    /// From the look-up of the name to the last byte.
    pub time_max: Duration,
    /// For development: this machine itself may be asked, also without encryption.
    pub may_ask_loopback: bool,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { body_bytes_max: 1 << 20, time_max: Duration::from_secs(10), may_ask_loopback: false }
    }
}

/// A request to be sent. It has no `Debug`: what it holds are secrets.
pub struct Request {
    method: Method,
    url: Url,
    headers: HeaderMap,
    is_faulty: bool,
    body: Bytes,
    may_be_plain: bool,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What was asked.
    pub url: Url,
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, whole.
    pub body: Bytes,
}

impl Request {
    /// A GET. The fragment is not sent.
    pub fn get(url: Url) -> Request {
        Request::of(Method::GET, url)
    }

    /// A POST with nothing in it yet.
    pub fn post(url: Url) -> Request {
        Request::of(Method::POST, url)
    }

    fn of(method: Method, url: Url) -> Request {
        let headers = HeaderMap::from_iter([
            (header::USER_AGENT, HeaderValue::from_static(USER_AGENT)),
            (header::ACCEPT, HeaderValue::from_static("application/json")),
        ]);
        Request { method, url, headers, is_faulty: false, body: Bytes::new(), may_be_plain: false }
    }

    /// With a header, in place of one of that name.
    #[must_use]
    pub fn header(mut self, name: header::HeaderName, value: &str) -> Request {
        match HeaderValue::try_from(value) {
            Ok(mut value) => {
                value.set_sensitive(name == header::AUTHORIZATION);
                self.headers.insert(name, value);
            }
            Err(_) => self.is_faulty = true,
        }
        self
    }

    /// With a form as its body.
    #[must_use]
    pub fn form<'a>(self, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Request {
        let body = Serializer::new(String::new()).extend_pairs(pairs).finish();
        self.body("application/x-www-form-urlencoded", body)
    }

    /// With a body of a media type.
    #[must_use]
    pub fn body(self, media_type: &'static str, body: impl Into<Bytes>) -> Request {
        let mut request = self.header(header::CONTENT_TYPE, media_type);
        request.body = body.into();
        request
    }

    /// To be sent without encryption too, where the address says `http:` (OpenID 2.0 knows such addresses of people).
    #[must_use]
    pub fn also_plain(mut self) -> Request {
        self.may_be_plain = true;
        self
    }
}

impl Answer {
    /// Where the answer sends whoever asked; `None` when it doesn't, or to nowhere that can be asked.
    pub fn redirect(&self) -> Option<Url> {
        const ELSEWHERE: [u16; 5] = [301, 302, 303, 307, 308];
        let to = self.headers.get(header::LOCATION)?.to_str().ok()?;
        let to = self.url.join(to).ok()?;
        (ELSEWHERE.contains(&self.status.as_u16()) && matches!(to.scheme(), "http" | "https")).then_some(to)
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<Value, Error> {
        json::parse(&self.body).map_err(|why| Error::Json { host: host(&self.url), why })
    }

    /// The media type without its parameters, in lower case.
    pub fn media_type(&self) -> String {
        let text =
            self.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }
}

impl Fetch {
    /// A client within these limits.
    pub fn new(limits: Limits) -> Fetch {
        Fetch { inner: Arc::new(Inner { limits, tls: connect::tls() }) }
    }

    /// The limits.
    pub fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    /// Sends a request and reads the whole answer, whatever its status.
    pub async fn send(&self, request: Request) -> Result<Answer, Error> {
        let limits = &self.inner.limits;
        check(&request, limits)?;
        let host = host(&request.url);
        let asked = transcript::asking(&request);
        let sent = tokio::time::timeout(limits.time_max, self.exchange(request));
        let answer = sent.await.unwrap_or(Err(Error::Slow { host, most: limits.time_max }));
        transcript::came(asked, &answer);
        answer
    }

    async fn exchange(&self, request: Request) -> Result<Answer, Error> {
        let Inner { limits, tls } = &*self.inner;
        let loopback = if limits.may_ask_loopback { Loopback::Open } else { Loopback::Closed };
        let line = connect::open(&request.url, tls, loopback).await?;
        let url = request.url.clone();
        let broken = |source| Error::Broken { host: host(&url), source };
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(HEAD_BYTES_MAX)
            .handshake::<_, Full<Bytes>>(TokioIo::new(line))
            .await
            .map_err(broken)?;
        let asking = ask(sender, request, limits.body_bytes_max);
        tokio::pin!(asking, connection);
        // the connection does the work that the asking waits for, and may be over before all of that has been read
        let mut is_over = false;
        loop {
            tokio::select! {
                biased;
                answer = &mut asking => return answer,
                _ = &mut connection, if !is_over => is_over = true,
            }
        }
    }
}

/// Whether a request may be sent at all.
fn check(request: &Request, limits: &Limits) -> Result<(), Error> {
    if request.is_faulty {
        return Err(Error::Address);
    }
    match request.url.scheme() {
        "https" => Ok(()),
        "http" if request.may_be_plain || limits.may_ask_loopback && is_loopback(&request.url) => Ok(()),
        "http" => Err(Error::Plain { host: host(&request.url) }),
        _ => Err(Error::Address),
    }
}

/// Whether an address names this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

async fn ask(
    mut sender: http1::SendRequest<Full<Bytes>>,
    request: Request,
    most: u64,
) -> Result<Answer, Error> {
    let url = request.url;
    let host = host(&url);
    let mut path = url.path().to_owned();
    if let Some(query) = url.query() {
        path.push('?');
        path.push_str(query);
    }
    let named = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.clone(),
    };
    let mut wire = hyper::Request::new(Full::new(request.body));
    *wire.method_mut() = request.method;
    *wire.uri_mut() = Uri::try_from(path).map_err(|_| Error::Address)?;
    *wire.headers_mut() = request.headers;
    wire.headers_mut().insert(header::HOST, HeaderValue::try_from(named).map_err(|_| Error::Address)?);
    wire.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    let broken = |source| Error::Broken { host: host.clone(), source };
    let (head, body) = sender.send_request(wire).await.map_err(broken)?.into_parts();
    let limit = usize::try_from(most).unwrap_or(usize::MAX);
    let body = Limited::new(body, limit).collect().await.map_err(|error| {
        match error.downcast::<hyper::Error>() {
            Ok(source) => Error::Broken { host: host.clone(), source: *source },
            Err(other) => {
                debug_assert!(other.is::<LengthLimitError>());
                Error::TooLarge { host: host.clone(), most }
            }
        }
    })?;
    Ok(Answer { url, status: head.status, headers: head.headers, body: body.to_bytes() })
}

/// The host of an address, for people.
pub(crate) fn host(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
