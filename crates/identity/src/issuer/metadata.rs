//! What we say of ourselves (OpenID Connect Discovery 1.0, 3; RFC 8414, 2).
//!
//! Invariant: pure.

use serde_json::{Value, json};

use super::scope::Scope;

/// Where browsers bring requests.
pub(crate) const AUTHORIZE: &str = "/auth/oidc/authorize";
/// Where codes and refresh tokens become tokens.
pub(crate) const TOKEN: &str = "/auth/oidc/token";
/// Where a client asks about a person.
pub(crate) const USERINFO: &str = "/auth/oidc/userinfo";
/// Where a client asks about a token.
pub(crate) const INTROSPECT: &str = "/auth/oidc/introspect";
/// Where a client gives a token back.
pub(crate) const REVOKE: &str = "/auth/oidc/revoke";
/// Where a client sends people who sign out.
pub(crate) const END_SESSION: &str = "/auth/oidc/end-session";
/// Where our public keys are.
pub(crate) const KEYS: &str = "/.well-known/jwks.json";
/// Where this is found.
pub(crate) const DISCOVERY: [&str; 2] =
    ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"];

/// The document of an issuer.
pub(crate) fn document(issuer: &str) -> Value {
    let at = |path: &str| format!("{issuer}{path}");
    let ways = ["client_secret_basic", "client_secret_post", "none"];
    json!({
        "issuer": issuer,
        "authorization_endpoint": at(AUTHORIZE),
        "token_endpoint": at(TOKEN),
        "userinfo_endpoint": at(USERINFO),
        "introspection_endpoint": at(INTROSPECT),
        "revocation_endpoint": at(REVOKE),
        "end_session_endpoint": at(END_SESSION),
        "jwks_uri": at(KEYS),
        "scopes_supported": Scope::ALL.map(Scope::word),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["EdDSA", "ES256"],
        "token_endpoint_auth_methods_supported": ways,
        "revocation_endpoint_auth_methods_supported": ways,
        "introspection_endpoint_auth_methods_supported": &ways[..2],
        "claims_supported": [
            "sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "amr", "sid", "at_hash", "name",
            "preferred_username", "picture", "updated_at", "email", "email_verified", "groups",
        ],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "authorization_response_iss_parameter_supported": true,
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
        "claims_parameter_supported": false,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_addresses_are_the_issuers_own() {
        let document = document("https://a.example/team");
        for (name, value) in document.as_object().expect("an object") {
            if let Some(url) = value.as_str() {
                assert!(url.starts_with("https://a.example/team"), "{name}");
            }
        }
    }
}
