//! `POST end-other-sessions`: all sessions of whoever asks end, but the one that asks.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};
use web::Problem;

use super::ask;
use crate::service::Identity;
use crate::session::Check;

pub(super) async fn end(
    State(identity): State<Identity>,
    Path(collection): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (head, _) = request.into_parts();
    let caller = ask::caller_as(&identity, &head, Check::Anew).await?.ok_or_else(Problem::unauthenticated)?;
    ask::is_of(&identity, &caller, &collection)?;
    identity.end_other_sessions(&caller, &ask::place(&head)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
