//! Well-formed answers.

use axum::body::Body;
use axum::response::Response;
use hyper::StatusCode;
use hyper::header::{self, HeaderValue};
use serde::Serialize;

use crate::problem::Problem;

/// 200 with a JSON text that is taken as it is.
pub fn json_text(text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// 200 with a value as JSON.
pub fn json<T: Serialize>(value: &T) -> Result<Response, Problem> {
    serde_json::to_string(value).map(json_text).map_err(|e| Problem::internal(&e))
}

/// 204: done, nothing to say.
pub fn no_content() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// 200 with a page.
pub fn html(page: String) -> Response {
    let mut response = Response::new(Body::from(page));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

/// 303: look there, with GET. `to` is a path of ours.
pub fn see_other(to: &str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let to = HeaderValue::try_from(to).unwrap_or_else(|_| HeaderValue::from_static("/"));
    response.headers_mut().insert(header::LOCATION, to);
    response
}

/// The mark of an answer that may be shown inside other sites' pages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Framed;

/// Lets other sites show this answer inside their pages; by default the front forbids it.
pub fn allow_framing(response: &mut Response) {
    response.extensions_mut().insert(Framed);
}
