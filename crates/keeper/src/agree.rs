//! The steps that are agreed on in the store: each is one transaction that compares what was read when it was decided.

use std::collections::BTreeSet;

use base::time::Clock;
use cluster::layout::{Config, Engine, Handover, History, Leader, Position, Sync};
use cluster::{Cluster, Compare, Entry, Layout, Txn};
use serde::Serialize;

use crate::core::name::{Epoch, Host};
use crate::core::step::Right;
use crate::error::Error;
use crate::lease::Lease;

/// What the store's steps need.
#[derive(Debug)]
pub(crate) struct Agreement {
    pub(crate) cluster: Cluster,
    pub(crate) layout: Layout,
    pub(crate) host: Host,
    /// Where this host's database is reached.
    pub(crate) address: String,
    /// For what people read only.
    pub(crate) clock: Clock,
}

/// Where a reign began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beginning {
    pub(crate) epoch: Epoch,
    pub(crate) position: Position,
    pub(crate) is_rewindable: bool,
}

impl Agreement {
    /// The first reign, in an empty store.
    pub(crate) async fn establish(
        &self,
        lease: &Lease,
        engine: Engine,
        system_id: String,
        at: Position,
    ) -> Result<(), Error> {
        let id = lease.id().ok_or(Error::Doubted)?;
        let config = Config { engine, system_id };
        let txn = Txn::new()
            .when(Compare::absent(self.layout.config()))
            .when(Compare::absent(self.layout.sync()))
            .when(Compare::absent(self.layout.leader()))
            .put(self.layout.config(), text(&config))
            .put(self.layout.sync(), text(&self.alone(1, at)))
            .put_on(self.layout.leader(), text(&self.leader(1)), id)
            .delete(self.layout.pulse());
        self.take(lease, &txn).await
    }

    /// The leader key and the sole right, if nobody leads and who has the right is as it was `read`.
    pub(crate) async fn acquire(
        &self,
        lease: &Lease,
        read: &cluster::View,
        epoch: Epoch,
        at: Position,
    ) -> Result<(), Error> {
        let id = lease.id().ok_or(Error::Doubted)?;
        let txn = Txn::new()
            .when(Compare::absent(self.layout.leader()))
            .when(self.as_read(read)?)
            .put_on(self.layout.leader(), text(&self.leader(epoch)), id)
            .put(self.layout.sync(), text(&self.alone(epoch, at)))
            .delete(self.layout.pulse())
            .delete(self.layout.handover())
            .delete(self.layout.accept());
        self.take(lease, &txn).await
    }

    /// From the answer on the leader key is ours. An answer that did not come is read back by the next look.
    async fn take(&self, lease: &Lease, txn: &Txn) -> Result<(), Error> {
        self.cluster.txn(txn).await?;
        lease.lead();
        Ok(())
    }

    /// Takes the leader key from a host that has left no sign of life since `last`.
    pub(crate) async fn depose(&self, read: &cluster::View, last: &Entry) -> Result<(), Error> {
        let leader = read.leader.as_ref().ok_or_else(|| Error::Moved { what: "nobody leads".to_owned() })?;
        let (key, pulse) = (self.layout.leader(), self.layout.pulse());
        let txn = Txn::new()
            .when(Compare::modified(&key, leader.modified))
            .when(Compare::modified(pulse, last.modified))
            .delete(key)
            .delete(pulse);
        self.cluster.txn(&txn).await?;
        Ok(())
    }

    /// Who may become primary.
    pub(crate) async fn eligible(
        &self,
        lease: &Lease,
        read: &cluster::View,
        hosts: &BTreeSet<Host>,
        position: Position,
    ) -> Result<(), Error> {
        let sync = read.sync.as_ref().ok_or_else(unread)?;
        let eligible = hosts.iter().map(|host| host.as_str().to_owned()).collect();
        let sync = Sync { eligible, position, ..sync.what.clone() };
        let txn =
            Txn::new().when(self.mine(lease)?).when(self.as_read(read)?).put(self.layout.sync(), text(&sync));
        self.cluster.txn(&txn).await?;
        Ok(())
    }

