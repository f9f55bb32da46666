//! What an issuer says of itself (OpenID Connect Discovery 1.0, 3), or the settings in its place.
//!
//! Invariant: pure, and every address in it is one that may be asked.

use serde_json::Value;
use url::Url;

use super::Settings;
use crate::fetch::is_loopback;
use crate::oauth2::ClientAuth;
use crate::refusal::Refusal;

/// Where an issuer's word lies, under its own address.
const PLACE: &str = "/.well-known/openid-configuration";

/// What is needed of an issuer's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Metadata {
    /// Where people agree.
    pub authorize: Url,
    /// Where a code becomes a token.
    pub token: Url,
    /// Where its keys lie.
    pub jwks: Url,
    /// Where it answers about a person.
    pub userinfo: Option<Url>,
    /// Callbacks name who they come from (RFC 9207).
    pub names_itself: bool,
    /// How it lets clients say who they are, best first.
    pub client_auth: Vec<ClientAuth>,
}

/// Where the word of an issuer lies.
pub(crate) fn place(issuer: &str) -> Result<Url, Refusal> {
    let place = format!("{}{PLACE}", issuer.trim_end_matches('/'));
    Url::parse(&place).map_err(|_| Refusal::Mismatch("the issuer is no address"))
}

/// What the settings say without the issuer; `None` where they leave something to it.
pub(crate) fn given(settings: &Settings) -> Option<Metadata> {
    let url = |text: &str| Url::parse(text).ok();
    Some(Metadata {
        authorize: url(&settings.authorize)?,
        token: url(&settings.token)?,
        jwks: url(&settings.jwks)?,
        userinfo: url(&settings.userinfo),
        names_itself: false,
        client_auth: vec![ClientAuth::Basic],
    })
}

/// Reads an issuer's word; the settings' own addresses go before it.
pub(crate) fn read(
    document: &Value,
    settings: &Settings,
    may_ask_loopback: bool,
) -> Result<Metadata, Refusal> {
    let text = |name: &str| document.get(name).and_then(Value::as_str);
    if text("issuer") != Some(settings.issuer.as_str()) {
        return Err(Refusal::Mismatch("the discovery document is another issuer's"));
    }
    let address = |given: &str, name: &str| {
        let text = if given.is_empty() { text(name) } else { Some(given) };
        let url = text.and_then(|text| Url::parse(text).ok());
        url.filter(|url| {
            url.scheme() == "https" || url.scheme() == "http" && may_ask_loopback && is_loopback(url)
        })
    };
    const LACKING: Refusal =
        Refusal::Mismatch("the discovery document lacks an address, or has one that is not https");
    let userinfo = match document.get("userinfo_endpoint") {
        None if settings.userinfo.is_empty() => None,
        _ => Some(address(&settings.userinfo, "userinfo_endpoint").ok_or(LACKING)?),
    };
    let is_in = |list: &str, word: &str| {
        document
            .get(list)
            .and_then(Value::as_array)
            .is_some_and(|list| list.iter().any(|entry| entry == word))
    };
    const WAYS: &str = "token_endpoint_auth_methods_supported";
    let ways = [("client_secret_basic", ClientAuth::Basic), ("client_secret_post", ClientAuth::Post)];
    let ways = ways.into_iter().filter(|(name, _)| document.get(WAYS).is_none() || is_in(WAYS, name));
    Ok(Metadata {
        authorize: address(&settings.authorize, "authorization_endpoint").ok_or(LACKING)?,
        token: address(&settings.token, "token_endpoint").ok_or(LACKING)?,
        jwks: address(&settings.jwks, "jwks_uri").ok_or(LACKING)?,
        userinfo,
        names_itself: document.get("authorization_response_iss_parameter_supported")
            == Some(&Value::Bool(true)),
        client_auth: ways.map(|(_, way)| way).collect(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn settings() -> Settings {
        Settings { issuer: "https://op.example".into(), ..Settings::default() }
    }

    fn word() -> Value {
        json!({
            "issuer": "https://op.example",
            "authorization_endpoint": "https://op.example/auth",
            "token_endpoint": "https://tokens.example/token",
            "jwks_uri": "https://op.example/jwks",
            "userinfo_endpoint": "https://op.example/me",
            "token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_post"],
        })
    }

    #[test]
    fn an_issuers_word_is_read() {
        let found = read(&word(), &settings(), false).expect("metadata");
        assert_eq!(found.token.as_str(), "https://tokens.example/token");
        assert_eq!(found.client_auth, [ClientAuth::Post]);
        assert_eq!(
            place("https://op.example/realm/").expect("a place").path(),
            "/realm/.well-known/openid-configuration"
        );
    }

    #[test]
    fn the_word_of_another_or_with_a_bad_address_is_refused() {
        for (name, value) in [
            ("issuer", json!("https://op.example/")),
            ("issuer", json!(null)),
            ("jwks_uri", json!(null)),
            ("authorization_endpoint", json!("javascript:alert(1)")),
            ("token_endpoint", json!("http://op.example/token")),
            ("token_endpoint", json!("http://127.0.0.1/token")),
            ("userinfo_endpoint", json!("file:///etc/passwd")),
        ] {
            let mut word = word();
            word[name] = value;
            assert!(read(&word, &settings(), false).is_err(), "{word}");
        }
    }

    proptest! {
        #[test]
        fn no_word_makes_it_panic(bytes in any::<Vec<u8>>(), text in ".{0,80}") {
            if let Ok(word) = crate::fetch::json::parse(&bytes) {
                drop(read(&word, &settings(), true));
            }
            let mut word = word();
            word["token_endpoint"] = text.clone().into();
            word["token_endpoint_auth_methods_supported"] = text.into();
            drop(read(&word, &settings(), true));
        }
    }
}
