//! Signing in through a provider, as far as it is the same for all kinds: which providers a collection offers, what a client
//! is given to begin with, and whom what it comes back with is about.
//!
//! Map: `account` (that person's account: found, linked, taken over or made), `picture` (what a new one looks like).
//!
//! Invariant: nothing is sent to a provider before the client has shown a verifier of ours for this very provider that nobody
//! has shown before.

pub(crate) mod account;
mod picture;

use base::secret::Secret;
use base::time::Timestamp;
use records::core::collection::{AuthOptions, Collection};
use serde_json::{Map, Value};

use crate::callback::{Callback, Given};
use crate::fetch::{Fetch, Limits, transcript};
use crate::oauth2::{self, Leaving, Pkce, Token};
use crate::oidc;
use crate::oidc::directory::{Directory, Patience};
use crate::oidc::drive::Drive;
use crate::provider::{self, Faults, Kind, Profile, Provider, Written, layer};
use crate::refusal::Refusal;
use crate::service::Identity;
use crate::session::Via;
use crate::verifier::{Maker, TIME_MAX_MS, challenge};
use crate::{detour, flow};

/// Characters of a state that we make.
const STATE_LENGTH: usize = 30;
/// How long the list of ways waits for a provider.
const BEGIN_TIME_MAX: std::time::Duration = std::time::Duration::from_secs(3);
/// What redeemed verifiers are called among the flows.
const VERIFIER: &str = "verifier";

/// What signing in through providers keeps in this process: nothing that could not be asked again.
pub(crate) struct External {
    pub(crate) fetch: Fetch,
    pub(crate) directory: Directory,
}

/// What a client begins with.
pub(crate) struct Beginning {
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) state: String,
    /// Ends with `redirect_uri=`.
    pub(crate) url: String,
    pub(crate) verifier: String,
    /// Empty where the provider knows no PKCE.
    pub(crate) challenge: String,
}

/// What a client comes back with.
pub(crate) struct Return<'a> {
    pub(crate) provider: &'a str,
    pub(crate) code: &'a str,
    pub(crate) verifier: &'a str,
    pub(crate) redirect_uri: &'a str,
}

/// Somebody whom a provider vouches for.
pub(crate) struct Arrived {
    pub(crate) provider: Provider,
    pub(crate) profile: Profile,
    pub(crate) access: Secret,
    pub(crate) refresh: Option<Secret>,
    pub(crate) expires: Option<Timestamp>,
    /// Who and which session it is there, by which the provider may end ours.
    pub(crate) via: Via,
}

impl External {
    pub(crate) fn new(limits: Limits) -> External {
        External { fetch: Fetch::new(limits), directory: Directory::default() }
    }
}

impl Identity {
    /// The providers that a collection offers. One whose settings are wrong is left out, and the log says why.
    pub(crate) fn providers(&self, collection: &Collection) -> Vec<Provider> {
        let load = |(name, own): (String, Option<Written>)| match self.load(collection, &name, own.as_ref()) {
            Ok(provider) => Some(provider),
            Err(faults) => {
                tracing::warn!(provider = name, collection = collection.name, %faults, "a provider is not offered");
                None
            }
        };
        self.offered(collection).into_iter().filter_map(load).collect()
    }

    /// What the providers that a collection names are called, whether or not their settings are right.
    pub fn provider_names(&self, collection: &Collection) -> Vec<String> {
        self.offered(collection).into_iter().map(|(name, _)| name).collect()
    }

    /// A provider of a collection by its name, or what is wrong with its settings; `None` where there is none.
    pub(crate) fn loaded(&self, collection: &Collection, name: &str) -> Option<Result<Provider, Faults>> {
        let (name, own) = self.offered(collection).into_iter().find(|(known, _)| known == name)?;
        Some(self.load(collection, &name, own.as_ref()))
    }

    fn load(&self, collection: &Collection, name: &str, own: Option<&Written>) -> Result<Provider, Faults> {
        let service = self.config().providers.get(name).filter(|service| service.is_for(&collection.name));
        let layers: Vec<&Written> = service.map(|service| &service.written).into_iter().chain(own).collect();
        provider::load(name, &layers, self.config().may_ask_loopback)
    }

