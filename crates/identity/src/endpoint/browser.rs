//! What the pages of a detour know of a browser: its cookie, its language, the forms that it sends.

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::{self, HeaderValue};
use axum::http::request::Parts;
use axum::response::Response;
use web::Problem;

use crate::detour::page::{self, Language};
use crate::service::Identity;

/// The cookie by which a browser that comes back is known to be the one that left: with encryption, and without. The name of
/// the first makes the browser itself refuse one that comes from another host or without encryption.
const COOKIES: [&str; 2] = ["__Host-ondol-browser", "ondol-browser"];
/// Letters of its value.
const LENGTH: usize = 40;
/// How long it is kept.
const SECONDS: u64 = 3600;
/// Bytes of a form: more does not fit into an address, into which it is made.
const FORM_BYTES_MAX: usize = 16 << 10;

/// A browser that is to be known again.
pub(super) struct Browser {
    /// Name and value.
    cookie: String,
    is_https: bool,
}

impl Browser {
    /// The browser of a request; one that was not here before gets a new cookie.
    pub(super) fn of(head: &Parts, origin: &str) -> Browser {
        let is_https = origin.starts_with("https://");
        let name = COOKIES[usize::from(!is_https)];
        let known = cookies(head).into_iter().find(|cookie| cookie.starts_with(name));
        let cookie = known.map_or_else(|| format!("{name}={}", base::chance::word(LENGTH)), str::to_owned);
        Browser { cookie, is_https }
    }

    /// What it is known by.
    pub(super) fn cookie(&self) -> &str {
        &self.cookie
    }

    /// Sends it to a provider; it keeps its cookie.
    pub(super) fn send_away(&self, to: &str) -> Response {
        let mut response = web::reply::see_other(to);
        let secure = if self.is_https { "; Secure" } else { "" };
        let text = format!("{}; Path=/; HttpOnly; SameSite=Lax; Max-Age={SECONDS}{secure}", self.cookie);
        let cookie = HeaderValue::try_from(text).expect("names and values of our cookies are plain ASCII");
        response.headers_mut().insert(header::SET_COOKIE, cookie);
        close(&mut response);
        response
    }
}

/// The cookies of ours that a browser sends, each as name and value.
pub(super) fn cookies(head: &Parts) -> Vec<&str> {
    let is_ours = |cookie: &&str| {
        cookie.split_once('=').is_some_and(|(name, value)| {
            let is_value = |byte: u8| base::chance::ALPHABET.contains(&byte);
            COOKIES.contains(&name) && value.len() == LENGTH && value.bytes().all(is_value)
        })
    };
    let texts = head.headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(';')).map(str::trim).filter(is_ours).collect()
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
    under(response, &page::policy())
}

/// A page that may do no more than a policy says.
pub(super) fn under(mut response: Response, policy: &str) -> Response {
    close(&mut response);
    let policy = HeaderValue::try_from(policy).expect("our policies are plain ASCII");
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

/// Addresses here hold what nobody else is to see.
fn close(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}
