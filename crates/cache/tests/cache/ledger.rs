//! A database small enough to be plainly right: revisions of values and the log of their changes, in memory.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};

use bytes::Bytes;
use cache::{Answer, Change, Log, News, Place};

#[derive(Default)]
pub(crate) struct Ledger {
    state: Mutex<State>,
    pub(crate) fails: AtomicBool,
    pub(crate) hangs: AtomicBool,
}

#[derive(Default)]
struct State {
    epoch: i64,
    position: i64,
    revs: HashMap<(String, String), i64>,
    log: Vec<Change>,
}

impl Ledger {
    /// What a value is at a revision.
    pub(crate) fn value(rev: i64) -> Bytes {
        format!("{{\"revision\":{rev}}}").into()
    }

    /// Writes the next revision, and says which it is.
    pub(crate) fn write(&self, space: &str, id: &str) -> i64 {
        let mut state = self.state();
        state.position += 1;
        let position = state.position;
        state.log.push(Change { space: space.into(), id: id.into(), position });
        let rev = state.revs.entry((space.into(), id.into())).or_default();
        *rev += 1;
        *rev
    }

    /// The newest revision.
    pub(crate) fn read(&self, space: &str, id: &str) -> i64 {
        self.state().revs.get(&(space.into(), id.into())).copied().unwrap_or(0)
    }

    /// Another primary, to which everything had come.
    pub(crate) fn takeover(&self) {
        self.state().epoch += 1;
    }

    fn news(&self, after: Option<Place>, changes_max: usize) -> News {
        let state = self.state();
        let since = after.filter(|place| place.epoch == state.epoch).map(|place| place.position);
        let from = since.map(|since| state.log.partition_point(|change| change.position <= since));
        match from.map(|from| &state.log[from..]) {
            Some(changes) if changes.len() <= changes_max => {
                News::Since { to: state.position, changes: changes.to_vec() }
            }
            _ => {
                let place = Place { epoch: state.epoch, position: state.position };
                News::Anew { place, newest: state.position }
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl Log for Ledger {
    fn since(&self, after: Option<Place>, changes_max: usize) -> Answer<'_> {
        Box::pin(async move {
            if self.hangs.load(Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
            if self.fails.load(Ordering::SeqCst) {
                return Err("the ledger is closed".into());
            }
            tokio::task::yield_now().await;
            Ok(self.news(after, changes_max))
        })
    }
}
