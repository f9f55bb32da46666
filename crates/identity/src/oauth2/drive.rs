//! Asking a provider of OAuth 2.0: the code becomes a token, the token answers about a person.

use hyper::header;
use serde_json::Value;
use url::Url;

use super::{Exchange, Pkce, Settings, Token, check_iss};
use crate::callback::Given;
use crate::fetch::{Fetch, Request};
use crate::provider::{Auth, Documents, Provider, fill};
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
    // the questions carry them to where the settings say
    let secret = provider.secret.as_ref().map(base::secret::Secret::reveal).unwrap_or_default();
    let words = [
        ("client_id", provider.client_id.as_str()),
        ("client_secret", secret),
        ("access_token", token.access.reveal()),
    ];
    for ask in &provider.about.fetch {
        let unfit = |detail| Refusal::Unfit { what: "a question about a person", detail };
        let mut url = address(&ask.url)?;
        for (name, text) in &ask.query {
            url.query_pairs_mut().append_pair(name, &fill::fill(text, &words).map_err(unfit)?);
        }
        for (name, text) in &ask.derive {
            url.query_pairs_mut().append_pair(name, &fill::derive(text, &words).map_err(unfit)?);
        }
        let mut request = Request::get(url);
        if ask.auth == Auth::Bearer {
            request = request.header(header::AUTHORIZATION, &format!("Bearer {}", token.access.reveal()));
        }
        let answer = fetch.send(request).await?;
        match answer.status.as_u16() {
            200 => drop(documents.insert(ask.name.clone(), answer.json()?)),
            403 | 404 if ask.optional => {}
            status => return Err(Refusal::Status { what: "a question about a person", status }),
        }
    }
    documents.insert("token".into(), Value::Object(token.document.clone()));
    Ok(())
}

pub(crate) fn address(text: &str) -> Result<Url, Refusal> {
    Url::parse(text).map_err(|_| Refusal::Mismatch("an address of the provider is none"))
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
