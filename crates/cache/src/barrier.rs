//! One question for all who wait: whoever comes is answered by a question that began after they came.
//!
//! A question that is on its way when somebody comes may have begun before them, so that they wait for the next one; all
//! who came meanwhile share that. One of those who wait asks it, in their own task. When that one goes away, another asks.
//!
//! At the end of a question all who waited for it are woken, and one of those who wait for the next.
//!
//! Invariant: nobody is let through by a question that began before they came.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The barrier.
#[derive(Debug, Default)]
pub(crate) struct Barrier {
    state: Mutex<State>,
    /// Who waits for a question of an even number, and of an odd one: there are never more than two to wait for.
    waiting: [Notify; 2],
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
    /// For the end of that question.
    Wait(u64),
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
            let [even, odd] = self.waiting.each_ref().map(Notify::notified);
            match self.turn(mine) {
                Turn::Go(is_good) => return is_good,
                Turn::Wait(number) if number % 2 == 0 => even.await,
                Turn::Wait(_) => odd.await,
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
            return Turn::Wait(if state.begun >= mine { state.begun } else { state.begun + 1 });
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
        let [its, next] = [self.number, self.number + 1].map(|number| usize::from(number % 2 == 1));
        // those who waited for a question that never was look for another
        self.barrier.waiting[its].notify_waiters();
        self.barrier.waiting[next].notify_one();
    }
}

#[cfg(test)]
mod tests;
