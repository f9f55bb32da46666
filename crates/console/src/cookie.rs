//! Cookies: reading one by name, and the text that sets one (RFC 6265).

use axum::http::HeaderMap;
use axum::http::header::{COOKIE, HeaderValue};

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

/// The value of a cookie of a request.
pub(crate) fn read<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let pairs = headers.get_all(COOKIE).iter().filter_map(|h| h.to_str().ok()).flat_map(|h| h.split(';'));
    pairs.filter_map(|pair| pair.trim().split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// A `Set-Cookie` value that scripts can't read and that other sites can't make the browser send. `value` must be made
/// by us of `[A-Za-z0-9._-]`, as tokens and codes are.
pub(crate) fn set(name: &str, value: &str, life: Life, is_https: bool) -> HeaderValue {
    let age = match life {
        Life::Session => "",
        Life::Year => "; Max-Age=31536000",
        Life::Ended => "; Max-Age=0",
    };
    let secure = if is_https { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/_/; HttpOnly; SameSite=Strict{age}{secure}");
    HeaderValue::from_str(&text).expect("names and values of our cookies are plain ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, "xondol=1; ondol=a.b-c ;x=2".parse().unwrap());
        assert_eq!(read(&headers, "ondol"), Some("a.b-c"));
        assert_eq!(read(&headers, "ond"), None);
    }
}
