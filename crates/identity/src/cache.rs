//! What was proved a moment ago: tokens, so that a request needs neither the signature nor the account's record again, and
//! sessions that were found alive.
//!
//! Both stand on the change log: its follower takes out what a change touches, and says how far it has read and when it
//! last heard that this was all. Where the log is in this process, an entry is only told while nothing can have changed:
//! never while the follower is behind the newest commit. So a token is void from the very commit that changed its account
//! or its session. Where other web servers write too, a session is *known* from when its record was read until it is to be
//! looked at again, unless the log tells of its end first; and whoever must be certain asks whether the log is heard.
//!
//! To put something in, whoever reads the records first takes a [`Ticket`] for each; a change that comes in between voids it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base::time::Timestamp;
use store::{Change, ChangeKind, Position};

use crate::session::{Proven, Start};
use crate::token;

/// The right to put in what is being read of one record.
#[derive(Clone, Debug)]
pub(crate) struct Ticket {
    record: Record,
    number: u64,
}

/// A session that was found alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    /// Until when that is taken for granted.
    pub(crate) until: Timestamp,
    /// When it ends for good.
    pub(crate) ends: Timestamp,
    /// How it began.
    pub(crate) start: Arc<Start>,
}

#[derive(Debug)]
pub(crate) struct Cache {
    entries_max: usize,
    /// Longest life of an entry, in milliseconds: a second line of defence, and the end of what nobody asks for.
    age_max: i64,
    inner: Mutex<Inner>,
}

/// A record: its table and its id.
type Record = (Arc<str>, Arc<str>);

#[derive(Debug, Default)]
struct Inner {
    /// How far the change log has been read; `None` while nobody follows it.
    read_to: Option<Position>,
    /// When it was last certain that this was all.
    heard: Option<Timestamp>,
    /// A place that was the newest at a time; once it is read, the log was heard at that time.
    awaited: Option<(Position, Timestamp)>,
    next_ticket: u64,
    slots: HashMap<Record, Slot>,
    entries: HashMap<Box<str>, Entry>,
}

#[derive(Debug)]
struct Entry {
    proven: Proven,
    since: Timestamp,
    /// The reading of keys by which it was proved.
    reading: u64,
}

#[derive(Debug)]
struct Slot {
    ticket: u64,
    tokens: Vec<Box<str>>,
    known: Option<Known>,
}

impl Cache {
    pub(crate) fn new(entries_max: usize, age_max: Duration) -> Cache {
        let age_max = i64::try_from(age_max.as_millis()).unwrap_or(i64::MAX);
        Cache { entries_max, age_max, inner: Mutex::default() }
    }

    /// A proven token, if the change log has been read up to `newest`, and by these keys.
    pub(crate) fn find(&self, token: &str, newest: Position, reading: u64, now: Timestamp) -> Option<Proven> {
        let inner = self.lock();
        if inner.read_to? < newest {
            return None;
        }
        let entry = inner.entries.get(token).filter(|entry| entry.reading == reading)?;
        let is_fresh = now.0.checked_sub(entry.since.0).is_some_and(|age| (0..self.age_max).contains(&age));
        (is_fresh && token::is_alive(entry.proven.claims.exp, now)).then(|| entry.proven.clone())
    }

    /// A token whose signature was proved by these keys. Its account and session may have changed since.
    pub(crate) fn recall(&self, token: &str, reading: u64, now: Timestamp) -> Option<Proven> {
        let inner = self.lock();
        let entry = inner.entries.get(token).filter(|entry| entry.reading == reading)?;
        token::is_alive(entry.proven.claims.exp, now).then(|| entry.proven.clone())
    }

    /// A session that was found alive, if that is still to be taken for granted.
    pub(crate) fn known(&self, table: &str, sid: &str, now: Timestamp) -> Option<Known> {
        let inner = self.lock();
        inner.read_to?;
        let known = inner.slots.get(&(Arc::from(table), Arc::from(sid)))?.known.clone()?;
        (now < known.until && now < known.ends).then_some(known)
    }

    /// To be taken before the record is read.
    pub(crate) fn ticket(&self, table: &str, record: &str) -> Ticket {
        let mut inner = self.lock();
        // each token has two: its account's and its session's
        if inner.slots.len() >= self.entries_max.saturating_mul(2) {
            inner.clear();
        }
        inner.next_ticket += 1;
        let record: Record = (table.into(), record.into());
        let fresh = Slot { ticket: inner.next_ticket, tokens: Vec::new(), known: None };
        let number = inner.slots.entry(record.clone()).or_insert(fresh).ticket;
        Ticket { record, number }
    }

