//! `POST /auth/oidc/introspect`: whether a token is good, for a client that can show a secret (RFC 7662).
//!
//! Any of the team's tools may ask about an access token that it was shown; a refresh token is its own client's business.

use axum::body::Body;
use axum::extract::State;
use axum::http::Request;
use axum::response::Response;
use serde_json::{Value, json};
use web::Problem;

use super::caller::{asked, for_client, told};
use crate::issuer::denial::Denial;
use crate::issuer::mint::second;
use crate::own;
use crate::service::Identity;

pub(super) async fn show(
    State(identity): State<Identity>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let (client, form) = match asked(&identity, &head, body).await? {
        Ok((client, _)) if client.is_public() => {
            return Ok(told(Denial::client("Only a client that can show a secret may ask.")));
        }
        Ok(asked) => asked,
        Err(denial) => return Ok(told(denial)),
    };
    let token = form.get("token").unwrap_or_default();
    if let Some(good) = identity.good(token).await? {
        let claims = serde_json::to_value(&good.claims).unwrap_or_default();
        let mut told = own::object(claims);
        told.remove("family");
        told.extend(own::object(json!({ "active": true, "token_type": "Bearer" })));
        return Ok(for_client(&Value::Object(told)));
    }
    Ok(for_client(&match identity.newest(&client, token).await? {
        Some(family) => json!({
            "active": true,
            "client_id": family.client,
            "sub": family.account,
            "scope": family.scopes.to_string(),
            "iss": identity.issuer()?,
            "exp": second(family.ends),
        }),
        None => json!({ "active": false }),
    }))
}
