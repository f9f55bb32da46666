//! The client's code becomes the profile that the provider vouched for: once, and for the client that began only.

use records::core::collection::Collection;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::CODE;
use super::leave::text_of;
use crate::flow;
use crate::provider::{Address, Profile, Provider};
use crate::refusal::Refusal;
use crate::service::Identity;
use crate::verifier::challenge;

/// Longest answer of a provider that is kept whole for the client, in bytes; of a longer one it gets the parts only.
const RAW_BYTES_MAX: usize = 32 << 10;

/// A profile that waits for its client.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Vouched {
    challenge: String,
    subject: String,
    name: String,
    login: String,
    picture: String,
    address: Option<(String, bool, bool)>,
    raw: Value,
}

impl Vouched {
    pub(super) fn new(challenge: &str, profile: Profile) -> Vouched {
        let raw = Some(profile.raw).filter(|raw| raw.to_string().len() <= RAW_BYTES_MAX).unwrap_or_default();
        Vouched {
            challenge: challenge.to_owned(),
            subject: profile.subject,
            name: profile.name,
            login: profile.login,
            picture: profile.picture,
            address: profile.address.map(|a| (a.text, a.is_verified, a.is_authoritative)),
            raw,
        }
    }

    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("texts become JSON")
    }

    fn into_profile(self) -> Profile {
        let address = |(text, is_verified, is_authoritative)| Address { text, is_verified, is_authoritative };
        Profile {
            subject: self.subject,
            name: self.name,
            login: self.login,
            picture: self.picture,
            address: self.address.map(address),
            raw: self.raw,
        }
    }
}

impl Identity {
    /// The profile behind a code, for the client whose verifier it is.
    pub(crate) async fn redeem(
        &self,
        collection: &Collection,
        provider: &Provider,
        code: &str,
        verifier: &str,
    ) -> Result<Result<Profile, Refusal>, records::Error> {
        let data = flow::take(self.records(), CODE, &text_of(collection, provider, code)).await?;
        let vouched = data.and_then(|data| serde_json::from_str::<Vouched>(&data).ok());
        let vouched = vouched.filter(|vouched| vouched.challenge == challenge(verifier));
        let profile = vouched.map(Vouched::into_profile);
        Ok(profile.ok_or(Refusal::Mismatch("the code is unknown, was used, or is another client's")))
    }
}
