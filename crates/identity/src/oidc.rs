//! OpenID Connect: OAuth 2.0 whose answer is a signed token about the person.
//!
//! Map: `metadata` (pure: what an issuer says of itself), `claims` (pure: what an ID token must say), `logout` (pure: what a log-out token must say), `directory` (issuers'
//! words and keys, kept for a while), `drive` (asks the provider).
//!
//! Invariant: nobody is believed to be anybody before `claims::check` has passed; PKCE and the nonce are always sent.

pub(crate) mod claims;
pub(crate) mod directory;
pub(crate) mod drive;
pub(crate) mod logout;
pub(crate) mod metadata;

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::jose::Algorithm;
use crate::oauth2::{ClientAuth, check_client, check_response_mode};
use crate::provider::Provider;

/// The settings of a provider of OpenID Connect.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Who it is, as its tokens say it.
    pub issuer: String,
    /// What its tokens may say instead.
    pub issuer_aliases: Vec<String>,
    /// Where people agree; with `token` and `jwks` nothing is discovered.
    pub authorize: String,
    /// Where a code becomes a token.
    pub token: String,
    /// Where its keys lie.
    pub jwks: String,
    /// Where it answers about a person.
    pub userinfo: String,
    /// Whether that is asked.
    pub userinfo_use: UserinfoUse,
    /// The algorithms that its tokens may be signed by.
    pub algs: Vec<String>,
    /// What we want to know.
    pub scopes: Vec<String>,
    /// What comes back through the browser: `code`, or `code id_token`.
    pub response: Response,
    /// How: `query`, or `form_post`.
    pub response_mode: String,
    /// Whether its tokens repeat the nonce.
    pub nonce: Nonce,
    /// How we say who we are; by what the issuer says that it takes, if not given.
    pub client_auth: Option<ClientAuth>,
    /// Apple's name of the team.
    pub team_id: String,
    /// Apple's name of the key.
    pub key_id: String,
    /// Whom the signed client secret is for; the issuer, if not given.
    pub apple_audience: String,
    /// Further parameters of the address.
    pub extra: BTreeMap<String, String>,
}

/// Whether the userinfo endpoint is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UserinfoUse {
    /// Where there is one.
    #[default]
    Always,
    /// The ID token says it all.
    Never,
}

/// What comes back through the browser.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Response {
    /// A code.
    #[default]
    #[serde(rename = "code")]
    Code,
    /// The hybrid flow: an ID token beside it that vouches for the code.
    #[serde(rename = "code id_token")]
    Hybrid,
}

/// Whether tokens repeat the nonce.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Nonce {
    /// They must.
    #[default]
    Required,
    /// This provider leaves it out: the verifier alone binds the answer.
    Off,
}

impl Settings {
    /// The addresses in which words may stand in braces.
    pub(crate) fn urls_mut(&mut self) -> Vec<&mut String> {
        vec![&mut self.issuer, &mut self.authorize, &mut self.token, &mut self.jwks, &mut self.userinfo]
    }

    /// The addresses in it; what else is wrong goes to `faults`.
    pub(crate) fn check<'a>(
        &'a self,
        provider: &Provider,
        faults: &mut Vec<String>,
    ) -> Vec<(&'static str, &'a str)> {
        let auth = self.client_auth.unwrap_or(match &provider.secret {
            Some(_) => ClientAuth::Basic,
            None => ClientAuth::None,
        });
        check_client(auth, provider, faults);
        check_response_mode(&self.response_mode, faults);
        if self.response == Response::Hybrid && self.response_mode != "form_post" {
            faults.push("`response` \"code id_token\" needs response_mode = \"form_post\"".into());
        }
        if auth == ClientAuth::AppleJwt && (self.team_id.is_empty() || self.key_id.is_empty()) {
            faults.push("`team_id` and `key_id` are missing: Apple shows them beside the key".into());
        }
        let unknown = self.algs.iter().filter(|name| Algorithm::named(name).is_none());
        faults.extend(unknown.map(|name| format!("`algs` has `{name}`; there is RS256, ES256, EdDSA")));
        let given = [
            ("issuer", &self.issuer),
            ("authorize", &self.authorize),
            ("token", &self.token),
            ("jwks", &self.jwks),
            ("userinfo", &self.userinfo),
        ];
        let is_there = |(key, text): &(&'static str, &String)| *key == "issuer" || !text.is_empty();
        given.into_iter().filter(is_there).map(|(key, text)| (key, text.as_str())).collect()
    }

    /// The algorithms that are taken.
    pub(crate) fn algorithms(&self) -> Vec<Algorithm> {
        match self.algs.is_empty() {
            true => Algorithm::ALL.into(),
            false => self.algs.iter().filter_map(|name| Algorithm::named(name)).collect(),
        }
    }
}
