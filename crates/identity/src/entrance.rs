//! What comes of a way to sign in that an account has passed: it enters, where that is enough or was the second way; else the
//! second one is awaited.

use std::sync::Arc;

use axum::http::StatusCode;
use records::{Principal, Request};
use web::Problem;

use crate::authenticator;
use crate::mfa::{self, Passed, Step, Way};
use crate::origin::Place;
use crate::service::Identity;
use crate::session::{Beginning, Via};

/// The request that signs in.
#[derive(Clone, Copy)]
pub(crate) struct Passage<'a> {
    /// What rules may know of it.
    pub(crate) request: &'a Request,
    /// From where it came.
    pub(crate) place: &'a Place,
    /// The half sign-in that it is to complete; empty for none.
    pub(crate) half: &'a str,
}

/// The ways that an account has passed, and the provider's session that it came through.
#[derive(Clone, Debug)]
pub(crate) struct Ways {
    pub(crate) passed: Vec<Way>,
    pub(crate) via: Option<Via>,
}

/// What comes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entrance {
    /// A session has begun: its token.
    In(String),
    /// A second way is awaited.
    Half {
        /// Under this id.
        half: String,
        /// Its authenticator, or a recovery code, and nothing else.
        is_authenticator: bool,
    },
}

impl Identity {
    /// An account has passed one way to sign in.
    pub(crate) async fn enter(
        &self,
        passage: Passage<'_>,
        account: &Arc<Principal>,
        passed: Passed,
    ) -> Result<Entrance, Problem> {
        self.may_enter(passage.request, account).await?;
        let way = passed.way;
        let mut ways = Ways { passed: vec![way], via: passed.via.clone() };
        if !way.is_two() && mfa::is_asked(self, passage.request, account).await? {
            match mfa::step(self, account, &passed, passage.half).await? {
                Step::Enter(first) => {
                    ways = Ways { passed: vec![first.way, way], via: first.via.or(ways.via) };
                }
                Step::Half(half) => {
                    let is_authenticator = authenticator::is_enrolled(self, account).await?;
                    return Ok(Entrance::Half { half, is_authenticator });
                }
                Step::Expired => return Err(Problem::invalid("Invalid or expired MFA session.")),
                Step::Authenticator => {
                    return Err(Problem::invalid("A code of the account's authenticator is required."));
                }
                Step::SameWay => {
                    return Err(Problem::invalid("A different authentication method is required."));
                }
            }
        }
        self.let_in(passage, account, ways).await.map(Entrance::In)
    }

    /// An account has passed all ways that are asked for: the token of its new session.
    pub(crate) async fn let_in(
        &self,
        passage: Passage<'_>,
        account: &Arc<Principal>,
        ways: Ways,
    ) -> Result<String, Problem> {
        self.may_enter(passage.request, account).await?;
        let Ways { passed, via } = ways;
        let beginning = Beginning { ways: passed, place: passage.place.clone(), actor: None, via };
        Ok(self.begin_session(account, &beginning).await?)
    }

    /// Refuses whom the collection's auth rule keeps out.
    pub(crate) async fn may_enter(&self, request: &Request, account: &Principal) -> Result<(), Problem> {
        match self.records().may_sign_in(request, account).await? {
            true => Ok(()),
            false => Err(Problem::new(
                StatusCode::FORBIDDEN,
                "The request doesn't satisfy the collection requirements to authenticate.",
            )),
        }
    }
}
