//! The lease of this host: granted, renewed beside everything else, and trusted up to its deadline only.
//!
//! A renewal of a leader's lease proves each time that the leader key is still on it: a store that was deposed may answer a
//! bare renewal with a yes. In the same transaction it leaves a sign of life, so that the others see by their own clocks when
//! nobody here can trust the lease any more.

use std::cell::Cell;
use std::time::Duration;

use base::moment::Moment;
use cluster::{Cluster, Compare, Layout, LeaseId, Txn};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use crate::config::Limits;
use crate::core::deadline::Terms;
use crate::core::view;
use crate::error::Error;
use crate::sentry::Sentry;

/// The longest that a sleep may be wrong by after the machine was suspended: sleeps count on another clock than deadlines.
const SLICE: Duration = Duration::from_millis(50);

/// The lease, as this keeper holds it now.
#[derive(Debug)]
pub(crate) struct Lease {
    cluster: Cluster,
    layout: Layout,
    terms: Terms,
    limits: Limits,
    id: Cell<Option<LeaseId>>,
    deadline: Cell<Option<Moment>>,
    /// Whether the leader key is believed to lie on it.
    leads: Cell<bool>,
    /// Whether the database may be a primary, which its end would have to stop.
    is_at_stake: Cell<bool>,
    sentry: Sentry,
    /// Something about it changed that the keeper should look at.
    pub(crate) changed: Notify,
}

impl Lease {
    pub(crate) fn new(
        cluster: Cluster,
        layout: &Layout,
        terms: Terms,
        limits: Limits,
        sentry: Sentry,
    ) -> Lease {
        Lease {
            cluster,
            layout: layout.clone(),
            terms,
            limits,
            id: Cell::new(None),
            deadline: Cell::new(None),
            leads: Cell::new(false),
            is_at_stake: Cell::new(false),
            sentry,
            changed: Notify::new(),
        }
    }

    /// Its name, if there is one.
    pub(crate) fn id(&self) -> Option<LeaseId> {
        self.id.get()
    }

    /// Whether it is certain now.
    pub(crate) fn standing(&self) -> view::Lease {
        if self.left().is_zero() { view::Lease::Doubted } else { view::Lease::Held }
    }

    /// How long it is certain still.
    pub(crate) fn left(&self) -> Duration {
        self.deadline.get().map_or(Duration::ZERO, Moment::left)
    }

    /// The leader key has just been put on it. As long as no sign of life was left, nobody misses one.
    pub(crate) fn lead(&self) {
        self.leads.set(true);
    }

    /// The leader key is being given back.
    pub(crate) fn lead_no_more(&self) {
        self.leads.set(false);
    }

    /// Whether the leader key was found on it. Where that was not known here, no sign of life was left for a while, and what
    /// was confirmed meanwhile counts no more.
    pub(crate) fn found_leading(&self, leads: bool) {
        if leads && !self.leads.get() {
            self.deadline.set(None);
        }
        self.leads.set(leads);
    }

    /// Whether the leader key is believed to lie on it.
    pub(crate) fn leads(&self) -> bool {
        self.leads.get()
    }

    /// From here on the database may be a primary, or can't be one.
    ///
    /// # Errors
    /// When no guard can be kept beside a primary.
    pub(crate) fn set_at_stake(&self, is_at_stake: bool) -> Result<(), Error> {
        let was_at_stake = self.is_at_stake.replace(is_at_stake);
        match self.deadline.get() {
            Some(deadline) if is_at_stake => self.sentry.hold(deadline)?,
            _ if was_at_stake && !is_at_stake => self.sentry.rest(),
            _ => self.sentry.post()?,
        }
        Ok(())
    }

    /// A renewal is confirmed: the guard is told first, so that it never kills one that is trusted here.
    fn trust_until(&self, deadline: Moment) {
        if self.is_at_stake.get()
            && let Err(error) = self.sentry.hold(deadline)
        {
            tracing::warn!("the guard is not told of a renewal: {}", base::error::chain(&error));
        }
        self.deadline.set(Some(deadline));
    }

    /// Waits until it is not certain any more while the database may be a primary.
    pub(crate) async fn lapsed(&self) {
        loop {
            match self.left() {
                Duration::ZERO if self.is_at_stake.get() => return,
                Duration::ZERO => sleep(SLICE).await,
                left => sleep(left.min(SLICE)).await,
            }
        }
    }

    /// Keeps it: run this beside everything else.
    pub(crate) async fn keep(&self) {
        loop {
            let begun = Moment::now();
            let renewed = self.renew(begun).await;
            let rest = match &renewed {
                Ok(()) => self.limits.renew_every,
                Err(error) => {
                    tracing::debug!("the lease is not renewed: {}", base::error::chain(error));
                    self.limits.renew_again_after
                }
            };
            let rest = begun.after(rest).left().max(self.limits.renew_again_after);
            let spread = async {
                if renewed.is_ok() && self.leads.get() {
                    self.spread_sign_of_life().await;
                }
            };
            let _ = tokio::join!(sleep(rest), timeout(rest, spread));
        }
    }

    /// One renewal that was begun at `sent`, or a new lease.
    async fn renew(&self, sent: Moment) -> Result<(), cluster::Error> {
        let Some(id) = self.id.get() else { return self.grant(sent).await };
        let leads = self.leads.get();
        let proof = if leads { self.sign_of_life(id, sent) } else { Txn::new() };
        match self.cluster.renew(id, &proof).await {
            // one without a sign of life is none of a leader
            Ok(_) if self.leads.get() && !leads => Ok(()),
            Ok(ttl) => {
                self.trust_until(self.terms.deadline(sent, ttl));
                Ok(())
            }
            Err(error @ cluster::Error::Refused { .. }) => {
                // the lease lives, but leads no more: whether that is so is read anew
                self.leads.set(false);
                self.changed.notify_one();
                Err(error)
            }
            Err(error @ cluster::Error::LeaseGone { .. }) => {
                self.id.set(None);
                self.deadline.set(None);
                self.leads.set(false);
                self.changed.notify_one();
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Left only where the leader key is on it still; no two are the same.
    fn sign_of_life(&self, id: LeaseId, sent: Moment) -> Txn {
        let text = format!("{id} {}", sent.since_start().as_micros());
        Txn::new().when(Compare::on_lease(self.layout.leader(), id)).put_on(self.layout.pulse(), text, id)
    }

    /// Has all of the store know at once that the last one is settled: with a read, its leader tells them. Else they would learn
    /// it a heartbeat later or, if that leader is lost before, from the next one; and who looks for signs would count from then.
    async fn spread_sign_of_life(&self) {
        if let Err(error) = self.cluster.get(self.layout.pulse()).await {
            tracing::debug!("the sign of life is spread later: {}", base::error::chain(&error));
        }
    }

    async fn grant(&self, sent: Moment) -> Result<(), cluster::Error> {
        let lease = self.cluster.grant(self.terms.ttl).await?;
        self.id.set(Some(lease.id));
        self.sentry.tell(lease.id);
        self.trust_until(self.terms.deadline(sent, lease.ttl));
        self.changed.notify_one();
        Ok(())
    }

    /// Gives it back, with all that lies on it.
    pub(crate) async fn revoke(&self) {
        self.deadline.set(None);
        if let Some(id) = self.id.take()
            && let Err(error) = self.cluster.revoke(id).await
        {
            tracing::debug!("the lease is left to end by itself: {}", base::error::chain(&error));
        }
    }
}
