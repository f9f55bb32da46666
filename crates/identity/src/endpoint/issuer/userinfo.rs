//! `/auth/oidc/userinfo`: who somebody is, for a client with an access token (OpenID Connect Core, 5.3; RFC 6750).

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::http::{Request, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};
use web::Problem;

use super::caller::for_client;
use crate::issuer::about;
use crate::issuer::mint::Good;
use crate::issuer::scope::Scopes;
use crate::service::Identity;

pub(super) async fn show(
    State(identity): State<Identity>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let good = match bearer(request.headers()) {
        Some(token) => identity.good(token).await?,
        None => None,
    };
    let Some(Good { claims, account, .. }) = good else { return Ok(refused()) };
    let groups = identity.client(&claims.client_id).await?.map(|client| client.groups).unwrap_or_default();
    let values = identity.records().values(&account.collection, &account.row);
    let told = about::claims(&account, &values, Scopes::parse(&claims.scope), &groups, identity.issuer()?);
    Ok(for_client(&Value::Object(told)))
}

/// The token, which comes in a header only: addresses are written into logs.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn refused() -> Response {
    let why = "The access token is none of ours, has expired, or was given back.";
    let mut response = for_client(&json!({ "error": "invalid_token", "error_description": why }));
    *response.status_mut() = StatusCode::UNAUTHORIZED;
    let how = HeaderValue::from_static("Bearer realm=\"Ondol\", error=\"invalid_token\"");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, how);
    response
}
