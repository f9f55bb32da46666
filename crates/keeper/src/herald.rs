//! What this host says of itself in the store, kept up to date on its lease.

use std::cell::RefCell;

use base::moment::Moment;
use cluster::layout::Member;
use cluster::{Cluster, Compare, Entry, Layout, Txn};
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::config::Limits;
use crate::core::name::Host;
use crate::error::Error;
use crate::lease::Lease;

/// Tells the others how this host is.
#[derive(Debug)]
pub(crate) struct Herald {
    cluster: Cluster,
    key: String,
    member: RefCell<Option<Member>>,
    news: Notify,
}

impl Herald {
    pub(crate) fn new(cluster: Cluster, layout: &Layout, host: &Host) -> Herald {
        Herald { cluster, key: layout.member(host.as_str()), member: RefCell::new(None), news: Notify::new() }
    }

    /// From here on the others are to know this.
    pub(crate) fn tell(&self, member: Member) {
        if self.member.borrow().as_ref() != Some(&member) {
            *self.member.borrow_mut() = Some(member);
            self.news.notify_one();
        }
    }

    /// From here on the others are to know what this host is busy with.
    pub(crate) fn tell_work(&self, work: Option<String>) {
        let member = self.member.borrow().clone();
        if let Some(member) = member {
            self.tell(Member { work, ..member });
        }
    }

    /// Tells it: run this beside everything else.
    pub(crate) async fn run(&self, lease: &Lease, limits: Limits) {
        let mut told = None;
        loop {
            let begun = Moment::now();
            let news = (lease.id(), self.member.borrow().clone());
            if let (Some(id), Some(member)) = &news
                && told.as_ref() != Some(&news)
            {
                match self.put(*id, member).await {
                    Ok(()) => told = Some(news),
                    Err(error) => tracing::debug!("the others are not told: {}", base::error::chain(&error)),
                }
            }
            // a lease that is new makes all news
            tokio::select! {
                () = self.news.notified() => {}
                () = sleep(limits.renew_every) => {}
            }
            sleep(begun.after(limits.renew_again_after).left()).await;
        }
    }

    /// Puts it, where nothing is or where our own is; never over another keeper's.
    async fn put(&self, lease: i64, member: &Member) -> Result<(), cluster::Error> {
        let text = serde_json::to_string(member).expect("a member is plain data");
        let ours = Compare::on_lease(&self.key, lease);
        let put = |compare| Txn::new().when(compare).put_on(&self.key, text.clone(), lease);
        match self.cluster.txn(&put(ours)).await {
            Err(cluster::Error::Refused { found, .. }) if found.is_empty() => {
                self.cluster.txn(&put(Compare::absent(&self.key))).await.map(drop)
            }
            done => done.map(drop),
        }
    }

    /// Waits until no earlier or other keeper of this name lives. An earlier one's lease ends; another's does not.
    ///
    /// # Errors
    /// [`Error::Duplicate`].
    pub(crate) async fn wait_alone(&self, host: &Host, limits: Limits) -> Result<(), Error> {
        let end = Moment::now().after(limits.former_time_max);
        let mut seen: Option<Entry> = None;
        loop {
            match self.cluster.get(&self.key).await {
                Ok(read) if read.entry.is_none() => return Ok(()),
                Ok(read) => seen = read.entry,
                Err(error) => tracing::debug!("not known yet whether {host} is alone: {error}"),
            }
            if end.left().is_zero() && seen.is_some() {
                return Err(Error::Duplicate { host: host.clone() });
            }
            sleep(limits.renew_every).await;
        }
    }
}
