//! `POST invite`: a superuser invites an address (`email`) to the collection's accounts; `values` is what the account is to hold
//! besides. The answer is the invitation's record in `_invitations`, which may be deleted to withdraw it.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::Request;
use axum::response::Response;
use base::error::Fields;
use records::core::change::INVITATIONS;
use serde_json::Value;
use web::Problem;

use super::given::Given;
use super::mailing;
use crate::invitation::Guest;
use crate::mailed::{Asked, INVALID};
use crate::own;
use crate::service::Identity;

pub(super) async fn invite(
    State(identity): State<Identity>,
    Path(collection): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let ask = mailing::read(&identity, &collection, request, "invite").await?;
    let by = ask.request.auth.clone().ok_or_else(Problem::unauthenticated)?;
    if !by.is_superuser() {
        return Err(Problem::forbidden("The authorized record is not allowed to perform this action."));
    }
    mailing::check(&identity)?;
    let mut given = Given::of(&ask.request.body);
    let email = given.address("email");
    given.done()?;
    if mailing::account(&identity, &ask.collection, &email).await?.is_some() {
        let fault = Fields::one("email", "validation_not_unique", "There is an account with this address.");
        return Err(Problem::invalid(INVALID).with(fault));
    }
    let values = ask.request.body.get("values").and_then(Value::as_object).cloned().unwrap_or_default();
    let guest = Guest { collection: ask.collection.clone(), email, by: Some(by), values };
    let id = match identity.send_invitation(guest).await? {
        Asked::Done(id) => id.unwrap_or_default(),
        Asked::TooOften(used_up) => return Err(Problem::too_often(used_up.seconds)),
    };
    let invitations = own::collection(identity.records(), INVITATIONS)?;
    let row = identity.records().find(&invitations, &id).await?.ok_or_else(Problem::missing)?;
    let shown = identity.records().render(&ask.request, &invitations, &row, &ask.shape).await?;
    Ok(web::reply::json_text(shown))
}
