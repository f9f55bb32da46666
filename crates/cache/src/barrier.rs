//! One question for all who wait: whoever comes is answered by a question that began after they came.
//!
//! A question that is on its way when somebody comes may have begun before them, so that they wait for the next one; all
//! who came meanwhile share that. One of those who wait asks it, in their own task. When that one goes away, another asks.
//!
//! Invariant: nobody is let through by a question that began before they came.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The barrier.
#[derive(Debug, Default)]
pub(crate) struct Barrier {
    state: Mutex<State>,
    ended: Notify,
}

/// Questions are numbered from 1.
#[derive(Debug, Default)]
struct State {
    begun: u64,
    /// The newest question that was answered, well or not.
    answered: u64,
    /// The newest one that was answered well.
    good: u64,
    is_asking: bool,
}

/// What somebody who waits is to do now.
enum Turn<'a> {
    Go(bool),
    Ask(Asking<'a>),
    Wait,
}

/// The right to ask. Dropped without an answer, the question never was.
struct Asking<'a> {
    barrier: &'a Barrier,
    number: u64,
}

impl Barrier {
    /// Waits until a question that began after this call was answered, and says whether it was answered well. `ask` puts
    /// the question and takes in what is said; it is called at most once, and of all who wait only one is called.
    pub(crate) async fn pass<F: Future<Output = bool>>(&self, ask: impl FnOnce() -> F) -> bool {
        let mine = self.state().begun + 1;
        loop {
            // Made before looking, so that an end in between is not missed.
            let ended = self.ended.notified();
            match self.turn(mine) {
                Turn::Go(is_good) => return is_good,
                Turn::Wait => ended.await,
                Turn::Ask(asking) => {
                    let is_good = ask().await;
                    asking.answered(is_good);
                    return is_good;
                }
            }
        }
    }

    fn turn(&self, mine: u64) -> Turn<'_> {
        let mut state = self.state();
        if state.answered >= mine {
            return Turn::Go(state.good >= mine);
        }
        if state.is_asking {
            return Turn::Wait;
        }
        state.is_asking = true;
        state.begun += 1;
        Turn::Ask(Asking { barrier: self, number: state.begun })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Asking<'_> {
    fn answered(self, is_good: bool) {
        let mut state = self.barrier.state();
        state.answered = self.number;
        if is_good {
            state.good = self.number;
        }
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.barrier.state().is_asking = false;
        self.barrier.ended.notify_waiters();
    }
}

#[cfg(test)]
mod tests;
