//! The cookies of the console: they go below its pages only, and with no request of another site.

use axum::http::header::HeaderValue;
pub(crate) use web::cookie::read;
use web::cookie::{Cookie, Life as Lasts, SameSite};

/// Seconds of a year.
const YEAR: u64 = 31_536_000;

/// How long a cookie stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// Until the browser is closed.
    Session,
    /// A year: choices of look.
    Year,
    /// Gone at once.
    Ended,
}

/// A `Set-Cookie` value that scripts can't read and that other sites can't make the browser send.
pub(crate) fn set(name: &str, value: &str, life: Life, is_https: bool) -> HeaderValue {
    let life = match life {
        Life::Session => Lasts::Browser,
        Life::Year => Lasts::Seconds(YEAR),
        Life::Ended => Lasts::Ended,
    };
    Cookie { name, path: "/_/", same_site: SameSite::Strict, is_secure: is_https }.set(value, life)
}
