//! Clears away what has expired: codes, half sign-ins, tallies, places, sessions, keys, what clients had, mails and log-outs that
//! are done with, and what the audit list need not say any more.

use std::time::Duration;

use base::time::Timestamp;
use records::Error;
use records::core::change::{
    AUDIT, AUTH_ORIGINS, FAMILIES, INVITATIONS, KEYS, LOGOUTS, MAILS, MFAS, OTPS, SESSIONS, TALLIES,
};
use records::core::collection::{AuthOptions, Collection};
use store::Row;
use store::query::Compare;
use tokio_util::sync::CancellationToken;

use crate::service::Identity;
use crate::{options, own};

/// Records that one transaction deletes.
const STEP: u64 = 500;

/// What goes: the records of a collection whose date lies before a moment, and that have a state, where one is named.
struct Expired {
    collection: &'static str,
    date: &'static str,
    before: Timestamp,
    state: Option<&'static str>,
}

/// Clears now and then, until the stop; and looks after the keys of tokens.
pub(crate) async fn run(identity: &Identity, stop: &CancellationToken) {
    loop {
        if let Err(fault) = identity.keyring().look_after(identity).await {
            tracing::warn!(error = base::error::chain(&fault), "the keys of tokens are looked after later");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(identity.config().sweep_every.0) => {}
        }
        if let Err(fault) = sweep(identity).await {
            tracing::warn!(error = base::error::chain(&fault), "what has expired is cleared away later");
        }
    }
}

/// Clears once; how many records went.
pub(crate) async fn sweep(identity: &Identity) -> Result<usize, Error> {
    let mut gone = 0;
    for expired in expired(identity) {
        loop {
            let step = clear(identity, &expired).await?;
            gone += step;
            if step < usize::try_from(STEP).unwrap_or(usize::MAX) {
                break;
            }
        }
    }
    Ok(gone + shorten(identity).await?)
}

/// Takes the oldest lines of an audit list that is too long.
async fn shorten(identity: &Identity) -> Result<usize, Error> {
    let audit = own::collection(identity.records(), AUDIT)?;
    let mut gone = 0;
    loop {
        let mut conn = identity.records().store().reader().await?;
        let mut select = own::in_order(own::select(&audit, &[]), &audit, "created");
        let lines = conn.count(&select).await?;
        let over = lines.saturating_sub(identity.config().audit_lines_max).min(STEP);
        if over == 0 {
            return Ok(gone);
        }
        select.limit = Some(over);
        let oldest = conn.select(&select).await?;
        drop(conn);
        gone += delete(identity, &audit, oldest).await?;
    }
}

fn expired(identity: &Identity) -> Vec<Expired> {
    let (config, now) = (identity.config(), identity.records().clock().now());
    let ago =
        |time: Duration| Timestamp(now.0.saturating_sub(i64::try_from(time.as_millis()).unwrap_or(i64::MAX)));
    let catalog = identity.records().catalog();
    let longest = |time: fn(&AuthOptions) -> Duration| {
        catalog.all().iter().filter_map(|c| c.auth.as_ref()).map(time).max().unwrap_or_default()
    };
    let all = |collection, date, before| Expired { collection, date, before, state: None };
    let done = |collection, state, kept| Expired {
        collection,
        date: "updated",
        before: ago(kept),
        state: Some(state),
    };
    let mails = |state, kept| done(MAILS, state, kept);
    vec![
        all(OTPS, "created", ago(longest(options::otp_time))),
        all(MFAS, "created", ago(longest(options::mfa_time))),
        all(TALLIES, "began", ago(config.address_window.0)),
        all(AUTH_ORIGINS, "updated", ago(config.origins_kept.0)),
        // a token may outlive what was noted last by as long as nothing is noted
        all(SESSIONS, "idleEnds", ago(config.session_seen_every.0 + config.session_renew_after.0)),
        all(INVITATIONS, "expires", ago(Duration::ZERO)),
        all(KEYS, "ends", ago(Duration::ZERO)),
        all(FAMILIES, "ends", ago(Duration::ZERO)),
        done(LOGOUTS, "sent", config.mails_sent_kept.0),
        done(LOGOUTS, "failed", config.mails_failed_kept.0),
        all(AUDIT, "created", ago(config.audit_kept.0)),
        mails("sent", config.mails_sent_kept.0),
        mails("nobody", config.mails_sent_kept.0),
        mails("failed", config.mails_failed_kept.0),
    ]
}

async fn clear(identity: &Identity, expired: &Expired) -> Result<usize, Error> {
    let collection = own::collection(identity.records(), expired.collection)?;
    let before = expired.before.to_string();
    let mut wanted = vec![(expired.date, Compare::Lt, before.as_str())];
    wanted.extend(expired.state.map(|state| ("state", Compare::Eq, state)));
    let mut select = own::select(&collection, &wanted);
    select.limit = Some(STEP);
    let found = identity.records().store().reader().await?.select(&select).await?;
    delete(identity, &collection, found).await
}

/// Deletes records; how many.
async fn delete(identity: &Identity, collection: &Collection, found: Vec<Row>) -> Result<usize, Error> {
    if found.is_empty() {
        return Ok(0);
    }
    let ids: Vec<String> = found.into_iter().map(|row| row.id).collect();
    let count = ids.len();
    let table = collection.table();
    let deleted = identity.records().store().write(move |tx| {
        Box::pin(async move {
            for id in &ids {
                tx.delete(&table, id).await?;
            }
            Ok::<_, Error>(())
        })
    });
    deleted.await.map(|()| count)
}
