//! `POST impersonate/{id}`: a superuser gets a token for another account. It is never renewed.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::Request;
use axum::response::Response;
use base::error::Fields;
use records::Principal;
use serde_json::{Map, Value};
use web::Problem;

use super::answer::signed_in;
use super::ask::{self, Ask};
use crate::service::Identity;
use crate::session::{Actor, Beginning};

pub(super) async fn impersonate(
    State(identity): State<Identity>,
    Path((collection, id)): Path<(String, String)>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let caller = ask::caller(&identity, &head).await?.ok_or_else(Problem::unauthenticated)?;
    if !caller.principal.is_superuser() {
        return Err(Problem::forbidden("The authorized record is not allowed to perform this action."));
    }
    let ask = Ask::read(&identity, &collection, Request::from_parts(head, body)).await?;
    let row = identity.records().find(&ask.collection, &id).await?.ok_or_else(Problem::missing)?;
    let duration = duration(&identity, &ask.request.body)?;
    let account = Principal { collection: ask.collection.clone(), row };
    let actor = Actor { superuser: caller.principal, life: duration };
    let place = ask.place.clone();
    let beginning = Beginning { ways: Vec::new(), place, actor: Some(actor), via: None };
    identity.may_enter(&ask.request, &account).await?;
    let token = identity.begin_session(&account, &beginning).await?;
    signed_in(&identity, ask, account.into(), token).await
}

/// The wanted life in seconds; none: as long as a plain token.
fn duration(identity: &Identity, body: &Map<String, Value>) -> Result<Duration, Problem> {
    let most = identity.config().impersonation_time_max;
    let fault = |code: &str, message: &str| {
        let fields = Fields::one("duration", code, message);
        Err(Problem::invalid("An error occurred while validating the submitted data.").with(fields))
    };
    let seconds = match body.get("duration") {
        None | Some(Value::Null) => return Ok(Duration::ZERO),
        Some(Value::String(text)) => text.parse::<i64>().ok(),
        Some(value) => value.as_i64(),
    };
    match seconds.map(u64::try_from) {
        None => fault("validation_invalid_value", "Must be a whole number of seconds."),
        Some(Err(_)) => fault("validation_min_greater_equal_than_required", "Must be no less than 0."),
        Some(Ok(seconds)) if seconds > most.0.as_secs() => {
            fault("validation_max_less_equal_than_required", &format!("Must be no more than {most}."))
        }
        Some(Ok(seconds)) => Ok(Duration::from_secs(seconds)),
    }
}
