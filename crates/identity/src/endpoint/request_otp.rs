//! `POST request-otp`: a mail with a code to sign in with; the answer is the id under which the code is given back.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::Request;
use axum::response::Response;
use serde_json::json;
use web::Problem;

use super::ask::Ask;
use super::mailing;
use crate::options;
use crate::post::Kind;
use crate::service::Identity;

pub(super) async fn request(
    State(identity): State<Identity>,
    Path(collection): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let ask = mailing::read(&identity, &collection, request, "requestOTP").await?;
    check(&ask)?;
    mailing::check(&identity)?;
    let email = mailing::email(&ask.request)?;
    let account = mailing::account(&identity, &ask.collection, &email).await?;
    let id = mailing::ask(&identity, mailing::wish(&ask, Kind::Otp, &email, account)).await?;
    web::reply::json(&json!({ "otpId": id }))
}

/// Refuses where nobody signs in by code.
pub(super) fn check(ask: &Ask) -> Result<(), Problem> {
    match ask.collection.auth.as_ref().is_some_and(options::has_otp) {
        true => Ok(()),
        false => Err(Problem::forbidden("The collection is not configured to allow OTP authentication.")),
    }
}
