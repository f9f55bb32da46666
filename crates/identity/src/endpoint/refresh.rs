//! `POST auth-refresh`: a fresh token for a valid one. A token that may not be renewed comes back as it is.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::Request;
use axum::response::Response;
use web::Problem;

use super::answer::signed_in;
use super::ask::{self, Ask};
use crate::service::Identity;

pub(super) async fn refresh(
    State(identity): State<Identity>,
    Path(collection): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    ask::count(&identity, &collection, &head, &["authRefresh"])?;
    let caller = ask::caller(&identity, &head).await?.ok_or_else(Problem::unauthenticated)?;
    let own = &caller.principal.collection;
    if identity.records().catalog().find(&collection).is_none_or(|asked| asked.id != own.id) {
        return Err(Problem::forbidden(format!(
            "The request requires auth record from {} collection.",
            own.name
        )));
    }
    let sent = web::request::token(&head.headers).unwrap_or_default().to_owned();
    let ask = Ask::read(&identity, &collection, Request::from_parts(head, body)).await?;
    let account = caller.principal.clone();
    let token = if caller.claims.refreshable { identity.sign_in_token(&account)? } else { sent };
    signed_in(&identity, ask, account, token).await
}