    /// Names, with what the collection itself says of them: its own first, then those of the service.
    fn offered(&self, collection: &Collection) -> Vec<(String, Option<Written>)> {
        let oauth2 = collection.auth.as_ref().and_then(|auth| auth.other.get("oauth2"));
        let is_on = oauth2.and_then(|o| o.get("enabled")) == Some(&Value::Bool(true));
        let own = oauth2.filter(|_| is_on).and_then(|o| o.get("providers")).and_then(Value::as_array);
        let entry = |sent: &Map<String, Value>| {
            let name = sent.get("name").and_then(Value::as_str)?.to_owned();
            Some((name, Some(layer::of_collection(sent))))
        };
        let own = own.into_iter().flatten().filter_map(Value::as_object);
        let mut offered: Vec<(String, Option<Written>)> = own.filter_map(entry).collect();
        for (name, service) in &self.config().providers {
            if service.is_for(&collection.name) && offered.iter().all(|(known, _)| known != name) {
                offered.push((name.clone(), None));
            }
        }
        offered
    }

    /// What a client needs to send somebody to a provider; `origin` is by which scheme and host it knows us. `None`, and a line
    /// in the log, where the provider can't be asked.
    pub(crate) async fn begin(
        &self,
        collection: &Collection,
        provider: &Provider,
        origin: &str,
    ) -> Option<Beginning> {
        let cause =
            match tokio::time::timeout(BEGIN_TIME_MAX, self.try_begin(collection, provider, origin)).await {
                Ok(Ok(beginning)) => return Some(beginning),
                Ok(Err(refusal)) => base::error::chain(&refusal),
                Err(_) => "the provider took too long to say where people agree".to_owned(),
            };
        transcript::note(&cause);
        tracing::warn!(provider = provider.name, cause, "a provider is not offered now");
        None
    }

    async fn try_begin(
        &self,
        collection: &Collection,
        provider: &Provider,
        origin: &str,
    ) -> Result<Beginning, Refusal> {
        let now = self.records().clock().now();
        let maker = maker(collection.auth.as_ref(), provider)?;
        let verifier = maker.make(now, base::chance::bytes());
        let state = base::chance::word(STATE_LENGTH);
        let (challenge, nonce) = (challenge(&verifier), maker.nonce(&verifier));
        let mut leaving = Leaving {
            client_id: &provider.client_id,
            scopes: "",
            state: &state,
            challenge: Some(&challenge),
            more: Vec::new(),
        };
        let scopes;
        let url = match &provider.kind {
            Kind::OAuth2(settings) => {
                scopes = settings.scopes.join(&settings.scope_sep);
                leaving.scopes = &scopes;
                leaving.challenge = leaving.challenge.filter(|_| settings.pkce == Pkce::S256);
                leaving.more = vec![("response_type", "code"), ("response_mode", &settings.response_mode)];
                leaving
                    .more
                    .extend(settings.extra.iter().map(|(name, value)| (name.as_str(), value.as_str())));
                oauth2::leave(&settings.authorize, &leaving)?
            }
            Kind::Oidc(settings) => {
                let External { fetch, directory } = self.external();
                let metadata = directory.metadata(fetch, settings, now, Patience::AskSeldom).await?;
                scopes = settings.scopes.join(" ");
                leaving.scopes = &scopes;
                let response = match settings.response {
                    oidc::Response::Code => "code",
                    oidc::Response::Hybrid => "code id_token",
                };
                leaving.more = vec![("response_type", response), ("response_mode", &settings.response_mode)];
                if settings.nonce == oidc::Nonce::Required {
                    leaving.more.push(("nonce", &nonce));
                }
                leaving
                    .more
                    .extend(settings.extra.iter().map(|(name, value)| (name.as_str(), value.as_str())));
                oauth2::leave(metadata.authorize.as_str(), &leaving)?
            }
            Kind::OAuth1(_) | Kind::OpenId2(_) | Kind::OpenId2Hybrid(_) => {
                let url = detour::begin::address(origin, &collection.id, &provider.name, &state, &challenge);
                url.ok_or(Refusal::Mismatch("the client does not say by which host it knows us"))?
            }
        };
        let challenge = if leaving.challenge.is_some() { challenge.clone() } else { String::new() };
        let (name, label) = (provider.name.clone(), provider.label.clone());
        Ok(Beginning { name, label, url, challenge, state, verifier })
    }

