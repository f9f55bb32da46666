//! `POST request-email-change`: a mail to the address that an account wants to have.
//!
//! An address that is somebody else's gets none, and whoever asked isn't told.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::Request;
use axum::response::Response;
use base::error::Fields;
use records::Principal;
use web::Problem;

use super::given::Given;
use super::mailing;
use crate::mailed::{INVALID, Wish};
use crate::post::Kind;
use crate::service::Identity;

pub(super) async fn request(
    State(identity): State<Identity>,
    Path(collection): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let ask = mailing::read(&identity, &collection, request, "requestEmailChange").await?;
    let account = mailing::own_account(&ask)?;
    mailing::check(&identity)?;
    let mut given = Given::of(&ask.request.body);
    let wanted = given.address("newEmail");
    given.done()?;
    change_address(&identity, &account, &wanted).await?;
    Ok(web::reply::no_content())
}

/// Has the mail sent by which an account takes another address.
pub(crate) async fn change_address(
    identity: &Identity,
    account: &Arc<Principal>,
    wanted: &str,
) -> Result<(), Problem> {
    check(identity, account, wanted)?;
    let taken = mailing::account(identity, &account.collection, wanted).await?;
    let wish = Wish {
        kind: Kind::EmailChange,
        collection: account.collection.clone(),
        account: taken.is_none().then(|| Principal::clone(account)),
        to: wanted.to_owned(),
        by: Some(account.row.id.clone()),
    };
    mailing::ask(identity, wish).await.map(drop)
}

fn check(identity: &Identity, account: &Principal, wanted: &str) -> Result<(), Problem> {
    let mut faults = identity.records().check_address(&account.collection, &account.row, wanted);
    if let Some(fault) = faults.0.remove("email") {
        faults.0.insert("newEmail".into(), fault);
    }
    if identity.records().values(&account.collection, &account.row).text("email") == wanted {
        let same = Fields::one("newEmail", "validation_not_in_invalid", "Must not be the present address.");
        faults.0.extend(same.0);
    }
    if faults.is_empty() { Ok(()) } else { Err(Problem::invalid(INVALID).with(faults)) }
}
