//! A person who came back is believed or not, and what their provider tells of them is read. Of the hybrid the approved
//! request token is exchanged too; without a good one the sign-in succeeds all the same, and nothing more is asked.

use base::secret::Secret;
use serde_json::Value;

use super::Error;
use super::core::hybrid;
use super::round::{Party, Round};
use super::settings::Settings;
use crate::oauth1;
use crate::oauth1::client::{Client, consumer};
use crate::oauth1::core::sign::Credentials;
use crate::provider::{Documents, Kind, Provider};
use crate::refusal::Refusal;

/// What came back, and where.
#[derive(Clone, Copy, Debug)]
pub struct Return<'a> {
    /// The address, with its query.
    pub came_to: &'a str,
    /// The parameters, of the query or of a form.
    pub parameters: &'a str,
}

impl Party<'_> {
    /// Ends a round and reads what is told. The answers have what the assertion tells as `openid`.
    pub async fn run(
        &self,
        provider: &Provider,
        settings: &Settings,
        round: &Round,
        back: &Return<'_>,
    ) -> Result<Documents, Error> {
        let proven = self.finish(round, back.came_to, back.parameters).await?;
        let told = Value::Object(settings.told(&proven));
        let mut documents = Documents::from([("openid".to_owned(), told)]);
        if let (Kind::OpenId2Hybrid(_), Some(token)) = (&provider.kind, hybrid::request_token(&proven)) {
            self.exchange(provider, settings, token, &mut documents).await?;
        }
        Ok(documents)
    }

    /// Exchanges the hybrid's request token, which has no secret and no verifier, and asks with it.
    async fn exchange(
        &self,
        provider: &Provider,
        settings: &Settings,
        token: &str,
        documents: &mut Documents,
    ) -> Result<(), Refusal> {
        let consumer = consumer(provider);
        let endpoints =
            oauth1::Settings { access_token: settings.access_token.clone(), ..oauth1::Settings::default() };
        let now = self.records.clock().now();
        let client = Client { fetch: self.fetch, settings: &endpoints, consumer: &consumer, now };
        let request = Credentials { key: token.to_owned(), secret: Secret::new("") };
        match client.exchange(&request, None).await {
            Ok(access) => client.ask(provider, &access, documents).await,
            Err(refusal) => {
                tracing::warn!(%refusal, "the token that came with an OpenID is not used");
                Ok(())
            }
        }
    }
}
