//! `POST confirm-password-reset`: a new password for a mailed token. All sessions end.

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
    let ask = mailing::read(&identity, &collection, request, "confirmPasswordReset").await?;
    mailing::check_password(&ask.collection)?;
    let mut given = Given::of(&ask.request.body);
    let (token, password, again) =
        (given.long("token"), given.long("password"), given.long("passwordConfirm"));
    given.done()?;
    identity.confirm_password_reset(&token, Some(&ask.collection), &password, &again, &ask.place).await?;
    Ok(web::reply::no_content())
}
