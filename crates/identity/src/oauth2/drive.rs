//! Asking a provider of OAuth 2.0: the code becomes a token, the token answers about a person.

use serde_json::Value;
use url::Url;

use super::{Exchange, Pkce, Settings, Token, check_iss};
use crate::callback::Given;
use crate::fetch::Fetch;
use crate::provider::{Auth, Documents, Provider};
use crate::question::{self, address};
use crate::refusal::Refusal;

/// Exchanges the code of a callback, and asks who it is.
pub(crate) async fn run(
    fetch: &Fetch,
    provider: &Provider,
    settings: &Settings,
    given: &Given<'_>,
) -> Result<(Documents, Token), Refusal> {
    check_iss(settings, given.callback)?;
    let endpoint = address(&settings.token)?;
    let exchange = Exchange {
        auth: settings.client_auth,
        client_id: &provider.client_id,
        secret: provider.secret.as_ref(),
        code: &given.callback.code,
        redirect_uri: given.redirect_uri,
        verifier: (settings.pkce == Pkce::S256).then_some(given.verifier),
    };
    let token = super::token(&fetch.send(super::ask(endpoint, &exchange)).await?)?;
    let mut documents = Documents::new();
    about(fetch, provider, &token, &mut documents).await?;
    Ok((documents, token))
}

/// Asks what the settings say is to be asked about a person.
pub(crate) async fn about(
    fetch: &Fetch,
    provider: &Provider,
    token: &Token,
    documents: &mut Documents,
) -> Result<(), Refusal> {
    let bearer = format!("Bearer {}", token.access.reveal());
    let show = |auth: Auth, _: &Url| (auth == Auth::Bearer).then(|| bearer.clone());
    question::ask(fetch, provider, token.access.reveal(), show, documents).await?;
    documents.insert("token".into(), Value::Object(token.document.clone()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::callback::Callback;

    #[test]
    fn a_callback_of_another_provider_is_known_by_its_issuer() {
        let settings = |iss_param: &str| Settings {
            authorize: "https://x.example/authorize".into(),
            token: "https://api.x.example/token".into(),
            iss_param: iss_param.into(),
            ..Settings::default()
        };
        for (iss_param, iss, is_fit) in [
            ("absent", None, true),
            ("absent", Some("https://x.example/"), true),
            ("absent", Some("https://evil.example"), false),
            ("absent", Some("x.example"), false),
            ("required:https://x.example", Some("https://x.example"), true),
            ("required:https://x.example", Some("https://x.example/"), false),
            ("required:https://x.example", None, false),
        ] {
            let callback = Callback {
                code: "c".into(),
                iss: iss.map(str::to_owned),
                is_whole: true,
                ..Callback::default()
            };
            assert_eq!(check_iss(&settings(iss_param), &callback).is_ok(), is_fit, "{iss_param} {iss:?}");
        }
    }
}
