//! The follower: one task per process that gives out positions, reads what is new, and tells those who follow.
//!
//! A write that comes alone is told at once. While writes come one after the other, those that are committed within
//! `Config::log_read_every` are numbered and read together: a round costs the same for one as for many.

use std::sync::{Arc, Weak};
use std::time::Duration;

use base::error::chain;
use futures_util::FutureExt;
use tokio::time::{Instant, sleep, sleep_until};

use crate::change::Entry;
use crate::error::Error;
use crate::remote::Remote;
use crate::remote::log::Ends;

/// Changes that are read at once.
const READ_MAX: usize = 500;
/// Pause after the log could not be read.
const RETRY_AFTER: Duration = Duration::from_millis(200);
/// Rounds between two looks at what is to be trimmed, and at the indexes.
const TRIM_EVERY: u32 = 50;

/// Runs until the store is closed or dropped.
pub(super) async fn run(remote: Weak<Remote>) {
    let mut rounds = 0_u32;
    let mut is_well = true;
    loop {
        let Some(remote) = remote.upgrade() else { return };
        if remote.is_closed() {
            return remote.live.close();
        }
        let next = Instant::now() + remote.config.log_read_every;
        match remote.round(rounds.is_multiple_of(TRIM_EVERY)).await {
            Ok(()) => {
                is_well = true;
                remote.hear_primary();
            }
            Err(error) => {
                if is_well && !remote.is_closed() {
                    tracing::warn!("the change log can't be read: {}", chain(&error));
                }
                is_well = false;
                sleep(RETRY_AFTER).await;
            }
        }
        rounds = rounds.wrapping_add(1);
        if rounds.is_multiple_of(TRIM_EVERY) {
            remote.look_after_indexes();
        }
        let (pool, woken) = (Arc::clone(&remote.pool), Arc::clone(&remote.woken));
        drop(remote);
        tokio::select! {
            () = woken.notified() => {}
            () = pool.hear() => {}
        }
        sleep_until(next).await;
        // what either has told of by now the next round sees
        let _ = woken.notified().now_or_never();
        pool.forget();
    }
}

impl Remote {
    /// Gives out positions, and tells all that is new. What is committed meanwhile is told of by whoever commits it.
    async fn round(&self, trims: bool) -> Result<(), Error> {
        let mut ends = self.ends().await?;
        // a primary that lacks what another one had told: a person has given that up
        if ends.newest < self.live.position() {
            self.live.restart(ends.newest);
        }
        while ends.has_fresh {
            let numbered = self.number().await?;
            ends = Ends { newest: numbered.newest, has_fresh: !numbered.is_all, ..ends };
            self.tell(ends.newest).await?;
        }
        self.tell(ends.newest).await?;
        if trims { self.trim_all(ends).await } else { Ok(()) }
    }

    async fn trim_all(&self, ends: Ends) -> Result<(), Error> {
        self.trim(self.config.change_log_rows_max, ends).await?;
        self.trim_once().await
    }

    /// Tells what is in the log up to a position that was given.
    async fn tell(&self, newest: i64) -> Result<(), Error> {
        while self.live.position() < newest {
            match self.changes(self.live.position(), READ_MAX).await? {
                Entry::Changes(changes) if changes.is_empty() => return Ok(()),
                Entry::Changes(changes) => self.live.publish(changes),
                // further behind than the log reaches: those who follow learn it when they ask
                Entry::Gone => {
                    self.live.advance(self.ends().await?.newest);
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}
