//! What goes wrong with a page becomes a page, in the visitor's language, once.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use maud::html;

use super::SIGN_IN;
use super::frame::{self, Page};
use crate::browser;
use crate::language::Language;
use crate::service::Identity;

/// The layer around all pages.
pub(crate) async fn surround(State(identity): State<Identity>, request: Request, next: Next) -> Response {
    let language = browser::language_of(request.headers());
    let wants_page = asks_for_page(request.headers());
    let mut response = next.run(request).await;
    let status = response.status();
    if wants_page && (status.is_client_error() || status.is_server_error()) && !is_page(response.headers()) {
        let (title, text) = told(language, status);
        let body = html! {
            p.lead { (text) }
            a.button href=(SIGN_IN) { (language.pick("처음부터 다시", "Start again")) }
        };
        *response.body_mut() = Body::from(frame::plain(&identity, language, &Page::new(title, body)));
        let headers = response.headers_mut();
        headers.remove(CONTENT_LENGTH);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        let policy = HeaderValue::try_from(frame::policy(None)).expect("our policies are plain ASCII");
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Whether it is somebody who looks at it, and not a script that asks.
fn asks_for_page(headers: &HeaderMap) -> bool {
    let accept = headers.get("accept").and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

fn is_page(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"))
}

fn told(language: Language, status: StatusCode) -> (&'static str, &'static str) {
    let say = |korean: &'static str, english: &'static str| language.pick(korean, english);
    let wrong = say("되지 않았습니다", "That did not work");
    match status.as_u16() {
        404 => (
            say("페이지가 없습니다", "There is no such page"),
            say("주소를 확인해 주세요.", "Please check the address."),
        ),
        403 => (
            wrong,
            say(
                "이 페이지는 너무 오래되었거나 다른 곳에서 왔습니다. 처음부터 다시 해 주세요.",
                "The page was too old, or came from elsewhere. Please start again.",
            ),
        ),
        429 => (
            wrong,
            say(
                "너무 여러 번 시도했습니다. 잠시 뒤에 다시 해 주세요.",
                "Too many tries. Please try again later.",
            ),
        ),
        500.. => (
            wrong,
            say(
                "서비스에 문제가 있습니다. 잠시 뒤에 다시 해 주세요.",
                "The service has a problem. Please try again in a moment.",
            ),
        ),
        _ => (wrong, say("처음부터 다시 해 주세요.", "Please start again.")),
    }
}
