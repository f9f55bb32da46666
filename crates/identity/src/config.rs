//! The settings and limits of identity, each with its default.

use base::unit::{Bytes, Span};
use serde::Deserialize;

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
}

impl Default for Config {
    fn default() -> Config {
        let seconds = |s| Span(std::time::Duration::from_secs(s));
        Config {
            body_bytes_max: Bytes(64 << 10),
            impersonation_time_max: seconds(10 * 365 * 86_400),
            cached_tokens_max: 10_000,
            cached_token_time_max: seconds(60),
        }
    }
}
