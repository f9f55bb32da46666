//! What a client begins with, as it stands in the address that it was given and has completed.
//!
//! Invariant: pure; browsers are only ever sent back to our own address.

use url::Url;

use crate::openid2::core::identifier::is_web;
use crate::pairs::Pairs;

/// Where the client library says that providers are to send browsers back to.
const REDIRECT: &str = "/api/oauth2-redirect";
/// Longest state, and longest challenge, in bytes.
const BYTES_MAX: usize = 128;

/// What a client begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Beginning {
    /// Under which state it waits.
    pub(crate) state: String,
    /// The challenge of its verifier.
    pub(crate) challenge: String,
    /// Scheme and host by which it knows us: `https://ondol.example`.
    pub(crate) origin: String,
}

/// The address for a client; it ends with `redirect_uri=`, to which the client adds its own.
pub(crate) fn address(
    origin: &str,
    collection: &str,
    provider: &str,
    state: &str,
    challenge: &str,
) -> Option<String> {
    let mut url = Url::parse(origin).ok()?;
    url.set_path("");
    url.path_segments_mut().ok()?.extend(super::BEGIN.split('/').skip(1)).extend([collection, provider]);
    url.query_pairs_mut()
        .append_pair("state", state)
        .append_pair("code_challenge", challenge)
        .append_pair("redirect_uri", "");
    Some(url.into())
}

/// Reads such an address. `host` is what the browser calls us; ports are not compared, since cookies don't know them either.
pub(crate) fn read(query: &str, host: &str) -> Option<Beginning> {
    let pairs = Pairs::parse(query).ok()?;
    let text = |name: &str| pairs.get(name).filter(|text| (1..=BYTES_MAX).contains(&text.len()));
    let redirect = Url::parse(pairs.get("redirect_uri")?).ok().filter(is_web)?;
    let here = Url::parse(&format!("http://{host}")).ok()?;
    let is_ours = redirect.host() == here.host() && redirect.path() == REDIRECT && redirect.query().is_none();
    is_ours.then_some(())?;
    Some(Beginning {
        state: text("state")?.to_owned(),
        challenge: text("code_challenge")?.to_owned(),
        origin: redirect.origin().ascii_serialization(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_completes_is_read_again() {
        let url = address("https://a.example", "pbc_1", "open id/1", "s", "c").expect("an address");
        assert_eq!(
            url,
            "https://a.example/api/oauth2-begin/pbc_1/open%20id%2F1?state=s&code_challenge=c&redirect_uri="
        );
        let query =
            format!("{}https://a.example/api/oauth2-redirect", url.split_once('?').expect("a query").1);
        let wanted =
            Beginning { state: "s".into(), challenge: "c".into(), origin: "https://a.example".into() };
        assert_eq!(read(&query, "A.example:8443"), Some(wanted));
    }

    #[test]
    fn browsers_are_sent_back_to_us_only() {
        for to in [
            "https://evil.example/api/oauth2-redirect",
            "https://a.example.evil.example/api/oauth2-redirect",
            "https://a.example@evil.example/api/oauth2-redirect",
            "https://b.a.example/api/oauth2-redirect",
            "ftp://a.example/api/oauth2-redirect",
            "https://a.example/api/oauth2-redirect/x",
            "https://a.example/api/oauth2-redirect?x=1",
            "javascript:alert(1)",
            "",
        ] {
            let query = format!("state=s&code_challenge=c&redirect_uri={to}");
            assert_eq!(read(&query, "a.example"), None, "{to}");
        }
        let to = "https://a.example/api/oauth2-redirect";
        for query in [
            "state=s&state=t&code_challenge=c",
            "state=&code_challenge=c",
            "state=s",
            &format!("state={}&code_challenge=c", "s".repeat(200)),
        ] {
            assert_eq!(read(&format!("{query}&redirect_uri={to}"), "a.example"), None, "{query}");
        }
    }
}
