//! What this version can't do, said plainly: providers are never enabled.

use axum::extract::{Path, State};
use web::Problem;

use super::ask;
use crate::service::Identity;

/// Ways to sign in that no collection can turn on yet.
pub(super) const DISABLED: [&str; 1] = ["auth-with-oauth2"];

pub(super) async fn disabled(State(identity): State<Identity>, Path(collection): Path<String>) -> Problem {
    match ask::auth_collection(&identity, &collection) {
        Err(problem) => problem,
        Ok(_) => Problem::forbidden("The collection is not configured to allow OAuth2 authentication."),
    }
}
