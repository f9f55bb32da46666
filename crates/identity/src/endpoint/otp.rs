//! `POST auth-with-otp`: a mailed code, and the id that its request was answered with, for a token.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::Request;
use axum::response::Response;
use records::Context;
use web::Problem;

use super::answer::enter;
use super::given::Given;
use super::{mailing, request_otp};
use crate::mailed::{Code, Found, redeem};
use crate::mfa::Way;
use crate::service::Identity;

pub(super) async fn sign_in(
    State(identity): State<Identity>,
    Path(collection): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let mut ask = mailing::read(&identity, &collection, request, "authWithOTP").await?;
    request_otp::check(&ask)?;
    let mut given = Given::of(&ask.request.body);
    let (otp_id, code) = (given.text("otpId"), given.text("password"));
    given.done()?;
    ask.request.context = Context::Otp;
    let code = Code { accounts: ask.collection.clone(), otp_id, given: code, from: ask.place.address };
    match redeem(&identity, code).await? {
        Found::Account(account) => enter(&identity, ask, account.into(), Way::Otp).await,
        Found::Wrong => Err(Problem::invalid("Invalid or expired OTP.")),
        Found::TooOften(used_up) => Err(Problem::too_often(used_up.seconds)),
    }
}
