//! `/api/oauth2-redirect`: where a provider sends the browser back to, by GET or by a form. What came is handed, as a ticket, to
//! the client that waits on its event stream under the state; the page says no more than that it may be closed.
//!
//! The state is the id of an event stream, which nobody but the client that opened it knows: so the answer reaches the
//! browser that began, whatever browser the address was opened in. It is told once. A browser of our own pages is sent on to
//! them (`page::journey`).

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, Method, Request, StatusCode, header};
use axum::response::Response;
use serde_json::json;
use web::Problem;

use crate::callback::{self, Arrival};
use crate::page::journey;
use crate::service::Identity;

pub(super) async fn arrive(
    State(identity): State<Identity>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    identity.limiter().check(&["*:oauth2Redirect", "*:auth"], web::request::address(&head.extensions))?;
    let text = match head.method {
        Method::POST => {
            let limit = usize::try_from(identity.config().body_bytes_max.0).unwrap_or(usize::MAX);
            let bytes = axum::body::to_bytes(body, limit).await;
            let bytes = bytes.map_err(|_| Problem::too_large("The form", limit as u64))?;
            String::from_utf8_lossy(&bytes).into_owned()
        }
        _ => head.uri.query().unwrap_or_default().to_owned(),
    };
    let arrival = callback::read(web::request::pairs(&text), identity.records().clock().now());
    let is_told = match arrival {
        Arrival::Good { state, callback } => {
            let code = callback.ticket(&identity.ticket_key()?);
            if let Some(to) = journey::arrive(&identity, &state, &code, "").await? {
                return Ok(web::reply::see_other(&to));
            }
            identity.hand(&state, json!({ "state": state, "code": code, "error": "" })).await?
        }
        Arrival::Failed { state, error } => {
            if let Some(to) = journey::arrive(&identity, &state, "", &error).await? {
                return Ok(web::reply::see_other(&to));
            }
            identity.hand(&state, json!({ "state": state, "code": "", "error": error })).await?;
            false
        }
        Arrival::Stray => false,
    };
    Ok(page(is_told))
}

fn page(is_told: bool) -> Response {
    let (status, korean, english) = match is_told {
        true => (StatusCode::OK, "로그인되었습니다. 이 창을 닫아도 됩니다.", "You may close this window."),
        false => (
            StatusCode::BAD_REQUEST,
            "로그인하지 못했습니다. 이 창을 닫고 처음부터 다시 시작해 주세요.",
            "The sign-in did not work. Please close this window and start again.",
        ),
    };
    let text = format!(
        "<!doctype html><html lang=\"ko\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{english}</title><p>{korean}</p><p lang=\"en\">{english}</p></html>"
    );
    let mut response = web::reply::html(text);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    // the address holds a code
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'"));
    response
}
