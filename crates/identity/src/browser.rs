//! What pages know of a browser: the cookie that it is known again by, its language, the forms that it sends.

use axum::body::Body;
use axum::http::header::{self, HeaderValue};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use sha2::{Digest, Sha256};
use web::Problem;
use web::cookie::{self, Cookie, Life, SameSite};

use crate::detour::page;
use crate::language::Language;
use crate::service::Identity;

/// The cookie by which a browser that comes back is known to be the one that left: with encryption, and without. The name of
/// the first makes the browser itself refuse one that comes from another host or without encryption.
const COOKIES: [&str; 2] = ["__Host-ondol-browser", "ondol-browser"];
/// Letters of its value.
const LENGTH: usize = 40;
/// How long it is kept.
const SECONDS: u64 = 3600;
/// The cookie of the language that was chosen, and how long that is kept.
const LANGUAGE: &str = "ondol-language";
const YEAR: u64 = 31_536_000;
/// Bytes of a form: more does not fit into an address, into which it is made.
const FORM_BYTES_MAX: usize = 16 << 10;

/// A browser that is to be known again.
pub(crate) struct Browser {
    /// Name and value.
    cookie: String,
    is_https: bool,
}

impl Browser {
    /// The browser of a request; one that was not here before gets a new cookie.
    pub(crate) fn of(head: &Parts, origin: &str) -> Browser {
        let is_https = origin.starts_with("https://");
        let name = COOKIES[usize::from(!is_https)];
        let known = cookies(head).into_iter().find(|cookie| cookie.split('=').next() == Some(name));
        let cookie = known.unwrap_or_else(|| format!("{name}={}", base::chance::word(LENGTH)));
        Browser { cookie, is_https }
    }

    /// What it is known by.
    pub(crate) fn cookie(&self) -> &str {
        &self.cookie
    }

    /// What is kept of that.
    pub(crate) fn hash(&self) -> String {
        BASE64.encode(Sha256::digest(&self.cookie))
    }

    /// Has it keep its cookie.
    pub(crate) fn remember(&self, response: &mut Response) {
        let (name, value) = self.cookie.split_once('=').expect("a cookie has a name and a value");
        let cookie = Cookie { name, path: "/", same_site: SameSite::Lax, is_secure: self.is_https };
        response.headers_mut().append(header::SET_COOKIE, cookie.set(value, Life::Seconds(SECONDS)));
    }

    /// Sends it to a provider; it keeps its cookie.
    pub(crate) fn send_away(&self, to: &str) -> Response {
        let mut response = web::reply::see_other(to);
        self.remember(&mut response);
        close(&mut response);
        response
    }
}

/// The cookies of ours that a browser sends, each as name and value.
pub(crate) fn cookies(head: &Parts) -> Vec<String> {
    let is_value = |value: &&str| {
        value.len() == LENGTH && value.bytes().all(|byte| base::chance::ALPHABET.contains(&byte))
    };
    let of = |name: &'static str| {
        cookie::all(&head.headers, name).filter(is_value).map(move |value| format!("{name}={value}"))
    };
    COOKIES.into_iter().flat_map(of).collect()
}

/// The language that it likes: the chosen one, else as it says itself.
pub(crate) fn language(head: &Parts) -> Language {
    language_of(&head.headers)
}

/// The same of a request's headers.
pub(crate) fn language_of(headers: &HeaderMap) -> Language {
    let chosen = cookie::read(headers, LANGUAGE).and_then(Language::of_code);
    let header = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    chosen.unwrap_or_else(|| Language::accepted(header.unwrap_or_default()))
}

/// Has it keep a language.
pub(crate) fn likes(language: Language, origin: &str) -> HeaderValue {
    let is_secure = origin.starts_with("https://");
    let cookie = Cookie { name: LANGUAGE, path: "/", same_site: SameSite::Lax, is_secure };
    cookie.set(language.code(), Life::Seconds(YEAR))
}

/// The text of a form.
pub(crate) async fn form(identity: &Identity, body: Body) -> Result<String, Problem> {
    let limit = usize::try_from(identity.config().body_bytes_max.0).unwrap_or(usize::MAX).min(FORM_BYTES_MAX);
    let bytes = axum::body::to_bytes(body, limit).await;
    let bytes = bytes.map_err(|_| Problem::too_large("The form", limit as u64))?;
    let is_plain = bytes.iter().all(|byte| byte.is_ascii_graphic());
    let text = is_plain.then(|| String::from_utf8_lossy(&bytes).into_owned());
    text.ok_or_else(|| Problem::invalid("The form is not encoded as one."))
}

/// A page that nothing may be loaded into.
pub(crate) fn page(status: StatusCode, text: String) -> Response {
    let mut response = web::reply::html(text);
    *response.status_mut() = status;
    under(response, &page::policy())
}

/// A page that may do no more than a policy says.
pub(crate) fn under(mut response: Response, policy: &str) -> Response {
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
