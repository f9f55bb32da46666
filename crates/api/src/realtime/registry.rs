//! Who listens to what.
//!
//! Invariant: everything here is changed under one lock, held for no longer than a look-up; a change is *taken* under it,
//! so that for every listener it is plain whether that change reached it live or has to be replayed.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use records::Principal;
use records::core::collection::Collection;
use store::{Change, Position};

use crate::realtime::listener::Listener;
use crate::realtime::topic::{Options, Topic};

/// All listeners of this process.
pub(super) struct Registry {
    state: Mutex<State>,
    pub(super) tally: Arc<Tally>,
}

/// What has been counted since the program began.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Events handed to listeners' connections.
    pub(crate) events: AtomicU64,
    /// Listeners let go of because they could not keep up.
    pub(crate) let_go: AtomicU64,
}

struct State {
    is_stopped: bool,
    taken: Position,
    listeners: HashMap<Arc<str>, Entry>,
    /// By path: `posts/*`, `posts/ID`.
    subscriptions: HashMap<String, Vec<Subscription>>,
}

struct Entry {
    listener: Arc<Listener>,
    auth: Option<Arc<Principal>>,
    token: Option<Arc<str>>,
    phase: Phase,
    paths: Vec<String>,
}

/// How far a listener is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Connected; what it missed after that position waits for its subscriptions.
    Fresh(Option<Position>),
    /// What it missed is being replayed.
    Replaying,
    /// Hears what is taken after that position.
    Live(Position),
}

struct Subscription {
    listener: Arc<str>,
    topic: Topic,
    /// Changes up to that position are not for it.
    after: Position,
}

/// One event for one listener, before it is decided whether the listener may have it.
pub(super) struct Delivery {
    pub(super) listener: Arc<Listener>,
    pub(super) auth: Option<Arc<Principal>>,
    pub(super) topic: Arc<str>,
    pub(super) is_wide: bool,
    pub(super) options: Arc<Options>,
}

/// A listener whose token is to be looked at again.
pub(super) struct Bearer {
    pub(super) id: Arc<str>,
    pub(super) token: Arc<str>,
}

/// Why a client can't have its subscriptions.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Unknown,
    OtherAccount,
}

