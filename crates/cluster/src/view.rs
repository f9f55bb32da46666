//! The view of who is what, kept up to date for those who follow it: web servers, the console, the keeper.
//!
//! A watch says *that* something changed, at once; *what* is so is read whole from a majority, at every change and every
//! while in between. So the view proves its own age, which a silent watch can't.

use std::collections::BTreeMap;
use std::time::Duration;

use base::moment::Moment;
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::cluster::{Cluster, Watch};
use crate::layout::{Accept, Config, Handover, History, Layout, Leader, Member, Mirror, Sync};
use crate::txn::{Entry, LeaseId, Snapshot};

/// A document, and when it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written<T> {
    /// What it says.
    pub what: T,
    /// The revision that wrote it: to be compared when it is changed.
    pub modified: u64,
    /// The lease that it ends with; 0: none.
    pub lease: LeaseId,
}

/// Who is what, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// Which databases belong together.
    pub config: Option<Written<Config>>,
    /// Who is primary, and since which epoch.
    pub leader: Option<Written<Leader>>,
    /// Who may become it.
    pub sync: Option<Written<Sync>>,
    /// How the hosts are, in their own words; those that are gone are not here.
    pub members: BTreeMap<String, Written<Member>>,
    /// How the mirrors are, by name, in the words of those who look after them.
    pub mirrors: BTreeMap<String, Written<Mirror>>,
    /// The reigns so far.
    pub history: BTreeMap<u64, History>,
    /// That a person asked for another primary.
    pub handover: Option<Written<Handover>>,
    /// That a person accepts a loss.
    pub accept: Option<Written<Accept>>,
    /// etcd's revision.
    pub revision: u64,
    /// It was so at this moment, or later; `None`: nothing was heard yet.
    pub proved_at: Option<Moment>,
    /// Keys whose text was not understood.
    pub unread: Vec<String>,
}

impl View {
    /// What a snapshot of a service's keys says; it was asked for at `asked_at`.
    pub fn read(layout: &Layout, snapshot: Snapshot, asked_at: Moment) -> View {
        let mut view = View { revision: snapshot.revision, proved_at: Some(asked_at), ..View::default() };
        for entry in snapshot.entries {
            if !view.take(layout, &entry) {
                view.unread.push(entry.key);
            }
        }
        view
    }

    /// How old it is; `None`: nothing was heard yet.
    pub fn age(&self, now: Moment) -> Option<Duration> {
        self.proved_at.map(|at| now.since(at))
    }

    /// Whether it is younger than `age_max`, so that its primary may still be believed in.
    pub fn is_fresh(&self, now: Moment, age_max: Duration) -> bool {
        self.age(now).is_some_and(|age| age < age_max)
    }

    /// Whether that host leads.
    pub fn is_led_by(&self, host: &str) -> bool {
        self.leader.as_ref().is_some_and(|leader| leader.what.host == host)
    }

    fn take(&mut self, layout: &Layout, entry: &Entry) -> bool {
        let key = entry.key.as_str();
        if let Some(host) = key.strip_prefix(&layout.members()) {
            return parsed(entry).map(|member| self.members.insert(host.to_owned(), member)).is_some();
        }
        if let Some(name) = key.strip_prefix(&layout.mirrors()) {
            return parsed(entry).map(|mirror| self.mirrors.insert(name.to_owned(), mirror)).is_some();
        }
        if let Some(epoch) = key.strip_prefix(&layout.histories()) {
            let (Ok(epoch), Some(history)) = (epoch.parse(), parsed(entry)) else { return false };
            self.history.insert(epoch, history.what);
            return true;
        }
        match key.strip_prefix(layout.prefix()) {
            Some("config") => put(&mut self.config, entry),
            Some("leader") => put(&mut self.leader, entry),
            Some("sync") => put(&mut self.sync, entry),
            Some("handover") => put(&mut self.handover, entry),
            Some("accept") => put(&mut self.accept, entry),
            _ => false,
        }
    }

    /// Whether it says the same as `other`, whenever either was proved.
    fn says_the_same(&self, other: &View) -> bool {
        View { proved_at: None, revision: 0, ..self.clone() }
            == View { proved_at: None, revision: 0, ..other.clone() }
    }
}

fn put<T: DeserializeOwned>(place: &mut Option<Written<T>>, entry: &Entry) -> bool {
    *place = parsed(entry);
    place.is_some()
}

fn parsed<T: DeserializeOwned>(entry: &Entry) -> Option<Written<T>> {
    let what = serde_json::from_str(&entry.value).ok()?;
    Some(Written { what, modified: entry.modified, lease: entry.lease })
}

/// Keeps a view up to date until it is dropped: run this beside what reads the receiver's other end. The view is proved
/// anew each `every`, so that it is older than that only while etcd is not reached.
pub async fn follow(cluster: Cluster, layout: Layout, every: Duration, view: watch::Sender<View>) {
    let mut watch = None;
    loop {
        let asked_at = Moment::now();
        let until = Instant::now() + every;
        match cluster.range(layout.prefix()).await {
            Ok(snapshot) => {
                watch.get_or_insert_with(|| cluster.watch(layout.prefix(), snapshot.revision + 1));
                publish(&view, View::read(&layout, snapshot, asked_at));
            }
            Err(error) => tracing::debug!("the view is not renewed: {error}"),
        }
        tokio::select! {
            is_old = heard(watch.as_mut()) => if is_old {
                // nothing is lost with it: the next look reads all
                watch = None;
            },
            () = sleep_until(until) => {}
        }
    }
}

/// Waits for an event; true when the watch is of no more use.
async fn heard(watch: Option<&mut Watch>) -> bool {
    match watch {
        Some(watch) => watch.next().await.is_err(),
        None => std::future::pending().await,
    }
}

/// Wakes those who wait only where something changed; who looks sees the newest age in any case.
fn publish(view: &watch::Sender<View>, new: View) {
    view.send_if_modified(|old| {
        let is_news = !old.says_the_same(&new);
        *old = new;
        is_news
    });
}
