//! The cookie by which a browser shows a session: it holds the token that clients of the API send in a header.
//!
//! With encryption its name makes the browser itself refuse one that another host, or a page without encryption, wants to set
//! (`__Host-`, RFC 6265bis, 4.1.3.2). Without encryption, as while developing, there is no such name, and another one is used.
//!
//! Invariant: a plain cookie is never believed where there is encryption.

use axum::http::HeaderMap;
use axum::http::header::HeaderValue;
use web::cookie::{self, Life, SameSite};

/// Its name with encryption, and without.
const NAMES: [&str; 2] = ["__Host-ondol", "ondol"];

/// The cookie, as it is called where a visitor comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cookie {
    is_https: bool,
}

impl Cookie {
    /// The cookie of visitors who know us by this scheme and host: `https://ondol.example`.
    pub(crate) fn of(origin: &str) -> Cookie {
        Cookie { is_https: origin.starts_with("https://") }
    }

    /// The token that a browser shows.
    pub(crate) fn token(self, headers: &HeaderMap) -> Option<&str> {
        cookie::read(headers, self.name()).filter(|token| !token.is_empty())
    }

    /// Has a browser keep a token, for so many seconds.
    pub(crate) fn set(self, token: &str, seconds: u64) -> HeaderValue {
        self.as_cookie().set(token, Life::Seconds(seconds))
    }

    /// Has it forget the token.
    pub(crate) fn clear(self) -> HeaderValue {
        self.as_cookie().set("", Life::Ended)
    }

    fn name(self) -> &'static str {
        NAMES[usize::from(!self.is_https)]
    }

    fn as_cookie(self) -> cookie::Cookie<'static> {
        cookie::Cookie { name: self.name(), path: "/", same_site: SameSite::Lax, is_secure: self.is_https }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_encryption_only_a_cookie_that_no_other_host_can_set_is_read() {
        let headers = HeaderMap::from_iter([(
            axum::http::header::COOKIE,
            "ondol=tossed; __Host-ondol=own.t-o_ken".parse().expect("a header"),
        )]);
        let tossed =
            HeaderMap::from_iter([(axum::http::header::COOKIE, "ondol=tossed".parse().expect("a header"))]);
        let (https, http) = (Cookie::of("https://a.example"), Cookie::of("http://127.0.0.1:8090"));
        assert_eq!(https.token(&headers), Some("own.t-o_ken"));
        assert_eq!(https.token(&tossed), None);
        assert_eq!(http.token(&tossed), Some("tossed"), "while developing");
    }

    #[test]
    fn the_cookie_is_for_this_host_alone_and_for_no_script() {
        let set = Cookie::of("https://a.example").set("a.b.c", 60);
        assert_eq!(set, "__Host-ondol=a.b.c; Path=/; HttpOnly; SameSite=Lax; Max-Age=60; Secure");
        let cleared = Cookie::of("http://127.0.0.1").clear();
        assert_eq!(cleared, "ondol=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
    }
}
