//! The two ceremonies, as decisions: whether a new passkey is taken (WebAuthn level 3, 7.1), and whether a passkey proves
//! somebody (7.2).
//!
//! Assumptions: the challenge was ours, for this purpose and this account, and is used up by now.
//!
//! Invariant: pure; no clock, no chance, no database.

use sha2::{Digest, Sha256};

use super::attestation::Attestation;
use super::authenticator_data::AuthenticatorData;
use super::client_data::{Ceremony, ClientData};
use super::credential::Credential;
use super::flaw::Flaw;
use super::key::Key;
use super::relying_party::RelyingParty;

/// A passkey that is to be kept.
#[derive(Clone, Debug)]
pub(crate) struct Registered {
    pub(crate) id: Vec<u8>,
    /// The public key as the authenticator wrote it (COSE).
    pub(crate) key: Vec<u8>,
    pub(crate) counter: u32,
    pub(crate) is_backup_eligible: bool,
    pub(crate) is_backed_up: bool,
    pub(crate) transports: Vec<String>,
}

/// A passkey as it is kept.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) key: Vec<u8>,
    pub(crate) counter: u32,
    pub(crate) is_backup_eligible: bool,
    /// What its account is called among passkeys.
    pub(crate) user_handle: Vec<u8>,
}

/// What is new of a passkey that has proved somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Used {
    pub(crate) counter: u32,
    pub(crate) is_backed_up: bool,
}

/// Judges a new passkey.
pub(crate) fn register(
    site: &RelyingParty,
    challenge: &str,
    credential: Credential<'_>,
) -> Result<Registered, Flaw> {
    let (id, client) = (credential.id()?, credential.part("clientDataJSON")?);
    ClientData::parse(&client)?.check(Ceremony::Register, challenge, &site.origin)?;
    let object = credential.part("attestationObject")?;
    let attestation = Attestation::parse(&object)?;
    let data = AuthenticatorData::parse(attestation.data)?;
    data.check(&site.id)?;
    let (is_backup_eligible, is_backed_up) = (data.is_backup_eligible(), data.is_backed_up());
    let made = data.made.ok_or(Flaw::AuthenticatorData)?;
    if made.id != id {
        return Err(Flaw::TwoIds);
    }
    if let Some((algorithm, signature)) = attestation.own {
        let is_its = made.key.verifies(&signed(attestation.data, &client), signature);
        if algorithm != made.key.algorithm() || !is_its {
            return Err(Flaw::AttestationSignature);
        }
    }
    let (key, counter, transports) = (made.cose, data.counter, credential.transports());
    Ok(Registered { id, key, counter, is_backup_eligible, is_backed_up, transports })
}

/// Judges the use of a passkey that is known.
pub(crate) fn sign_in(
    site: &RelyingParty,
    challenge: &str,
    credential: Credential<'_>,
    known: &Known,
) -> Result<Used, Flaw> {
    if credential.user_handle()?.as_ref() != Some(&known.user_handle) {
        return Err(Flaw::UserHandle);
    }
    let client = credential.part("clientDataJSON")?;
    ClientData::parse(&client)?.check(Ceremony::SignIn, challenge, &site.origin)?;
    let bytes = credential.part("authenticatorData")?;
    let data = AuthenticatorData::parse(&bytes)?;
    data.check(&site.id)?;
    if data.made.is_some() {
        return Err(Flaw::AuthenticatorData);
    }
    let (key, _) = Key::parse(&known.key)?;
    if !key.verifies(&signed(&bytes, &client), &credential.part("signature")?) {
        return Err(Flaw::Signature);
    }
    if data.is_backup_eligible() != known.is_backup_eligible {
        return Err(Flaw::BackupChanged);
    }
    let counts = data.counter != 0 || known.counter != 0;
    if counts && data.counter <= known.counter {
        return Err(Flaw::Counter);
    }
    Ok(Used { counter: data.counter, is_backed_up: data.is_backed_up() })
}

/// What a passkey signs.
fn signed(data: &[u8], client: &[u8]) -> Vec<u8> {
    [data, &Sha256::digest(client)[..]].concat()
}
