//! `POST /auth/oidc/revoke`: a client gives a token back, and with it all that came of the same sign-in (RFC 7009).

use axum::body::Body;
use axum::extract::State;
use axum::http::Request;
use axum::response::Response;
use serde_json::json;
use web::Problem;

use super::caller::{asked, for_client, told};
use crate::service::Identity;

pub(super) async fn revoke(
    State(identity): State<Identity>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let (client, form) = match asked(&identity, &head, body).await? {
        Ok(asked) => asked,
        Err(denial) => return Ok(told(denial)),
    };
    // of a token that is none, there is nothing to give back: that is as well
    identity.give_back(&client, form.get("token").unwrap_or_default()).await?;
    Ok(for_client(&json!({})))
}
