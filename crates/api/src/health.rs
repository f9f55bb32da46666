//! `/api/health`: whether the service answers.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::Request;
use axum::response::Response;
use serde_json::json;
use web::{Problem, reply};

use crate::caller::Caller;
use crate::service::Inner;

/// `GET /api/health`. A superuser also learns from which address the request came, to see whether the proxies are set
/// right.
pub(crate) async fn check(
    State(service): State<Arc<Inner>>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (head, _) = request.into_parts();
    let caller = Caller::of(&service, &head).await?;
    let data = match caller.request.is_superuser() {
        true => json!({ "realIP": caller.address.to_string(), "listeners": service.hub.listeners() }),
        false => json!({}),
    };
    reply::json(&json!({ "code": 200, "message": "API is healthy.", "data": data }))
}
