//! A session begins at a sign-in, is renewed, and ends: its record in `_sessions`, and the tokens that stand for it.
//!
//! Renewing makes a token with a later end for the same session; nothing is used up by it, so as many as like may renew at
//! once. Every authentication begins a session of its own.

use std::sync::Arc;
use std::time::Duration;

use base::chance;
use base::error::Kind;
use base::time::Timestamp;
use records::audit::network;
use records::core::change::SESSIONS;
use records::{Error, Principal};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{Row, Tx};

use super::key::Key;
use super::prove::Proven;
use super::token::{self, Claims};
use crate::audit::{self, Entry, Event};
use crate::mfa::Way;
use crate::origin::{self, Place};
use crate::own;
use crate::service::Identity;
use crate::token::Purpose;

/// How a session begins.
#[derive(Clone, Debug)]
pub struct Beginning {
    /// The ways that were passed; none of a superuser who acts as the account.
    pub ways: Vec<Way>,
    /// From where.
    pub place: Place,
    /// Who acts as the account, and for how long; `None` of the account itself.
    pub actor: Option<Actor>,
    /// Through whom it came, where it did: that provider may end it.
    pub via: Option<Via>,
}

/// A session at a provider, through which one of ours came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Via {
    /// The provider's name.
    pub provider: String,
    /// Who it is there.
    pub subject: String,
    /// The session there; empty where the provider does not name it.
    pub session: String,
}

/// Who acts as somebody else.
#[derive(Clone, Debug)]
pub struct Actor {
    /// The superuser.
    pub superuser: Arc<Principal>,
    /// For how long; zero: as long as a plain token lives.
    pub life: Duration,
}

/// The dates of a session.
#[derive(Clone, Copy, Debug)]
struct Dates {
    now: Timestamp,
    idle_ends: Timestamp,
    ends: Timestamp,
}

impl Identity {
    /// Begins a session of an account that has shown who it is: its token.
    pub async fn begin_session(&self, account: &Principal, beginning: &Beginning) -> Result<String, Error> {
        if beginning.actor.is_none() {
            origin::note(self, account, &beginning.place).await?;
        }
        let now = self.records().clock().now();
        let dates = self.dates(account, beginning.actor.as_ref(), now);
        let key = self.keyring().signing(self, now, dates.idle_ends).await?;
        let claims = Claims {
            refreshable: beginning.actor.is_none(),
            sid: chance::word(base::id::LENGTH),
            ..self.claims(account, Purpose::Auth, now, dates.idle_ends)?
        };
        let (inside, account, beginning) = (self.clone(), account.clone(), beginning.clone());
        let sid = claims.sid.clone();
        let noted = self.records().store().write(move |tx| {
            Box::pin(async move { note(tx, &inside, &account, &beginning, &sid, dates).await })
        });
        noted.await?;
        Ok(token::sign(&claims, &key))
    }

    /// A token with a later end for the session of one that was proved. The next key is made on the way, when it is due.
    pub(crate) async fn refreshed_token(&self, proven: &Proven) -> Result<String, Error> {
        let now = self.records().clock().now();
        let exp = now.after(life(&proven.principal)).min(proven.ends);
        self.keyring().signing(self, now, exp).await?;
        self.renewed_token(proven)
    }

    /// The same with the keys that are known; no longer than the one that signs.
    pub fn renewed_token(&self, proven: &Proven) -> Result<String, Error> {
        let now = self.records().clock().now();
        let exp = now.after(life(&proven.principal)).min(proven.ends);
        self.sign_again(proven, Purpose::Auth, exp, true)
    }

    /// A token for downloading protected files, as long as its session lasts.
    pub fn file_token(&self, proven: &Proven) -> Result<String, Error> {
        let now = self.records().clock().now();
        let seconds = proven.principal.collection.auth.as_ref().map_or(0, |auth| auth.file_token_seconds);
        self.sign_again(proven, Purpose::File, now.after(Duration::from_secs(seconds)), false)
    }

    fn sign_again(
        &self,
        proven: &Proven,
        purpose: Purpose,
        exp: Timestamp,
        refreshable: bool,
    ) -> Result<String, Error> {
        let now = self.records().clock().now();
        let keys = self.keyring().known();
        let none = || Error::refused(Kind::Internal, "there is no key to sign tokens with");
        let key: &Key = keys.active(now).ok_or_else(none)?;
        let claims = self.claims(&proven.principal, purpose, now, exp.min(key.ends))?;
        Ok(token::sign(&Claims { refreshable, sid: proven.claims.sid.clone(), ..claims }, key))
    }

