//! Tokens that were proved a moment ago, so that a request needs neither the signature nor the account's record again.
//!
//! An entry is only trusted while nothing can have changed: the follower of the change log takes out what a change
//! touches and says how far it has read; as long as it is behind the store's newest commit, nobody is told anything
//! from here. So a token is void from the very commit that changed its account.
//!
//! To put an entry in, whoever reads the account first takes a [`Ticket`]; a change that comes in between voids it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base::time::Timestamp;
use records::Principal;
use store::{Change, Position};

use crate::token::{self, Claims};

/// A token that was proved, and its account.
#[derive(Clone, Debug)]
pub(crate) struct Proven {
    pub(crate) principal: Arc<Principal>,
    pub(crate) claims: Arc<Claims>,
}

/// The right to put in what is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

#[derive(Debug)]
pub(crate) struct Cache {
    entries_max: usize,
    /// Longest life of an entry, in milliseconds: a second line of defence, and the end of what nobody asks for.
    age_max: i64,
    inner: Mutex<Inner>,
}

/// An account: its table and its id.
type Account = (Arc<str>, Arc<str>);

#[derive(Debug, Default)]
struct Inner {
    /// How far the change log has been read; `None` while nobody follows it.
    read_to: Option<Position>,
    next_ticket: u64,
    accounts: HashMap<Account, Slot>,
    entries: HashMap<Box<str>, (Proven, Timestamp)>,
}

#[derive(Debug)]
struct Slot {
    ticket: Ticket,
    tokens: Vec<Box<str>>,
}

impl Cache {
    pub(crate) fn new(entries_max: usize, age_max: std::time::Duration) -> Cache {
        let age_max = i64::try_from(age_max.as_millis()).unwrap_or(i64::MAX);
        Cache { entries_max, age_max, inner: Mutex::default() }
    }

    /// A proven token, if the change log has been read up to `newest`.
    pub(crate) fn find(&self, token: &str, newest: Position, now: Timestamp) -> Option<Proven> {
        let inner = self.lock();
        if inner.read_to? < newest {
            return None;
        }
        let (proven, since) = inner.entries.get(token)?;
        let is_fresh = now.0.checked_sub(since.0).is_some_and(|age| (0..self.age_max).contains(&age));
        (is_fresh && token::is_alive(proven.claims.exp, now)).then(|| proven.clone())
    }

    /// To be taken before the account is read.
    pub(crate) fn ticket(&self, table: &str, record: &str) -> Ticket {
        let mut inner = self.lock();
        if inner.accounts.len() >= self.entries_max {
            inner.clear();
        }
        inner.next_ticket += 1;
        let fresh = Slot { ticket: Ticket(inner.next_ticket), tokens: Vec::new() };
        inner.accounts.entry((table.into(), record.into())).or_insert(fresh).ticket
    }

    /// Puts a proven token in, unless its account has changed since the ticket.
    pub(crate) fn keep(&self, ticket: Ticket, token: &str, proven: Proven, now: Timestamp) {
        let mut inner = self.lock();
        if inner.read_to.is_none() {
            return;
        }
        if inner.entries.len() >= self.entries_max {
            inner.clear();
        }
        let table = proven.principal.collection.table();
        let account = (Arc::from(table.as_str()), Arc::from(proven.principal.row.id.as_str()));
        let Inner { accounts, entries, .. } = &mut *inner;
        let Some(slot) = accounts.get_mut(&account).filter(|slot| slot.ticket == ticket) else { return };
        if entries.insert(token.into(), (proven, now)).is_none() {
            slot.tokens.push(token.into());
        }
    }

    /// Begins (anew) to follow the change log after a position: nothing from before is trusted.
    pub(crate) fn follow(&self, after: Position) {
        let mut inner = self.lock();
        inner.clear();
        inner.read_to = Some(after);
    }

    /// The change log is no longer followed.
    pub(crate) fn rest(&self) {
        let mut inner = self.lock();
        inner.clear();
        inner.read_to = None;
    }

