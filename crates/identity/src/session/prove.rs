//! Whose a token is: signature, session, account, in this order, each as seldom as it may be asked.
//!
//! The account's record is always as new as the request may expect; so a new token key voids its tokens at once. The
//! session's record is read once, then known for a while (see `cache`): its end is heard of by the change log. Who must be
//! certain while the log is not heard has the record read, and is refused when that can't be done.

use std::sync::Arc;

use base::error::Kind;
use base::time::Timestamp;
use records::core::change::SESSIONS;
use records::core::collection::Collection;
use records::core::value::Values;
use records::{Error, Moment, Principal};

use super::sign_in::life;
use super::token::{Claims, mark, read};
use crate::cache::{Known, Ticket};
use crate::own;
use crate::service::Identity;
use crate::token::Purpose;

/// A token that was proved, with its account.
#[derive(Clone, Debug)]
pub struct Proven {
    pub(crate) principal: Arc<Principal>,
    pub(crate) claims: Arc<Claims>,
    /// When the session ends, however often it is renewed.
    pub(crate) ends: Timestamp,
    /// How it began.
    pub(crate) start: Arc<Start>,
}

/// How a session began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    /// When somebody showed who they are.
    pub(crate) at: Timestamp,
    /// By which ways.
    pub(crate) methods: Vec<String>,
}

impl Proven {
    /// The account.
    pub fn principal(&self) -> &Arc<Principal> {
        &self.principal
    }
}

/// How certain it must be that the session has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// As this web server has heard.
    Heard,
    /// The same, but only while it hears: what a superuser does, and what touches how one signs in.
    Certain,
    /// As the record says now.
    Anew,
}

impl Identity {
    /// The account and session of a sign-in token that is valid at that moment or later; `None` for any other.
    pub async fn session(&self, token: &str, moment: Moment) -> Result<Option<Proven>, Error> {
        self.prove(token, Purpose::Auth, moment, Check::Heard).await
    }

    /// The same of a token of that purpose, as certain as that. Of superusers it is always certain.
    pub(crate) async fn prove(
        &self,
        token: &str,
        purpose: Purpose,
        moment: Moment,
        check: Check,
    ) -> Result<Option<Proven>, Error> {
        let (records, cache) = (self.records(), self.cache());
        let (now, reading) = (records.clock().now(), self.keyring().reading());
        let is_exact = !records.store().is_shared() && check != Check::Anew;
        if is_exact && let Some(proven) = cache.find(token, records.store().position(), reading, now) {
            let is_current = records
                .catalog()
                .find(&proven.claims.collection_id)
                .is_some_and(|current| Arc::ptr_eq(current, &proven.principal.collection));
            if is_current && proven.claims.purpose == purpose {
                return Ok(Some(proven));
            }
        }
        self.prove_anew(token, purpose, moment, check, now).await
    }

    async fn prove_anew(
        &self,
        token: &str,
        purpose: Purpose,
        moment: Moment,
        check: Check,
        now: Timestamp,
    ) -> Result<Option<Proven>, Error> {
        let (records, cache) = (self.records(), self.cache());
        let reading = self.keyring().reading();
        let before = cache.recall(token, reading, now);
        let signed = match &before {
            Some(before) => Some((before.claims.clone(), reading)),
            None => self.signed(token, now).await?.map(|(claims, reading)| (Arc::new(claims), reading)),
        };
        let Some((claims, reading)) = signed.filter(|(claims, _)| claims.purpose == purpose) else {
            return Ok(None);
        };
        let is_its = |c: &&Arc<Collection>| c.id == claims.collection_id && c.is_auth();
        let Some(accounts) = records.catalog().find(&claims.collection_id).filter(is_its).cloned() else {
            return Ok(None);
        };
        let ticket = cache.ticket(accounts.table().as_str(), &claims.id);
        let Some(row) = records.find_as_of(moment, &accounts, &claims.id).await? else { return Ok(None) };
        let is_same = |before: &Proven| {
            Arc::ptr_eq(&before.principal.collection, &accounts) && before.principal.row.body == row.body
        };
        let principal = match before.filter(is_same) {
            Some(before) => before.principal,
            None => {
                let account = Principal { collection: accounts, row };
                let values = records.values(&account.collection, &account.row);
                if mark(purpose, &account, values.text("tokenKey")).is_none_or(|mark| mark != claims.mark) {
                    return Ok(None);
                }
                Arc::new(account)
            }
        };
        let check = if principal.is_superuser() { check.at_least_certain() } else { check };
        let Some((session, known)) = self.living(&principal, &claims, check, now).await? else {
            return Ok(None);
        };
        let proven = Proven { principal, claims, ends: known.ends, start: known.start };
        cache.keep([&ticket, &session], token, proven.clone(), reading, now);
        Ok(Some(proven))
    }

