//! `POST auth-with-passkey`: what an authenticator signed, for a token.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{Request, StatusCode};
use axum::response::Response;
use records::core::collection::Collection;
use serde_json::Value;
use web::Problem;

use super::answer::enter;
use super::mailing;
use crate::mfa::Way;
use crate::options;
use crate::passkey::{self, RelyingParty};
use crate::service::Identity;

pub(super) async fn sign_in(
    State(identity): State<Identity>,
    Path(collection): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let ask = mailing::read(&identity, &collection, request, "authWithPasskey").await?;
    let site = site(&identity, &ask.collection)?;
    let credential = ask.request.body.get("credential").unwrap_or(&Value::Null);
    match passkey::sign_in(&identity, site, &ask.collection, credential, &ask.place).await? {
        Ok(account) => enter(&identity, ask, account, Way::Passkey).await,
        Err(flaw) => {
            identity.note_refused(&ask.collection, Way::Passkey, "", None, &ask.place).await;
            Err(refused(&flaw))
        }
    }
}

/// The site that passkeys are for; refuses where the service does not know, or the collection has none.
pub(super) fn site<'a>(identity: &'a Identity, accounts: &Collection) -> Result<&'a RelyingParty, Problem> {
    if !accounts.auth.as_ref().is_some_and(options::has_passkey) {
        return Err(Problem::forbidden("The collection is not configured to allow passkey authentication."));
    }
    identity.config().relying_party.as_ref().ok_or_else(|| {
        Problem::new(
            StatusCode::NOT_IMPLEMENTED,
            "This server has no passkeys, since it does not know its own address. Whoever runs it writes it into the service \
             file: url = \"https://…\", with a name and not a number.",
        )
    })
}

/// The refusal of a passkey.
pub(super) fn refused(flaw: &dyn std::error::Error) -> Problem {
    Problem::invalid(format!("The passkey was not taken: {flaw}."))
}