    /// Takes out what changes touch.
    pub(crate) fn apply(&self, changes: &[Change]) {
        let mut inner = self.lock();
        for change in changes {
            if let Some(slot) = inner.accounts.remove(&(change.table.clone(), change.record.clone())) {
                for token in slot.tokens {
                    inner.entries.remove(&token);
                }
            }
            inner.read_to = inner.read_to.max(Some(change.position));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // what a panic may have left behind is at worst an entry too few
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn clear(&mut self) {
        self.accounts.clear();
        self.entries.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use records::core::collection::{Collection, CollectionKind};
    use store::{ChangeKind, Row};

    use super::*;
    use crate::token::Purpose;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn proven(id: &str) -> Proven {
        let collection = Arc::new(Collection::new("pbc_1", "users", CollectionKind::Auth, Vec::new()));
        let row = Arc::new(Row { id: id.into(), rev: 1, shape: 1, body: "{}".into() });
        let exp = NOW.0 / 1000 + 30;
        let (collection_id, purpose) = ("pbc_1".to_owned(), Purpose::Auth);
        let (email, new_email) = (String::new(), String::new());
        let id = id.into();
        let claims = Claims { id, collection_id, purpose, email, new_email, refreshable: true, iat: 0, exp };
        Proven { principal: Arc::new(Principal { collection, row }), claims: Arc::new(claims) }
    }

    fn change(position: i64, record: &str) -> Change {
        let (table, write) = (Arc::from("r_pbc_1"), Arc::from("w"));
        let (position, kind) = (Position(position), ChangeKind::Update);
        Change { position, epoch: 0, write, table, record: record.into(), kind, at: NOW, row: None }
    }

    /// A cache that follows the log from 5 and holds the token `t` of `a`.
    fn holding() -> Cache {
        let cache = Cache::new(3, Duration::from_secs(10));
        cache.follow(Position(5));
        let ticket = cache.ticket("r_pbc_1", "a");
        cache.keep(ticket, "t", proven("a"), NOW);
        cache
    }

    fn finds(cache: &Cache, newest: i64, now: Timestamp) -> bool {
        cache.find("t", Position(newest), now).is_some()
    }

    #[test]
    fn nothing_is_told_while_the_log_is_not_read_to_its_end() {
        let cache = holding();
        assert!(finds(&cache, 5, NOW));
        assert!(!finds(&cache, 6, NOW));
        cache.apply(&[change(6, "b")]);
        assert!(finds(&cache, 6, NOW));
        cache.rest();
        assert!(!finds(&cache, 6, NOW));
    }

    #[test]
    fn a_change_of_the_account_takes_its_tokens_out() {
        let cache = holding();
        cache.apply(&[change(6, "a")]);
        assert!(!finds(&cache, 6, NOW));
    }

    #[test]
    fn what_was_read_before_a_change_is_not_put_in_after_it() {
        let cache = holding();
        cache.apply(&[change(6, "a")]);
        let ticket = cache.ticket("r_pbc_1", "a");
        cache.apply(&[change(7, "a")]);
        cache.keep(ticket, "t", proven("a"), NOW);
        assert!(!finds(&cache, 7, NOW));
    }

    #[test]
    fn an_entry_ends_by_age_and_by_its_token() {
        let cache = holding();
        assert!(finds(&cache, 5, NOW.after(Duration::from_secs(9))));
        assert!(!finds(&cache, 5, NOW.after(Duration::from_secs(10))));
        let ticket = cache.ticket("r_pbc_1", "a");
        cache.keep(ticket, "t", proven("a"), NOW.after(Duration::from_secs(25)));
        assert!(finds(&cache, 5, NOW.after(Duration::from_secs(29))));
        assert!(!finds(&cache, 5, NOW.after(Duration::from_secs(30))), "the token has expired");
    }

    #[test]
    fn memory_is_bounded() {
        let cache = holding();
        for n in 0..100 {
            let id = n.to_string();
            let ticket = cache.ticket("r_pbc_1", &id);
            cache.keep(ticket, &id, proven(&id), NOW);
            let inner = cache.lock();
            assert!(inner.entries.len() <= 3 && inner.accounts.len() <= 3);
        }
    }
}
