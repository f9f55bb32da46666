//! `POST confirm-email-undo`: the address that an account had, for the token that was mailed there. All sessions end.

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
    let ask = mailing::read(&identity, &collection, request, "confirmEmailUndo").await?;
    let mut given = Given::of(&ask.request.body);
    let token = given.long("token");
    given.done()?;
    identity.confirm_email_undo(&token, Some(&ask.collection), &ask.place).await?;
    Ok(web::reply::no_content())
}
