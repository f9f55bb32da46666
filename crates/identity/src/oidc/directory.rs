//! What issuers say of themselves and their keys, kept for a while: what every sign-in needs and seldom changes.
//!
//! Nothing in here matters beyond this process: it is what could be asked again at any time.
//!
//! Assumption: issuers are named in settings, so that there are few; beyond a limit all is forgotten.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use base::time::Timestamp;

use super::Settings;
use super::metadata::{self, Metadata};
use crate::fetch::{Fetch, Request};
use crate::jose::keys::Keys;
use crate::refusal::Refusal;

/// Issuers at most of which something is kept.
const ISSUERS_MAX: usize = 100;
/// How long an issuer's word and its keys are kept, in milliseconds.
const KEPT_MS: i64 = 3_600_000;
/// How long after a failed question no other is asked for the list of ways, in milliseconds.
const REST_MS: i64 = 30_000;
/// Time between two questions for newer keys, in milliseconds: whoever sends tokens with unknown keys must not make us ask.
const AGAIN_MS: i64 = 300_000;

/// What is known of issuers.
#[derive(Default)]
pub(crate) struct Directory {
    issuers: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Known>>>>,
}

/// What is known of one.
#[derive(Default)]
struct Known {
    metadata: Option<(Arc<Metadata>, Timestamp)>,
    failed: Option<Timestamp>,
    keys: Option<(Arc<Keys>, Timestamp)>,
    asked_again: Option<Timestamp>,
}

/// How patiently an issuer is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Somebody is signing in.
    Ask,
    /// A list is made that can do without: not right after a failure.
    AskSeldom,
}

impl Directory {
    /// What an issuer says of itself.
    pub(crate) async fn metadata(
        &self,
        fetch: &Fetch,
        settings: &Settings,
        now: Timestamp,
        patience: Patience,
    ) -> Result<Arc<Metadata>, Refusal> {
        if let Some(given) = metadata::given(settings) {
            return Ok(Arc::new(given));
        }
        let known = self.of(settings);
        // whoever comes meanwhile waits for the same answer
        let mut known = known.lock().await;
        if let Some((metadata, since)) = &known.metadata
            && is_within(*since, now, KEPT_MS)
        {
            return Ok(metadata.clone());
        }
        if patience == Patience::AskSeldom && known.failed.is_some_and(|since| is_within(since, now, REST_MS))
        {
            return Err(Refusal::Mismatch("the issuer did not answer a moment ago"));
        }
        known.failed = Some(now);
        let answer = fetch.send(Request::get(metadata::place(&settings.issuer)?)).await?;
        if answer.status != 200 {
            return Err(Refusal::Status {
                what: "the issuer's discovery document",
                status: answer.status.as_u16(),
            });
        }
        let metadata = metadata::read(&answer.json()?, settings, fetch.limits().may_ask_loopback)?;
        let metadata = Arc::new(metadata);
        known.metadata = Some((metadata.clone(), now));
        known.failed = None;
        Ok(metadata)
    }

    /// An issuer's keys.
    pub(crate) async fn keys(
        &self,
        fetch: &Fetch,
        settings: &Settings,
        metadata: &Metadata,
        now: Timestamp,
    ) -> Result<Arc<Keys>, Refusal> {
        let known = self.of(settings);
        let mut known = known.lock().await;
        if let Some((keys, since)) = &known.keys
            && is_within(*since, now, KEPT_MS)
        {
            return Ok(keys.clone());
        }
        let keys = Arc::new(ask(fetch, metadata).await?);
        known.keys = Some((keys.clone(), now));
        Ok(keys)
    }

    /// An issuer's keys, asked anew because a token names one that is not among them; seldom.
    pub(crate) async fn newer_keys(
        &self,
        fetch: &Fetch,
        settings: &Settings,
        metadata: &Metadata,
        now: Timestamp,
    ) -> Result<Arc<Keys>, Refusal> {
        let known = self.of(settings);
        let mut known = known.lock().await;
        if known.asked_again.is_some_and(|since| is_within(since, now, AGAIN_MS)) {
            return Err(Refusal::Mismatch("the ID token is signed by a key that the issuer does not show"));
        }
        known.asked_again = Some(now);
        let keys = Arc::new(ask(fetch, metadata).await?);
        known.keys = Some((keys.clone(), now));
        Ok(keys)
    }

    fn of(&self, settings: &Settings) -> Arc<tokio::sync::Mutex<Known>> {
        let mut issuers = self.issuers.lock().unwrap_or_else(PoisonError::into_inner);
        if issuers.len() >= ISSUERS_MAX && !issuers.contains_key(&settings.issuer) {
            issuers.clear();
        }
        issuers.entry(settings.issuer.clone()).or_default().clone()
    }
}

async fn ask(fetch: &Fetch, metadata: &Metadata) -> Result<Keys, Refusal> {
    let answer = fetch.send(Request::get(metadata.jwks.clone())).await?;
    if answer.status != 200 {
        return Err(Refusal::Status { what: "the issuer's key set", status: answer.status.as_u16() });
    }
    Keys::parse(&answer.json()?)
}

fn is_within(since: Timestamp, now: Timestamp, span: i64) -> bool {
    now.0.checked_sub(since.0).is_some_and(|age| (0..span).contains(&age))
}
