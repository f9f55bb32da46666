//! The one face of both: etcd, and its small true likeness in memory.

use std::sync::Arc;
use std::time::Duration;

use crate::config::Config;
use crate::error::Error;
use crate::etcd::{Client, EtcdWatch};
use crate::memory::{Memory, MemoryWatch};
use crate::txn::{Event, Lease, LeaseId, Peer, Read, Snapshot, Status, Txn};

/// What hosts agree in. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Cluster(Back);

#[derive(Clone, Debug)]
enum Back {
    Etcd(Arc<Client>),
    Memory(Memory),
}

impl Cluster {
    /// Through etcd's members. Nothing is connected before something is asked.
    pub fn etcd(config: Config) -> Cluster {
        Cluster(Back::Etcd(Arc::new(Client::new(config))))
    }

    /// In memory, for tests of what stands on it.
    pub fn memory(memory: &Memory) -> Cluster {
        Cluster(Back::Memory(memory.clone()))
    }

    /// The members' client addresses, in the order of [`Cluster::statuses`].
    pub fn members(&self) -> Vec<String> {
        match &self.0 {
            Back::Etcd(client) => client.addresses(),
            Back::Memory(_) => Vec::new(),
        }
    }

    /// A key, as a majority has it now.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn get(&self, key: &str) -> Result<Read, Error> {
        match &self.0 {
            Back::Etcd(client) => client.get(key).await,
            Back::Memory(memory) => memory.get(key),
        }
    }

    /// All keys under a prefix, as a majority has them now.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn range(&self, prefix: &str) -> Result<Snapshot, Error> {
        match &self.0 {
            Back::Etcd(client) => client.range(prefix).await,
            Back::Memory(memory) => memory.range(prefix),
        }
    }

    /// Does a compared transaction; the revision that it made. One whose reply was lost, but whose result is found in place
    /// when it is sent again, counts as done.
    ///
    /// # Errors
    /// [`Error::Refused`] when a compare did not hold, [`Error::LeaseGone`], [`Error::Unavailable`] when it was surely not
    /// done, [`Error::Unknown`] when it may be done, or may be done yet.
    pub async fn txn(&self, txn: &Txn) -> Result<u64, Error> {
        match &self.0 {
            Back::Etcd(client) => client.txn(txn).await,
            Back::Memory(memory) => memory.txn(txn),
        }
    }

    /// A new lease. etcd counts in whole seconds, and has a least (one and a half election timeouts).
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Unknown`]: a lease that nobody knows of ends by itself.
    pub async fn grant(&self, ttl: Duration) -> Result<Lease, Error> {
        match &self.0 {
            Back::Etcd(client) => client.grant(ttl).await,
            Back::Memory(memory) => memory.grant(ttl),
        }
    }

    /// Lets a lease begin anew; how long it lives from when etcd took this. No proof of being leader on old versions of etcd,
    /// which answer so for a while after they were deposed: that is [`Cluster::renew`].
    ///
    /// # Errors
    /// [`Error::LeaseGone`], [`Error::Unavailable`], [`Error::Unknown`].
    pub async fn keep_alive(&self, lease: LeaseId) -> Result<Duration, Error> {
        match &self.0 {
            Back::Etcd(client) => client.keep_alive(lease).await,
            Back::Memory(memory) => memory.keep_alive(lease),
        }
    }

    /// Lets a lease begin anew and, after that, has a majority do `proof` (that the leader key is ours, on this lease). A
    /// deadline counts from **before** this was called.
    ///
    /// # Errors
    /// Those of [`Cluster::txn`] and of [`Cluster::keep_alive`].
    pub async fn renew(&self, lease: LeaseId, proof: &Txn) -> Result<Duration, Error> {
        let ttl = self.keep_alive(lease).await?;
        self.txn(proof).await?;
        Ok(ttl)
    }

    /// How long a lease has still to live.
    ///
    /// # Errors
    /// [`Error::LeaseGone`], [`Error::Unavailable`].
    pub async fn remaining(&self, lease: LeaseId) -> Result<Duration, Error> {
        match &self.0 {
            Back::Etcd(client) => client.remaining(lease).await,
            Back::Memory(memory) => memory.remaining(lease),
        }
    }

    /// Ends a lease and its keys now. One that has ended already counts as ended.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Unknown`].
    pub async fn revoke(&self, lease: LeaseId) -> Result<(), Error> {
        match &self.0 {
            Back::Etcd(client) => client.revoke(lease).await,
            Back::Memory(memory) => memory.revoke(lease),
        }
    }

    /// Follows the keys under a prefix from a revision on (that of a [`Snapshot`], plus one).
    pub fn watch(&self, prefix: &str, from: u64) -> Watch {
        match &self.0 {
            Back::Etcd(client) => {
                Watch(Ear::Etcd(Box::new(EtcdWatch::new(Arc::clone(client), prefix, from))))
            }
            Back::Memory(memory) => Watch(Ear::Memory(memory.watch(prefix, from))),
        }
    }

    /// The members, as a majority knows them.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn peers(&self) -> Result<Vec<Peer>, Error> {
        match &self.0 {
            Back::Etcd(client) => client.peers().await,
            Back::Memory(_) => Ok(Vec::new()),
        }
    }

    /// Has a member join that the others will reach at `peer_address` (`http://10.0.0.21:2380`); what etcd knows it by. It is
    /// then to be started with etcd's `initial-cluster-state` as `existing`. One that joined already stays.
    ///
    /// # Errors
    /// [`Error::Invalid`] when etcd refuses (it wants its members to be well first), [`Error::Unavailable`],
    /// [`Error::Unknown`].
    pub async fn add_peer(&self, peer_address: &str) -> Result<u64, Error> {
        match &self.0 {
            Back::Etcd(client) => client.add_peer(peer_address).await,
            Back::Memory(_) => Ok(0),
        }
    }

    /// Has a member leave ([`Peer::id`]); one that has left already counts as gone.
    ///
    /// # Errors
    /// Those of [`Cluster::add_peer`].
    pub async fn remove_peer(&self, id: u64) -> Result<(), Error> {
        match &self.0 {
            Back::Etcd(client) => client.remove_peer(id).await,
            Back::Memory(_) => Ok(()),
        }
    }

    /// What each configured member says of itself, in their order, or why it says nothing.
    pub async fn statuses(&self) -> Vec<Result<Status, Error>> {
        match &self.0 {
            Back::Etcd(client) => client.statuses().await,
            Back::Memory(_) => Vec::new(),
        }
    }

    /// Makes another member etcd's leader ([`Status::id`]). One that is it already is left so.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Unknown`].
    pub async fn move_leader(&self, to: u64) -> Result<(), Error> {
        match &self.0 {
            Back::Etcd(client) => client.move_leader(to).await,
            Back::Memory(_) => Ok(()),
        }
    }
}

/// What happens to the keys under a prefix.
#[derive(Debug)]
pub struct Watch(Ear);

#[derive(Debug)]
enum Ear {
    Etcd(Box<EtcdWatch>),
    Memory(MemoryWatch),
}

impl Watch {
    /// Waits for the next events; each revision's come together, in order, and none is missed. May be dropped while it
    /// waits. While no member is there it waits: silence is no proof that nothing happened.
    ///
    /// # Errors
    /// [`Error::Compacted`]: too old to go on from.
    pub async fn next(&mut self) -> Result<Vec<Event>, Error> {
        match &mut self.0 {
            Ear::Etcd(watch) => watch.next().await,
            Ear::Memory(watch) => watch.next().await,
        }
    }
}
