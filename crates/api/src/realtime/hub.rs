//! The hub: one task that follows the change log and tells the listeners.

use std::sync::Arc;
use std::time::Duration;

use base::error::chain;
use bytes::Bytes;
use records::core::catalog::Catalog;
use records::core::collection::Collection;
use records::{Authenticate, Moment, Principal, Records};
use store::{Change, ChangeKind, Position};
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use web::Problem;

use crate::config::Config;
use crate::realtime::listener::{self, Events};
use crate::realtime::registry::{Refusal, Registry, Tally};
use crate::realtime::share::Share;
use crate::realtime::topic::Topic;
use crate::realtime::{no_client, no_place, replay};

/// The listeners, and what they are told from. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Hub {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) config: Config,
    pub(super) records: Records,
    pub(super) registry: Arc<Registry>,
    pub(super) replays: Semaphore,
    authenticate: Arc<dyn Authenticate>,
    /// Told when tokens may have become void.
    doubt: Notify,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// Pause after the change log could not be read.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Time between two looks at whether the collections have changed, and with them the keys of tokens.
const LOOK_EVERY: Duration = Duration::from_secs(1);

impl Hub {
    pub(crate) fn new(config: Config, records: Records, authenticate: Arc<dyn Authenticate>) -> Hub {
        let registry = Arc::new(Registry::new(records.store().position()));
        let replays = Semaphore::new(config.replays_at_once_max.clamp(1, Semaphore::MAX_PERMITS));
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let doubt = Notify::new();
        Hub {
            inner: Arc::new(Inner { config, records, registry, replays, authenticate, doubt, tasks, stop }),
        }
    }

    /// How many listen.
    pub(crate) fn listeners(&self) -> usize {
        self.inner.registry.count()
    }

    /// What has been counted.
    pub(crate) fn tally(&self) -> &Tally {
        &self.inner.registry.tally
    }

    /// Takes in a client that has connected.
    pub(crate) fn open(&self, id: &str, since: Option<Position>) -> Result<Events, Problem> {
        let Inner { config, registry, .. } = &*self.inner;
        let (listener, events) = listener::open(id, config, registry.clone());
        if !registry.open(listener.clone(), since, config.listeners_max) {
            return Err(no_place());
        }
        let hello = format!("retry:1000\nid:{id}\nevent:PB_CONNECT\ndata:{{\"clientId\":\"{id}\"}}\n\n");
        listener.push(Bytes::from(hello));
        Ok(events)
    }

    /// Sets what a client listens to, and who it is. What it did not listen to before it hears of from `now` on.
    pub(super) fn subscribe(
        &self,
        id: &str,
        auth: Option<Arc<Principal>>,
        token: Option<&str>,
        topics: Vec<Topic>,
        now: Position,
    ) -> Result<(), Problem> {
        let behind =
            self.inner.registry.subscribe(id, auth, token, topics, now).map_err(|refusal| match refusal {
                Refusal::Unknown => no_client(),
                Refusal::OtherAccount => {
                    Problem::forbidden("The current and the previous request authorization don't match.")
                }
            })?;
        if let Some((listener, since)) = behind {
            let (inner, stop) = (self.inner.clone(), self.inner.stop.clone());
            self.inner.tasks.spawn(async move {
                stop.run_until_cancelled(replay::run(&inner, &listener, since)).await;
            });
        }
        Ok(())
    }

    /// Tells one client something under a topic that it waits for, once; false when it does not wait. The event has no id:
    /// it is in no log, and nobody can ask for it again.
    pub(crate) fn tell(&self, client: &str, topic: &str, what: &serde_json::Value) -> bool {
        self.inner.registry.tell(client, topic, Bytes::from(format!("event:{topic}\ndata:{what}\n\n")))
    }

    /// Looks at the listeners' tokens again, soon.
    pub(crate) fn look_again(&self) {
        self.inner.doubt.notify_one();
    }