    /// Says that a session was found alive, unless it has changed since the ticket.
    pub(crate) fn know(&self, ticket: &Ticket, known: Known) {
        let mut inner = self.lock();
        if inner.read_to.is_some()
            && let Some(slot) = inner.slot(ticket)
        {
            slot.known = Some(known);
        }
    }

    /// Puts a proven token in, unless its account or its session has changed since the tickets.
    pub(crate) fn keep(
        &self,
        tickets: [&Ticket; 2],
        token: &str,
        proven: Proven,
        reading: u64,
        now: Timestamp,
    ) {
        let mut inner = self.lock();
        if inner.read_to.is_none() {
            return;
        }
        if inner.entries.len() >= self.entries_max {
            inner.clear();
        }
        if !tickets.iter().all(|ticket| inner.slot(ticket).is_some()) {
            return;
        }
        if inner.entries.insert(token.into(), Entry { proven, since: now, reading }).is_none() {
            for ticket in tickets {
                inner.slot(ticket).into_iter().for_each(|slot| slot.tokens.push(token.into()));
            }
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

    /// The newest place of the log was this at that time.
    pub(crate) fn hear(&self, newest: Position, at: Timestamp) {
        let mut inner = self.lock();
        inner.awaited = Some((newest, at));
        inner.settle();
    }

    /// Whether the log has been read up to that.
    pub(crate) fn has_read(&self, newest: Position) -> bool {
        self.lock().read_to >= Some(newest)
    }

    /// Whether the log was not heard for longer than that: an end of a session may have been missed.
    pub(crate) fn is_stale(&self, limit: Duration, now: Timestamp) -> bool {
        self.lock().heard.is_none_or(|heard| now < heard || now >= heard.after(limit))
    }

    /// Takes out what stands on a record that was just changed here; the log will say so a moment later.
    pub(crate) fn forget(&self, table: &str, record: &str) {
        self.lock().take_out(&(Arc::from(table), Arc::from(record)));
    }

    /// Takes out what changes touch. That a record was made is no news to who has read it.
    pub(crate) fn apply(&self, changes: &[Change]) {
        let mut inner = self.lock();
        for change in changes {
            if change.kind != ChangeKind::Create {
                inner.take_out(&(change.table.clone(), change.record.clone()));
            }
            inner.read_to = inner.read_to.max(Some(change.position));
        }
        inner.settle();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // what a panic may have left behind is at worst an entry too few
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn clear(&mut self) {
        self.slots.clear();
        self.entries.clear();
    }

    fn take_out(&mut self, record: &Record) {
        for token in self.slots.remove(record).into_iter().flat_map(|slot| slot.tokens) {
            self.entries.remove(&token);
        }
    }

    fn slot(&mut self, ticket: &Ticket) -> Option<&mut Slot> {
        self.slots.get_mut(&ticket.record).filter(|slot| slot.ticket == ticket.number)
    }

    fn settle(&mut self) {
        if let Some((newest, at)) = self.awaited
            && self.read_to >= Some(newest)
        {
            (self.heard, self.awaited) = (Some(at), None);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use records::Principal;
    use records::core::collection::{Collection, CollectionKind};
    use store::Row;

    use super::*;
    use crate::session::Claims;
    use crate::token::Purpose;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn proven(id: &str) -> Proven {
        let collection = Arc::new(Collection::new("pbc_1", "users", CollectionKind::Auth, Vec::new()));
        let row = Arc::new(Row { id: id.into(), rev: 1, shape: 1, body: "{}".into() });
        let claims = Claims {
            id: id.into(),
            collection_id: "pbc_1".into(),
            purpose: Purpose::Auth,
            refreshable: true,
            iat: 0,
            exp: NOW.0 / 1000 + 30,
            sid: format!("s{id}"),
            renew: 0,
            mark: String::new(),
        };
        let (principal, claims) = (Arc::new(Principal { collection, row }), Arc::new(claims));
        Proven { principal, claims, ends: Timestamp(i64::MAX), start: start() }
    }

    fn start() -> Arc<Start> {
        Arc::new(Start { at: NOW, methods: vec!["password".into()] })
    }

    fn tickets(cache: &Cache, id: &str) -> [Ticket; 2] {
        [cache.ticket("r_pbc_1", id), cache.ticket("r_sessions", &format!("s{id}"))]
    }

    fn keep(cache: &Cache, tickets: &[Ticket; 2], token: &str, id: &str, now: Timestamp) {
        cache.keep(tickets.each_ref(), token, proven(id), 1, now);
    }

    fn change(position: i64, record: &str) -> Change {
        change_of("r_pbc_1", position, record)
    }

    fn change_of(table: &str, position: i64, record: &str) -> Change {
        let (table, write) = (Arc::from(table), Arc::from("w"));
        let (position, kind) = (Position(position), ChangeKind::Update);
        Change { position, epoch: 0, write, table, record: record.into(), kind, at: NOW, row: None }
    }

    /// A cache that follows the log from 5 and holds the token `t` of `a`.
    fn holding() -> Cache {
        let cache = Cache::new(3, Duration::from_secs(10));
        cache.follow(Position(5));
        let tickets = tickets(&cache, "a");
        keep(&cache, &tickets, "t", "a", NOW);
        cache
    }

    fn finds(cache: &Cache, newest: i64, now: Timestamp) -> bool {
        cache.find("t", Position(newest), 1, now).is_some()
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
    fn the_end_of_its_session_takes_a_token_out() {
        let cache = holding();
        cache.apply(&[change_of("r_sessions", 6, "sa")]);
        assert!(!finds(&cache, 6, NOW));
    }

    #[test]
    fn other_keys_prove_anew() {
        let cache = holding();
        assert!(cache.find("t", Position(5), 2, NOW).is_none() && cache.recall("t", 2, NOW).is_none());
        assert!(cache.recall("t", 1, NOW).is_some());
    }

    #[test]
    fn a_session_is_known_until_its_time_or_its_end() {
        let cache = holding();
        let until = NOW.after(Duration::from_secs(600));
        let known = Known { until, ends: Timestamp(i64::MAX), start: start() };
        cache.know(&cache.ticket("r_sessions", "sa"), known.clone());
        let knows = |seconds| cache.known("r_sessions", "sa", NOW.after(Duration::from_secs(seconds)));
        assert_eq!([knows(0), knows(599), knows(600)], [Some(known.clone()), Some(known.clone()), None]);
        let late = cache.ticket("r_sessions", "sa");
        cache.apply(&[change_of("r_sessions", 6, "sa")]);
        cache.know(&late, known);
        assert_eq!(cache.known("r_sessions", "sa", NOW), None);
    }

    #[test]
    fn the_log_is_heard_once_it_is_read_up_to_what_was_the_newest() {
        let (cache, limit) = (holding(), Duration::from_secs(10));
        assert!(cache.is_stale(limit, NOW), "nothing was heard yet");
        cache.hear(Position(6), NOW);
        assert!(cache.is_stale(limit, NOW), "the sixth is not read yet");
        cache.apply(&[change(6, "b")]);
        assert!(!cache.is_stale(limit, NOW.after(Duration::from_secs(9))));
        assert!(cache.is_stale(limit, NOW.after(limit)));
        cache.hear(Position(6), NOW.after(limit));
        assert!(!cache.is_stale(limit, NOW.after(limit)));
    }

    #[test]
    fn what_was_read_before_a_change_is_not_put_in_after_it() {
        let cache = holding();
        cache.apply(&[change(6, "a")]);
        let its = tickets(&cache, "a");
        cache.apply(&[change(7, "a")]);
        keep(&cache, &its, "t", "a", NOW);
        assert!(!finds(&cache, 7, NOW));
        let its = tickets(&cache, "a");
        cache.apply(&[change_of("r_sessions", 8, "sa")]);
        keep(&cache, &its, "t", "a", NOW);
        assert!(!finds(&cache, 8, NOW));
    }

    #[test]
    fn an_entry_ends_by_age_and_by_its_token() {
        let cache = holding();
        assert!(finds(&cache, 5, NOW.after(Duration::from_secs(9))));
        assert!(!finds(&cache, 5, NOW.after(Duration::from_secs(10))));
        let its = tickets(&cache, "a");
        keep(&cache, &its, "t", "a", NOW.after(Duration::from_secs(25)));
        assert!(finds(&cache, 5, NOW.after(Duration::from_secs(29))));
        assert!(!finds(&cache, 5, NOW.after(Duration::from_secs(30))), "the token has expired");
    }

    #[test]
    fn memory_is_bounded() {
        let cache = holding();
        for n in 0..100 {
            let id = n.to_string();
            let its = tickets(&cache, &id);
            keep(&cache, &its, &id, &id, NOW);
            let inner = cache.lock();
            assert!(inner.entries.len() <= 3 && inner.slots.len() <= 6);
        }
    }
}
