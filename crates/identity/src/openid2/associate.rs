//! Agreeing on a key with a provider. Where that fails, the provider is asked about each assertion instead.

use base::time::Timestamp;
use url::Url;

use super::core::association::{self, Association, Hash};
use super::core::exchange::{BYTES, Private};
use crate::fetch::{Answer, Fetch, Request};
use crate::refusal::Refusal;

/// Agrees on a key.
pub async fn associate(
    fetch: &Fetch,
    endpoint: &str,
    hash: Hash,
    now: Timestamp,
) -> Result<Association, Refusal> {
    let private = Private::new(base::chance::bytes::<BYTES>());
    let answer = ask(fetch, endpoint, &association::request(hash, &private)).await?;
    association::answer(answer.status.as_u16(), &answer.body, hash, &private, now)
}

/// Sends a direct request (OpenID 2.0, 5.1) to an endpoint. It is not sent without encryption: what comes back decides.
pub(super) async fn ask(
    fetch: &Fetch,
    endpoint: &str,
    fields: &[(String, String)],
) -> Result<Answer, Refusal> {
    let url = Url::parse(endpoint).map_err(|_| Refusal::Mismatch("the provider's endpoint is no address"))?;
    let fields = fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    Ok(fetch.send(Request::post(url).header(hyper::header::ACCEPT, "*/*").form(fields)).await?)
}
