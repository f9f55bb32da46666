//! The one place where an error becomes a reply: `{"status":400,"message":"…","data":{}}`; of a fault of ours also
//! `"request"`, the id under which the log knows more.

use std::error::Error;
use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use base::error::{Fault, Kind, chain};
use hyper::StatusCode;
use hyper::header::{self, HeaderValue};
use serde_json::{Map, Value, json};

/// Something that went wrong with a request, as the client is told. Any [`Fault`] becomes one by `?`.
#[derive(Debug)]
pub struct Problem {
    /// The status of the reply.
    pub status: StatusCode,
    /// One sentence that is safe to show to anybody.
    pub message: String,
    /// Details by field: `{field: {code, message}}`.
    pub data: Box<Map<String, Value>>,
    /// After how many seconds a new try makes sense.
    pub retry_after: Option<u64>,
    cause: Option<Arc<str>>,
}

/// A problem that is ours, on its way to the front: there it gets the request's id, and what only the log is told.
#[derive(Clone, Debug)]
pub(crate) struct Cause {
    body: Value,
    /// Why, for the log.
    pub(crate) chain: Option<Arc<str>>,
}

impl Cause {
    /// The body of the reply, with the id under which its cause is found in the log.
    pub(crate) fn body_with(&self, id: &str) -> String {
        let mut body = self.body.clone();
        body["request"] = id.into();
        body.to_string()
    }
}

/// What a client is told of a fault of ours.
const SORRY: &str = "Something went wrong while processing your request.";

/// Characters of a message.
const MESSAGE_LENGTH_MAX: usize = 500;

impl Problem {
    /// A problem of a status with a sentence.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Problem {
        let retry_after = match status {
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => Some(1),
            _ => None,
        };
        Problem { status, message: message.into(), data: Box::default(), retry_after, cause: None }
    }

    /// 400: the request is wrong in itself. An empty sentence stands for the usual one.
    pub fn invalid(message: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, or(message.into(), SORRY))
    }

    /// 401: nobody has signed in.
    pub fn unauthenticated() -> Problem {
        Problem::new(StatusCode::UNAUTHORIZED, "The request requires valid record authorization token.")
    }

    /// 403: somebody, but not allowed.
    pub fn forbidden(message: impl Into<String>) -> Problem {
        Problem::new(
            StatusCode::FORBIDDEN,
            or(message.into(), "You are not allowed to perform this request."),
        )
    }

    /// 404.
    pub fn missing() -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "The requested resource wasn't found.")
    }

    /// 413: larger than a limit.
    pub fn too_large(what: &str, limit: u64) -> Problem {
        Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("{what} is larger than {}.", base::unit::Bytes(limit)),
        )
    }

    /// 429.
    pub fn too_often(retry_after: u64) -> Problem {
        let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests.");
        Problem { retry_after: Some(retry_after), ..problem }
    }

    /// 503: not now.
    pub fn unavailable(message: impl Into<String>) -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, message)
    }

    /// 500: the client learns nothing, the log gets the chain.
    pub fn internal(error: &dyn Error) -> Problem {
        Problem { cause: Some(chain(error).into()), ..Problem::new(StatusCode::INTERNAL_SERVER_ERROR, SORRY) }
    }

    /// The same with details by field.
    #[must_use]
    pub fn with(mut self, fields: base::error::Fields) -> Problem {
        *self.data = fields.0;
        self
    }

    /// The body of the reply.
    pub fn to_json(&self) -> Value {
        json!({ "status": self.status.as_u16(), "message": self.message, "data": *self.data })
    }
}

fn or(message: String, usual: &str) -> String {
    if message.is_empty() { usual.into() } else { message }
}

fn status(kind: Kind) -> StatusCode {
    StatusCode::from_u16(kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

impl<F: Fault> From<F> for Problem {
    fn from(fault: F) -> Problem {
        if fault.kind() == Kind::Internal {
            return Problem::internal(&fault);
        }
        let mut problem = Problem::new(status(fault.kind()), or(sentence(fault.public()), SORRY));
        *problem.data = fault.data();
        if fault.kind() == Kind::Unavailable {
            problem.cause = Some(chain(&fault).into());
        }
        problem
    }
}

/// The wire's messages begin with a capital and end with a stop, and do not repeat at length what was sent.
fn sentence(mut text: String) -> String {
    if let Some(first) = text.get_mut(0..1) {
        first.make_ascii_uppercase();
    }
    if let Some((end, _)) = text.char_indices().nth(MESSAGE_LENGTH_MAX) {
        text.truncate(end);
        text.push('…');
    }
    if !text.is_empty() && !text.ends_with(['.', '!', '?', '…']) {
        text.push('.');
    }
    text
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = self.to_json();
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.status.is_server_error() {
            response.extensions_mut().insert(Cause { body, chain: self.cause });
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Broken(Kind);

    impl std::fmt::Display for Broken {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("table r_secret is gone")
        }
    }

    impl Error for Broken {}

    impl Fault for Broken {
        fn kind(&self) -> Kind {
            self.0
        }

        fn public(&self) -> String {
            "the disk is full".into()
        }
    }

    #[test]
    fn a_fault_of_ours_shows_nothing_of_its_inside() {
        let problem = Problem::from(Broken(Kind::Internal));
        assert_eq!(problem.to_json(), json!({ "status": 500, "message": SORRY, "data": {} }));
        assert_eq!(&*problem.cause.expect("kept for the log"), "table r_secret is gone");
    }

    #[test]
    fn an_outage_says_when_to_try_again() {
        let response = Problem::from(Broken(Kind::Unavailable)).into_response();
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["retry-after"], "1");
    }

    #[test]
    fn messages_are_sentences() {
        assert_eq!(Problem::from(Broken(Kind::Invalid)).message, "The disk is full.");
    }
}
