//! Mails that wait: a mail is a record of `_mails`, written with what caused it, and sent by whichever web server takes it.
//!
//! Such a record says what is to be told to whom; the mail itself is made when it is sent. So nothing that lies in the
//! database is a code or a token, and a mail that is late has the words of that hour.
//!
//! A web server takes a mail by a conditional write that also says until when it has it; whoever dies with it loses it to
//! another one then. What was sent is marked so afterwards: a server that dies between the two has it sent twice, with the
//! same `Message-ID`. Knowingly it never is.
//!
//! Map, in reading order: `job` (what such a record says), `write` (the mail itself, out of the collection's template),
//! `invite` (those to people without an account).

mod invite;
mod job;
mod write;

use std::sync::Arc;

use base::time::Timestamp;
use futures_util::future::join_all;
use records::Error;
use records::core::change::MAILS;
use serde_json::{Value, json};
use store::query::Compare;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::own;
use crate::service::Identity;

pub(crate) use job::{Job, Kind, queue};
use job::{State, Taken};

/// What mails need.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The server that takes them.
    pub sender: mail::Sender,
    /// The service's name: `{APP_NAME}`.
    pub app_name: String,
    /// Its own address on the web, without a slash at the end: `{APP_URL}`.
    pub app_url: String,
}

/// The mails of this process: where they go, and word that there is one.
pub(crate) struct Post {
    pub(crate) outgoing: Outgoing,
    news: Arc<Notify>,
}

impl Post {
    pub(crate) fn new(outgoing: Outgoing) -> Post {
        Post { outgoing, news: Arc::default() }
    }

    /// A mail has just been written: it need not wait for the next look.
    pub(crate) fn tell(&self) {
        self.news.notify_one();
    }
}

/// Sends what waits, until the stop. What is under way then is finished.
pub(crate) async fn run(identity: &Identity, stop: &CancellationToken) {
    let Some(post) = identity.post() else { return stop.cancelled().await };
    let every = identity.config().mail_poll_every.0;
    while !stop.is_cancelled() {
        let more = match send_due(identity, post).await {
            Ok(sent) => sent > 0,
            Err(fault) => {
                tracing::warn!(
                    error = base::error::chain(&fault),
                    "mails wait: the database has none to give"
                );
                false
            }
        };
        if !more {
            tokio::select! {
                () = stop.cancelled() => {}
                () = post.news.notified() => {}
                () = tokio::time::sleep(every) => {}
            }
        }
    }
}

/// Takes mails that are due and sends them; how many were taken.
async fn send_due(identity: &Identity, post: &Post) -> Result<usize, Error> {
    let mails = own::collection(identity.records(), MAILS)?;
    let now = identity.records().clock().now().to_string();
    let due = [("state", Compare::Eq, State::Waiting.word()), ("due", Compare::Le, &now)];
    let mut select = own::in_order(own::select(&mails, &due), &mails, "due");
    select.limit = Some(identity.config().mails_at_once.max(1) as u64);
    let rows = identity.records().store().reader().await?.select(&select).await?;
    let sent = join_all(rows.iter().map(|row| send_one(identity, post, &row.id))).await;
    let mut taken = 0;
    for sent in sent {
        taken += usize::from(sent?);
    }
    Ok(taken)
}

/// Takes a mail, sends it, and says what became of it; false when another web server has it.
async fn send_one(identity: &Identity, post: &Post, id: &str) -> Result<bool, Error> {
    let taken = match take(identity, id).await? {
        None => return Ok(false),
        Some(taken) => taken,
    };
    let (state, reason) = match write::message(identity, &post.outgoing, &taken).await? {
        Err(why) => (State::Failed, why.to_owned()),
        Ok(message) => match post.outgoing.sender.send(&message).await {
            Ok(()) => (State::Sent, String::new()),
            Err(error) if error.may_pass() && taken.tries < u64::from(identity.config().mail_tries_max) => {
                (State::Waiting, error.to_string())
            }
            Err(error) => (State::Failed, error.to_string()),
        },
    };
    if state == State::Failed {
        tracing::warn!(mail = id, kind = taken.job.kind.word(), reason, "a mail was not sent, and won't be");
    }
    mark(identity, id, taken.tries, state, &reason).await?;
    Ok(true)
}

/// Makes a mail this web server's for a while, if it is still due.
async fn take(identity: &Identity, id: &str) -> Result<Option<Taken>, Error> {
    let (inside, id) = (identity.clone(), id.to_owned());
    let taken = identity.records().store().write(move |tx| {
        Box::pin(async move {
            let (records, config) = (inside.records(), inside.config());
            let mails = own::collection(records, MAILS)?;
            let now = records.clock().now();
            let Some(row) = tx.get(&mails.table(), &id).await? else { return Ok(None) };
            let before = records.values(&mails, &row);
            let is_due = before.text("state") == State::Waiting.word() && own::date(&before, "due") <= now;
            let Some(job) = Job::read(&before).filter(|_| is_due) else { return Ok(None) };
            let tries = own::number(&before, "tries") + 1;
            let mut after = before.clone();
            after.0.insert("tries".into(), tries.into());
            after.0.insert("reason".into(), "".into());
            after.0.insert("due".into(), now.after(config.mail_held_max.0).to_string().into());
            if tries > u64::from(config.mail_tries_max) {
                let why = "whoever was sending it ended before it was said what became of it";
                after.0.extend(own::object(json!({ "state": State::Failed.word(), "reason": why })));
            }
            let is_ours = after.text("state") == State::Waiting.word();
            records.update_own(tx, &mails, &before, after).await?;
            let created = own::date(&before, "created");
            Ok::<_, Error>(is_ours.then_some(Taken { id, job, tries, created }))
        })
    });
    taken.await
}

/// Says what became of a mail's try, unless another web server has taken it since.
async fn mark(identity: &Identity, id: &str, tries: u64, state: State, reason: &str) -> Result<(), Error> {
    let (inside, id, reason) = (identity.clone(), id.to_owned(), reason.to_owned());
    let marked = identity.records().store().write(move |tx| {
        Box::pin(async move {
            let records = inside.records();
            let mails = own::collection(records, MAILS)?;
            let Some(row) = tx.get(&mails.table(), &id).await? else { return Ok(()) };
            let before = records.values(&mails, &row);
            if own::number(&before, "tries") != tries || before.text("state") != State::Waiting.word() {
                return Ok(());
            }
            let mut after = before.clone();
            let due = due(&inside, tries, state);
            after.0.extend(own::object(json!({ "state": state.word(), "reason": reason, "due": due })));
            records.update_own(tx, &mails, &before, after).await.map(drop)
        })
    });
    marked.await
}

fn due(identity: &Identity, tries: u64, state: State) -> Value {
    let now: Timestamp = identity.records().clock().now();
    match state {
        State::Waiting => now.after(identity.config().mail_wait(tries)).to_string().into(),
        State::Sent | State::Failed | State::Nobody => "".into(),
    }
}
