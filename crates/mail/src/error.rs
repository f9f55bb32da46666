//! Why a mail was not sent, and whether another try makes sense.

/// A mail that was not sent, as far as is known here.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server did not answer, or took nothing now: another try may succeed.
    #[error("the mail server did not take it now: {why}")]
    Later {
        /// What it said, or what happened.
        why: String,
    },
    /// The server refuses this mail, now and later.
    #[error("the mail server refuses it: {why}")]
    Refused {
        /// What it said.
        why: String,
    },
    /// The settings, or the message, can't be sent with.
    #[error("{what}")]
    Unfit {
        /// What is wrong.
        what: String,
    },
}

impl Error {
    /// Whether another try may succeed.
    pub fn may_pass(&self) -> bool {
        matches!(self, Error::Later { .. })
    }
}

/// Answers with which a server refuses this service rather than this mail (RFC 4954, 6; RFC 5321, 4.3.2): somebody has to put
/// that right, and the mail can wait for it.
const OURS: [u16; 7] = [500, 502, 503, 530, 534, 535, 538];
/// Longest part of an answer that is kept, in characters.
const WHY_LENGTH_MAX: usize = 300;

impl From<lettre::transport::smtp::Error> for Error {
    fn from(error: lettre::transport::smtp::Error) -> Error {
        let mut why = base::error::chain(&error).replace(|c: char| c.is_control(), " ");
        if let Some((end, _)) = why.char_indices().nth(WHY_LENGTH_MAX) {
            why.truncate(end);
        }
        let is_ours = error.status().is_some_and(|code| OURS.contains(&u16::from(code)));
        if error.is_permanent() && !is_ours { Error::Refused { why } } else { Error::Later { why } }
    }
}
