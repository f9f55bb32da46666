//! `POST totp-confirm`: the first code of an authenticator; the answer is the recovery codes, this once.

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

pub(super) async fn confirm(
    State(identity): State<Identity>,
    Path(collection): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let ask = mailing::read(&identity, &collection, request, "totp").await?;
    let account = mailing::own_account(&ask)?;
    let mut given = Given::of(&ask.request.body);
    let code = given.text("code");
    given.done()?;
    let codes = authenticator::confirm(&identity, &account, &code, ask.place.address).await?;
    web::reply::json(&json!({ "recoveryCodes": codes }))
}
