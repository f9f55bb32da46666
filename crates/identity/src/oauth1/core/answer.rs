//! What the provider answers when it is asked for a request token or an access token (RFC 5849, 2.1 and 2.3).
//!
//! The label of the body is not looked at, since a large provider calls its forms `text/html`; the body's own form is
//! (see `pairs`).

use base::secret::Secret;

use super::sign::Credentials;
use crate::pairs::Pairs;
use crate::refusal::Refusal;

/// Longest token, secret or other value that is taken, in bytes.
const VALUE_BYTES_MAX: usize = 4096;

/// An access token, and what came along with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The token that requests in the account's name are signed with.
    pub token: Credentials,
    /// All parameters of the answer but the secret: some providers name the account here.
    pub rest: Pairs,
}

/// Reads a request token. Without `oauth_callback_confirmed` it would be OAuth 1.0, whose flows can be fixed by others.
pub fn request_token(status: u16, body: &[u8]) -> Result<Credentials, Refusal> {
    let pairs = form(status, body)?;
    if pairs.get("oauth_callback_confirmed") != Some("true") {
        return Err(Refusal::Mismatch(
            "the request token does not confirm the callback (`oauth_callback_confirmed` is not `true`)",
        ));
    }
    credentials(&pairs)
}

/// Reads an access token.
pub fn access_token(status: u16, body: &[u8]) -> Result<Access, Refusal> {
    let pairs = form(status, body)?;
    let token = credentials(&pairs)?;
    let rest = pairs.iter().filter(|(name, _)| *name != "oauth_token_secret");
    let rest = rest.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let rest = Pairs::from_list(rest).expect("a part of unique names is unique");
    Ok(Access { token, rest })
}

fn form(status: u16, body: &[u8]) -> Result<Pairs, Refusal> {
    match status {
        200 => {}
        401 | 403 => {
            return Err(Refusal::Mismatch(
                "the provider refuses the token or this application; check the consumer key, its secret, the registered callback \
                 and this machine's clock",
            ));
        }
        _ => return Err(Refusal::Status { what: "the provider's address for tokens", status }),
    }
    let text =
        std::str::from_utf8(body).map_err(|_| Refusal::Mismatch("the answer for a token is not UTF-8"))?;
    Pairs::parse(text.trim())
        .map_err(|_| Refusal::Mismatch("the answer for a token is no form with each parameter once"))
}

fn credentials(pairs: &Pairs) -> Result<Credentials, Refusal> {
    let text = |name: &str| pairs.get(name).filter(|text| (1..=VALUE_BYTES_MAX).contains(&text.len()));
    let key = text("oauth_token").ok_or(Refusal::Mismatch("the answer for a token has no `oauth_token`"))?;
    let secret = text("oauth_token_secret")
        .ok_or(Refusal::Mismatch("the answer for a token has no `oauth_token_secret`"))?;
    Ok(Credentials { key: key.to_owned(), secret: Secret::new(secret) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_confirmed_request_token_is_read() {
        let body = b"oauth_token=t&oauth_token_secret=s%2B&oauth_callback_confirmed=true";
        let wanted = Credentials { key: "t".into(), secret: Secret::new("s+") };
        assert_eq!(request_token(200, body).expect("a token"), wanted);
    }

    #[test]
    fn an_access_token_keeps_what_came_along_but_not_the_secret() {
        let access = access_token(200, b"oauth_token=t&oauth_token_secret=s&user_id=7").expect("a token");
        assert_eq!(access.rest.iter().collect::<Vec<_>>(), [("oauth_token", "t"), ("user_id", "7")]);
        assert!(!format!("{access:?}").contains("\"s\""));
    }

    #[test]
    fn an_answer_that_lacks_anything_is_refused() {
        for (status, body) in [
            (200, "oauth_token=t&oauth_token_secret=s&oauth_callback_confirmed=false"),
            (200, "oauth_token=t&oauth_token_secret=s"),
            (
                200,
                "oauth_token=t&oauth_token_secret=s&oauth_callback_confirmed=true&oauth_callback_confirmed=true",
            ),
            (200, "oauth_token=t&oauth_callback_confirmed=true"),
            (200, "oauth_token=&oauth_token_secret=s&oauth_callback_confirmed=true"),
            (200, "<html><title>Over capacity</title></html>"),
            (200, ""),
            (401, "oauth_token=t&oauth_token_secret=s&oauth_callback_confirmed=true"),
        ] {
            let refusal = request_token(status, body.as_bytes());
            assert!(matches!(refusal, Err(Refusal::Mismatch(_))), "{status} {body}");
        }
        for status in [201, 302, 429, 503] {
            assert!(matches!(access_token(status, b""), Err(Refusal::Status { .. })), "{status}");
        }
        assert!(matches!(access_token(200, b"oauth_token=t&user_id=1"), Err(Refusal::Mismatch(_))));
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(status in 0u16..700, body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = request_token(status, &body);
            let _ = access_token(status, &body);
        }
    }
}
