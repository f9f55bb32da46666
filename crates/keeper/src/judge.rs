//! Where the store's own leader is, looked at now and then while this host leads: it should not be lost with the primary.

use std::cell::RefCell;
use std::collections::BTreeMap;

use cluster::{Cluster, Peer};
use tokio::time::sleep;

use crate::config::Limits;
use crate::core::name::Site;
use crate::core::view::Judge;
use crate::lease::Lease;

/// What is known of the store's leader.
#[derive(Debug)]
pub(crate) struct Courthouse {
    cluster: Cluster,
    /// The members' addresses, and their sites.
    voters: BTreeMap<String, Site>,
    /// The site of this host.
    here: Option<Site>,
    seen: RefCell<Option<Judge>>,
}

impl Courthouse {
    pub(crate) fn new(cluster: Cluster, voters: BTreeMap<String, Site>, here: Option<Site>) -> Courthouse {
        Courthouse { cluster, voters, here, seen: RefCell::new(None) }
    }

    /// What was seen last.
    pub(crate) fn seen(&self) -> Option<Judge> {
        self.seen.borrow().clone()
    }

    /// It has been moved: what was seen is old.
    pub(crate) fn forget(&self) {
        *self.seen.borrow_mut() = None;
    }

    /// Looks, now and then: run this beside everything else.
    pub(crate) async fn watch(&self, lease: &Lease, limits: Limits) {
        loop {
            if lease.leads() && !self.voters.is_empty() {
                let judge = self.look().await;
                *self.seen.borrow_mut() = judge;
            } else {
                *self.seen.borrow_mut() = None;
            }
            sleep(limits.judge_every).await;
        }
    }

    async fn look(&self) -> Option<Judge> {
        let peers = self.cluster.peers().await.ok()?;
        let statuses: Vec<_> = self.cluster.statuses().await.into_iter().flatten().collect();
        let leader = statuses.iter().map(|status| status.leader).find(|leader| *leader != 0)?;
        let site = self.site(peers.iter().find(|peer| peer.id == leader)?)?;
        // a member that answers now, of another site; the first by name, so that two looks agree
        let mut able: Vec<&Peer> = peers
            .iter()
            .filter(|peer| statuses.iter().any(|status| status.id == peer.id))
            .filter(|peer| self.site(peer).is_some_and(|site| Some(&site) != self.here.as_ref()))
            .collect();
        able.sort_by_key(|peer| (!self.is_apart(peer), peer.name.clone()));
        Some(Judge { site, better: able.first().map(|peer| peer.id) })
    }

    /// Whether the member is alone at its site, as a witness is.
    fn is_apart(&self, peer: &Peer) -> bool {
        let site = self.site(peer);
        self.voters.values().filter(|other| Some(*other) == site.as_ref()).count() == 1
    }

    fn site(&self, peer: &Peer) -> Option<Site> {
        let is_at = |address: &str| peer.addresses.iter().any(|url| host_of(url) == address);
        self.voters.iter().find(|(address, _)| is_at(address)).map(|(_, site)| site.clone())
    }
}

/// The host in `http://10.0.0.21:2379`.
fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.rsplit_once(':').map_or(rest, |(host, _)| host).trim_matches(['[', ']'])
}

#[cfg(test)]
mod tests {
    use super::host_of;

    #[test]
    fn a_member_is_known_by_the_host_in_its_address() {
        assert_eq!(host_of("http://10.0.0.21:2379"), "10.0.0.21");
        assert_eq!(host_of("http://[fd00::21]:2379"), "fd00::21");
    }
}
