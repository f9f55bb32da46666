//! Cookies: reading one by name, and the text that sets one (RFC 6265).
//!
//! Invariant: every cookie of ours is kept from scripts, and goes with no request that another site's page makes but, where it
//! says so, with a plain visit.

use hyper::header::{COOKIE, HeaderMap, HeaderValue};

/// How long a cookie stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// Until the browser is closed.
    Browser,
    /// So many seconds.
    Seconds(u64),
    /// Gone at once.
    Ended,
}

/// With which requests that other sites begin a cookie goes along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// With none.
    Strict,
    /// With plain visits: somebody follows a link, or is sent back to us.
    Lax,
}

/// A cookie of ours, but for its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cookie<'a> {
    /// The name.
    pub name: &'a str,
    /// Below which path it is sent.
    pub path: &'a str,
    /// With whose requests.
    pub same_site: SameSite,
    /// Only ever over an encrypted connection.
    pub is_secure: bool,
}

impl Cookie<'_> {
    /// The `Set-Cookie` value. `value` is made by us of `[A-Za-z0-9._-]`, as tokens and codes are; another one is as good as none.
    pub fn set(&self, value: &str, life: Life) -> HeaderValue {
        let age = match life {
            Life::Browser => String::new(),
            Life::Seconds(seconds) => format!("; Max-Age={seconds}"),
            Life::Ended => "; Max-Age=0".to_owned(),
        };
        let same_site = match self.same_site {
            SameSite::Strict => "Strict",
            SameSite::Lax => "Lax",
        };
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        let value = if value.bytes().all(is_plain) { value } else { "" };
        let secure = if self.is_secure { "; Secure" } else { "" };
        let (name, path) = (self.name, self.path);
        let text = format!("{name}={value}; Path={path}; HttpOnly; SameSite={same_site}{age}{secure}");
        HeaderValue::from_str(&text).expect("names and values of our cookies are plain ASCII")
    }
}

/// The value of a cookie of a request; of one that comes twice, the first.
pub fn read<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    all(headers, name).next()
}

/// All values that come under a name.
pub fn all<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> {
    let texts = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = texts.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(move |(key, _)| *key == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, "xondol=1; ondol=a.b-c ;x=2; ondol=d".parse().unwrap());
        assert_eq!(read(&headers, "ondol"), Some("a.b-c"));
        assert_eq!(all(&headers, "ondol").collect::<Vec<_>>(), ["a.b-c", "d"]);
        assert_eq!(read(&headers, "ond"), None);
    }

    #[test]
    fn a_cookie_says_who_may_have_it_and_how_long() {
        let cookie = Cookie { name: "__Host-x", path: "/", same_site: SameSite::Lax, is_secure: true };
        let set = |value, life| cookie.set(value, life).to_str().unwrap().to_owned();
        assert_eq!(
            set("a.b", Life::Seconds(60)),
            "__Host-x=a.b; Path=/; HttpOnly; SameSite=Lax; Max-Age=60; Secure"
        );
        assert_eq!(
            set("a; Domain=x", Life::Ended),
            "__Host-x=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0; Secure"
        );
    }
}
