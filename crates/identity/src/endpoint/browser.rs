//! What the pages of a detour know of a browser: its cookie, its language, the forms that it sends.

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::{self, HeaderValue};
use axum::http::request::Parts;
use axum::response::Response;
use web::Problem;

use crate::detour::page::Language;
use crate::service::Identity;

/// The cookie by which a browser that comes back is known to be the one that left. The name of the first makes the browser
/// itself refuse one from another host or without encryption.
const COOKIES: [&str; 2] = ["__Host-ondol-browser", "ondol-browser"];
/// Letters of its value.
const LENGTH: usize = 40;
/// How long it is kept.
const SECONDS: u64 = 3600;
/// Bytes of a form: more does not fit into an address, into which it is made.
const FORM_BYTES_MAX: usize = 16 << 10;

/// A browser that is to be known again.
pub(super) struct Browser {
    secret: String,
    is_https: bool,
}

impl Browser {
    /// The browser of a request; one that was not here before gets a new secret.
    pub(super) fn of(head: &Parts, origin: &str) -> Browser {
        let secret = cookie(head).map_or_else(|| base::chance::word(LENGTH), str::to_owned);
        Browser { secret, is_https: origin.starts_with("https://") }
    }

    /// What it is known by.
    pub(super) fn secret(&self) -> &str {
        &self.secret
    }

    /// Sends it to a provider; it keeps its cookie.
    pub(super) fn send_away(&self, to: &str) -> Response {
        let mut response = web::reply::see_other(to);
        let (name, secure) = if self.is_https { (COOKIES[0], "; Secure") } else { (COOKIES[1], "") };
        let text =
            format!("{name}={}; Path=/; HttpOnly; SameSite=Lax; Max-Age={SECONDS}{secure}", self.secret);
        let cookie = HeaderValue::try_from(text).expect("names and values of our cookies are plain ASCII");
        response.headers_mut().insert(header::SET_COOKIE, cookie);
        close(&mut response);
        response
    }
}

/// The value of a browser's cookie.
pub(super) fn cookie(head: &Parts) -> Option<&str> {
    let texts = head.headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs: Vec<(&str, &str)> =
        texts.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('=')).collect();
    let value = COOKIES.iter().find_map(|name| pairs.iter().find(|(known, _)| known == name))?.1;
    let is_ours = value.len() == LENGTH && value.bytes().all(|byte| base::chance::ALPHABET.contains(&byte));
    is_ours.then_some(value)
}

/// The language that it likes.
pub(super) fn language(head: &Parts) -> Language {
    let header = head.headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    Language::accepted(header.unwrap_or_default())
}

/// The text of a form.
pub(super) async fn form(identity: &Identity, body: Body) -> Result<String, Problem> {
    let limit = usize::try_from(identity.config().body_bytes_max.0).unwrap_or(usize::MAX).min(FORM_BYTES_MAX);
    let bytes = axum::body::to_bytes(body, limit).await;
    let bytes = bytes.map_err(|_| Problem::too_large("The form", limit as u64))?;
    let is_plain = bytes.iter().all(|byte| byte.is_ascii_graphic());
    let text = is_plain.then(|| String::from_utf8_lossy(&bytes).into_owned());
    text.ok_or_else(|| Problem::invalid("The form is not encoded as one."))
}

/// A page that nothing may be loaded into.
pub(super) fn page(status: StatusCode, text: String) -> Response {
    let mut response = web::reply::html(text);
    *response.status_mut() = status;
    close(&mut response);
    let policy = HeaderValue::from_static("default-src 'none'; base-uri 'none'; frame-ancestors 'none'");
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

/// Addresses here hold what nobody else is to see.
fn close(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}
