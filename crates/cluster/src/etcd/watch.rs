//! What happens to the keys under a prefix, as it happens, whatever becomes of single members.
//!
//! A member that says nothing may have nothing to say, or be gone. After a while of silence it is asked something that only a
//! member with a majority behind it can answer; if it can't, the watch goes on at the next one, from the same revision.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::BytesMut;
use tokio::time::{sleep, timeout};

use crate::error::Error;
use crate::txn::Event;

use super::Client;
use super::member::Stream;
use super::{body, wire};

#[derive(Debug)]
pub(crate) struct EtcdWatch {
    client: Arc<Client>,
    prefix: String,
    /// What was seen, and what comes next.
    from: u64,
    open: Option<Open>,
    /// Where the next stream is tried.
    next_member: usize,
    ready: VecDeque<Vec<Event>>,
}

#[derive(Debug)]
struct Open {
    stream: Stream,
    member: usize,
    unread: BytesMut,
}

/// Why a stream is of no more use.
struct Ended;

impl EtcdWatch {
    pub(crate) fn new(client: Arc<Client>, prefix: &str, from: u64) -> EtcdWatch {
        let next_member = client.order().first().copied().unwrap_or(0);
        EtcdWatch { client, prefix: prefix.to_owned(), from, open: None, next_member, ready: VecDeque::new() }
    }

    /// The events of the next revision or revisions. May be dropped while it waits: nothing is missed.
    pub(crate) async fn next(&mut self) -> Result<Vec<Event>, Error> {
        loop {
            if let Some(events) = self.ready.pop_front() {
                return Ok(events);
            }
            if self.open.is_none() && !self.reopen().await {
                sleep(self.client.config.rest_time).await;
                continue;
            }
            if self.hear().await?.is_err() {
                self.open = None;
            }
        }
    }

    /// Opens the stream at the next member that takes it; false when none did.
    async fn reopen(&mut self) -> bool {
        let ask = body(&wire::watch(&self.prefix, self.from));
        for _ in 0..self.client.members.len() {
            let member = self.next_member % self.client.members.len();
            self.next_member = member + 1;
            if let Ok(stream) = self.client.members[member].open("/v3/watch", &ask).await {
                self.open = Some(Open { stream, member, unread: BytesMut::new() });
                return true;
            }
        }
        false
    }

    /// Waits for lines, and puts what they say by.
    async fn hear(&mut self) -> Result<Result<(), Ended>, Error> {
        let Some(open) = &mut self.open else { return Ok(Err(Ended)) };
        let config = &self.client.config;
        let data = match timeout(config.watch_silence_max, open.stream.next()).await {
            Ok(Some(Ok(data))) => data,
            Ok(Some(Err(_)) | None) => return Ok(Err(Ended)),
            Err(_) => {
                let ask = body(&wire::get(&self.prefix));
                let answer = self.client.members[open.member].ask("/v3/kv/range", &ask).await;
                return Ok(if answer.is_ok_and(|answer| answer.is_ok) { Ok(()) } else { Err(Ended) });
            }
        };
        open.unread.extend_from_slice(&data);
        if open.unread.len() > config.answer_bytes_max {
            return Ok(Err(Ended));
        }
        let mut lines = Vec::new();
        while let Some(end) = open.unread.iter().position(|byte| *byte == b'\n') {
            lines.push(open.unread.split_to(end + 1));
        }
        for line in lines {
            if self.take(&line)?.is_err() {
                return Ok(Err(Ended));
            }
        }
        Ok(Ok(()))
    }

    fn take(&mut self, line: &[u8]) -> Result<Result<(), Ended>, Error> {
        let Ok(line) = serde_json::from_slice::<wire::Line<wire::WatchAnswer>>(line) else {
            return Ok(Err(Ended));
        };
        let Some(answer) = line.result else { return Ok(Err(Ended)) };
        if answer.compact_revision > 0 {
            return Err(Error::Compacted { revision: answer.compact_revision });
        }
        if answer.canceled {
            tracing::debug!("a watch was ended: {}", answer.cancel_reason);
            return Ok(Err(Ended));
        }
        let events = answer.events();
        if let Some(newest) = events.iter().map(Event::revision).max() {
            self.from = newest + 1;
            self.ready.push_back(events);
        }
        Ok(Ok(()))
    }
}
