//! What a provider is asked about a person, as its settings say, with a token that is shown as its protocol wants it.

use hyper::header;
use url::Url;

use crate::fetch::{Fetch, Request};
use crate::provider::{Auth, Documents, Provider, fill};
use crate::refusal::Refusal;

/// Asks all questions in their order; their answers go to `documents` under their names. `show` gives the `Authorization`
/// header of a question, if it has one.
pub(crate) async fn ask(
    fetch: &Fetch,
    provider: &Provider,
    access_token: &str,
    show: impl Fn(Auth, &Url) -> Option<String>,
    documents: &mut Documents,
) -> Result<(), Refusal> {
    // the questions carry it to where the settings say
    let secret = provider.secret.as_ref().map(base::secret::Secret::reveal).unwrap_or_default();
    let words = [
        ("client_id", provider.client_id.as_str()),
        ("client_secret", secret),
        ("access_token", access_token),
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
        let shown = show(ask.auth, &url);
        let mut request = Request::get(url);
        if let Some(shown) = shown {
            request = request.header(header::AUTHORIZATION, &shown);
        }
        let answer = fetch.send(request).await?;
        match answer.status.as_u16() {
            200 => drop(documents.insert(ask.name.clone(), answer.json()?)),
            403 | 404 if ask.optional => {}
            status => return Err(Refusal::Status { what: "a question about a person", status }),
        }
    }
    Ok(())
}

/// An address out of a provider's settings.
pub(crate) fn address(text: &str) -> Result<Url, Refusal> {
    Url::parse(text).map_err(|_| Refusal::Mismatch("an address of the provider is none"))
}
