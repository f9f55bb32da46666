//! `POST passkey-register-options`: what to ask a browser for, so that whoever has signed in adds a passkey.
//!
//! A token may have been renewed for months, or stolen; so the account's password is asked for, and a code where it
//! has an authenticator. What is answered is good for five
//! minutes, and for that account.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::Request;
use axum::response::Response;
use serde_json::{Value, json};
use web::Problem;

use super::given::Given;
use super::{mailing, passkey};
use crate::authenticator;
use crate::passkey::options;
use crate::service::Identity;

pub(super) async fn make(
    State(identity): State<Identity>,
    Path(collection): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let ask = mailing::read(&identity, &collection, request, "passkeyRegisterOptions").await?;
    let (site, account) = (passkey::site(&identity, &ask.collection)?, mailing::own_account(&ask)?);
    let mut given = Given::of(&ask.request.body);
    let password = given.long("password");
    given.done()?;
    let code = ask.request.body.get("code").and_then(Value::as_str).unwrap_or_default();
    authenticator::prove_owner(&identity, &account, &password, code).await?;
    web::reply::json(&json!({ "publicKey": options::register(&identity, site, &account).await? }))
}
