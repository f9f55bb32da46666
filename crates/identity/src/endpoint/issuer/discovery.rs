//! `GET /.well-known/openid-configuration`: what we say of ourselves.

use axum::extract::State;
use axum::response::Response;
use web::Problem;

use super::caller::for_all;
use crate::issuer::metadata;
use crate::service::Identity;

pub(super) async fn show(State(identity): State<Identity>) -> Result<Response, Problem> {
    Ok(for_all(&metadata::document(identity.issuer()?)))
}
