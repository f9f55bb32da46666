//! The cookie by which a client comes back to the backend where it was.
//!
//! Its value is a keyed hash of the backend's address: whoever has it can neither read nor make one. It is a wish: a
//! backend that is away or full is passed over, and the client gets another cookie.

use base::chance;
use base::secret::Secret;
use hmac::{Hmac, KeyInit, Mac};
use hyper::header::{self, HeaderMap, HeaderValue};
use sha2::Sha256;

/// The cookie's name.
pub(crate) const COOKIE: &str = "ondol_backend";
/// Bytes of the hash that are kept.
const LENGTH: usize = 12;

/// The key of the cookies.
#[derive(Clone, Debug)]
pub(crate) struct Key(Secret);

impl Key {
    /// A key that lasts as long as the process: a cookie is a wish, and after a restart another one.
    pub(crate) fn draw() -> Key {
        Key(Secret::new(chance::word(32)))
    }

    /// What stands for a backend.
    pub(crate) fn tag(&self, address: &str) -> String {
        // the key goes into the hash and nowhere else
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.0.reveal().as_bytes()).expect("any length makes a key");
        mac.update(b"backend ");
        mac.update(address.as_bytes());
        mac.finalize().into_bytes().iter().take(LENGTH).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The value of a cookie in a request.
pub(crate) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let sent = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    sent.flat_map(|value| value.split(';')).find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        (key.trim() == name).then_some(value.trim())
    })
}

/// The header that sets the cookie.
pub(crate) fn set_cookie(tag: &str) -> Option<HeaderValue> {
    HeaderValue::try_from(format!("{COOKIE}={tag}; Path=/; HttpOnly; SameSite=Lax")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_the_same_under_one_key_and_tells_nothing_of_the_address() {
        let (key, other) = (Key::draw(), Key::draw());
        assert_eq!(key.tag("10.0.0.1:80"), key.tag("10.0.0.1:80"));
        assert_ne!(key.tag("10.0.0.1:80"), key.tag("10.0.0.2:80"));
        assert_ne!(key.tag("10.0.0.1:80"), other.tag("10.0.0.1:80"));
        assert_eq!(key.tag("10.0.0.1:80").len(), 2 * LENGTH);
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "a=1; ondol_backend = xy ;b".parse().unwrap());
        assert_eq!((cookie(&headers, COOKIE), cookie(&headers, "b")), (Some("xy"), None));
    }
}
