//! The three legs: a request token, the person's word, an access token; and then signed questions.

use base::secret::Secret;
use base::time::Timestamp;
use hyper::header;
use url::Url;

use super::core::answer::{self, Access};
use super::core::callback;
use super::core::sign::{Credentials, Signed, Signer};
use super::settings::Settings;
use crate::fetch::{Answer, Fetch, Request};
use crate::provider::Provider;
use crate::refusal::Refusal;

/// Letters of a nonce.
const NONCE_LENGTH: usize = 32;

/// This application at one provider.
#[derive(Clone, Copy)]
pub struct Client<'a> {
    /// What asks.
    pub fetch: &'a Fetch,
    /// The provider.
    pub settings: &'a Settings,
    /// What it calls us.
    pub consumer: &'a Credentials,
    /// The time.
    pub now: Timestamp,
}

impl Client<'_> {
    /// Gets a request token for a callback, and the address to which the person is sent with it.
    pub async fn begin(&self, callback: &str) -> Result<(Credentials, Url), Refusal> {
        let extra = [("oauth_callback", callback)];
        let answer = self.post(&self.settings.request_token, None, &extra).await?;
        let token = answer::request_token(answer.status.as_u16(), &answer.body)?;
        let mut to = parse(&self.settings.authorize)?;
        to.query_pairs_mut().append_pair("oauth_token", &token.key);
        Ok((token, to))
    }

    /// Exchanges the request token that was begun with, by the query with which the person came back.
    pub async fn finish(&self, begun: &Credentials, query: &str) -> Result<Access, Refusal> {
        let verifier = callback::verifier(query, &begun.key, &self.settings.denied_param)?;
        self.exchange(begun, Some(&verifier)).await
    }

    /// Exchanges a request token; one of the hybrid has no verifier.
    pub async fn exchange(&self, request: &Credentials, verifier: Option<&str>) -> Result<Access, Refusal> {
        let extra: Vec<_> = verifier.map(|verifier| ("oauth_verifier", verifier)).into_iter().collect();
        let answer = self.post(&self.settings.access_token, Some(request), &extra).await?;
        answer::access_token(answer.status.as_u16(), &answer.body)
    }

    /// The header that signs a GET in the name of the account.
    pub fn authorization(&self, token: &Credentials, url: &Url) -> String {
        self.sign("GET", url, Some(token), &[])
    }

    async fn post(
        &self,
        to: &str,
        token: Option<&Credentials>,
        extra: &[(&str, &str)],
    ) -> Result<Answer, Refusal> {
        let url = parse(to)?;
        let authorization = self.sign("POST", &url, token, extra);
        let request =
            Request::post(url).header(header::AUTHORIZATION, &authorization).header(header::ACCEPT, "*/*");
        Ok(self.fetch.send(request).await?)
    }

    fn sign(&self, method: &str, url: &Url, token: Option<&Credentials>, extra: &[(&str, &str)]) -> String {
        let nonce = base::chance::word(NONCE_LENGTH);
        let timestamp = self.now.0.div_euclid(1000);
        let signer = Signer { consumer: self.consumer, token, timestamp, nonce: &nonce };
        signer.authorization(&Signed { method, url, form: &[] }, extra)
    }
}

/// What a provider calls us, and the secret that we share.
pub fn consumer(provider: &Provider) -> Credentials {
    let secret = provider.secret.clone().unwrap_or_else(|| Secret::new(""));
    Credentials { key: provider.client_id.clone(), secret }
}

fn parse(text: &str) -> Result<Url, Refusal> {
    Url::parse(text).map_err(|_| Refusal::Mismatch("an address in the provider's settings can't be read"))
}
