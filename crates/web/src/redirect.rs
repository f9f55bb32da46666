//! Plain http beside https: everybody is sent on, and whoever checks that a name is ours gets the answer that they wait for.
//!
//! Invariant: no cookie, no token and no body is taken here.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, StatusCode};

use crate::front::{Pass, Passing};
use crate::problem::Problem;

/// Where a certificate's issuer asks (RFC 8555, 8.3).
const CHALLENGES: &str = "/.well-known/acme-challenge/";
/// Characters of a challenge's token. RFC 8555 knows no longest; issuers use 43.
const TOKEN_LENGTH_MAX: usize = 128;

/// Whoever knows what the issuer of a certificate is to be answered.
pub trait Challenges: Send + Sync {
    /// The text for a token; `None` of one that nobody knows.
    fn answer<'a>(&'a self, token: &'a str) -> Pin<Box<dyn Future<Output = Option<String>> + Send + 'a>>;
}

/// Sends everybody to https.
pub struct Redirect {
    port: u16,
    challenges: Option<Arc<dyn Challenges>>,
}

impl Redirect {
    /// Sends to the same host and path at https on this port.
    pub fn to(port: u16) -> Redirect {
        Redirect { port, challenges: None }
    }

    /// The same, and those who check that a name is ours are answered.
    #[must_use]
    pub fn with_challenges(self, challenges: Arc<dyn Challenges>) -> Redirect {
        Redirect { challenges: Some(challenges), ..self }
    }

    async fn respond(&self, request: Request<Body>) -> Response {
        if let (Some(challenges), Some(token)) = (&self.challenges, token(&request)) {
            return match challenges.answer(token).await {
                Some(text) => text.into_response(),
                None => Problem::missing().into_response(),
            };
        }
        let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
        let Some(host) = host.and_then(bare) else {
            return Problem::invalid("The request names no host.").into_response();
        };
        let port = if self.port == 443 { String::new() } else { format!(":{}", self.port) };
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let path = if path.starts_with('/') { path } else { "/" };
        let Ok(location) = HeaderValue::try_from(format!("https://{host}{port}{path}")) else {
            return Problem::invalid("The request's address is not served here.").into_response();
        };
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
        response.headers_mut().insert(header::LOCATION, location);
        response
    }
}

impl Pass for Redirect {
    fn pass(self: Arc<Self>, request: Request<Body>) -> Passing {
        Box::pin(async move { self.respond(request).await })
    }
}

impl fmt::Debug for Redirect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redirect").field("port", &self.port).finish_non_exhaustive()
    }
}

fn token(request: &Request<Body>) -> Option<&str> {
    let token = request.uri().path().strip_prefix(CHALLENGES)?;
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let is_token = (1..=TOKEN_LENGTH_MAX).contains(&token.len()) && token.bytes().all(is_plain);
    (is_token && matches!(*request.method(), Method::GET | Method::HEAD)).then_some(token)
}

/// A host without its port.
fn bare(host: &str) -> Option<&str> {
    let name = match host.strip_prefix('[') {
        Some(rest) => &host[..rest.find(']')? + 2],
        None => host.split(':').next()?,
    };
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct One;

    impl Challenges for One {
        fn answer<'a>(&'a self, token: &'a str) -> Pin<Box<dyn Future<Output = Option<String>> + Send + 'a>> {
            Box::pin(async move { (token == "known").then(|| "known.thumb".to_owned()) })
        }
    }

    async fn ask(port: u16, method: &str, host: &str, path: &str) -> (u16, String) {
        let redirect = Arc::new(Redirect::to(port).with_challenges(Arc::new(One)));
        let request = Request::builder().method(method).uri(path).header("host", host).body(Body::empty());
        let response = redirect.pass(request.expect("a request")).await;
        let location = response.headers().get("location").map(|to| to.to_str().expect("ASCII").to_owned());
        (response.status().as_u16(), location.unwrap_or_default())
    }

    #[tokio::test]
    async fn everybody_is_sent_to_the_same_place_at_https() {
        for (port, host, path, to) in [
            (443, "popong.com", "/a?b=1", "https://popong.com/a?b=1"),
            (443, "popong.com:80", "/", "https://popong.com/"),
            (8443, "popong.com:8080", "/", "https://popong.com:8443/"),
            (443, "[2001:db8::1]:80", "//evil", "https://[2001:db8::1]//evil"),
        ] {
            assert_eq!(ask(port, "POST", host, path).await, (308, to.to_owned()));
        }
        assert_eq!(ask(443, "GET", ":80", "/").await.0, 400);
    }

    #[tokio::test]
    async fn whoever_checks_that_a_name_is_ours_gets_its_answer() {
        let at = |token: &str| format!("{CHALLENGES}{token}");
        assert_eq!(ask(443, "GET", "a", &at("known")).await.0, 200);
        assert_eq!(ask(443, "GET", "a", &at("unknown")).await.0, 404);
        for other in ["", "../etc", "known/", &"a".repeat(129)] {
            assert_eq!(ask(443, "GET", "a", &at(other)).await.0, 308, "{other}");
        }
    }
}
