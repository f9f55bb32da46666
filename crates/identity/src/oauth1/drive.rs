//! A person who came back is looked up: the request token becomes an access token, which answers about them.

use serde_json::{Map, Value};
use url::Url;

use super::client::Client;
use super::core::answer::Access;
use super::core::sign::Credentials;
use crate::provider::{Auth, Documents, Provider};
use crate::question;
use crate::refusal::Refusal;

impl Client<'_> {
    /// Ends what was begun, by the query with which the person came back, and asks who it is. The answers have the access
    /// token's own as `token`.
    pub async fn run(
        &self,
        provider: &Provider,
        begun: &Credentials,
        query: &str,
    ) -> Result<Documents, Refusal> {
        let access = self.finish(begun, query).await?;
        let mut documents = Documents::new();
        self.ask(provider, &access, &mut documents).await?;
        Ok(documents)
    }

    /// Asks who the account of an access token is.
    pub async fn ask(
        &self,
        provider: &Provider,
        access: &Access,
        documents: &mut Documents,
    ) -> Result<(), Refusal> {
        let show =
            |auth: Auth, url: &Url| (auth == Auth::OAuth1).then(|| self.authorization(&access.token, url));
        question::ask(self.fetch, provider, &access.token.key, show, documents).await?;
        let told: Map<String, Value> =
            access.rest.iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        documents.insert("token".into(), Value::Object(told));
        Ok(())
    }
}
