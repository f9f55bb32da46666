//! What every request for a page goes through: changes must come from our own pages, faults become pages, and each reply
//! says what a browser may do with it.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use web::Problem;

use crate::look::Look;
use crate::refusal::{Refusal, Told};

/// Scripts, styles and pictures come from us alone; nothing inline is run, nobody frames us, forms go home.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
                      media-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The layer around all pages.
pub(crate) async fn surround(request: Request, next: Next) -> Response {
    let look = Look::of(request.headers());
    let path = request.uri().path_and_query().map_or("/_/", |p| p.as_str()).to_owned();
    let is_change = !matches!(*request.method(), Method::GET | Method::HEAD);
    let mut response = if is_change && !web::own_page::has_sent(request.headers()) {
        Refusal::from(Problem::forbidden("")).into_response()
    } else {
        next.run(request).await
    };
    if let Some(told) = response.extensions_mut().remove::<Told>() {
        *response.body_mut() = Body::from(told.page(look, &path).into_string());
        response.headers_mut().remove(CONTENT_LENGTH);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    }
    label(response.headers_mut());
    response
}

fn label(headers: &mut HeaderMap) {
    let plain = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    for (name, value) in plain {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}
