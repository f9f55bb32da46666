//! Providers as data: who vouches for people, how it is asked, and what is taken from its answers.
//!
//! A provider is made of layers, each over the one before: a *preset* that comes with the program, the table
//! `[sign-in.NAME]` of the service file, and what a collection's own settings say. Paths into answers are JSON Pointers; there
//! is no code in any of it but the few functions of `derive`.
//!
//! Map: `preset` (those that come with the program), `layer` (a collection's settings as a layer), `load` (layers become a
//! provider, or faults in sentences), `url` (which addresses may be written), `fill` (words in braces, and `derive`),
//! `pointer` (places in answers), `mapping` (answers become a profile).
//!
//! To add a provider: a file under `presets/`, its name in `preset`, its lines in `docs/sign-in.md`.
//! To add a kind: a variant of [`Kind`] with its settings, and its line in `load::kind`.
//!
//! Invariant: nothing here asks anybody anything, a clock or chance.

pub(crate) mod fill;
pub(crate) mod layer;
mod load;
mod mapping;
mod pointer;
mod preset;
mod url;

use std::collections::BTreeMap;

use base::secret::Secret;
use serde::Deserialize;

use crate::{oauth1, oauth2, oidc, openid2};
use pointer::{Emails, Places, Pointer, Verified};

pub use load::{Faults, Written, load};
pub(crate) use mapping::subject;
pub use mapping::{Address, Documents, Profile, read};

/// Requests at most that a provider is asked about a person.
pub const FETCHES_MAX: usize = 3;

/// Somebody who vouches for people.
#[derive(Clone, Debug)]
pub struct Provider {
    /// What it is called in addresses and settings.
    pub name: String,
    /// What people see.
    pub label: String,
    /// Its protocol, with what that needs.
    pub kind: Kind,
    /// Under which name it knows us.
    pub client_id: String,
    /// The secret that it shares with us; some need none.
    pub secret: Option<Secret>,
    /// What it is asked about a person.
    pub about: About,
}

/// A provider of the service file.
#[derive(Clone, Debug, PartialEq)]
pub struct OnService {
    /// What is written of it.
    pub written: Written,
    /// The names of the collections that offer it.
    pub collections: Vec<String>,
}

impl OnService {
    /// Whether a collection offers it.
    pub fn is_for(&self, collection: &str) -> bool {
        self.collections.iter().any(|name| name == collection)
    }
}

/// The protocols.
#[derive(Clone, Debug)]
pub enum Kind {
    /// OpenID Connect.
    Oidc(Box<oidc::Settings>),
    /// OAuth 2.0 in a dialect.
    OAuth2(Box<oauth2::Settings>),
    /// OAuth 1.0a.
    OAuth1(Box<oauth1::Settings>),
    /// OpenID 2.0.
    OpenId2(Box<openid2::Settings>),
    /// OpenID 2.0 with OAuth 1.0a in the same round.
    OpenId2Hybrid(Box<openid2::Settings>),
}

impl Provider {
    /// Who vouches: of OpenID Connect the issuer, else where the tokens come from. With the provider's name it tells apart
    /// subjects, so that a provider whose settings come to mean somebody else knows nobody from before.
    pub fn issuer(&self) -> String {
        match &self.kind {
            Kind::Oidc(settings) => settings.issuer.clone(),
            Kind::OAuth2(settings) => origin(&settings.token),
            Kind::OAuth1(settings) => origin(&settings.access_token),
            // a claimed identifier is an address itself, and means the same everywhere
            Kind::OpenId2(_) | Kind::OpenId2Hybrid(_) => String::new(),
        }
    }
}

fn origin(text: &str) -> String {
    ::url::Url::parse(text).map_or_else(|_| String::new(), |url| url.origin().ascii_serialization())
}

/// What every kind knows.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct About {
    /// Words that may stand in braces in addresses.
    pub vars: BTreeMap<String, String>,
    /// What is asked with the token, in this order.
    pub fetch: Vec<Ask>,
    /// Where the profile lies in the answers.
    pub map: Map,
    /// What must agree, as pairs of a place and a value or another place.
    pub require: Vec<(Pointer, toml::Value)>,
    /// Which values alone are let in, by the name of a claim (`hd`) or by a place.
    pub restrict: BTreeMap<String, Vec<String>>,
    /// What a verified address is good for.
    pub email_trust: EmailTrust,
    /// A verified address that the provider is the authority for links to the account that has it, unasked.
    pub links_silently: bool,
}

/// One question about a person.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ask {
    /// How its answer is called in places.
    pub name: String,
    /// Where.
    pub url: String,
    /// With which parameters; words in braces are filled in.
    pub query: BTreeMap<String, String>,
    /// Further parameters that are worked out.
    pub derive: BTreeMap<String, String>,
    /// How the token is shown.
    pub auth: Auth,
    /// A refusal is no fault: the answer is not there then.
    pub optional: bool,
}

/// How a token is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Auth {
    /// In the header `Authorization: Bearer`.
    #[default]
    Bearer,
    /// By the signature of OAuth 1.0a.
    OAuth1,
    /// Not at all, or in a parameter.
    None,
}

/// Where the parts of a profile lie.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Map {
    /// Who it is: never the same for two, never another for one.
    pub subject: Places,
    /// What people call them.
    pub name: Places,
    /// The name that they sign in with there.
    pub login: Places,
    /// The address of a picture.
    pub picture: Places,
    /// Their mail address.
    pub email: Emails,
    /// Whether the provider has seen that the mail address is theirs.
    pub email_verified: Verified,
}

/// What a verified mail address is good for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum EmailTrust {
    /// For nothing: it counts as unverified.
    #[default]
    Never,
    /// It is the person's: an account that only claims it gives way, one that has proved it is asked to link.
    Assist,
    /// The same, and of these domains the provider is the authority.
    Domains(Vec<String>),
    /// The same as Google says it: it is the authority for its own addresses and for those of a hosted domain (`hd`).
    HostedDomain,
}

impl TryFrom<String> for EmailTrust {
    type Error = String;

    fn try_from(text: String) -> Result<EmailTrust, String> {
        Ok(match (text.as_str(), text.strip_prefix("domain:")) {
            ("never", _) => EmailTrust::Never,
            ("assist", _) => EmailTrust::Assist,
            ("hd", _) => EmailTrust::HostedDomain,
            (_, Some(domains)) if !domains.trim().is_empty() => EmailTrust::Domains(
                domains.split(',').map(|domain| domain.trim().to_ascii_lowercase()).collect(),
            ),
            _ => {
                return Err(format!(
                    "`{text}` may be `never`, `assist`, `hd` or `domain:example.com,example.org`"
                ));
            }
        })
    }
}

#[cfg(test)]
mod tests;