    /// Tells listeners what happens until `stop` is cancelled or the store is closed; then ends their connections.
    pub(crate) async fn run(&self, stop: CancellationToken) {
        let inner = &*self.inner;
        tokio::select! {
            () = stop.cancelled() => {}
            () = inner.follow() => {}
            () = inner.recheck() => {}
        }
        inner.registry.stop();
        inner.stop.cancel();
        inner.tasks.close();
        inner.tasks.wait().await;
    }
}

impl Inner {
    /// Follows the change log for as long as there is one.
    async fn follow(&self) {
        let mut tail = self.records.store().tail(self.registry.taken());
        loop {
            match tail.next().await {
                Ok(changes) => self.tell(&changes).await,
                // the store is closed
                Err(store::Error::Busy) => return,
                Err(store::Error::Gone) => {
                    tracing::warn!(
                        "realtime events were lost: the change log was trimmed before they were read"
                    );
                    let now = self.records.store().position();
                    self.registry.pass(now);
                    tail = self.records.store().tail(now);
                }
                Err(error) => {
                    tracing::error!(cause = chain(&error), "can't read the change log");
                    tokio::time::sleep(RETRY_AFTER).await;
                }
            }
        }
    }

    async fn tell(&self, changes: &[Change]) {
        for change in changes {
            let catalog = self.records.catalog();
            match find(&catalog, change) {
                Some(collection) => self.tell_one(change, collection).await,
                None => {
                    // perhaps a change of collections: what follows is told by their new rules
                    if let Err(error) = self.records.keep_up().await {
                        tracing::warn!(cause = chain(&error), "the collections can't be read anew");
                    }
                    self.registry.pass(change.position);
                }
            }
        }
    }

    async fn tell_one(&self, change: &Change, collection: &Arc<Collection>) {
        if collection.is_auth() {
            self.account_changed(change, collection);
        }
        let deliveries = self.registry.take(change, collection);
        let Some(mut share) =
            Share::new(&self.records, collection, change).filter(|_| !deliveries.is_empty())
        else {
            return;
        };
        for delivery in &deliveries {
            if let Some(event) = share.event(delivery).await {
                delivery.listener.push(event);
            }
        }
    }

    /// A listener whose account is deleted, or whose account's tokens are void by a new token key, is a guest from now on.
    fn account_changed(&self, change: &Change, collection: &Arc<Collection>) {
        if change.kind == ChangeKind::Create {
            return;
        }
        self.registry.account_changed(collection, &change.record, |before| {
            let row = change.row.as_ref().filter(|_| change.kind == ChangeKind::Update)?;
            let key = |row| self.records.values(collection, row).0.get("tokenKey").cloned();
            let is_valid = key(row) == key(&before.row);
            is_valid.then(|| Arc::new(Principal { collection: collection.clone(), row: row.clone() }))
        });
    }

    /// Looks now and then whether the listeners' tokens are still valid; soon when the collections change, at once when
    /// sessions have ended.
    async fn recheck(&self) {
        let (mut catalog, mut checked) = (self.records.catalog(), Instant::now());
        loop {
            let pause = tokio::time::sleep(LOOK_EVERY.min(self.config.recheck_every.0));
            let is_told = tokio::select! {
                () = pause => false,
                () = self.doubt.notified() => true,
            };
            let now = self.records.catalog();
            if !is_told && Arc::ptr_eq(&catalog, &now) && checked.elapsed() < self.config.recheck_every.0 {
                continue;
            }
            (catalog, checked) = (now, Instant::now());
            for bearer in self.registry.bearers() {
                match self.authenticate.principal(&bearer.token, Moment::default()).await {
                    Ok(auth) => self.registry.recognise(&bearer, auth),
                    Err(error) => tracing::warn!(cause = chain(&error), "can't look at a listener's token"),
                }
            }
        }
    }
}

/// The collection whose table a change is about.
pub(super) fn find<'a>(catalog: &'a Catalog, change: &Change) -> Option<&'a Arc<Collection>> {
    catalog.find(change.table.strip_prefix("r_")?)
}