    /// Whom what a client comes back with is about. The verifier is spent from here on, however it ends.
    pub(crate) async fn arrive(
        &self,
        collection: &Collection,
        provider: Provider,
        back: &Return<'_>,
    ) -> Result<Result<Arrived, Refusal>, records::Error> {
        let (records, now) = (self.records(), self.records().clock().now());
        let maker = match maker(collection.auth.as_ref(), &provider) {
            Ok(maker) => maker,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if !maker.knows(back.verifier, now) {
            return Ok(Err(Refusal::Mismatch("the verifier is not ours, another provider's, or too old")));
        }
        let Some(callback) = Callback::redeem(back.code, &self.ticket_key()?, now) else {
            return Ok(Err(Refusal::Mismatch("the callback's ticket is not ours, or too old")));
        };
        if !flow::claim(records, VERIFIER, back.verifier, TIME_MAX_MS).await? {
            return Ok(Err(Refusal::Mismatch("the verifier has been used before")));
        }
        let nonce = maker.nonce(back.verifier);
        let given = Given {
            callback: &callback,
            redirect_uri: back.redirect_uri,
            verifier: back.verifier,
            nonce: &nonce,
        };
        match provider.kind {
            Kind::OAuth1(_) | Kind::OpenId2(_) | Kind::OpenId2Hybrid(_) => {
                let profile = self.redeem(collection, &provider, &callback.code, back.verifier).await?;
                let access = Secret::new("");
                Ok(profile.map(|profile| {
                    let via = via(&provider, &profile, None);
                    Arrived { provider, profile, access, refresh: None, expires: None, via }
                }))
            }
            Kind::OAuth2(_) | Kind::Oidc(_) => Ok(self.ask(provider, &given, now).await),
        }
    }

    async fn ask(&self, provider: Provider, given: &Given<'_>, now: Timestamp) -> Result<Arrived, Refusal> {
        let External { fetch, directory } = self.external();
        let (documents, token) = match &provider.kind {
            Kind::OAuth2(settings) => oauth2::drive::run(fetch, &provider, settings, given).await?,
            Kind::Oidc(settings) => {
                Drive { fetch, directory, provider: &provider, settings, now }.run(given).await?
            }
            Kind::OAuth1(_) | Kind::OpenId2(_) | Kind::OpenId2Hybrid(_) => return Err(BY_DETOUR),
        };
        let profile = provider::read(&provider.about, &provider.client_id, &documents)?;
        let Token { access, refresh, seconds, .. } = token;
        let expires = seconds.map(|seconds| now.after(std::time::Duration::from_secs(seconds)));
        let via = via(&provider, &profile, documents.get("id"));
        Ok(Arrived { provider, profile, access, refresh, expires, via })
    }

    /// What signs the tickets of callbacks: the same on every web server.
    pub(crate) fn ticket_key(&self) -> Result<[u8; 32], records::Error> {
        self.house_key(b"ondol/ticket")
    }
}

/// These providers were asked before the client got its code.
const BY_DETOUR: Refusal = Refusal::Mismatch("a provider of this kind is not asked by a code of its own");

/// Who it is there, and in which session, as a proven ID token names it; else as the profile does.
fn via(provider: &Provider, profile: &Profile, id_token: Option<&Value>) -> Via {
    let text = |name: &str| id_token.and_then(|token| token.get(name)).and_then(Value::as_str);
    let session = text("sid").filter(|sid| sid.len() <= oidc::logout::SESSION_BYTES_MAX);
    Via {
        provider: provider.name.clone(),
        subject: text("sub").unwrap_or(&profile.subject).to_owned(),
        session: session.unwrap_or_default().to_owned(),
    }
}

fn maker(auth: Option<&AuthOptions>, provider: &Provider) -> Result<Maker, Refusal> {
    let maker = auth.and_then(|auth| Maker::new(&auth.token_secret, &provider.name));
    maker.ok_or(Refusal::Mismatch("the collection has no secret"))
}
