//! What the settings of a provider of this kind say.

use serde::Deserialize;

/// The settings of a provider of OAuth 1.0a.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where a request token is given out.
    pub request_token: String,
    /// Where the person is sent.
    pub authorize: String,
    /// Where a request token is exchanged.
    pub access_token: String,
    /// How requests are signed; `HMAC-SHA1` is all there is.
    pub signature: String,
    /// The parameter in which a provider says that the person has declined.
    pub denied_param: String,
}
