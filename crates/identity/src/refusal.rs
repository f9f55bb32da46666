//! Why a sign-in at a provider ends without an account.
//!
//! The class decides what the person is told (declined, try later, start again) and whether the log warns; the sentence is
//! the log's. Neither ever holds what the provider sent, so that nothing of a stranger's gets into a log or onto a page.

use thiserror::Error;

/// The end of a sign-in that did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The person said no at the provider.
    #[error("the sign-in was declined at the provider")]
    Declined,
    /// The provider can't answer now.
    #[error("the provider can't answer now: {0}")]
    Later(&'static str),
    /// The provider's answer can't be used: its fault, or that of its settings here.
    #[error("the provider's answer can't be used: {0}")]
    Unusable(&'static str),
    /// What came back does not belong to what was begun: perhaps an attack.
    #[error("what came back does not fit what was begun: {0}")]
    Mismatch(&'static str),
}
