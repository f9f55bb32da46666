//! `POST passkey-register-options`: what to ask a browser for, so that whoever has signed in adds a passkey.
//!
//! A token may have been renewed for months, or stolen; so the account's password is asked for. What is answered is good for five
//! minutes, and for that account.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::Request;
use axum::response::Response;
use records::Principal;
use serde_json::json;
use web::Problem;

use super::ask::Ask;
use super::given::Given;
use super::{mailing, passkey};
use crate::passkey::options;
use crate::service::Identity;

pub(super) async fn make(
    State(identity): State<Identity>,
    Path(collection): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let ask = mailing::read(&identity, &collection, request, "passkeyRegisterOptions").await?;
    let (site, account) = (passkey::site(&identity)?, owner(&ask)?);
    let mut given = Given::of(&ask.request.body);
    let password = given.long("password");
    given.done()?;
    identity.prove_password(&account, &password).await?;
    web::reply::json(&json!({ "publicKey": options::register(&identity, site, &account).await? }))
}

/// Whoever asks, as an account of the collection.
pub(super) fn owner(ask: &Ask) -> Result<Arc<Principal>, Problem> {
    let account = ask.request.auth.clone().ok_or_else(Problem::unauthenticated)?;
    if account.collection.id != ask.collection.id {
        let name = &account.collection.name;
        return Err(Problem::forbidden(format!("The request requires auth record from {name} collection.")));
    }
    Ok(account)
}
