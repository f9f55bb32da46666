//! What the endpoints of mailed words and second ways have in common.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use records::core::collection::Collection;
use records::{Principal, Request as Asker};
use web::Problem;

use super::ask::{self, Ask};
use super::given::Given;
use crate::mailed::{self, Asked, Wish};
use crate::post::Kind;
use crate::service::Identity;

/// Refuses where no mail is sent.
pub(super) fn check(identity: &Identity) -> Result<(), Problem> {
    match identity.post() {
        Some(_) => Ok(()),
        None => Err(Problem::new(
            StatusCode::NOT_IMPLEMENTED,
            "This server sends no mail. Ask a superuser to change the account, or whoever runs the server to name a mail server \
             in [mail].",
        )),
    }
}

/// Refuses where nobody signs in by password.
pub(super) fn check_password(collection: &Collection) -> Result<(), Problem> {
    match collection.auth.as_ref().is_some_and(|auth| auth.has_password) {
        true => Ok(()),
        false => Err(Problem::invalid("The collection is not configured to allow password authentication.")),
    }
}

/// Reads `email` of a request for a mail.
pub(super) fn email(request: &Asker) -> Result<String, Problem> {
    let mut given = Given::of(&request.body);
    let email = given.address("email");
    given.done().map(|()| email)
}

/// The account of an address.
pub(super) async fn account(
    identity: &Identity,
    collection: &Arc<Collection>,
    email: &str,
) -> Result<Option<Principal>, Problem> {
    Ok(identity.records().find_account(collection, &["email".to_owned()], email).await?)
}

/// Asks for a mail to the account of an address, if it is one's.
pub(super) async fn ask(identity: &Identity, wish: Wish) -> Result<Option<String>, Problem> {
    match mailed::ask(identity, wish).await? {
        Asked::Done(id) => Ok(id),
        Asked::TooOften(used_up) => Err(Problem::too_often(used_up.seconds)),
    }
}

/// Whoever asks, of the collection that the request names.
pub(super) fn own_account(ask: &Ask) -> Result<Arc<Principal>, Problem> {
    let account = ask.request.auth.clone().ok_or_else(Problem::unauthenticated)?;
    if account.collection.id == ask.collection.id {
        return Ok(account);
    }
    let name = &account.collection.name;
    Err(Problem::forbidden(format!("The request requires auth record from {name} collection.")))
}

/// A mail of that kind to whoever the address is of.
pub(super) fn wish(ask: &Ask, kind: Kind, email: &str, account: Option<Principal>) -> Wish {
    Wish { kind, collection: ask.collection.clone(), account, to: email.to_owned(), by: None }
}

/// Counts a request and reads it.
pub(super) async fn read(
    identity: &Identity,
    collection: &str,
    request: Request<Body>,
    tag: &str,
) -> Result<Ask, Problem> {
    let (head, body) = request.into_parts();
    ask::count(identity, collection, &head, &[tag, "auth"])?;
    Ask::read(identity, collection, Request::from_parts(head, body)).await
}
