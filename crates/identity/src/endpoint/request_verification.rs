//! `POST request-verification`: a mail with a link that shows that the address is the account's.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::Request;
use axum::response::Response;
use records::Principal;
use web::Problem;

use super::mailing;
use crate::post::Kind;
use crate::service::Identity;

pub(super) async fn request(
    State(identity): State<Identity>,
    Path(collection): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let ask = mailing::read(&identity, &collection, request, "requestVerification").await?;
    mailing::check(&identity)?;
    let email = mailing::email(&ask.request)?;
    let account = mailing::account(&identity, &ask.collection, &email).await?;
    let is_open =
        |account: &Principal| !identity.records().values(&ask.collection, &account.row).flag("verified");
    let wish = mailing::wish(&ask, Kind::Verification, &email, account.filter(is_open));
    mailing::ask(&identity, wish).await?;
    Ok(web::reply::no_content())
}
