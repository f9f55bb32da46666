//! The browser comes back: what the provider vouches for is checked, and kept under a code for the client that began.

use base::secret::Secret;
use records::core::collection::Collection;

use super::leave::{SECRET_LENGTH, hash, text_of};
use super::redeem::Vouched;
use super::{AWAY, Away, Begun, CODE, TIME_MAX_MS};
use crate::fetch::transcript;
use crate::flow;
use crate::oauth1::client::{Client, consumer};
use crate::oauth1::core::sign::Credentials;
use crate::openid2;
use crate::openid2::drive::Return;
use crate::pairs::Pairs;
use crate::provider::{self, Documents, Kind, Provider};
use crate::refusal::Refusal;
use crate::service::Identity;

/// A browser that comes back.
pub(crate) struct Back<'a> {
    pub(crate) collection: &'a Collection,
    pub(crate) provider: &'a Provider,
    /// Its cookies of ours.
    pub(crate) browser: &'a [String],
    /// The path of the address that it came to.
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
}

/// Whom to tell what.
pub(crate) struct Told {
    /// The state under which a client waits.
    pub(crate) state: String,
    /// A code for it, or why there is none.
    pub(crate) code: Result<String, Refusal>,
}

impl Identity {
    /// Checks what a browser brings back. `None`: it did not begin, or not here, or too long ago; nobody can be told.
    pub(crate) async fn come_back(&self, back: &Back<'_>) -> Result<Option<Told>, records::Error> {
        let Some(key) = key(&back.provider.kind, back.query) else { return Ok(None) };
        let text = text_of(back.collection, back.provider, &key);
        let data = flow::take(self.records(), AWAY, &text).await?;
        let away = data.and_then(|data| serde_json::from_str::<Away>(&data).ok());
        let is_same = |away: &Away| back.browser.iter().any(|cookie| hash(cookie) == away.browser);
        let Some(away) = away.filter(is_same) else { return Ok(None) };
        let code = match self.code(back, &away).await {
            Ok(code) => Ok(code),
            Err(openid2::Error::Refused(refusal)) => {
                transcript::note(&base::error::chain(&refusal));
                Err(refusal)
            }
            Err(openid2::Error::Identifier(_)) => Err(Refusal::Mismatch("the identifier is not let in")),
            Err(openid2::Error::Records(error)) => return Err(error),
        };
        Ok(Some(Told { state: away.state, code }))
    }

    /// What the provider says, once it is believed.
    async fn documents(&self, back: &Back<'_>, away: &Away) -> Result<Documents, openid2::Error> {
        match (&back.provider.kind, &away.begun) {
            (Kind::OAuth1(settings), Begun::OAuth1 { key, secret }) => {
                let (consumer, now) = (consumer(back.provider), self.records().clock().now());
                let client = Client { fetch: &self.external().fetch, settings, consumer: &consumer, now };
                let begun = Credentials { key: key.clone(), secret: Secret::new(secret.as_str()) };
                Ok(client.run(back.provider, &begun, back.query).await?)
            }
            (Kind::OpenId2(settings) | Kind::OpenId2Hybrid(settings), Begun::OpenId2(round)) => {
                let allowed = settings.allowed().unwrap_or_default();
                let came_to = format!("{}{}?{}", away.origin, back.path, back.query);
                let came = Return { came_to: &came_to, parameters: back.query };
                self.party(settings.hash, &allowed).run(back.provider, settings, round, &came).await
            }
            _ => Err(Refusal::Mismatch("the provider has become one of another kind").into()),
        }
    }

    /// Keeps what the provider says, once it is believed, under a new code.
    async fn code(&self, back: &Back<'_>, away: &Away) -> Result<String, openid2::Error> {
        let documents = self.documents(back, away).await?;
        let profile = provider::read(&back.provider.about, &back.provider.client_id, &documents)?;
        let vouched = Vouched::new(&away.challenge, profile);
        let code = base::chance::word(SECRET_LENGTH);
        let text = text_of(back.collection, back.provider, &code);
        flow::put(self.records(), CODE, &text, &vouched.to_json(), TIME_MAX_MS).await?;
        Ok(code)
    }
}

/// Which flow a query is about.
fn key(kind: &Kind, query: &str) -> Option<String> {
    let pairs = Pairs::parse(query).ok()?;
    let key = match kind {
        Kind::OAuth1(settings) => pairs.get("oauth_token").or_else(|| pairs.get(&settings.denied_param)),
        _ => pairs.get("flow"),
    };
    key.map(str::to_owned)
}
