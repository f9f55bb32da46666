//! The ceremonies in order: the challenge is used up, the decision is taken, the record is written.

use std::sync::Arc;

use records::core::collection::Collection;
use records::{Error, Principal};
use serde_json::Value;
use store::Row;

use super::challenge::{CHANCE_BYTES, Challenger, Purpose, TIME_MAX_MS};
use super::client_data::ClientData;
use super::credential::Credential;
use super::flaw::Flaw;
use super::kept::Kept;
use super::{FLOW, RelyingParty, ceremony, kept};
use crate::audit::{self, Entry, Event};
use crate::flow;
use crate::origin::Place;
use crate::service::Identity;

/// A new challenge of a collection; `None` when it has no secret.
pub(super) fn challenge(
    identity: &Identity,
    collection: &Collection,
    purpose: Purpose<'_>,
) -> Option<String> {
    let challenger = Challenger::new(&collection.auth.as_ref()?.token_secret, purpose)?;
    Some(challenger.make(identity.records().clock().now(), base::chance::bytes::<CHANCE_BYTES>()))
}

/// Takes a new passkey of an account.
pub(crate) async fn register(
    identity: &Identity,
    site: &RelyingParty,
    account: &Arc<Principal>,
    credential: &Value,
    name: &str,
    place: &Place,
) -> Result<Result<Arc<Row>, Flaw>, Error> {
    let credential = Credential::of(credential);
    let purpose = Purpose::Register(&account.row.id);
    let judged = match used_up(identity, &account.collection, purpose, credential).await? {
        Ok(challenge) => ceremony::register(site, &challenge, credential),
        Err(flaw) => Err(flaw),
    };
    match judged {
        Ok(new) => kept::add(identity, account, &new, name, place.address).await.map(Ok),
        Err(flaw) => Ok(Err(flaw)),
    }
}

/// The account that a passkey proves.
pub(crate) async fn sign_in(
    identity: &Identity,
    site: &RelyingParty,
    accounts: &Arc<Collection>,
    credential: &Value,
    place: &Place,
) -> Result<Result<Arc<Principal>, Flaw>, Error> {
    let credential = Credential::of(credential);
    let id = match credential.id() {
        Ok(id) => id,
        Err(flaw) => return Ok(Err(flaw)),
    };
    let challenge = match used_up(identity, accounts, Purpose::SignIn, credential).await? {
        Ok(challenge) => challenge,
        Err(flaw) => return Ok(Err(flaw)),
    };
    let Some(kept) = kept::find(identity.records(), accounts, &id).await? else {
        return Ok(Err(Flaw::Unknown));
    };
    let used = match ceremony::sign_in(site, &challenge, credential, &kept.known) {
        Ok(used) => used,
        Err(flaw) => {
            if flaw == Flaw::Counter {
                doubled(identity, &kept, place).await;
            }
            return Ok(Err(flaw));
        }
    };
    let noted = kept::note(identity, &kept, used).await?;
    if matches!(noted, Err(Flaw::Counter)) {
        doubled(identity, &kept, place).await;
    }
    Ok(noted.map(|()| kept.account))
}

/// Tells that a passkey's counter went back: the log, the audit list, and by it the owner.
async fn doubled(identity: &Identity, kept: &Kept, place: &Place) {
    let (account, collection) = (&kept.account.row.id, &kept.account.collection);
    let name = &collection.name;
    tracing::warn!(account, collection = name, "a passkey's counter went back: there may be two of it");
    let entry = Entry::new(Event::PasskeyDoubled, &*kept.account).with("way", "passkey");
    audit::refused(identity, collection, account, place.address, entry).await;
}

/// Uses up the challenge that a credential says to answer, if it is ours for this; it is good once, whatever comes of it.
async fn used_up(
    identity: &Identity,
    collection: &Collection,
    purpose: Purpose<'_>,
    credential: Credential<'_>,
) -> Result<Result<String, Flaw>, Error> {
    let said = credential.part("clientDataJSON").and_then(|bytes| ClientData::parse(&bytes));
    let challenge = match said {
        Ok(said) => said.claimed_challenge().to_owned(),
        Err(flaw) => return Ok(Err(flaw)),
    };
    let records = identity.records();
    let secret = collection.auth.as_ref().map_or("", |auth| auth.token_secret.as_str());
    let is_ours = Challenger::new(secret, purpose)
        .is_some_and(|challenger| challenger.knows(&challenge, records.clock().now()));
    let is_first = is_ours && flow::claim(records, FLOW, &challenge, TIME_MAX_MS).await?;
    Ok(if is_first { Ok(challenge) } else { Err(Flaw::Challenge) })
}
