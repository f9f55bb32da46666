//! Why a request got no answer from a backend, and what its client is told.

use std::time::Duration;

use hyper::StatusCode;
use web::Problem;

/// What kept a request from an answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Two servers could understand it differently.
    #[error("refuse the request: {0}")]
    Ambiguous(&'static str),
    /// As many wait as may.
    #[error("no web server has room, and as many requests wait as may")]
    Crowded,
    /// It has waited for as long as it may.
    #[error("no web server had room in time")]
    Held,
    /// A backend failed while it had the request, and it may not be sent again.
    #[error("get an answer from {backend}: {why}")]
    Broken {
        /// The backend's address.
        backend: String,
        /// How it failed.
        why: String,
    },
    /// A backend did not answer in time, and the request may not be sent again.
    #[error("get an answer from {backend} in time")]
    Late {
        /// The backend's address.
        backend: String,
    },
    /// One address has as many requests on a route as may be.
    #[error("one address has as many requests on this route as may be")]
    Many,
    /// What an answer orders to be sent in its stead may not be, or could not be had.
    #[error("send what an answer orders: {0}")]
    Order(String),
    /// There is no room on the disk for an upload.
    #[error("there is no room on the disk for an upload (uploads_bytes_max)")]
    Disk,
    /// An upload could not be kept on the disk.
    #[error("keep an upload on the disk: {0}")]
    Kept(String),
    /// The disk did not take a piece of an upload in time.
    #[error("keep an upload on the disk: it stood still for {0:?} (upload_stall_max)")]
    Stalled(Duration),
    /// There are as many tunnels as may be.
    #[error("there are as many tunnels as may be")]
    Tunnels,
}

impl Error {
    fn status(&self) -> StatusCode {
        match self {
            Error::Ambiguous(_) => StatusCode::BAD_REQUEST,
            Error::Many => StatusCode::TOO_MANY_REQUESTS,
            Error::Crowded
            | Error::Held
            | Error::Tunnels
            | Error::Disk
            | Error::Kept(_)
            | Error::Stalled(_) => StatusCode::SERVICE_UNAVAILABLE,
            Error::Broken { .. } | Error::Order(_) => StatusCode::BAD_GATEWAY,
            Error::Late { .. } => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// What anybody may read: nothing of the servers behind.
    fn public(&self) -> &'static str {
        match self {
            Error::Ambiguous(reason) => reason,
            Error::Many => "Too many of your requests are being answered; please try again shortly.",
            Error::Order(_) => "What was asked for could not be fetched.",
            Error::Crowded
            | Error::Held
            | Error::Tunnels
            | Error::Disk
            | Error::Kept(_)
            | Error::Stalled(_) => "The service is busy or starting again; please try again shortly.",
            Error::Broken { .. } => "The connection to the web server broke off.",
            Error::Late { .. } => "The web server did not answer in time.",
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        let usual = Problem::new(error.status(), error.public());
        if !error.status().is_server_error() {
            return usual;
        }
        // with its cause, which goes to the log alone
        let mut problem = Problem::internal(&error);
        (problem.status, problem.message, problem.retry_after) =
            (usual.status, usual.message, usual.retry_after);
        problem
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_learns_when_to_come_back_and_nothing_of_the_servers_behind() {
        let problem = Problem::from(Error::Held);
        assert_eq!((problem.status.as_u16(), problem.retry_after), (503, Some(1)));
        let problem = Problem::from(Error::Late { backend: "10.0.0.1:80".into() });
        assert_eq!(problem.status.as_u16(), 504);
        assert!(!problem.message.contains("10.0.0.1"), "{}", problem.message);
    }
}
