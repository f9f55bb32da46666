//! `POST auth-refresh`: a token with a later end for a valid one, of the same session; the old one stays valid, so that as many
//! as like may renew at once. A token that may not be renewed comes back as it is.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::Request;
use axum::response::Response;
use web::Problem;

use super::answer::signed_in;
use super::ask::{self, Ask};
use crate::service::Identity;
use crate::session::Check;

pub(super) async fn refresh(
    State(identity): State<Identity>,
    Path(collection): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    refreshed(&identity, &collection, request).await
}

/// The same, whoever asks for it.
pub(crate) async fn refreshed(
    identity: &Identity,
    collection: &str,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    ask::count(identity, collection, &head, &["authRefresh"])?;
    let caller = ask::caller_as(identity, &head, Check::Anew).await?.ok_or_else(Problem::unauthenticated)?;
    ask::is_of(identity, &caller, collection)?;
    let sent = web::request::token(&head.headers).unwrap_or_default().to_owned();
    let ask = Ask::read(identity, collection, Request::from_parts(head, body)).await?;
    let account = caller.principal.clone();
    let token = if caller.claims.refreshable { identity.refreshed_token(&caller).await? } else { sent };
    signed_in(identity, ask, account, token).await
}
