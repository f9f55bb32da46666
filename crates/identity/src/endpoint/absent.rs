//! What this version can't do, said plainly: one-time codes are never enabled, and no mail is sent.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use web::Problem;

use super::ask;
use crate::service::Identity;

/// Ways to sign in that no collection can turn on yet.
pub(super) const DISABLED: [&str; 2] = ["request-otp", "auth-with-otp"];
/// What works by a mailed link.
pub(super) const MAILED: [&str; 6] = [
    "request-password-reset",
    "confirm-password-reset",
    "request-verification",
    "confirm-verification",
    "request-email-change",
    "confirm-email-change",
];

pub(super) async fn disabled(State(identity): State<Identity>, Path(collection): Path<String>) -> Problem {
    if let Err(problem) = ask::auth_collection(&identity, &collection) {
        return problem;
    }
    Problem::forbidden("The collection is not configured to allow OTP authentication.")
}

pub(super) async fn needs_mail(State(identity): State<Identity>, Path(collection): Path<String>) -> Problem {
    match ask::auth_collection(&identity, &collection) {
        Err(problem) => problem,
        Ok(_) => Problem::new(
            StatusCode::NOT_IMPLEMENTED,
            "This server sends no mail yet. Ask a superuser to change the account.",
        ),
    }
}
