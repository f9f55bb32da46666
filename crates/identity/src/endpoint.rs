//! The endpoints of accounts; one endpoint is one file.
//!
//! Map: `ask` (what they all read of a request), `answer` (how a sign-in is answered), `browser` (what the pages of a detour know of one), then the endpoints: `password`,
//! `oauth2`, `oauth2_begin`, `oauth2_return`, `redirect`, `refresh`, `methods`, `impersonate`, `file_token`, and `absent` (what this version can't do, said plainly).

mod absent;
mod answer;
mod ask;
mod browser;
mod file_token;
mod impersonate;
mod methods;
mod oauth2;
mod oauth2_begin;
mod oauth2_return;
mod password;
mod redirect;
mod refresh;

use axum::Router;
use axum::routing::{get, post};

use crate::detour;
use crate::service::Identity;

pub(crate) fn router(identity: Identity) -> Router {
    let of = |name: &str| format!("/api/collections/{{collection}}/{name}");
    let by_detour = |path: &str| format!("{path}/{{collection}}/{{provider}}");
    let mut router = Router::new()
        .route(&of("auth-with-password"), post(password::sign_in))
        .route(&of("auth-with-oauth2"), post(oauth2::sign_in))
        .route(&by_detour(detour::BEGIN), get(oauth2_begin::show).post(oauth2_begin::send))
        .route(&by_detour(detour::RETURN), get(oauth2_return::arrive).post(oauth2_return::forward))
        .route("/api/oauth2-redirect", get(redirect::arrive).post(redirect::arrive))
        .route(&of("auth-refresh"), post(refresh::refresh))
        .route(&of("auth-methods"), get(methods::list))
        .route(&of("impersonate/{id}"), post(impersonate::impersonate))
        .route("/api/files/token", post(file_token::make));
    for name in absent::DISABLED {
        router = router.route(&of(name), post(absent::disabled));
    }
    for name in absent::MAILED {
        router = router.route(&of(name), post(absent::needs_mail));
    }
    router.with_state(identity)
}
