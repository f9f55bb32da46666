//! Telling a listener what it missed, from the change log, until it has caught up with the hub.

use std::sync::Arc;

use base::error::chain;
use bytes::Bytes;
use store::{Change, Position};

use crate::realtime::hub::{Inner, find};
use crate::realtime::listener::Listener;
use crate::realtime::share::Share;

/// Changes that are read at once.
const PAGE: usize = 500;

/// Replays the changes after `since` to a listener and lets it go live. Where that can't be done (the log no longer
/// reaches back, or too far) it is told to begin anew.
pub(super) async fn run(hub: &Inner, listener: &Arc<Listener>, since: Position) {
    let Ok(_place) = hub.replays.acquire().await else { return };
    let told = match catch_up(hub, listener, since).await {
        Err(store::Error::Gone) => reset(hub, listener).await,
        told => told,
    };
    match told {
        Ok(()) => {}
        Err(error) => {
            tracing::error!(cause = chain(&error), "can't replay changes to a listener");
            // it comes back by itself and asks again
            listener.end();
        }
    }
}

/// [`store::Error::Gone`] also when more would have to be told than may be.
async fn catch_up(hub: &Inner, listener: &Arc<Listener>, since: Position) -> Result<(), store::Error> {
    let behind = hub.records.store().newest().await?.0.saturating_sub(since.0);
    if u64::try_from(behind).unwrap_or(0) > hub.config.replay_changes_max {
        return Err(store::Error::Gone);
    }
    let mut told = since;
    loop {
        let taken = hub.registry.taken();
        let changes = hub.records.store().reader().await?.changes(told, PAGE).await?;
        for change in &changes {
            if !tell(hub, listener, change).await {
                return Ok(());
            }
            told = change.position;
        }
        if changes.is_empty() {
            // nothing lies between
            told = told.max(taken);
        }
        if changes.len() < PAGE && hub.registry.go_live(&listener.id, told) {
            return Ok(());
        }
    }
}

/// False when the listener is gone.
async fn tell(hub: &Inner, listener: &Arc<Listener>, change: &Change) -> bool {
    let catalog = hub.records.catalog();
    let Some(collection) = find(&catalog, change) else { return true };
    let deliveries = hub.registry.replayed(&listener.id, change, collection);
    let Some(mut share) = Share::new(&hub.records, collection, change) else { return true };
    for delivery in &deliveries {
        if let Some(event) = share.event(delivery).await
            && !listener.push_patiently(event).await
        {
            return false;
        }
    }
    true
}

/// Tells a listener that events are lost to it: it must read anew what it needs, and hears what comes after.
async fn reset(hub: &Inner, listener: &Listener) -> Result<(), store::Error> {
    let now = hub.records.store().newest().await?;
    let event = format!("id:{}\nevent:reset\ndata:{{}}\n\n", now.0);
    hub.registry.go_live_anew(&listener.id, now, Bytes::from(event));
    Ok(())
}