impl Registry {
    pub(super) fn new(taken: Position) -> Registry {
        let state =
            State { is_stopped: false, taken, listeners: HashMap::new(), subscriptions: HashMap::new() };
        Registry { state: Mutex::new(state), tally: Arc::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics while holding it")
    }

    pub(super) fn count(&self) -> usize {
        self.state().listeners.len()
    }

    /// Takes a listener in; false when there is no place.
    pub(super) fn open(
        &self,
        listener: Arc<Listener>,
        since: Option<Position>,
        listeners_max: usize,
    ) -> bool {
        let mut state = self.state();
        if state.is_stopped || state.listeners.len() >= listeners_max {
            return false;
        }
        let id = listener.id.clone();
        let entry =
            Entry { listener, auth: None, token: None, phase: Phase::Fresh(since), paths: Vec::new() };
        state.listeners.insert(id, entry);
        true
    }

    pub(super) fn close(&self, id: &str) {
        let mut state = self.state();
        state.unsubscribe(id);
        state.listeners.remove(id);
    }

    /// Ends all connections and takes no more.
    pub(super) fn stop(&self) {
        let mut state = self.state();
        state.is_stopped = true;
        for entry in state.listeners.values() {
            entry.listener.end();
        }
    }

    pub(super) fn has_subscriptions(&self, id: &str) -> bool {
        self.state().listeners.get(id).is_some_and(|entry| !entry.paths.is_empty())
    }

    /// Replaces a listener's subscriptions and says who it is. What it did not listen to before it hears of from `now` on:
    /// changes that were committed until then may not have been taken yet. Gives the position after which it is to be
    /// replayed to.
    pub(super) fn subscribe(
        &self,
        id: &str,
        auth: Option<Arc<Principal>>,
        token: Option<&str>,
        topics: Vec<Topic>,
        now: Position,
    ) -> Result<Option<(Arc<Listener>, Position)>, Refusal> {
        let mut state = self.state();
        let entry = state.listeners.get(id).ok_or(Refusal::Unknown)?;
        // a guest may become somebody, but nobody becomes somebody else
        if entry.auth.is_some() && !crate::caller::is_same(entry.auth.as_deref(), auth.as_deref()) {
            return Err(Refusal::OtherAccount);
        }
        let former = state.unsubscribe(id);
        let State { listeners, subscriptions, .. } = &mut *state;
        let entry = listeners.get_mut(id).ok_or(Refusal::Unknown)?;
        (entry.auth, entry.token) = (auth, token.map(Arc::from));
        // a position that is not there yet is from another log: it is told to begin anew
        let missed = if let Phase::Fresh(since) = entry.phase { since.map(|at| at.min(now)) } else { None };
        for topic in topics {
            entry.paths.push(topic.path.clone());
            let after = former.get(&topic.name).copied().or(missed).unwrap_or(now);
            let subscription = Subscription { listener: entry.listener.id.clone(), topic, after };
            subscriptions.entry(subscription.topic.path.clone()).or_default().push(subscription);
        }
        match (entry.phase, entry.paths.is_empty()) {
            (Phase::Fresh(Some(since)), false) => {
                entry.phase = Phase::Replaying;
                Ok(Some((entry.listener.clone(), since)))
            }
            (Phase::Fresh(None), false) => {
                entry.phase = Phase::Live(Position(0));
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    /// Takes a change: whoever is live may get it now.
    pub(super) fn take(&self, change: &Change, collection: &Collection) -> Vec<Delivery> {
        let mut state = self.state();
        state.taken = change.position;
        let is_due = |entry: &Entry| matches!(entry.phase, Phase::Live(after) if change.position > after);
        state.deliveries(change, collection, is_due)
    }

    /// Notes that a change is taken that nobody is told of.
    pub(super) fn pass(&self, position: Position) {
        self.state().taken = position;
    }

    pub(super) fn taken(&self) -> Position {
        self.state().taken
    }

    /// What a change means for one listener that is being replayed to.
    pub(super) fn replayed(&self, id: &str, change: &Change, collection: &Collection) -> Vec<Delivery> {
        self.state().deliveries(change, collection, |entry| &*entry.listener.id == id)
    }

    /// Lets a listener go live if it has been replayed to up to the last change taken; else it must be told more.
    pub(super) fn go_live(&self, id: &str, told: Position) -> bool {
        let mut state = self.state();
        let taken = state.taken;
        if told < taken {
            return false;
        }
        if let Some(entry) = state.listeners.get_mut(id) {
            entry.phase = Phase::Live(told);
        }
        true
    }

    /// Lets a listener go live after a position, whatever it missed; `event` tells it so, before anything that follows.
    pub(super) fn go_live_anew(&self, id: &str, after: Position, event: Bytes) {
        if let Some(entry) = self.state().listeners.get_mut(id) {
            entry.listener.push(event);
            entry.phase = Phase::Live(after);
        }
    }

    /// Hands an event to one listener under a topic that is no collection's, if it waits for it: once, it waits no longer then.
    pub(super) fn tell(&self, id: &str, topic: &str, event: Bytes) -> bool {
        let mut state = self.state();
        let Some(entry) = state.listeners.get(id) else { return false };
        let listener = entry.listener.clone();
        let path = entry.paths.iter().find(|path| path.strip_suffix("/*") == Some(topic)).cloned();
        let Some(list) = path.and_then(|path| state.subscriptions.get_mut(&path)) else { return false };
        let before = list.len();
        list.retain(|subscription| *subscription.listener != *id || *subscription.topic.name != *topic);
        if list.len() == before {
            return false;
        }
        listener.push(event);
        true
    }

    /// Listeners that have signed in.
    pub(super) fn bearers(&self) -> Vec<Bearer> {
        let state = self.state();
        let bearer =
            |entry: &Entry| Some(Bearer { id: entry.listener.id.clone(), token: entry.token.clone()? });
        state.listeners.values().filter_map(bearer).collect()
    }

    /// Says anew who the bearer of a token is; nobody, when the token is no longer valid.
    pub(super) fn recognise(&self, bearer: &Bearer, auth: Option<Arc<Principal>>) {
        let mut state = self.state();
        if let Some(entry) = state.listeners.get_mut(&bearer.id)
            && entry.token.as_deref() == Some(&*bearer.token)
        {
            entry.set_auth(auth);
        }
    }

    /// An account has changed: `judge` says for each of its listeners' principals who they are from now on.
    pub(super) fn account_changed(
        &self,
        collection: &Collection,
        record: &str,
        judge: impl Fn(&Principal) -> Option<Arc<Principal>>,
    ) {
        for entry in self.state().listeners.values_mut() {
            let is_it = |auth: &&Arc<Principal>| auth.row.id == record && auth.collection.id == collection.id;
            if let Some(auth) = entry.auth.as_ref().filter(is_it) {
                let auth = judge(auth);
                entry.set_auth(auth);
            }
        }
    }
}

impl Entry {
    fn set_auth(&mut self, auth: Option<Arc<Principal>>) {
        if auth.is_none() {
            self.token = None;
        }
        self.auth = auth;
    }
}

impl State {
    /// Ends a listener's subscriptions; tells which there were, and after which position each heard.
    fn unsubscribe(&mut self, id: &str) -> HashMap<Arc<str>, Position> {
        let mut former = HashMap::new();
        let Some(entry) = self.listeners.get_mut(id) else { return former };
        for path in std::mem::take(&mut entry.paths) {
            if let Some(list) = self.subscriptions.get_mut(&path) {
                let its = list.extract_if(.., |subscription| &*subscription.listener == id);
                former.extend(its.map(|subscription| (subscription.topic.name, subscription.after)));
                if list.is_empty() {
                    self.subscriptions.remove(&path);
                }
            }
        }
        former
    }

    /// Topics name a collection by its name or its id, and one record of it or all.
    fn deliveries(
        &self,
        change: &Change,
        collection: &Collection,
        is_due: impl Fn(&Entry) -> bool,
    ) -> Vec<Delivery> {
        let mut deliveries = Vec::new();
        if self.subscriptions.is_empty() {
            return deliveries;
        }
        let mut words = vec![&collection.name, &collection.id];
        words.dedup();
        for word in words {
            for what in ["*", &*change.record] {
                let Some(list) = self.subscriptions.get(&format!("{word}/{what}")) else { continue };
                for Subscription { listener, topic, .. } in list.iter().filter(|s| change.position > s.after)
                {
                    let Some(entry) = self.listeners.get(listener).filter(|entry| is_due(entry)) else {
                        continue;
                    };
                    deliveries.push(Delivery {
                        listener: entry.listener.clone(),
                        auth: entry.auth.clone(),
                        topic: topic.name.clone(),
                        is_wide: topic.is_wide,
                        options: topic.options.clone(),
                    });
                }
            }
        }
        deliveries
    }
}

#[cfg(test)]
mod tests {
    use records::core::collection::CollectionKind;
    use store::ChangeKind;

    use super::*;
    use crate::config::Config;
    use crate::realtime::listener;

    fn change(at: i64, table: &str) -> Change {
        Change {
            position: Position(at),
            epoch: 1,
            write: "write".into(),
            table: table.into(),
            record: "record".into(),
            kind: ChangeKind::Create,
            at: base::time::Timestamp(0),
            row: None,
        }
    }

    #[tokio::test]
    async fn a_topic_is_heard_of_from_the_moment_on_in_which_it_was_named_first() {
        let registry = Arc::new(Registry::new(Position(3)));
        let (listener, _events) = listener::open("ear", &Config::default(), registry.clone());
        assert!(registry.open(listener, None, 1));
        let posts = Collection::new("posts", "posts", CollectionKind::Base, Vec::new());
        let notes = Collection::new("notes", "notes", CollectionKind::Base, Vec::new());
        let heard = |at, of: &Collection| registry.take(&change(at, of.table().as_str()), of).len();
        let subscribe = |topics: &[&str], now| {
            let topics = topics.iter().map(|topic| Topic::parse(topic).expect("a topic")).collect();
            assert!(registry.subscribe("ear", None, None, topics, Position(now)).is_ok());
        };
        subscribe(&["posts/*"], 5);
        assert_eq!((heard(5, &posts), heard(6, &posts)), (0, 1));
        subscribe(&["posts/*", "notes/*"], 8);
        assert_eq!((heard(7, &posts), heard(8, &notes), heard(9, &notes)), (1, 0, 1));
        subscribe(&["notes/*"], 12);
        subscribe(&["posts/*", "notes/*"], 12);
        assert_eq!((heard(12, &posts), heard(12, &notes), heard(13, &posts)), (0, 1, 1));
    }
}
