//! What can end a round: no identifier, a refusal, or records that can't be reached.

use super::core::identifier;
use crate::refusal::Refusal;

/// Why a round did not end well.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was given is no identifier that may be used.
    #[error(transparent)]
    Identifier(#[from] identifier::Fault),
    /// The person is not let in.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// What has to be remembered can't be.
    #[error("keep what a sign-in by OpenID needs")]
    Records(#[from] records::Error),
}
