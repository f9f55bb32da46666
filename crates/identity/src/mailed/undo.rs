//! A changed address is undone by whoever reads the mail of the old one: within 72 hours, once.
//!
//! Whoever changed it knew the password; so that is void with it, every session ends, and what was added since as a way
//! to sign in goes. What undoing needs to know lies among the flows; the link holds a mark that no row does.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use records::core::change::{EXTERNAL_AUTHS, FLOWS, PASSKEYS, TOTPS};
use records::core::collection::Collection;
use records::{Error, Principal};
use serde::{Deserialize, Serialize};
use serde_json::Map;
use store::query::Compare;
use store::{Conn, Row, Tx};

use super::bad_token;
use crate::audit::{self, Entry, Event};
use crate::origin::Place;
use crate::post::{Job, Kind, queue};
use crate::service::Identity;
use crate::token::{Key, Purpose};
use crate::{flow, own};

/// What undoings are called among the flows.
pub(crate) const FLOW: &str = "undo-email";
/// How long an address may be taken back, in milliseconds: 72 hours.
pub(crate) const TIME_MAX_MS: i64 = 72 * 3_600_000;
/// Longest link that is looked at, in bytes.
const TOKEN_BYTES_MAX: usize = 200;

/// What undoing needs to know.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Undo {
    pub(crate) collection: String,
    pub(crate) account: String,
    /// The address that the account had.
    pub(crate) was: String,
    /// When it was changed, in milliseconds.
    pub(crate) since: i64,
}

/// One that can be done.
struct Open {
    row: Row,
    undo: Undo,
    account: Principal,
}

/// The token of a link.
pub(crate) fn token(accounts: &Collection, name: &str) -> Option<String> {
    Some(format!("{name}.{}", BASE64.encode(key(accounts, name)?.mark(name))))
}

fn key(accounts: &Collection, name: &str) -> Option<Key> {
    Key::derive(Purpose::EmailUndo, name, &accounts.auth.as_ref()?.token_secret)
}

impl Identity {
    /// The address that a link would give back; `None` for one that is not good any more. It is not used by that.
    pub(super) async fn undone_address(&self, token: &str) -> Result<Option<String>, Error> {
        let mut conn = self.records().store().reader().await?;
        Ok(open(&mut conn, self, token).await?.map(|open| open.undo.was))
    }

    /// Gives an account back the address that it had.
    pub async fn confirm_email_undo(
        &self,
        token: &str,
        among: Option<&Collection>,
        place: &Place,
    ) -> Result<(), Error> {
        let (inside, token, among, place) = (self.clone(), token.to_owned(), among.cloned(), place.clone());
        let undone = self.records().store().write(move |tx| {
            Box::pin(async move {
                let open = open(tx, &inside, &token).await?;
                let is_among = |open: &Open| among.as_ref().is_none_or(|a| a.id == open.undo.collection);
                let open = open.filter(is_among).ok_or_else(bad_token)?;
                undo(tx, &inside, &open, &place).await
            })
        });
        undone.await?;
        if let Some(post) = self.post() {
            post.tell();
        }
        Ok(())
    }
}

/// Reads a link. Inside a transaction the account and what is undone are held.
async fn open(conn: &mut Conn, identity: &Identity, token: &str) -> Result<Option<Open>, Error> {
    let Some((name, given)) = token.split_once('.').filter(|_| token.len() <= TOKEN_BYTES_MAX) else {
        return Ok(None);
    };
    let (records, flows) = (identity.records(), own::collection(identity.records(), FLOWS)?);
    let hash = flow::hash(name);
    let wanted = [("kind", Compare::Eq, FLOW), ("key", Compare::Eq, hash.as_str())];
    let Some(found) = conn.select(&own::select(&flows, &wanted)).await?.pop() else { return Ok(None) };
    let Some(row) = conn.get(&flows.table(), &found.id).await? else { return Ok(None) };
    let undo = flow::data(records, &flows, &row).and_then(|data| serde_json::from_str::<Undo>(&data).ok());
    let Some(undo) = undo else { return Ok(None) };
    let collection = records.catalog().find(&undo.collection).filter(|c| c.is_auth()).cloned();
    let Some(collection) = collection else { return Ok(None) };
    let given = BASE64.decode(given).unwrap_or_default();
    let is_ours = key(&collection, name).is_some_and(|key| key.is_mark(name, &given));
    if !is_ours {
        return Ok(None);
    }
    let account = conn.get(&collection.table(), &undo.account).await?;
    Ok(account.map(|account| Open { row, undo, account: Principal { collection, row: account.into() } }))
}

async fn undo(tx: &mut Tx, identity: &Identity, open: &Open, place: &Place) -> Result<(), Error> {
    let (records, Open { row, undo, account }) = (identity.records(), open);
    tx.delete(&own::collection(records, FLOWS)?.table(), &row.id).await?;
    forget_newer(tx, identity, open, place).await?;
    let before = records.values(&account.collection, &account.row);
    let mut after = before.clone();
    after.0.insert("email".into(), undo.was.as_str().into());
    after.0.insert("verified".into(), true.into());
    after.0.insert("password".into(), records::NO_PASSWORD.into());
    records.update_own(tx, &account.collection, &before, after).await?;
    audit::write(tx, identity, &Entry::new(Event::AddressRestored, account).from(place.address)).await?;
    if !account.collection.auth.as_ref().is_some_and(|auth| auth.has_password) || identity.post().is_none() {
        return Ok(());
    }
    // the password is void: a new one is set by the link that comes next
    let (collection, id) = (account.collection.id.clone(), account.row.id.clone());
    let (kind, to) = (Kind::PasswordReset, undo.was.clone());
    queue(tx, identity, &Job { kind, collection, account: id, to, about: Map::new() }).await
}

/// What was added as a way to sign in since the change goes.
async fn forget_newer(tx: &mut Tx, identity: &Identity, open: &Open, place: &Place) -> Result<(), Error> {
    let records = identity.records();
    for name in [PASSKEYS, EXTERNAL_AUTHS, TOTPS] {
        let ways = own::collection(records, name)?;
        for row in tx.select(&own::of_account(&ways, &open.account)).await? {
            if own::date(&records.values(&ways, &row), "created").0 < open.undo.since {
                continue;
            }
            tx.delete(&ways.table(), &row.id).await?;
            let event = if name == EXTERNAL_AUTHS { Event::Unlinked } else { Event::FactorRemoved };
            let entry = Entry::new(event, &open.account).from(place.address);
            audit::write(tx, identity, &entry.with("why", "the address was taken back")).await?;
        }
    }
    Ok(())
}
