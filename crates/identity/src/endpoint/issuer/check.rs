//! `GET /auth/check`: a proxy asks who it is that asks for something behind it (nginx `auth_request`, Caddy and Traefik
//! `forward_auth`): 200 with headers, 401, or, of a person who looks at pages, a way to the sign-in page and back.
//!
//! The browser's session is a cookie of this host alone; so the proxy asks on the host on which Ondol is. A way back leads
//! to a path of this host, or to its first page.
//!
//! Invariant: no header says what the account's owner may not see, nor an address that nobody has proved.

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::request::Parts;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};
use web::Problem;

use crate::endpoint::ask;
use crate::issuer::{Audience, about};
use crate::page::visitor::Visitor;
use crate::page::{SIGN_IN, address};
use crate::service::Identity;
use crate::session::{Check, Proven};

/// Whose accounts pass where nothing is said.
const ACCOUNTS: &str = "users";
/// Where the sign-in page is, for a proxy that sends browsers there itself.
const LOCATION: HeaderName = HeaderName::from_static("x-ondol-location");

pub(super) async fn check(
    State(identity): State<Identity>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (head, _) = request.into_parts();
    let by_token = ask::caller(&identity, &head).await?;
    let visitor = Visitor::of(&identity, head, Check::Heard).await?;
    let accounts = Some(visitor.query("accounts")).filter(|name| !name.is_empty());
    let accounts = accounts.unwrap_or_else(|| ACCOUNTS.to_owned());
    let is_of = |proven: &&Proven| proven.principal.collection.name == accounts;
    match by_token.as_ref().or(visitor.session.as_ref()).filter(is_of) {
        Some(proven) => known(&identity, &visitor, proven).await,
        None => Ok(unknown(&identity, &visitor, &accounts)),
    }
}

/// Says who it is.
async fn known(identity: &Identity, visitor: &Visitor, proven: &Proven) -> Result<Response, Problem> {
    let account = &proven.principal;
    let values = identity.records().values(&account.collection, &account.row);
    let (field, host) = (visitor.query("groups"), forwarded(&visitor.head, Asked::Host));
    let app = Some(visitor.query("app")).filter(|app| !app.is_empty()).unwrap_or_else(|| host.clone());
    let method = forwarded(&visitor.head, Asked::Method);
    let to = Audience { app: &app, host: &host, method: &method, groups: &field };
    let assertion = identity.assertion(proven, &to)?;
    let email = if values.flag("verified") { values.text("email") } else { "" };
    let groups = about::groups(account, &values, &field).join(",");
    let mut response = StatusCode::OK.into_response();
    for (name, value) in [
        ("x-ondol-user", account.row.id.as_str()),
        ("x-ondol-accounts", &account.collection.name),
        ("x-ondol-email", email),
        ("x-ondol-groups", &groups),
        ("x-ondol-assertion", &assertion),
    ] {
        // what is no plain text stands in the assertion only
        let value =
            Some(value).filter(|value| !value.is_empty() && value.bytes().all(|b| b.is_ascii_graphic()));
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    private(&mut response);
    visitor.keep(identity, &mut response).await;
    Ok(response)
}

/// Says that it is nobody, and where that can be changed.
fn unknown(identity: &Identity, visitor: &Visitor, accounts: &str) -> Response {
    let path = forwarded(&visitor.head, Asked::Path);
    let back = web::return_to::ours(&path).filter(|_| is_here(identity, &visitor.head)).unwrap_or("/");
    let collection = if accounts == ACCOUNTS { "" } else { accounts };
    let to = address(SIGN_IN, &[("collection", collection), ("return_to", back)]);
    let goes_itself = visitor.query("on_failure") == "401";
    let mut response = match looks_at_pages(&visitor.head.headers) && !goes_itself {
        true => web::reply::see_other(&to),
        false => Problem::unauthenticated().into_response(),
    };
    if let Ok(to) = HeaderValue::from_str(&to) {
        response.headers_mut().insert(LOCATION, to);
    }
    private(&mut response);
    response
}

/// Whether a person goes to a page, and no script asks for something.
fn looks_at_pages(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match text("sec-fetch-mode") {
        Some(mode) => mode == "navigate",
        // browsers say nothing of it where the connection is not secure
        None => text("accept").is_some_and(|accept| accept.contains("text/html")),
    }
}

/// What of the original request a proxy tells.
#[derive(Clone, Copy)]
enum Asked {
    Host,
    Method,
    Path,
}

/// What the proxy says of the original request: Caddy and Traefik by `X-Forwarded-*`, nginx by what its settings name.
fn forwarded(head: &Parts, what: Asked) -> String {
    let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    let said = match what {
        Asked::Host => text("x-forwarded-host").or_else(|| text("host")),
        Asked::Method => text("x-forwarded-method").or_else(|| text("x-original-method")).or(Some("GET")),
        Asked::Path => text("x-forwarded-uri").or_else(|| text("x-original-uri")),
    };
    said.unwrap_or_default().to_owned()
}

/// Whether what is asked for is on this host, as the browser knows it: as the service knows it itself, or as the proxy asks.
fn is_here(identity: &Identity, head: &Parts) -> bool {
    let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    let Some(asked) = text("x-forwarded-host") else { return true };
    let service = identity.issuer().ok().and_then(|url| url.split("://").nth(1)?.split('/').next());
    [service, text("host")].into_iter().flatten().any(|own| own.eq_ignore_ascii_case(asked))
}

fn private(response: &mut Response) {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}
