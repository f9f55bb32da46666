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
    /// What its cookie says.
    pub(crate) browser: &'a str,
    /// What was typed, if something was.
    pub(crate) typed: Option<&'a str>,
}

impl Identity {
    /// Begins with a provider; it is remembered who has left, and with what.
    pub(crate) async fn leave(&self, leaving: &Leaving<'_>) -> Result<Leave, records::Error> {
        let provider = leaving.provider;
        let left = match &provider.kind {
            Kind::OAuth1(settings) => self.leave_for_oauth1(leaving, settings).await,
            Kind::OpenId2(settings) | Kind::OpenId2Hybrid(settings) => {
                let typed = if settings.asks() { leaving.typed } else { Some(settings.identifier.as_str()) };
                let Some(typed) = typed else { return Ok(Leave::Ask(None)) };
                match self.leave_for_openid2(leaving, settings, typed).await {
                    Ok(Err(note)) if settings.asks() => return Ok(Leave::Ask(Some(note))),
                    Ok(Err(note)) => return Ok(Leave::Over(note)),
                    Ok(Ok(to)) => Ok(to),
                    Err(openid2::Error::Records(error)) => return Err(error),
                    Err(openid2::Error::Refused(refusal)) if settings.asks() => {
                        warn(leaving, &refusal);
                        return Ok(Leave::Ask(Some(Note::NoProvider)));
                    }
                    Err(openid2::Error::Refused(refusal)) => Err(refusal),
                }
            }
            Kind::OAuth2(_) | Kind::Oidc(_) => {
                Err(Refusal::Mismatch("this provider is left for without a detour"))
            }
        };
        match left {
            Ok((key, begun, to)) => {
                self.remember(leaving, &key, begun).await?;
                Ok(Leave::To(to))
            }
            Err(refusal) => {
                warn(leaving, &refusal);
                let is_later = refusal.kind() == Sort::Unavailable;
                Ok(Leave::Over(if is_later { Note::Later } else { Note::Failed }))
            }
        }
    }

    async fn leave_for_oauth1(
        &self,
        leaving: &Leaving<'_>,
        settings: &oauth1::Settings,
    ) -> Result<(String, Begun, Url), Refusal> {
        let (consumer, now) = (consumer(leaving.provider), self.records().clock().now());
        let client = Client { fetch: &self.external().fetch, settings, consumer: &consumer, now };
        // some providers know callbacks to the letter: so it is told by its token which flow it is about
        let (token, to) = client.begin(&return_address(leaving)).await?;
        let begun = Begun::OAuth1 { key: token.key.clone(), secret: token.secret.reveal().to_owned() };
        Ok((token.key, begun, to))
    }

    async fn leave_for_openid2(
        &self,
        leaving: &Leaving<'_>,
        settings: &openid2::Settings,
        typed: &str,
    ) -> Result<Result<(String, Begun, Url), Note>, openid2::Error> {
        let Ok(identifier) = identifier::normalise(typed) else { return Ok(Err(Note::NoAddress)) };
        let allowed = settings.allowed().unwrap_or_default();
        if !allowed.has(&identifier) {
            return Ok(Err(Note::NotAllowed));
        }
        let flow = base::chance::word(SECRET_LENGTH);
        let return_to = format!("{}?flow={flow}", return_address(leaving));
        let realm = format!("{}/", leaving.beginning.origin);
        let mut asked = settings.questions();
        if let Kind::OpenId2Hybrid(_) = leaving.provider.kind {
            asked.extend(hybrid::ask(&leaving.provider.client_id, &settings.scope));
        }
        let party = self.party(settings.hash, &allowed);
        let (round, to) = party.begin(&identifier, &return_to, &realm, &asked).await?;
        Ok(Ok((flow, Begun::OpenId2(Box::new(round)), to)))
    }

    async fn remember(&self, leaving: &Leaving<'_>, key: &str, begun: Begun) -> Result<(), records::Error> {
        let away = Away {
            provider: path_of(&leaving.collection.id, &leaving.provider.name),
            browser: hash(leaving.browser),
            state: leaving.beginning.state.clone(),
            challenge: leaving.beginning.challenge.clone(),
            origin: leaving.beginning.origin.clone(),
            begun,
        };
        let data = serde_json::to_string(&away).expect("texts and numbers become JSON");
        let text = format!("{}/{key}", away.provider);
        match flow::put(self.records(), AWAY, &text, &data, TIME_MAX_MS).await? {
            true => Ok(()),
            false => Err(records::Error::refused(
                Sort::Conflict,
                "the provider gave a token that it has given before",
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

/// Where the provider sends the browser back to.
fn return_address(leaving: &Leaving<'_>) -> String {
    let mut url = Url::parse(&leaving.beginning.origin).expect("the origin of an address is one");
    let segments = RETURN.split('/').skip(1).chain([leaving.collection.id.as_str(), &leaving.provider.name]);
    url.path_segments_mut().expect("it is an address of the web").clear().extend(segments);
    url.into()
}

/// A provider of a collection, in a text.
pub(super) fn path_of(collection: &str, provider: &str) -> String {
    format!("{collection}/{provider}")
}

/// What is kept of a browser's cookie.
pub(super) fn hash(text: &str) -> String {
    BASE64.encode(Sha256::digest(text))
}

fn warn(leaving: &Leaving<'_>, refusal: &Refusal) {
    let (collection, provider) = (&leaving.collection.name, &leaving.provider.name);
    let cause = base::error::chain(refusal);
    tracing::warn!(collection, provider, cause, "a sign-in through a provider could not be begun");
}