    /// What a token says, if a key of this service signed it; and of which reading of them that is.
    async fn signed(&self, token: &str, now: Timestamp) -> Result<Option<(Claims, u64)>, Error> {
        let Some(unproven) = read(token) else { return Ok(None) };
        let key = self.keyring().find(self, unproven.kid(), now).await?;
        Ok(key.and_then(|(key, reading)| Some((unproven.prove(&key, now)?, reading))))
    }

    /// Whether a session is alive: what is known of it, and the ticket for that.
    async fn living(
        &self,
        account: &Principal,
        claims: &Claims,
        check: Check,
        now: Timestamp,
    ) -> Result<Option<(Ticket, Known)>, Error> {
        let (records, cache) = (self.records(), self.cache());
        let sessions = own::collection(records, SESSIONS)?;
        let (table, ticket) = (sessions.table(), cache.ticket(sessions.table().as_str(), &claims.sid));
        let is_shared = records.store().is_shared();
        let hears = !cache.is_stale(self.config().feed_stale_after.0, now);
        let may_trust = check == Check::Heard || (check == Check::Certain && hears);
        if is_shared
            && may_trust
            && let Some(known) = cache.known(table.as_str(), &claims.sid, now)
        {
            return Ok(Some((ticket, known)));
        }
        let mut conn = records.store().reader().await?;
        let read = conn.get(&table, &claims.sid).await.map_err(|fault| uncertain(fault, check));
        let Some(row) = read? else { return Ok(None) };
        let session = records.values(&sessions, &row);
        let ends = own::date(&session, "ends");
        let is_its = session.text("collectionRef") == account.collection.id
            && session.text("recordRef") == account.row.id;
        if !is_its || now >= ends {
            return Ok(None);
        }
        let methods = session.texts("methods").into_iter().map(str::to_owned).collect();
        let start = Arc::new(Start { at: own::date(&session, "created"), methods });
        let known = Known { until: now.after(self.config().session_renew_after.0), ends, start };
        cache.know(&ticket, known.clone());
        self.see(account, &sessions, &session, now).await;
        Ok(Some((ticket, known)))
    }

    /// Notes that a session was seen, once in a while. That it could not be noted keeps nobody out.
    async fn see(&self, account: &Principal, sessions: &Arc<Collection>, session: &Values, now: Timestamp) {
        let every = self.config().session_seen_every.0;
        let is_due = move |session: &Values| now >= own::date(session, "lastSeen").after(every);
        // while the primary is silent it is noted later
        if !is_due(session) || store::deputy::has_answered() {
            return;
        }
        let (inside, sessions, sid) = (self.clone(), sessions.clone(), session.text("id").to_owned());
        let idle_ends = now.after(life(account));
        let seen = self.records().store().write(move |tx| {
            Box::pin(async move {
                let Some(row) = tx.get(&sessions.table(), &sid).await? else { return Ok(()) };
                let before = inside.records().values(&sessions, &row);
                if !is_due(&before) {
                    return Ok(());
                }
                let mut after = before.clone();
                let idle_ends = idle_ends.max(own::date(&before, "idleEnds")).min(own::date(&before, "ends"));
                after.0.insert("lastSeen".into(), now.to_string().into());
                after.0.insert("idleEnds".into(), idle_ends.to_string().into());
                inside.records().update_own(tx, &sessions, &before, after).await.map(drop)
            })
        });
        if let Err(fault) = seen.await {
            tracing::debug!(error = base::error::chain(&fault), "that a session was seen is noted later");
        }
    }
}

impl Check {
    fn at_least_certain(self) -> Check {
        if self == Check::Heard { Check::Certain } else { self }
    }
}

/// Who must be certain is told that it can't be said now.
fn uncertain(fault: store::Error, check: Check) -> Error {
    if check == Check::Heard {
        return fault.into();
    }
    tracing::warn!(error = base::error::chain(&fault), "a session can't be looked at");
    Error::refused(
        Kind::Unavailable,
        "Whether the session still stands can't be said now. Try again in a moment.",
    )
}
