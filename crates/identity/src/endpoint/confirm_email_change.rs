//! `POST confirm-email-change`: the address of a mailed token for the account, with its password. All sessions end.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::Request;
use axum::response::Response;
use web::Problem;

use super::given::Given;
use super::mailing;
use crate::service::Identity;

pub(super) async fn confirm(
    State(identity): State<Identity>,
    Path(collection): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let ask = mailing::read(&identity, &collection, request, "confirmEmailChange").await?;
    let mut given = Given::of(&ask.request.body);
    let (token, password) = (given.long("token"), given.long("password"));
    given.done()?;
    identity.confirm_email_change(&token, Some(&ask.collection), &password, &ask.place).await?;
    Ok(web::reply::no_content())
}
