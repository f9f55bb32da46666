//! Handing what a provider sent back to the client that waits for it on its event stream, on whichever web server that is.
//!
//! A client that waits here is told at once. With several web servers on one database the one that waits may be elsewhere:
//! then it is kept for a minute among the flows, every server hears of it by the change log, and the one whose client it is
//! tells it.

use base::error::chain;
use records::Error;
use records::core::change::FLOWS;
use serde_json::{Value, json};
use store::{Change, ChangeKind};

use crate::flow;
use crate::service::Identity;

/// Under which topic the client library waits.
const TOPIC: &str = "@oauth2";
/// What is kept for another web server is called among the flows.
const KIND: &str = "callback";
/// How long it is kept, in milliseconds.
const KEPT_MS: i64 = 60_000;
/// Longest state that can be an event stream's id, in bytes.
const STATE_BYTES_MAX: usize = 64;

impl Identity {
    /// Hands something to the client that waits under a state; false when nobody can be waiting.
    pub(crate) async fn hand(&self, state: &str, what: Value) -> Result<bool, Error> {
        if self.listeners().is_some_and(|listeners| listeners.tell(state, TOPIC, &what)) {
            return Ok(true);
        }
        let may_be_one =
            state.len() <= STATE_BYTES_MAX && state.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !may_be_one || !self.records().store().is_shared() {
            return Ok(false);
        }
        let data = json!({ "state": state, "what": what }).to_string();
        flow::put(self.records(), KIND, state, &data, KEPT_MS).await
    }

    /// Tells the clients of this web server what came to another one.
    pub(crate) async fn carry(&self, change: &Change) {
        if let Err(error) = self.carry_one(change).await {
            tracing::warn!(error = chain(&error), "what a provider sent back stays where it came to");
        }
    }

    async fn carry_one(&self, change: &Change) -> Result<(), Error> {
        let records = self.records();
        let Some(flows) = records.catalog().find(FLOWS).cloned() else { return Ok(()) };
        let (true, Some(row)) =
            (change.kind == ChangeKind::Create && *change.table == *flows.table().as_str(), &change.row)
        else {
            return Ok(());
        };
        let values = records.values(&flows, row).0;
        if values.get("kind") != Some(&KIND.into()) {
            return Ok(());
        }
        let data = values
            .get("data")
            .and_then(Value::as_str)
            .and_then(|data| serde_json::from_str::<Value>(data).ok());
        let Some((state, what)) =
            data.as_ref().and_then(|data| Some((data["state"].as_str()?, data.get("what")?)))
        else {
            return Ok(());
        };
        if self.listeners().is_some_and(|listeners| listeners.tell(state, TOPIC, what)) {
            flow::take(records, KIND, state).await?;
        }
        Ok(())
    }
}
