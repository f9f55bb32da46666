//! A browser of our pages that is away at a provider, until it comes back: to the same endpoints as the browsers of the API's
//! clients, which send it on to [`CAME_BACK`](super::CAME_BACK) where it is one of ours.
//!
//! Invariant: only the browser that has left comes back, and once.

use records::Error;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::goal::Goal;
use super::visitor::Visitor;
use super::{CAME_BACK, address};
use crate::fetch::transcript::Line;
use crate::flow;
use crate::provider::Provider;
use crate::service::Identity;

/// Where providers send browsers back to.
const REDIRECT: &str = "/api/oauth2-redirect";
/// What browsers that are away are called among the flows.
const JOURNEY: &str = "journey";
/// What they have brought along is called.
const ARRIVAL: &str = "arrival";
/// What was asked while a provider is tried is called.
const TRIAL: &str = "trial";
/// How long a browser may be away, in milliseconds.
const TIME_MAX_MS: i64 = 600_000;

/// A browser that is away.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Journey {
    /// Which browser, as a hash of its cookie.
    browser: String,
    /// Among whose accounts, by id.
    pub(super) collection: String,
    pub(super) provider: String,
    pub(super) verifier: String,
    pub(super) redirect_uri: String,
    pub(super) return_to: String,
    /// The half sign-in that it is to complete; empty for none.
    pub(super) half: String,
    pub(super) aim: Aim,
}

/// What for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Aim {
    /// To sign in.
    SignIn,
    /// To link the provider to this account.
    Link(String),
    /// To see how it goes.
    Try,
}

/// What a browser has brought along.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Arrival {
    /// The ticket or code; empty where there is none.
    pub(super) code: String,
    /// Why there is none.
    pub(super) error: String,
}

/// Begins: the address at the provider, and under which state it comes back. `None` where the provider can't be asked now.
pub(super) async fn begin(
    identity: &Identity,
    visitor: &Visitor,
    goal: &Goal,
    provider: &Provider,
    aim: Aim,
) -> Result<Option<(String, String)>, Error> {
    let Some(begun) = identity.begin(&goal.collection, provider, &visitor.origin).await else {
        return Ok(None);
    };
    let redirect_uri = format!("{}{REDIRECT}", visitor.origin);
    let escaped: String = url::form_urlencoded::byte_serialize(redirect_uri.as_bytes()).collect();
    let to = format!("{}{escaped}", begun.url);
    let journey = Journey {
        browser: visitor.browser.hash(),
        collection: goal.collection.id.clone(),
        provider: provider.name.clone(),
        verifier: begun.verifier,
        redirect_uri,
        return_to: goal.return_to.clone(),
        half: goal.half.clone(),
        aim,
    };
    let data = serde_json::to_string(&journey).expect("texts become JSON");
    flow::put(identity.records(), JOURNEY, &begun.state, &data, TIME_MAX_MS).await?;
    Ok(Some((to, begun.state)))
}

/// What came back under a state, if it is that of one of our pages: where the browser goes on to. It goes there by itself, with its
/// cookie, which browsers do not send along with a form of another site.
pub(crate) async fn arrive(
    identity: &Identity,
    state: &str,
    code: &str,
    error: &str,
) -> Result<Option<String>, Error> {
    if flow::look(identity.records(), JOURNEY, state).await?.is_none() {
        return Ok(None);
    }
    let data: Value = json!({ "code": code, "error": error });
    // of two that came back the first counts
    flow::put(identity.records(), ARRIVAL, state, &data.to_string(), TIME_MAX_MS).await?;
    Ok(Some(address(CAME_BACK, &[("state", state)])))
}

/// Keeps what was asked on a part of a journey, where that is a trial.
pub(crate) async fn keep(identity: &Identity, state: &str, part: &str, lines: &[Line]) -> Result<(), Error> {
    let journey = flow::look(identity.records(), JOURNEY, state).await?;
    let journey = journey.and_then(|data| serde_json::from_str::<Journey>(&data).ok());
    if lines.is_empty() || journey.is_none_or(|journey| journey.aim != Aim::Try) {
        return Ok(());
    }
    let data = serde_json::to_string(lines).expect("texts become JSON");
    flow::put(identity.records(), TRIAL, &format!("{state}/{part}"), &data, TIME_MAX_MS).await.map(drop)
}

/// What was kept of a trial.
pub(super) async fn kept(identity: &Identity, state: &str) -> Result<Vec<Line>, Error> {
    let mut all = Vec::new();
    for part in ["begin", "leave", "return"] {
        let lines = flow::take(identity.records(), TRIAL, &format!("{state}/{part}")).await?;
        all.extend(lines.and_then(|data| serde_json::from_str::<Vec<Line>>(&data).ok()).unwrap_or_default());
    }
    Ok(all)
}

/// What this browser began under a state, and what it has brought; once.
pub(super) async fn end(
    identity: &Identity,
    visitor: &Visitor,
    state: &str,
) -> Result<Option<(Journey, Arrival)>, Error> {
    let records = identity.records();
    let journey = flow::look(records, JOURNEY, state).await?;
    let journey = journey.and_then(|data| serde_json::from_str::<Journey>(&data).ok());
    let Some(journey) = journey.filter(|journey| journey.browser == visitor.browser.hash()) else {
        return Ok(None);
    };
    let arrival = flow::take(records, ARRIVAL, state).await?;
    let Some(arrival) = arrival.and_then(|data| serde_json::from_str(&data).ok()) else { return Ok(None) };
    let is_first = flow::take(records, JOURNEY, state).await?.is_some();
    Ok(is_first.then_some((journey, arrival)))
}
