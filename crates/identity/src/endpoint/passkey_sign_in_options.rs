//! `POST passkey-sign-in-options`: what to ask a browser for, so that somebody signs in; of whom, the passkey says.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::Request;
use axum::response::Response;
use serde_json::json;
use web::Problem;

use super::{mailing, passkey};
use crate::passkey::options;
use crate::service::Identity;

pub(super) async fn make(
    State(identity): State<Identity>,
    Path(collection): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let ask = mailing::read(&identity, &collection, request, "passkeySignInOptions").await?;
    let site = passkey::site(&identity, &ask.collection)?;
    web::reply::json(&json!({ "publicKey": options::sign_in(&identity, site, &ask.collection) }))
}
