//! `POST totp-disable`: the authenticator is asked for no longer, for whoever shows the password and a code.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::Request;
use axum::response::Response;
use web::Problem;

use super::given::Given;
use super::mailing;
use crate::authenticator;
use crate::service::Identity;

pub(super) async fn disable(
    State(identity): State<Identity>,
    Path(collection): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let ask = mailing::read(&identity, &collection, request, "totp").await?;
    let account = mailing::own_account(&ask)?;
    let mut given = Given::of(&ask.request.body);
    let (password, code) = (given.long("password"), given.text("code"));
    given.done()?;
    authenticator::prove_password(&identity, &account, &password).await?;
    authenticator::disable(&identity, &account, &code, ask.place.address).await?;
    Ok(web::reply::no_content())
}