    fn claims(
        &self,
        account: &Principal,
        purpose: Purpose,
        now: Timestamp,
        exp: Timestamp,
    ) -> Result<Claims, Error> {
        let values = self.records().values(&account.collection, &account.row);
        let mark = token::mark(purpose, account, values.text("tokenKey")).ok_or_else(|| {
            Error::refused(Kind::Internal, "the account has no token key, or its collection no secret")
        })?;
        let second = |at: Timestamp| at.0.div_euclid(1000);
        Ok(Claims {
            id: account.row.id.clone(),
            collection_id: account.collection.id.clone(),
            purpose,
            refreshable: false,
            iat: second(now),
            exp: second(exp),
            sid: String::new(),
            renew: second(now.after(self.config().session_renew_after.0).min(exp)),
            mark,
        })
    }

    fn dates(&self, account: &Principal, actor: Option<&Actor>, now: Timestamp) -> Dates {
        let usual = life(account);
        match actor.map(|actor| actor.life) {
            None => {
                let ends = now.after(usual.max(self.config().session_time_max.0));
                Dates { now, idle_ends: now.after(usual), ends }
            }
            Some(life) => {
                let ends = now.after(if life.is_zero() { usual } else { life });
                Dates { now, idle_ends: ends, ends }
            }
        }
    }

    /// Whether ends of sessions are heard of here as they happen.
    pub fn hears_of_ends(&self) -> bool {
        let (store, now) = (self.records().store(), self.records().clock().now());
        match store.is_shared() {
            true => !self.cache().is_stale(self.config().feed_stale_after.0, now),
            false => self.cache().has_read(store.position()),
        }
    }
}

/// Writes a new session down. Of too many the one that was not seen for longest ends.
async fn note(
    tx: &mut Tx,
    identity: &Identity,
    account: &Principal,
    beginning: &Beginning,
    sid: &str,
    dates: Dates,
) -> Result<(), Error> {
    let (records, sessions) = (identity.records(), own::collection(identity.records(), SESSIONS)?);
    // held to the end: with a new password that came in between there is nothing to sign in with
    let row = tx.get(&account.collection.table(), &account.row.id).await?;
    let token_key = |row: &Row| records.values(&account.collection, row).text("tokenKey").to_owned();
    if row.is_none_or(|row| token_key(&row) != token_key(&account.row)) {
        return Err(Error::refused(Kind::Invalid, "Failed to authenticate."));
    }
    let there = tx.select(&own::in_order(own::of_account(&sessions, account), &sessions, "lastSeen")).await?;
    let most = identity.config().sessions_per_account_max.max(1);
    for row in there.iter().take((there.len() + 1).saturating_sub(most)) {
        tx.delete(&sessions.table(), &row.id).await?;
    }
    let actor = beginning.actor.as_ref().map(|actor| &actor.superuser.row.id);
    let mut methods: Vec<&str> = beginning.ways.iter().map(|way| way.word()).collect();
    methods.extend(actor.map(|_| "impersonation"));
    let via = |of: fn(&Via) -> &str| beginning.via.as_ref().map(of).unwrap_or_default();
    let values = json!({
        "id": sid,
        "collectionRef": account.collection.id,
        "recordRef": account.row.id,
        "methods": methods,
        "userAgent": beginning.place.shown_browser(),
        "address": network(beginning.place.address).to_string(),
        "actor": actor.map(String::as_str).unwrap_or_default(),
        "provider": via(|via| &via.provider),
        "providerId": via(|via| &via.subject),
        "providerSession": via(|via| &via.session),
        "lastSeen": dates.now.to_string(),
        "idleEnds": dates.idle_ends.to_string(),
        "ends": dates.ends.to_string(),
    });
    records.insert_own(tx, &sessions, own::object(values)).await?;
    audit::write(tx, identity, &entry(account, beginning)).await
}

/// How the audit list tells of it.
fn entry(account: &Principal, beginning: &Beginning) -> Entry {
    let ways: Vec<&str> = beginning.ways.iter().map(|way| way.word()).collect();
    let entry = match &beginning.actor {
        Some(actor) => Entry::new(Event::Impersonation, account).by(Some(&actor.superuser)),
        None => Entry::new(Event::SignIn, account).with("ways", ways),
    };
    entry.from(beginning.place.address).with("userAgent", beginning.place.shown_browser())
}

/// How long a session of an account lasts without being renewed.
pub(super) fn life(account: &Principal) -> Duration {
    Duration::from_secs(account.collection.auth.as_ref().map_or(0, |auth| auth.token_seconds))
}
