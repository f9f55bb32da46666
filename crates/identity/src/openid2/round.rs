//! A whole round: a person is sent to their provider, and what they come back with is believed or not.

use std::time::Duration;

use records::Records;
use serde::{Deserialize, Serialize};
use url::Url;

use super::associate::{ask, associate};
use super::core::assertion::{self, Begun, Checked, Proven};
use super::core::association::{Association, Hash};
use super::core::extension::Fields;
use super::core::identifier::Allowed;
use super::core::request::{self, Question};
use super::core::services::Discovered;
use super::discover::discover;
use super::{Error, kept};
use crate::fetch::Fetch;
use crate::refusal::Refusal;

/// How long a round may take; a key that will not live so long is not used for it.
pub const TIME_MAX: Duration = Duration::from_secs(15 * 60);

/// Us, as relying party at one provider.
#[derive(Clone, Copy)]
pub struct Party<'a> {
    /// What asks.
    pub fetch: &'a Fetch,
    /// What remembers.
    pub records: &'a Records,
    /// Whose identifiers are let in.
    pub allowed: &'a Allowed,
    /// What keys are agreed on with.
    pub hash: Hash,
}

/// A round that was begun: what has to be known when the person comes back, and nobody else may see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    discovered: Discovered,
    /// The one that it began with: a newer one may have been agreed on meanwhile.
    key: Option<Association>,
    return_to: String,
}

impl Party<'_> {
    /// Begins a round; gives the address to which the person is sent.
    pub async fn begin(
        &self,
        identifier: &Url,
        return_to: &str,
        realm: &str,
        extensions: &Fields,
    ) -> Result<(Round, Url), Error> {
        let discovered = discover(self.fetch, self.allowed, identifier).await?;
        let key = self.key(&discovered.endpoint).await?;
        let handle = key.as_ref().map(|key| key.handle.as_str());
        let question = Question { discovered: &discovered, handle, return_to, realm, extensions };
        let to = request::address(&question)?;
        Ok((Round { key, discovered, return_to: return_to.to_owned() }, to))
    }

    /// Ends a round: by the address that the person came back to, and the parameters (of its query, or of a form).
    pub async fn finish(&self, round: &Round, came_to: &str, parameters: &str) -> Result<Proven, Error> {
        let begun = Begun { discovered: &round.discovered, return_to: &round.return_to, came_to };
        let now = self.records.clock().now();
        let mut checked = assertion::read(parameters)?.check(&begun, now)?;
        if let Some(identifier) = &checked.rediscover {
            let found = discover(self.fetch, self.allowed, identifier).await?;
            checked = checked.confirm(&found)?;
        }
        let proven = match round.key.as_ref().filter(|key| key.handle == checked.handle() && now < key.until)
        {
            Some(key) => checked.proven_by(key)?,
            None => self.ask_about(checked).await?,
        };
        // this need not be signed: at worst a new key is agreed on
        if let Some(handle) = proven.forgotten_handle() {
            kept::forget(self.records, proven.endpoint(), handle).await?;
        }
        // last, so that nobody else's assertion can use it up
        match kept::use_up(self.records, proven.endpoint(), proven.nonce()).await? {
            true => Ok(proven),
            false => Err(Refusal::Mismatch("the assertion was used before").into()),
        }
    }

    /// The key to begin with; none where the provider agrees on none.
    async fn key(&self, endpoint: &str) -> Result<Option<Association>, Error> {
        let now = self.records.clock().now();
        if let Some(key) = kept::association(self.records, endpoint, now.after(TIME_MAX)).await? {
            return Ok(Some(key));
        }
        match associate(self.fetch, endpoint, self.hash, now).await {
            Ok(key) if key.until >= now.after(TIME_MAX) => {
                kept::keep(self.records, endpoint, &key).await?;
                Ok(Some(key))
            }
            Ok(_) => Ok(None),
            // it could not be asked about an assertion either
            Err(Refusal::Unreached(error)) => Err(Refusal::Unreached(error).into()),
            Err(refusal) => {
                tracing::debug!(%refusal, "a provider is asked about each assertion");
                Ok(None)
            }
        }
    }

    /// Asks the provider itself whether the signature is its own.
    async fn ask_about(&self, checked: Checked) -> Result<Proven, Refusal> {
        let answer = ask(self.fetch, checked.endpoint(), &checked.question()).await?;
        checked.proven_by_answer(answer.status.as_u16(), &answer.body)
    }
}