    /// Where the present reign began.
    pub(crate) async fn record(
        &self,
        lease: &Lease,
        beginning: Beginning,
        right: Right,
    ) -> Result<(), Error> {
        let why = match right {
            Right::Eligible => "it had every acknowledged write",
            Right::AcceptedLoss => "a person accepted that writes may be lost",
        };
        let history = History {
            host: self.host.as_str().to_owned(),
            position: beginning.position,
            why: why.to_owned(),
            at: self.clock.now().0,
            is_written_down: beginning.is_rewindable,
        };
        let key = self.layout.history(beginning.epoch);
        self.cluster.txn(&Txn::new().when(self.mine(lease)?).put(key, text(&history))).await?;
        Ok(())
    }

    /// Gives the leader key back.
    pub(crate) async fn release(&self, lease: &Lease) -> Result<(), Error> {
        let txn = Txn::new().when(self.mine(lease)?).delete(self.layout.leader());
        lease.lead_no_more();
        self.cluster.txn(&txn).await?;
        Ok(())
    }

    /// Gives the leader key back, and lets `to` take it once it has come to `position`.
    pub(crate) async fn hand_over(
        &self,
        lease: &Lease,
        read: &cluster::View,
        to: &Host,
        position: Position,
    ) -> Result<(), Error> {
        let mut sync = read.sync.as_ref().ok_or_else(unread)?.what.clone();
        sync.eligible.insert(to.as_str().to_owned());
        sync.position = position;
        let asked = read.handover.as_ref().map_or_else(|| self.clock.now().0, |asked| asked.what.asked);
        let handover = Handover { to: Some(to.as_str().to_owned()), asked, position: Some(position) };
        let txn = Txn::new()
            .when(self.mine(lease)?)
            .when(self.as_read(read)?)
            .delete(self.layout.leader())
            .put(self.layout.sync(), text(&sync))
            .put(self.layout.handover(), text(&handover));
        lease.lead_no_more();
        self.cluster.txn(&txn).await?;
        Ok(())
    }

    /// Takes the word about a planned change away, if it is the one that was read.
    pub(crate) async fn decline(&self, read: &cluster::View) -> Result<(), Error> {
        let Some(handover) = &read.handover else { return Ok(()) };
        let key = self.layout.handover();
        self.cluster.txn(&Txn::new().when(Compare::modified(&key, handover.modified)).delete(key)).await?;
        Ok(())
    }

    /// A person asks for another primary.
    pub(crate) async fn ask(&self, to: Option<&Host>) -> Result<(), Error> {
        let to = to.map(|host| host.as_str().to_owned());
        let handover = Handover { to, asked: self.clock.now().0, position: None };
        let key = self.layout.handover();
        self.cluster.txn(&Txn::new().when(Compare::absent(&key)).put(key, text(&handover))).await?;
        Ok(())
    }

    fn mine(&self, lease: &Lease) -> Result<Compare, Error> {
        Ok(Compare::on_lease(self.layout.leader(), lease.id().ok_or(Error::Doubted)?))
    }

    fn as_read(&self, read: &cluster::View) -> Result<Compare, Error> {
        let sync = read.sync.as_ref().ok_or_else(unread)?;
        Ok(Compare::modified(self.layout.sync(), sync.modified))
    }

    fn leader(&self, epoch: Epoch) -> Leader {
        Leader { host: self.host.as_str().to_owned(), address: self.address.clone(), epoch }
    }

    fn alone(&self, epoch: Epoch, position: Position) -> Sync {
        let me = self.host.as_str().to_owned();
        Sync { epoch, primary: me.clone(), eligible: BTreeSet::from([me]), position }
    }
}

fn unread() -> Error {
    Error::Moved { what: "the store does not say who has every write".to_owned() }
}

fn text(document: &impl Serialize) -> String {
    serde_json::to_string(document).expect("documents are plain data")
}
