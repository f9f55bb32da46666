//! `GET /.well-known/jwks.json`: the public keys of all that we sign for others.

use axum::extract::State;
use axum::response::Response;
use web::Problem;

use super::caller::for_all;
use crate::issuer::jws;
use crate::service::Identity;

pub(super) async fn show(State(identity): State<Identity>) -> Result<Response, Problem> {
    let now = identity.records().clock().now();
    let mut keys = identity.keyring().known();
    if keys.active(now).is_none() {
        identity.keyring().look_after(&identity).await?;
        keys = identity.keyring().known();
    }
    Ok(for_all(&jws::key_set(&keys, now)))
}
