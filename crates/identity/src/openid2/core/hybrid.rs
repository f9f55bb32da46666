//! The OAuth extension (draft of 2009): the provider's answer carries a request token that the person has approved already.

use super::assertion::Proven;
use super::extension::Fields;

/// The extension.
const OAUTH: &str = "http://specs.openid.net/extensions/oauth/1.0";
/// Longest token that is taken, in bytes.
const TOKEN_BYTES_MAX: usize = 4096;

/// Asks for a request token for a consumer.
pub fn ask(consumer_key: &str, scope: &str) -> Fields {
    let mut fields =
        vec![("ns.oauth".into(), OAUTH.into()), ("oauth.consumer".into(), consumer_key.to_owned())];
    if !scope.is_empty() {
        fields.push(("oauth.scope".into(), scope.to_owned()));
    }
    fields
}

/// The approved request token, if it is signed. It has no secret, and no verifier goes with it.
pub fn request_token(proven: &Proven) -> Option<&str> {
    let alias = proven.alias(OAUTH)?;
    let token = proven.get(&format!("{alias}.request_token"))?;
    (1..=TOKEN_BYTES_MAX).contains(&token.len()).then_some(token)
}
