//! The endpoints of accounts; one endpoint is one file.
//!
//! Map: `ask` and `given` (what they all read of a request), `answer` (how a sign-in is answered), `mailing` (what is the same
//! wherever a mail is asked for), then the endpoints: `password`, `request_otp`, `otp`, `oauth2`, `oauth2_begin`, `oauth2_return`,
//! `oauth2_logout`, `redirect`, `refresh`, `methods`, `impersonate`, `file_token`, `end_others`, `issuer` (those for the team's
//! other tools), those of passkeys and of authenticators (`totp`), and those of verification, password reset and e-mail change.

mod answer;
mod ask;
mod confirm_email_change;
mod confirm_email_undo;
mod confirm_password_reset;
mod confirm_verification;
mod end_others;
mod file_token;
mod given;
mod impersonate;
mod invite;
mod issuer;
mod mailing;
mod methods;
mod oauth2;
mod oauth2_begin;
mod oauth2_logout;
mod oauth2_return;
mod otp;
mod passkey;
mod passkey_register;
mod passkey_register_options;
mod passkey_sign_in_options;
pub(crate) mod password;
mod redirect;
mod refresh;
mod request_email_change;
mod request_otp;
mod request_password_reset;
mod request_verification;
mod totp;
mod totp_confirm;
mod totp_disable;
mod totp_enrol;

pub(crate) use ask::{auth_collection, count, headers, origin, place};
pub(crate) use given::is_address;
pub(crate) use refresh::refreshed;
pub(crate) use request_email_change::change_address;

use axum::Router;
use axum::routing::{get, post};

use crate::detour;
use crate::service::Identity;

pub(crate) fn router(identity: Identity) -> Router {
    let of = |name: &str| format!("/api/collections/{{collection}}/{name}");
    let by_detour = |path: &str| format!("{path}/{{collection}}/{{provider}}");
    let router = Router::new()
        .route(&of("auth-with-password"), post(password::sign_in))
        .route(&of("auth-with-oauth2"), post(oauth2::sign_in))
        .route(&by_detour(detour::BEGIN), get(oauth2_begin::show).post(oauth2_begin::send))
        .route(&by_detour(detour::RETURN), get(oauth2_return::arrive).post(oauth2_return::forward))
        .route("/api/oauth2-logout/{collection}/{provider}", post(oauth2_logout::end))
        .route("/api/oauth2-redirect", get(redirect::arrive).post(redirect::arrive))
        .route(&of("request-otp"), post(request_otp::request))
        .route(&of("auth-with-otp"), post(otp::sign_in))
        .route(&of("passkey-register-options"), post(passkey_register_options::make))
        .route(&of("passkey-register"), post(passkey_register::make))
        .route(&of("passkey-sign-in-options"), post(passkey_sign_in_options::make))
        .route(&of("auth-with-passkey"), post(passkey::sign_in))
        .route(&of("auth-with-totp"), post(totp::sign_in))
        .route(&of("totp-enrol"), post(totp_enrol::enrol))
        .route(&of("totp-confirm"), post(totp_confirm::confirm))
        .route(&of("totp-disable"), post(totp_disable::disable))
        .route(&of("request-verification"), post(request_verification::request))
        .route(&of("confirm-verification"), post(confirm_verification::confirm))
        .route(&of("request-password-reset"), post(request_password_reset::request))
        .route(&of("confirm-password-reset"), post(confirm_password_reset::confirm))
        .route(&of("request-email-change"), post(request_email_change::request))
        .route(&of("confirm-email-change"), post(confirm_email_change::confirm))
        .route(&of("confirm-email-undo"), post(confirm_email_undo::confirm))
        .route(&of("auth-refresh"), post(refresh::refresh))
        .route(&of("end-other-sessions"), post(end_others::end))
        .route(&of("auth-methods"), get(methods::list))
        .route(&of("invite"), post(invite::invite))
        .route(&of("impersonate/{id}"), post(impersonate::impersonate))
        .route("/api/files/token", post(file_token::make))
        .merge(issuer::router(&identity));
    router.with_state(identity)
}
