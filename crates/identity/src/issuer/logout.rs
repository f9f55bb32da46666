//! Clients are told when a session ends (OpenID Connect Back-Channel Logout 1.0): one record for a session and a client, written
//! with the first tokens, sent by whichever web server takes it, as mails are.
//!
//! Sessions end in many ways: somebody signs out, is put out, has a new password, is deleted. So none of those ways tells the
//! clients: what waits is told by what is, namely by records whose session is gone. Whoever hears of an end looks at once;
//! what was missed is found at the next look.
//!
//! A web server takes a record by a conditional write that also says until when it has it. One that dies between sending and
//! writing that down has it sent twice, under the same `jti`; knowingly it never is.

use base::time::Timestamp;
use futures_util::future::join_all;
use records::Error;
use records::core::change::{LOGOUTS, SESSIONS};
use records::core::collection::Collection;
use records::core::value::Values;
use serde_json::{Map, Value, json};
use store::Tx;
use store::query::{Alias, Column, Compare, Expr, MAIN, Select};
use tokio_util::sync::CancellationToken;

use super::client::Client;
use super::family::Family;
use super::jws::Kind;
use super::mint::{second, sid};
use crate::fetch;
use crate::own;
use crate::service::Identity;

/// What the token says that has happened (2.4).
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// Records that one look finds.
const STEP: u64 = 50;

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The session lives.
    SignedIn,
    Waiting,
    Sent,
    Failed,
}

impl State {
    const fn word(self) -> &'static str {
        match self {
            State::SignedIn => "signedIn",
            State::Waiting => "waiting",
            State::Sent => "sent",
            State::Failed => "failed",
        }
    }
}

/// One that this web server has for a while.
struct Taken {
    id: String,
    client: String,
    session: String,
    subject: String,
    tries: u64,
}

/// Notes that a client is to be told when the session of a family ends, once for the two of them.
pub(crate) async fn note(
    tx: &mut Tx,
    identity: &Identity,
    client: &Client,
    family: &Family,
) -> Result<(), Error> {
    if client.back_channel.is_none() {
        return Ok(());
    }
    let (records, logouts) = (identity.records(), own::collection(identity.records(), LOGOUTS)?);
    let id = own::id(&["logout", &family.session, &client.id]);
    if tx.get(&logouts.table(), &id).await?.is_some() {
        return Ok(());
    }
    let values = json!({
        "id": id,
        "session": family.session,
        "client": client.id,
        "subject": family.account,
        "state": State::SignedIn.word(),
    });
    tx.mark().await?;
    match records.insert_own(tx, &logouts, own::object(values)).await {
        // another request of the same moment has noted it
        Err(Error::Refused { .. }) => Ok(tx.back_to_mark().await?),
        done => done.map(drop),
    }
}

/// Tells clients of what has ended, until the stop.
pub(crate) async fn run(identity: &Identity, stop: &CancellationToken) {
    let config = identity.config();
    let mut looked: Option<Timestamp> = None;
    let mut is_news = false;
    while !stop.is_cancelled() {
        let now = identity.records().clock().now();
        if is_news || looked.is_none_or(|at| now < at || now >= at.after(config.sweep_every.0)) {
            match find_ended(identity).await {
                Ok(()) => looked = Some(now),
                Err(fault) => {
                    tracing::warn!(error = base::error::chain(&fault), "ended sessions are looked for later")
                }
            }
        }
        match send_due(identity).await {
            Ok(0) => {}
            Ok(_) => continue,
            Err(fault) => {
                tracing::warn!(error = base::error::chain(&fault), "clients are told later of ended sessions")
            }
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = identity.ended().notified() => is_news = true,
            () = tokio::time::sleep(config.logout_poll_every.0) => is_news = false,
        }
    }
}

/// Lets those wait to be told whose session is gone.
async fn find_ended(identity: &Identity) -> Result<(), Error> {
    let records = identity.records();
    let (logouts, sessions) = (own::collection(records, LOGOUTS)?, own::collection(records, SESSIONS)?);
    loop {
        let found = records.store().reader().await?.select(&orphans(&logouts, &sessions)).await?;
        for row in &found {
            let inside = identity.clone();
            change(identity, &row.id, move |before| {
                let now = inside.records().clock().now();
                let lives = before.text("state") != State::SignedIn.word();
                (!lives)
                    .then(|| own::object(json!({ "state": State::Waiting.word(), "due": now.to_string() })))
            })
            .await?;
        }
        if found.len() < usize::try_from(STEP).unwrap_or(usize::MAX) {
            return Ok(());
        }
    }
}

/// Those whose session is gone.
fn orphans(logouts: &Collection, sessions: &Collection) -> Select {
    const INNER: Alias = Alias(1);
    let mut select = own::select(logouts, &[("state", Compare::Eq, State::SignedIn.word())]);
    let session = logouts.field("session").map(|field| Expr::Column(MAIN, field.column()));
    let lives = session.map(|session| {
        let id = Expr::Column(INNER, Column::Id);
        let filter = Some(Expr::Compare(Box::new(id), Compare::Eq, Box::new(session)));
        Expr::Exists(Box::new(Select { alias: INNER, filter, ..Select::table(&sessions.table()) }))
    });
    let terms = select.filter.take().into_iter().chain(lives.map(|lives| Expr::Not(Box::new(lives))));
    Select { filter: Some(Expr::And(terms.collect())), limit: Some(STEP), ..select }
}

