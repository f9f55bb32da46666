//! Reads while the primary does not answer: a *deputy* answers them, a replica that has everything that anybody was shown.
//!
//! Who may be one is said by those who agree on who is primary ([`Deputies`]); whether it has come that far, and whether what it
//! shows may be shown already, the store finds out by itself (see `remote::deputy`).
//!
//! Invariant: only what asks within [`reading`] is ever answered by a deputy, so that whoever asked can be told.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::change::Position;
use crate::error::Cause;
use crate::remote::Proof;

/// A replica that has received every write that anybody was told of or shown, by when this was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deputy {
    /// Where it is reached: host and port.
    pub address: (String, u16),
    /// The old primary is certain to be gone, and only this one, or the old one with all that this one has, can be the next. So
    /// what is not known to be acknowledged may be shown too: it will not be taken back.
    pub is_heir: bool,
}

/// The answer, later.
pub type Naming<'a> = Pin<Box<dyn Future<Output = Result<Vec<Deputy>, Cause>> + Send + 'a>>;

/// Those who agree on who is primary.
pub trait Deputies: fmt::Debug + Send + Sync {
    /// Who may be a deputy now, the nearest first. It has to be so at a moment after this was asked: what was so before, and may
    /// have changed since, is no answer.
    fn name(&self) -> Naming<'_>;
}

tokio::task_local! {
    static REQUEST: Arc<Request>;
}

/// What is remembered of a request.
#[derive(Default)]
struct Request(Mutex<State>);

#[derive(Default)]
struct State {
    /// By it later reads of the same request need no other.
    proof: Option<Proof>,
    answered: Option<Position>,
}

/// Lets what reads in there be answered by a deputy. Gives, beside what came of it, where the change log stood there if one did.
pub async fn reading<T>(work: impl Future<Output = T>) -> (T, Option<Position>) {
    let request = Arc::<Request>::default();
    let done = REQUEST.scope(Arc::clone(&request), work).await;
    let answered = request.state().answered;
    (done, answered)
}

/// Whether a deputy has answered something of what this request has read: then writes wait for the primary, and what can do
/// without is better left.
pub fn has_answered() -> bool {
    REQUEST.try_with(|request| request.state().answered.is_some()).unwrap_or(false)
}

/// Whether a deputy may answer what is read here.
pub(crate) fn may_answer() -> bool {
    REQUEST.try_with(|_| ()).is_ok()
}

pub(crate) fn proof() -> Option<Proof> {
    REQUEST.try_with(|request| request.state().proof.clone()).ok().flatten()
}

/// The proof by which this request reads; none: the next read needs a new one.
pub(crate) fn keep(proof: Option<Proof>) {
    // outside of a request there is nothing to remember
    let _ = REQUEST.try_with(|request| request.state().proof = proof);
}

/// A deputy has answered, whose log stood there.
pub(crate) fn answered(at: Position) {
    let _ = REQUEST.try_with(|request| request.state().answered = Some(at));
}

impl Request {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
