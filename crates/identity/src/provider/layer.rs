//! A collection's own settings of a provider, in the words of the client library, as a layer.

use base::secret::Secret;
use serde_json::{Map, Value as Json};
use toml::{Table, Value};

use super::load::Written;

/// What begins the text of a private key.
const PEM: &str = "-----BEGIN";

/// The layer of one entry of `oauth2.providers`. `authURL` and its like replace the preset's addresses; `extra` may hold
/// any word of our own settings, and what the library knows of OpenID Connect (`issuers`, `jwksURL`).
pub(crate) fn of_collection(sent: &Map<String, Json>) -> Written {
    let text = |key: &str| sent.get(key).and_then(Json::as_str).filter(|text| !text.is_empty());
    let mut table = Table::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            table.insert(key.to_owned(), value);
        }
    };
    let of = |text: Option<&str>| text.map(|text| Value::from(text.to_owned()));
    put("client_id", of(text("clientId")));
    put("label", of(text("displayName")));
    put("authorize", of(text("authURL")));
    put("token", of(text("tokenURL")));
    put("userinfo", of(text("userInfoURL")));
    let pkce = sent.get("pkce").and_then(Json::as_bool);
    put("pkce", pkce.map(|is_on| Value::from(if is_on { "S256" } else { "off" })));
    for (key, value) in sent.get("extra").and_then(Json::as_object).into_iter().flatten() {
        match (key.as_str(), value) {
            ("jwksURL", value) => put("jwks", of(value.as_str())),
            ("issuers", Json::Array(issuers)) => {
                let mut issuers = issuers.iter().filter_map(Json::as_str);
                put("issuer", of(issuers.next()));
                put("issuer_aliases", Some(Value::Array(issuers.map(Value::from).collect())));
            }
            // a secret has its place
            ("secret", _) => {}
            (key, value) => put(key, Value::try_from(value).ok()),
        }
    }
    let secret = text("clientSecret");
    // of Apple the library's users give a secret that they have signed themselves; a key is for us to sign with
    if text("name") == Some("apple") && secret.is_some_and(|secret| !secret.starts_with(PEM)) {
        put("client_auth", of(Some("post")));
    }
    Written { table, secret: secret.map(Secret::new) }
}
