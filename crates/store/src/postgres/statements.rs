//! The prepared statements of a connection, found by their text.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Statements that a connection keeps prepared; the one that was not used for longest makes room.
const STATEMENTS_MAX: usize = 256;

/// The statements; `S` is the driver's.
pub(super) struct Statements<S> {
    kept: Mutex<Kept<S>>,
}

struct Kept<S> {
    by_text: HashMap<String, (S, u64)>,
    uses: u64,
}

impl<S: Clone> Statements<S> {
    pub(super) fn new() -> Statements<S> {
        Statements { kept: Mutex::new(Kept { by_text: HashMap::new(), uses: 0 }) }
    }

    /// A statement that has been prepared.
    pub(super) fn find(&self, text: &str) -> Option<S> {
        let mut kept = self.lock();
        kept.uses += 1;
        let now = kept.uses;
        let (statement, used) = kept.by_text.get_mut(text)?;
        *used = now;
        Some(statement.clone())
    }

    /// Keeps a statement.
    pub(super) fn keep(&self, text: &str, statement: S) {
        let mut kept = self.lock();
        kept.uses += 1;
        let now = kept.uses;
        if kept.by_text.len() >= STATEMENTS_MAX && !kept.by_text.contains_key(text) {
            let oldest = kept.by_text.iter().min_by_key(|(_, (_, used))| *used);
            if let Some(oldest) = oldest.map(|(text, _)| text.clone()) {
                kept.by_text.remove(&oldest);
            }
        }
        kept.by_text.insert(text.to_owned(), (statement, now));
    }

    /// Forgets them all: the server does not know them any more, or they are about tables that have changed.
    pub(super) fn forget(&self) {
        self.lock().by_text.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Kept<S>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_that_was_not_used_for_longest_makes_room() {
        let statements = Statements::new();
        for i in 0..STATEMENTS_MAX {
            statements.keep(&i.to_string(), i);
        }
        assert_eq!(statements.find("0"), Some(0));
        statements.keep("new", 9000);
        assert_eq!(statements.find("1"), None);
        assert_eq!((statements.find("0"), statements.find("new")), (Some(0), Some(9000)));
        statements.forget();
        assert_eq!(statements.find("0"), None);
    }
}
