//! How the balancers in front of this service are, as they tell themselves.
//!
//! Facts without sentences: the page says them in both languages. The reasons are the balancers' own words.

use std::collections::BTreeMap;
use std::pin::Pin;

use serde::Deserialize;

/// Whoever can ask the balancers. A service without one in front has none.
pub trait Ask: Send + Sync {
    /// Asks all of them, each for a bounded time.
    fn ask(&self) -> Asking<'_>;
}

/// What [`Ask::ask`] gives.
pub type Asking<'a> = Pin<Box<dyn Future<Output = Vec<Seen>> + Send + 'a>>;

/// A balancer.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its address, as the service file names it.
    pub address: String,
    /// How it is, or why that can't be told, in a sentence.
    pub status: Result<Status, String>,
}

/// How one is.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Status {
    /// The web servers behind it.
    pub backends: Vec<Backend>,
    /// What waits for a place at one of them.
    pub waiting: Waiting,
}

/// What waits.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Waiting {
    /// Requests.
    pub requests: u64,
}

/// A web server as a balancer sees it.
#[derive(Clone, Debug, Deserialize)]
pub struct Backend {
    /// Its address.
    pub address: String,
    /// How it is.
    pub state: State,
    /// Why it is not up.
    #[serde(default)]
    pub why: Option<String>,
    /// Requests that it has in hand.
    pub requests: u64,
    /// Event streams and websockets.
    pub streams: u64,
    /// Answers since the balancer began.
    pub answers: u64,
    /// Tries that failed, by kind.
    pub failures: BTreeMap<String, u64>,
    /// Requests that were tried again after they had failed there.
    pub retries: u64,
    /// How long its answers took in the last minute.
    pub last_minute: Option<LastMinute>,
}

/// How long answers took.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct LastMinute {
    /// Half of them began within so many milliseconds.
    pub p50_ms: f64,
    /// 99 of 100 did.
    pub p99_ms: f64,
}

/// Whether a web server gets requests.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It does.
    Up,
    /// While there are too few others.
    Doubted,
    /// When nobody is better.
    Out,
    /// Somebody wants it to get none.
    Drained,
}
