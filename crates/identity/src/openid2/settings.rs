//! What the settings of a provider of this kind say.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::core::assertion::Proven;
use super::core::association::Hash;
use super::core::extension::{self, Fields};
use super::core::identifier::{self, Allowed};
use crate::provider::Provider;

/// What stands for an identifier that the person is asked for.
pub const ASK: &str = "ask";

/// The settings of a provider of OpenID 2.0; the last two are for the hybrid with OAuth.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The provider's identifier (or one person's), or [`ASK`].
    pub identifier: String,
    /// Whose identifiers are let in; without it those of the identifier's own host.
    pub allow: Vec<String>,
    /// What is asked for by Attribute Exchange: our names, and the types there.
    pub ax: BTreeMap<String, String>,
    /// What is asked for by Simple Registration.
    pub sreg: Vec<String>,
    /// What keys are agreed on with.
    pub hash: Hash,
    /// What the hybrid asks to be allowed.
    pub scope: String,
    /// Where the hybrid exchanges its request token.
    pub access_token: String,
}

impl Settings {
    /// Whether the person is asked for an identifier.
    pub fn asks(&self) -> bool {
        self.identifier == ASK
    }

    /// The addresses in it; what else is wrong goes to `faults`.
    pub(crate) fn check<'a>(&'a self, faults: &mut Vec<String>) -> Vec<(&'static str, &'a str)> {
        if let Err(entry) = self.allowed() {
            faults.push(format!(
                "`allow` has `{entry}`, which is neither \"*\" nor the beginning of addresses such as https://op.example/"
            ));
        }
        if self.asks() && self.allow.is_empty() {
            let why = "`allow` is missing: say whose identifiers are let in; [\"*\"] lets this server ask whoever is named";
            faults.push(why.into());
        }
        if self.asks() { Vec::new() } else { vec![("identifier", &self.identifier)] }
    }

    /// The same of the hybrid.
    pub(crate) fn check_hybrid<'a>(
        &'a self,
        provider: &Provider,
        faults: &mut Vec<String>,
    ) -> Vec<(&'static str, &'a str)> {
        if provider.secret.is_none() {
            faults.push("`secret` is missing: the provider gives it out beside the consumer key".into());
        }
        if self.asks() {
            faults
                .push("`identifier` may not be \"ask\": a consumer key is known to one provider only".into());
        }
        let mut addresses = self.check(faults);
        addresses.push(("access_token", &self.access_token));
        addresses
    }

    /// Whose identifiers are let in; `Err` names what can't be read.
    pub fn allowed(&self) -> Result<Allowed, String> {
        if !self.allow.is_empty() {
            return Allowed::parse(self.allow.iter().map(String::as_str));
        }
        if self.asks() {
            return Ok(Allowed::default());
        }
        let mut url = identifier::normalise(&self.identifier).map_err(|_| self.identifier.clone())?;
        url.set_path("/");
        url.set_query(None);
        Allowed::parse([url.as_str()])
    }

    /// What the provider is asked to tell of the person.
    pub fn questions(&self) -> Fields {
        let types = self.ax.iter().map(|(name, kind)| (name.as_str(), kind.as_str()));
        [extension::ask_ax(types), extension::ask_sreg(&self.sreg)].concat()
    }

    /// What it tells: `claimed_id`, `endpoint`, and the values that were asked for, by our names.
    pub fn told(&self, proven: &Proven) -> Map<String, Value> {
        let sreg = self.sreg.iter().filter_map(|name| Some((name, extension::sreg(proven, name)?)));
        let ax = self.ax.iter().filter_map(|(name, kind)| Some((name, extension::ax(proven, kind)?)));
        let mut told: Map<_, _> = sreg.chain(ax).map(|(name, value)| (name.clone(), value.into())).collect();
        told.insert("claimed_id".into(), proven.claimed_id().into());
        told.insert("endpoint".into(), proven.endpoint().into());
        told
    }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    #[test]
    fn a_fixed_provider_lets_its_own_host_in_and_asking_lets_nobody_in_by_itself() {
        let fixed = Settings { identifier: "https://op.example/start?x=1".into(), ..Settings::default() };
        let url = |text: &str| Url::parse(text).expect("an address");
        let allowed = fixed.allowed().expect("a list");
        assert!(
            allowed.has(&url("https://op.example/alice")) && !allowed.has(&url("https://other.example/"))
        );
        let asking = Settings { identifier: ASK.into(), ..Settings::default() };
        assert!(!asking.allowed().expect("a list").has(&url("https://op.example/")));
        let wrong =
            Settings { identifier: ASK.into(), allow: vec!["nonsense".into()], ..Settings::default() };
        assert_eq!(wrong.allowed().err().as_deref(), Some("nonsense"));
    }
}
