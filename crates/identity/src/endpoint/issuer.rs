//! The endpoints of the provider (see `crate::issuer`); one endpoint is one file.
//!
//! Map: `asked` (the request that a browser brings), `caller` (which client asks, and how it is answered), then the endpoints.
//!
//! Invariant: what holds a code or a token is kept by no cache.

mod asked;
mod authorize;
mod caller;
mod check;
mod consent;
mod discovery;
mod end_session;
mod introspect;
mod keys;
mod revoke;
mod token;
mod userinfo;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use crate::issuer::metadata::{AUTHORIZE, DISCOVERY, END_SESSION, INTROSPECT, KEYS, REVOKE, TOKEN, USERINFO};
use crate::page::fault;
use crate::service::Identity;

/// Where a person's answer to a client's wish goes.
const CONSENT: &str = "/auth/oidc/consent";
/// Where a person's wish to sign out goes, that a client has sent.
const SIGNED_OUT: &str = "/auth/oidc/signed-out";
/// Where proxies ask who it is.
const CHECK: &str = "/auth/check";

pub(super) fn router(identity: &Identity) -> Router<Identity> {
    let pages = Router::new()
        .route(AUTHORIZE, get(authorize::show).post(authorize::forward))
        .route(CONSENT, post(consent::submit))
        .route(END_SESSION, get(end_session::show).post(end_session::forward))
        .route(SIGNED_OUT, post(end_session::submit))
        .layer(from_fn_with_state(identity.clone(), fault::surround));
    Router::new()
        .merge(pages)
        .route(DISCOVERY[0], get(discovery::show))
        .route(DISCOVERY[1], get(discovery::show))
        .route(KEYS, get(keys::show))
        .route(TOKEN, post(token::make))
        .route(USERINFO, get(userinfo::show).post(userinfo::show))
        .route(INTROSPECT, post(introspect::show))
        .route(REVOKE, post(revoke::revoke))
        .route(CHECK, get(check::check))
}
