//! Why a sign-in through a provider is refused: one sentence for the log, and which one the person is told.
//!
//! Invariant: no sentence holds anything that a stranger sent, nor a secret.

use base::error::{Fault, Kind};

use crate::fetch;

/// Why somebody does not get in through a provider.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// What came is not what was agreed on: somebody may be trying something.
    #[error("{0}")]
    Mismatch(&'static str),
    /// The same, with a word of ours on what.
    #[error("{what}: {detail}")]
    Unfit {
        /// What was looked at.
        what: &'static str,
        /// What is wrong with it.
        detail: String,
    },
    /// The provider says no, by a code of its protocol (`access_denied`).
    #[error("the provider refused: {0}")]
    Refused(String),
    /// It is somebody whom the settings do not let in.
    #[error("the settings let in members of certain organisations only")]
    Outsider,
    /// The provider could not be asked.
    #[error("the provider could not be asked")]
    Unreached(#[source] fetch::Error),
    /// The provider answered with a status that no protocol foresees here.
    #[error("{what} answered with status {status}")]
    Status {
        /// Which of its endpoints.
        what: &'static str,
        /// The status.
        status: u16,
    },
}

impl From<fetch::Error> for Refusal {
    fn from(error: fetch::Error) -> Refusal {
        Refusal::Unreached(error)
    }
}

impl Fault for Refusal {
    fn kind(&self) -> Kind {
        match self {
            Refusal::Unreached(_) => Kind::Unavailable,
            Refusal::Outsider => Kind::Forbidden,
            Refusal::Status { status, .. } if *status == 429 || *status >= 500 => Kind::Unavailable,
            _ => Kind::Invalid,
        }
    }

    fn public(&self) -> String {
        match self.kind() {
            Kind::Unavailable => "the provider doesn't answer as it should; try again later".into(),
            Kind::Forbidden => {
                "this service lets in members of certain organisations only; use your account there".into()
            }
            _ => "the sign-in could not be completed; please start it again".into(),
        }
    }
}
