//! The change log is followed for what sign-in stands on: ends of sessions and changes of accounts, new keys, and what
//! providers sent back to other web servers, and mails that wait.
//!
//! Now and then the database is asked for its newest place, so that silence and deafness are told apart.

use std::time::Duration;

use base::error::chain;
use records::core::change::{KEYS, MAILS, SESSIONS};
use store::{Change, ChangeKind, Position, Tail};
use tokio_util::sync::CancellationToken;

use crate::service::Identity;

/// Pause before following begins anew.
const ANEW_AFTER: Duration = Duration::from_secs(1);

impl Identity {
    /// Follows the change log until the stop.
    pub(crate) async fn follow(&self, stop: &CancellationToken) {
        let (store, cache) = (self.records().store(), self.cache());
        while !stop.is_cancelled() {
            let after = store.position();
            let tail = store.tail(after);
            cache.follow(after);
            let ended = tokio::select! {
                () = stop.cancelled() => break,
                ended = self.read_on(tail) => ended,
                () = self.listen() => unreachable!("it listens for ever"),
            };
            cache.rest();
            if matches!(ended, store::Error::Busy) {
                // the store is closed
                break;
            }
            tracing::warn!(error = chain(&ended), "following the change log begins anew");
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(ANEW_AFTER) => {}
            }
        }
    }

    /// Heeds every change, until the log can't be read on.
    async fn read_on(&self, mut tail: Tail) -> store::Error {
        self.read_keys().await;
        loop {
            match tail.next().await {
                Ok(changes) => self.take_in(&changes).await,
                Err(ended) => return ended,
            }
        }
    }

    async fn take_in(&self, changes: &[Change]) {
        let catalog = self.records().catalog();
        let table = |name| catalog.find(name).map(|found| found.table());
        let (keys, sessions, mails) = (table(KEYS), table(SESSIONS), table(MAILS));
        let is_in = |change: &Change, table: &Option<store::Table>| {
            table.as_ref().is_some_and(|table| table.as_str() == &*change.table)
        };
        if changes.iter().any(|change| is_in(change, &keys)) {
            self.read_keys().await;
        }
        self.cache().apply(changes);
        let is_end = |change: &&Change| change.kind == ChangeKind::Delete && is_in(change, &sessions);
        if changes.iter().any(|change| is_end(&change)) {
            self.ended().notify_one();
            if let Some(listeners) = self.listeners() {
                listeners.look_again();
            }
        }
        let is_mail = |change: &Change| change.kind == ChangeKind::Create && is_in(change, &mails);
        if changes.iter().any(is_mail)
            && let Some(post) = self.post()
        {
            post.tell();
        }
        if self.records().store().is_shared() {
            for change in changes {
                self.carry(change).await;
            }
        }
    }

    async fn read_keys(&self) {
        if let Err(fault) = self.keyring().read(self).await {
            tracing::warn!(error = chain(&fault), "the keys of tokens are read later");
        }
    }

    /// Asks for the newest place, again and again, where others write too.
    async fn listen(&self) {
        let (records, every) = (self.records(), self.config().feed_ask_every.0);
        if !records.store().is_shared() {
            return std::future::pending().await;
        }
        loop {
            let at = records.clock().now();
            if let Ok(Ok(newest)) = tokio::time::timeout(every, records.store().newest()).await {
                let newest: Position = newest;
                self.cache().hear(newest, at);
            }
            tokio::time::sleep(every).await;
        }
    }
}
