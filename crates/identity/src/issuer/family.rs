//! A family: what came of one sign-in to a client. Its code, the access tokens, and the refresh tokens that follow one another
//! live and die with one record.
//!
//! Its turn is 0 while the code was not used, then counts the refresh tokens. Taking a turn is a write on the condition that
//! nobody has taken it before, in one transaction, whichever web server is asked.

use base::time::Timestamp;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use records::core::change::{FAMILIES, GRANTS, SESSIONS};
use records::core::value::Values;
use records::{Error, Principal};
use serde_json::{Map, Value, json};
use store::{Conn, Tx};

use super::scope::{Scope, Scopes};
use crate::own;
use crate::service::Identity;
use crate::token::Purpose;

/// Bytes of the mark under the account's token key.
const MARK_BYTES: usize = 12;

/// A family as its record says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Family {
    pub(crate) id: String,
    /// The client, and the account by collection and record.
    pub(crate) client: String,
    pub(crate) collection: String,
    pub(crate) account: String,
    /// The session in which it began.
    pub(crate) session: String,
    /// What the person agreed to; empty of a client that the team trusts.
    pub(crate) grant: String,
    /// The mark of the account's token key: with a new one the family dies.
    pub(crate) mark: String,
    pub(crate) scopes: Scopes,
    /// What the code was asked with.
    pub(crate) redirect: String,
    pub(crate) challenge: String,
    pub(crate) nonce: String,
    pub(crate) turn: u64,
    pub(crate) turned: Timestamp,
    /// When the person signed in, and how.
    pub(crate) signed_in: Timestamp,
    pub(crate) methods: Vec<String>,
    /// Until when the code, or the newest token, is good.
    pub(crate) ends: Timestamp,
    /// Until when it lasts, however often it is renewed.
    pub(crate) lasts: Timestamp,
}

impl Family {
    fn read(values: &Values) -> Family {
        let text = |name: &str| values.text(name).to_owned();
        let number = own::number(values, "turned");
        Family {
            id: text("id"),
            client: text("client"),
            collection: text("collectionRef"),
            account: text("recordRef"),
            session: text("session"),
            grant: text("grant"),
            mark: text("mark"),
            scopes: Scopes::parse(values.text("scopes")),
            redirect: text("redirect"),
            challenge: text("challenge"),
            nonce: text("nonce"),
            turn: own::number(values, "turn"),
            turned: Timestamp(i64::try_from(number).unwrap_or(i64::MAX)),
            signed_in: own::date(values, "signedIn"),
            methods: values.texts("methods").into_iter().map(str::to_owned).collect(),
            ends: own::date(values, "ends"),
            lasts: own::date(values, "lasts"),
        }
    }

    fn values(&self) -> Map<String, Value> {
        own::object(json!({
            "id": self.id,
            "client": self.client,
            "collectionRef": self.collection,
            "recordRef": self.account,
            "session": self.session,
            "grant": self.grant,
            "mark": self.mark,
            "scopes": self.scopes.to_string(),
            "redirect": self.redirect,
            "challenge": self.challenge,
            "nonce": self.nonce,
            "turn": self.turn,
            "turned": self.turned.0,
            "signedIn": self.signed_in.to_string(),
            "methods": self.methods,
            "ends": self.ends.to_string(),
            "lasts": self.lasts.to_string(),
        }))
    }

    /// Whether its tokens are good while the person is away.
    pub(crate) fn is_offline(&self) -> bool {
        self.scopes.has(Scope::Offline)
    }
}

/// The family of a name, as it is now.
pub(crate) async fn get(conn: &mut Conn, identity: &Identity, id: &str) -> Result<Option<Family>, Error> {
    let (records, families) = (identity.records(), own::collection(identity.records(), FAMILIES)?);
    let row = conn.get(&families.table(), id).await?;
    Ok(row.map(|row| Family::read(&records.values(&families, &row))))
}

/// Writes a new one down.
pub(crate) async fn insert(tx: &mut Tx, identity: &Identity, family: &Family) -> Result<(), Error> {
    let (records, families) = (identity.records(), own::collection(identity.records(), FAMILIES)?);
    records.insert_own(tx, &families, family.values()).await.map(drop)
}

/// Writes down what has become of one that the transaction has read.
pub(crate) async fn update(tx: &mut Tx, identity: &Identity, family: &Family) -> Result<(), Error> {
    let (records, families) = (identity.records(), own::collection(identity.records(), FAMILIES)?);
    let Some(row) = tx.get(&families.table(), &family.id).await? else { return Ok(()) };
    let before = records.values(&families, &row);
    let mut after = before.clone();
    after.0.extend(family.values());
    records.update_own(tx, &families, &before, after).await.map(drop)
}

/// Ends one, with all of its tokens.
pub(crate) async fn delete(tx: &mut Tx, identity: &Identity, id: &str) -> Result<(), Error> {
    let families = own::collection(identity.records(), FAMILIES)?;
    tx.delete(&families.table(), id).await?;
    Ok(())
}

/// The account that stands behind a family; `None` when it, its session or what it agreed to is gone.
pub(crate) async fn account(
    conn: &mut Conn,
    identity: &Identity,
    family: &Family,
) -> Result<Option<Principal>, Error> {
    let records = identity.records();
    let Some(collection) = records.catalog().find(&family.collection).filter(|c| c.is_auth()).cloned() else {
        return Ok(None);
    };
    let Some(row) = conn.get(&collection.table(), &family.account).await? else { return Ok(None) };
    let account = Principal { collection, row: row.into() };
    if mark(identity, &account).is_none_or(|mark| mark != family.mark) {
        return Ok(None);
    }
    if !family.is_offline() && !session_lives(conn, identity, &family.session).await? {
        return Ok(None);
    }
    if !family.grant.is_empty() {
        let grants = own::collection(records, GRANTS)?;
        if conn.get(&grants.table(), &family.grant).await?.is_none() {
            return Ok(None);
        }
    }
    Ok(Some(account))
}

/// Whether a session has not ended.
pub(crate) async fn session_lives(conn: &mut Conn, identity: &Identity, sid: &str) -> Result<bool, Error> {
    let (records, sessions) = (identity.records(), own::collection(identity.records(), SESSIONS)?);
    let Some(row) = conn.get(&sessions.table(), sid).await? else { return Ok(false) };
    Ok(records.clock().now() < own::date(&records.values(&sessions, &row), "ends"))
}

/// The mark of an account's token key.
pub(crate) fn mark(identity: &Identity, account: &Principal) -> Option<String> {
    let key = identity.key(account, Purpose::Auth)?;
    Some(BASE64.encode(&key.mark(&format!("family/{}", account.row.id))[..MARK_BYTES]))
}
