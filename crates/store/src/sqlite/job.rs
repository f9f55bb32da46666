//! A write that waits for the writer: its closure, its outcome, and whoever waits for the answer.

use std::task::{Context, Poll, Waker};

use tokio::sync::oneshot;

use crate::error::Error;
use crate::store::Step;
use crate::tx::Tx;

/// A write, as the writer sees it.
pub(crate) trait Job: Send {
    /// Runs the closure; true when it ended well and is to be committed.
    fn run(&mut self, tx: &mut Tx) -> bool;
    /// Replaces the outcome.
    fn fail(&mut self, error: Error);
    /// Gives the outcome to whoever waits.
    fn answer(self: Box<Self>);
}

/// A write with its types.
pub(crate) struct Work<T, E, F> {
    write: Option<F>,
    outcome: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<T, E, F> Work<T, E, F> {
    /// A write that has not run yet.
    pub(crate) fn new(write: F, reply: oneshot::Sender<Result<T, E>>) -> Work<T, E, F> {
        Work { write: Some(write), outcome: None, reply }
    }
}

impl<T, E, F> Job for Work<T, E, F>
where
    T: Send + 'static,
    E: From<Error> + Send + 'static,
    F: for<'a> FnOnce(&'a mut Tx) -> Step<'a, T, E> + Send + 'static,
{
    fn run(&mut self, tx: &mut Tx) -> bool {
        let Some(write) = self.write.take() else { return false };
        let mut step = write(tx);
        // a transaction's own methods never wait on this engine: one look is enough
        let outcome = match step.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => {
                Err(E::from(Error::Broken { what: "a write waited for something else than its transaction" }))
            }
        };
        let is_well = outcome.is_ok();
        self.outcome = Some(outcome);
        is_well
    }

    fn fail(&mut self, error: Error) {
        self.outcome = Some(Err(E::from(error)));
    }

    fn answer(self: Box<Self>) {
        if let Some(outcome) = self.outcome {
            // nobody waits any more: the write is done all the same
            let _ = self.reply.send(outcome);
        }
    }
}
