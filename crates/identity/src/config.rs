//! The settings and limits of identity, each with its default.

use std::collections::BTreeMap;

use base::unit::{Bytes, Span};
use serde::Deserialize;

use crate::fetch::Limits;
use crate::provider::OnService;

/// Limits of sign-in.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Bytes of a request to sign in.
    pub body_bytes_max: Bytes,
    /// Longest life of a token that a superuser makes for somebody else.
    pub impersonation_time_max: Span,
    /// Proven tokens that are kept at hand.
    pub cached_tokens_max: usize,
    /// How long a proven token is kept at hand without being proved again.
    pub cached_token_time_max: Span,
    /// Bytes of what a provider answers; more is an error.
    pub answer_bytes_max: Bytes,
    /// How long a provider may take to answer.
    pub answer_time_max: Span,
    /// For development: providers may be on this machine, without encryption.
    pub may_ask_loopback: bool,
    /// The providers of the service file, by name: `[sign-in.NAME]`.
    #[serde(skip)]
    pub providers: BTreeMap<String, OnService>,
}

impl Config {
    /// The limits of asking providers.
    pub(crate) fn fetch_limits(&self) -> Limits {
        Limits {
            body_bytes_max: self.answer_bytes_max.0,
            time_max: self.answer_time_max.0,
            may_ask_loopback: self.may_ask_loopback,
        }
    }
}

impl Default for Config {
    fn default() -> Config {
        let seconds = |s| Span(std::time::Duration::from_secs(s));
        Config {
            body_bytes_max: Bytes(64 << 10),
            impersonation_time_max: seconds(10 * 365 * 86_400),
            cached_tokens_max: 10_000,
            cached_token_time_max: seconds(60),
            answer_bytes_max: Bytes(1 << 20),
            answer_time_max: seconds(10),
            may_ask_loopback: false,
            providers: BTreeMap::new(),
        }
    }
}