/// Takes those that are due and tells their clients; how many were taken.
async fn send_due(identity: &Identity) -> Result<usize, Error> {
    let (records, logouts) = (identity.records(), own::collection(identity.records(), LOGOUTS)?);
    let now = records.clock().now().to_string();
    let due = [("state", Compare::Eq, State::Waiting.word()), ("due", Compare::Le, now.as_str())];
    let mut select = own::in_order(own::select(&logouts, &due), &logouts, "due");
    select.limit = Some(identity.config().logouts_at_once.max(1) as u64);
    let rows = records.store().reader().await?.select(&select).await?;
    let mut taken = 0;
    for sent in join_all(rows.iter().map(|row| send_one(identity, &row.id))).await {
        taken += usize::from(sent?);
    }
    Ok(taken)
}

/// Takes one, tells its client, and says what became of it; false when another web server has it.
async fn send_one(identity: &Identity, id: &str) -> Result<bool, Error> {
    let Some(taken) = take(identity, id).await? else { return Ok(false) };
    let (state, reason) = match tell(identity, &taken).await? {
        Ok(()) => (State::Sent, String::new()),
        Err(reason) if taken.tries < u64::from(identity.config().logout_tries_max) => {
            (State::Waiting, reason)
        }
        Err(reason) => (State::Failed, reason),
    };
    if state == State::Failed {
        let client = &taken.client;
        tracing::warn!(client, reason, "a client was not told that a session ended, and won't be");
    }
    let (tries, inside) = (taken.tries, identity.clone());
    let wait = identity.config().logout_wait(tries);
    change(identity, id, move |before| {
        let is_ours = own::number(before, "tries") == tries && before.text("state") == State::Waiting.word();
        let due = match state {
            State::Waiting => inside.records().clock().now().after(wait).to_string(),
            _ => String::new(),
        };
        is_ours.then(|| own::object(json!({ "state": state.word(), "reason": reason, "due": due })))
    })
    .await?;
    Ok(true)
}

/// Makes one this web server's for a while, if it is still due.
async fn take(identity: &Identity, id: &str) -> Result<Option<Taken>, Error> {
    let (inside, held) = (identity.clone(), identity.config().logout_held_max.0);
    let before = change(identity, id, move |before| {
        let now = inside.records().clock().now();
        let is_due = before.text("state") == State::Waiting.word() && own::date(before, "due") <= now;
        let tries = own::number(before, "tries") + 1;
        is_due.then(|| own::object(json!({ "tries": tries, "due": now.after(held).to_string() })))
    })
    .await?;
    Ok(before.map(|before| {
        let text = |name: &str| before.text(name).to_owned();
        Taken {
            id: id.to_owned(),
            client: text("client"),
            session: text("session"),
            subject: text("subject"),
            tries: own::number(&before, "tries") + 1,
        }
    }))
}

/// Changes one as it is then, if it is still to be changed: what it was before.
async fn change(
    identity: &Identity,
    id: &str,
    wanted: impl FnOnce(&Values) -> Option<Map<String, Value>> + Clone + Send + 'static,
) -> Result<Option<Values>, Error> {
    let (inside, id) = (identity.clone(), id.to_owned());
    let done = identity.records().store().write(move |tx| {
        Box::pin(async move {
            let (records, logouts) = (inside.records(), own::collection(inside.records(), LOGOUTS)?);
            let Some(row) = tx.get(&logouts.table(), &id).await? else { return Ok(None) };
            let before = records.values(&logouts, &row);
            let Some(changes) = wanted(&before) else { return Ok(None) };
            let mut after = before.clone();
            after.0.extend(changes);
            records.update_own(tx, &logouts, &before, after).await?;
            Ok::<_, Error>(Some(before))
        })
    });
    done.await
}

/// Tells a client; or why that did not work.
async fn tell(identity: &Identity, taken: &Taken) -> Result<Result<(), String>, Error> {
    let Some(client) = identity.client(&taken.client).await? else {
        return Ok(Err("there is no such client any more".into()));
    };
    let Some(url) = client.back_channel.clone() else {
        return Ok(Err("the client has no address for that any more".into()));
    };
    let token = token(identity, &client, taken).await?;
    let request = fetch::Request::post(url).form([("logout_token", token.as_str())]);
    Ok(match identity.external().fetch.send(request).await {
        Ok(answer) if answer.status.is_success() => Ok(()),
        Ok(answer) => Err(format!("the client answered with status {}", answer.status.as_u16())),
        Err(error) => Err(base::error::chain(&error)),
    })
}

async fn token(identity: &Identity, client: &Client, taken: &Taken) -> Result<String, Error> {
    let now = identity.records().clock().now();
    let exp = now.after(identity.config().logout_token_time.0);
    let claims = json!({
        "iss": identity.issuer()?,
        "aud": client.id,
        "sub": taken.subject,
        "sid": sid(&client.id, &taken.session),
        "iat": second(now),
        "exp": second(exp),
        "jti": taken.id,
        "events": { EVENT: {} },
    });
    identity.signed_for(client, Kind::Logout, exp, &own::object(claims)).await
}
