//! The pages of sign-in, in Korean and in English: they work without scripts, but for passkeys.
//!
//! Map, in reading order: `visitor` (who looks at a page: browser, language, session), `form` (what our own pages have sent),
//! `frame` (what pages stand in), `fault` (what goes wrong becomes a page), then the pages: `sign_out`, `language`, `token`
//! (for scripts of the team's own pages).
//!
//! To add a page: a file with `show` (and `submit`), its route in `router`, its address in `docs/sign-in.md`.
//!
//! Invariant: what may be done and what is valid is decided where the API decides it; pages ask the same functions.

pub(crate) mod fault;
pub(crate) mod form;
pub(crate) mod frame;
mod language;
mod sign_out;
mod token;
pub(crate) mod visitor;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use url::form_urlencoded::Serializer;

use crate::service::Identity;

/// Where one signs in.
pub(crate) const SIGN_IN: &str = "/auth/sign-in";
/// Where one signs out.
pub(crate) const SIGN_OUT: &str = "/auth/sign-out";
/// Where the language is chosen.
pub(crate) const LANGUAGE: &str = "/auth/language";

/// The pages.
pub(crate) fn router(identity: Identity) -> Router {
    Router::new()
        .route(SIGN_OUT, get(sign_out::show).post(sign_out::submit))
        .route(LANGUAGE, get(language::choose))
        .route("/auth/token", post(token::show))
        .layer(from_fn_with_state(identity.clone(), fault::surround))
        .with_state(identity)
}

/// An address with a query; pairs without a value are left out.
pub(crate) fn address(path: &str, pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<_> = pairs.iter().filter(|(_, value)| !value.is_empty()).collect();
    if pairs.is_empty() {
        return path.to_owned();
    }
    format!("{path}?{}", Serializer::new(String::new()).extend_pairs(pairs).finish())
}
