//! What the settings of a provider of this kind say.

use serde::Deserialize;

use crate::provider::Provider;

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

impl Settings {
    /// The addresses in it; what else is wrong goes to `faults`.
    pub(crate) fn check<'a>(
        &'a self,
        provider: &Provider,
        faults: &mut Vec<String>,
    ) -> Vec<(&'static str, &'a str)> {
        if provider.secret.is_none() {
            faults.push("`secret` is missing: the provider gives it out beside the consumer key".into());
        }
        if !["", "HMAC-SHA1"].contains(&self.signature.as_str()) {
            faults.push(
                "`signature` may be \"HMAC-SHA1\": the other kinds send the secret, or are offered by nobody"
                    .into(),
            );
        }
        vec![
            ("request_token", &self.request_token),
            ("authorize", &self.authorize),
            ("access_token", &self.access_token),
        ]
    }
}
