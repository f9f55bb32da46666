//! `POST totp-enrol`: a seed for an authenticator, for whoever shows the password once more.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::Request;
use axum::response::Response;
use serde_json::json;
use web::Problem;

use super::given::Given;
use super::mailing;
use crate::authenticator;
use crate::service::Identity;

pub(super) async fn enrol(
    State(identity): State<Identity>,
    Path(collection): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let ask = mailing::read(&identity, &collection, request, "totp").await?;
    let account = mailing::own_account(&ask)?;
    let mut given = Given::of(&ask.request.body);
    let password = given.long("password");
    given.done()?;
    authenticator::prove_password(&identity, &account, &password).await?;
    let enrolment = authenticator::enrol(&identity, &account).await?;
    web::reply::json(&json!({ "secret": enrolment.secret, "uri": enrolment.uri }))
}
