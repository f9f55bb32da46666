//! The pages of sign-in, in Korean and in English: they work without scripts, but for passkeys.
//!
//! Map, in reading order: `visitor` (who looks at a page: browser, language, session), `form` (what our own pages have sent),
//! `frame` (what pages stand in), `turn` and `fault` (why a page is not shown, and what is then), `goal` (what a visitor wants
//! of signing in), `entry` (whoever has passed a way is let in), `journey` (a browser that is away at a provider), `signed` (a
//! visitor who has signed in).
//!
//! The pages: `sign_in` and `ways`, then one way a file: `password`, `code`, `passkey`, `provider` and `came_back`, `second`;
//! `recover`; `sign_up` and `invitation`; `account` (whoever has signed in); `sign_out`, `language`, `token` (for scripts of the team's own
//! pages); `trial` (for superusers).
//!
//! To add a page: a file with `show` (and `submit`), its route in `router`, its address in `docs/sign-in.md`.
//!
//! Invariant: what may be done and what is valid is decided where the API decides it; pages ask the same functions.

mod account;
mod came_back;
mod code;
mod entry;
pub(crate) mod fault;
pub(crate) mod form;
pub(crate) mod frame;
mod goal;
mod invitation;
pub(crate) mod journey;
mod language;
mod passkey;
mod password;
mod provider;
mod recover;
mod second;
mod sign_in;
mod sign_out;
mod sign_up;
mod signed;
mod token;
mod trial;
pub(crate) mod turn;
pub(crate) mod visitor;
mod ways;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use url::form_urlencoded::Serializer;

use crate::service::Identity;

/// Where one signs in.
pub(crate) const SIGN_IN: &str = "/auth/sign-in";
/// Where one signs in by a passkey.
const PASSKEY: &str = "/auth/sign-in/passkey";
/// Where one who has forgotten the password begins.
const RECOVER: &str = "/auth/recover";
/// Where one signs up.
const SIGN_UP: &str = "/auth/sign-up";
/// Where the links of invitations and sign-ups lead.
const INVITATION: &str = "/auth/invitation";
/// Where browsers go on to that are back from a provider.
const CAME_BACK: &str = "/auth/came-back";
/// Where one who has signed in is.
pub(crate) const ACCOUNT: &str = "/auth/account";
/// Where that one adds a passkey.
const PASSKEYS: &str = "/auth/account/passkeys";
/// Where one signs out.
pub(crate) const SIGN_OUT: &str = "/auth/sign-out";
/// Where the language is chosen.
const LANGUAGE: &str = "/auth/language";

/// The pages.
pub(crate) fn router(identity: Identity) -> Router {
    let of_account = |page: &str| format!("{ACCOUNT}/{page}");
    let outside = Router::new()
        .route(SIGN_IN, get(sign_in::show).post(sign_in::submit))
        .route("/auth/sign-in/password", post(password::submit))
        .route("/auth/sign-in/mail", post(code::mail))
        .route("/auth/sign-in/code", post(code::submit))
        .route(PASSKEY, post(passkey::submit))
        .route("/auth/sign-in/provider", post(provider::submit))
        .route("/auth/sign-in/second", post(second::submit))
        .route(CAME_BACK, get(came_back::show))
        .route(RECOVER, get(recover::show).post(recover::submit))
        .route(SIGN_UP, get(sign_up::show).post(sign_up::submit))
        .route(INVITATION, get(invitation::show).post(invitation::submit))
        .route(SIGN_OUT, get(sign_out::show).post(sign_out::submit))
        .route(LANGUAGE, get(language::choose))
        .route("/auth/try/{name}", get(trial::show).post(trial::submit))
        .route("/auth/token", post(token::show));
    let inside = Router::new()
        .route(ACCOUNT, get(account::show))
        .route(&of_account("sessions"), post(account::sessions::submit))
        .route(PASSKEYS, get(account::passkeys::show).post(account::passkeys::submit))
        .route(&of_account("passkeys/remove"), post(account::passkeys::remove))
        .route(
            &of_account("authenticator"),
            get(account::authenticator::show).post(account::authenticator::submit),
        )
        .route(&of_account("link"), post(account::links::link))
        .route(&of_account("unlink"), post(account::links::unlink))
        .route(&of_account("password"), get(account::password::show).post(account::password::submit))
        .route(&of_account("email"), get(account::email::show).post(account::email::submit));
    let surround = from_fn_with_state(identity.clone(), fault::surround);
    outside.merge(inside).layer(surround).with_state(identity)
}

/// An address with a query; pairs without a value are left out.
pub(crate) fn address(path: &str, pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<_> = pairs.iter().filter(|(_, value)| !value.is_empty()).collect();
    if pairs.is_empty() {
        return path.to_owned();
    }
    format!("{path}?{}", Serializer::new(String::new()).extend_pairs(pairs).finish())
}
