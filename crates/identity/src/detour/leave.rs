//! The browser is sent away: a provider of OAuth 1.0a is asked for a request token, one of OpenID 2.0 is found.

use base::error::{Fault, Kind as Sort};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use records::core::collection::Collection;
use sha2::{Digest, Sha256};
use url::Url;

use super::begin::Beginning;
use super::page::Note;
use super::{AWAY, Away, Begun, RETURN, TIME_MAX_MS};
use crate::fetch::transcript;
use crate::flow;
use crate::oauth1;
use crate::oauth1::client::{Client, consumer};
use crate::openid2;
use crate::openid2::core::{hybrid, identifier};
use crate::openid2::round::Party;
use crate::provider::{Kind, Provider};
use crate::refusal::Refusal;
use crate::service::Identity;

/// Letters of what a browser and a flow are known by.
pub(super) const SECRET_LENGTH: usize = 40;

/// What comes of a wish to leave.
pub(crate) enum Leave {
    /// The browser goes there.
    To(Url),
    /// The person is asked for an identifier, and told what was wrong with the last one.
    Ask(Option<Note>),
    /// It can't be begun.
    Over(Note),
}

/// A browser that wants to leave for a provider.
pub(crate) struct Leaving<'a> {
    pub(crate) collection: &'a Collection,
    pub(crate) provider: &'a Provider,
    pub(crate) beginning: &'a Beginning,
    /// Its cookie.
    pub(crate) browser: &'a str,
    /// What was typed, if something was.
    pub(crate) typed: Option<&'a str>,
}

/// A way to a provider, and by what the one who comes back on it is known.
struct Way {
    key: String,
    begun: Begun,
    to: Url,
}

impl Identity {
    /// Begins with a provider; it is remembered who has left, and with what.
    pub(crate) async fn leave(&self, leaving: &Leaving<'_>) -> Result<Leave, records::Error> {
        if leaving.asks() && leaving.typed.is_none() {
            return Ok(Leave::Ask(None));
        }
        let note = match self.way(leaving).await {
            Ok(way) => {
                self.remember(leaving, &way.key, way.begun).await?;
                return Ok(Leave::To(way.to));
            }
            Err(openid2::Error::Records(error)) => return Err(error),
            Err(openid2::Error::Identifier(identifier::Fault::NotAllowed)) => Note::NotAllowed,
            Err(openid2::Error::Identifier(_)) => Note::NoAddress,
            Err(openid2::Error::Refused(refusal)) => leaving.note(&refusal),
        };
        Ok(if leaving.asks() { Leave::Ask(Some(note)) } else { Leave::Over(note) })
    }

    async fn way(&self, leaving: &Leaving<'_>) -> Result<Way, openid2::Error> {
        match &leaving.provider.kind {
            Kind::OAuth1(settings) => Ok(self.way_of_oauth1(leaving, settings).await?),
            Kind::OpenId2(settings) | Kind::OpenId2Hybrid(settings) => {
                self.way_of_openid2(leaving, settings).await
            }
            Kind::OAuth2(_) | Kind::Oidc(_) => {
                Err(Refusal::Mismatch("this provider is reached without a detour").into())
            }
        }
    }

    async fn way_of_oauth1(
        &self,
        leaving: &Leaving<'_>,
        settings: &oauth1::Settings,
    ) -> Result<Way, Refusal> {
        let (consumer, now) = (consumer(leaving.provider), self.records().clock().now());
        let client = Client { fetch: &self.external().fetch, settings, consumer: &consumer, now };
        // some providers know callbacks to the letter: so whoever comes back is known by the token
        let (token, to) = client.begin(&leaving.return_address()).await?;
        // it is kept among the flows, which nobody but the house sees
        let begun = Begun::OAuth1 { key: token.key.clone(), secret: token.secret.reveal().to_owned() };
        Ok(Way { key: token.key, begun, to })
    }

    async fn way_of_openid2(
        &self,
        leaving: &Leaving<'_>,
        settings: &openid2::Settings,
    ) -> Result<Way, openid2::Error> {
        let allowed = settings.allowed().unwrap_or_default();
        let identifier = match leaving.typed {
            Some(typed) if settings.asks() => allowed.pick(typed)?,
            _ => allowed.pick(&settings.identifier)?,
        };
        let key = base::chance::word(SECRET_LENGTH);
        let return_to = format!("{}?flow={key}", leaving.return_address());
        let realm = format!("{}/", leaving.beginning.origin);
        let mut asked = settings.questions();
        if let Kind::OpenId2Hybrid(_) = leaving.provider.kind {
            asked.extend(hybrid::ask(&leaving.provider.client_id, &settings.scope));
        }
        let party = self.party(settings.hash, &allowed);
        let (round, to) = party.begin(&identifier, &return_to, &realm, &asked).await?;
        Ok(Way { key, begun: Begun::OpenId2(Box::new(round)), to })
    }

    async fn remember(&self, leaving: &Leaving<'_>, key: &str, begun: Begun) -> Result<(), records::Error> {
        let away = Away {
            browser: hash(leaving.browser),
            state: leaving.beginning.state.clone(),
            challenge: leaving.beginning.challenge.clone(),
            origin: leaving.beginning.origin.clone(),
            begun,
        };
        let data = serde_json::to_string(&away).expect("texts and numbers become JSON");
        let text = text_of(leaving.collection, leaving.provider, key);
        match flow::put(self.records(), AWAY, &text, &data, TIME_MAX_MS).await? {
            true => Ok(()),
            false => Err(records::Error::refused(
                Sort::Conflict,
                "The provider gave a token that it has given before.",
            )),
        }
    }

    /// Us, as relying party of OpenID 2.0.
    pub(super) fn party<'a>(
        &'a self,
        hash: openid2::core::association::Hash,
        allowed: &'a identifier::Allowed,
    ) -> Party<'a> {
        Party { fetch: &self.external().fetch, records: self.records(), allowed, hash }
    }
}

impl Leaving<'_> {
    /// Whether the person is asked for an identifier.
    fn asks(&self) -> bool {
        matches!(&self.provider.kind, Kind::OpenId2(settings) if settings.asks())
    }

    /// Where the provider sends the browser back to.
    fn return_address(&self) -> String {
        let mut url = Url::parse(&self.beginning.origin).expect("the origin of an address is one");
        let segments = RETURN.split('/').skip(1).chain([self.collection.id.as_str(), &self.provider.name]);
        url.path_segments_mut().expect("it is an address of the web").clear().extend(segments);
        url.into()
    }

    /// What the person is told of a refusal; the log is told all of it.
    fn note(&self, refusal: &Refusal) -> Note {
        let (collection, provider) = (&self.collection.name, &self.provider.name);
        let cause = base::error::chain(refusal);
        transcript::note(&cause);
        tracing::warn!(collection, provider, cause, "a sign-in through a provider could not be begun");
        match refusal.kind() {
            _ if self.asks() => Note::NoProvider,
            Sort::Unavailable => Note::Later,
            _ => Note::Failed,
        }
    }
}

/// Under which text a browser is away, or a code lies: of this provider of this collection only.
pub(super) fn text_of(collection: &Collection, provider: &Provider, key: &str) -> String {
    format!("{}/{}/{key}", collection.id, provider.name)
}

/// What is kept of a browser's cookie.
pub(super) fn hash(text: &str) -> String {
    BASE64.encode(Sha256::digest(text))
}
