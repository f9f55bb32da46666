//! `POST request-password-reset`: a mail with a link to a page where a new password is set.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::Request;
use axum::response::Response;
use web::Problem;

use super::mailing;
use crate::post::Kind;
use crate::service::Identity;

pub(super) async fn request(
    State(identity): State<Identity>,
    Path(collection): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let ask = mailing::read(&identity, &collection, request, "requestPasswordReset").await?;
    mailing::check_password(&ask.collection)?;
    mailing::check(&identity)?;
    let email = mailing::email(&ask.request)?;
    let account = mailing::account(&identity, &ask.collection, &email).await?;
    mailing::ask(&identity, mailing::wish(&ask, Kind::PasswordReset, &email, account)).await?;
    Ok(web::reply::no_content())
}
