//! `POST /api/files/token`: a short-lived token for the address of a protected file.

use axum::body::Body;
use axum::extract::State;
use axum::http::Request;
use axum::response::Response;
use serde_json::json;
use web::Problem;

use super::ask;
use crate::service::Identity;

pub(super) async fn make(
    State(identity): State<Identity>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (head, _) = request.into_parts();
    let caller = ask::caller(&identity, &head).await?.ok_or_else(Problem::unauthenticated)?;
    web::reply::json(&json!({ "token": identity.file_token(&caller)? }))
}
