//! etcd through its JSON gateway, in the versions from 3.4 on: one question, one answer, each with a limit of time.
//!
//! Unary requests over HTTP are easier to bound and to put to another member than a gRPC stream that is tied to one.
//!
//! Invariant: every attempt ends within the configured time, whatever a member does.

mod member;
mod round;
mod watch;
mod wire;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::error::Error;
use crate::txn::{Entry, Lease, LeaseId, Peer, Read, Snapshot, Status, Txn};

use member::Member;
use round::{Round, Verdict};
pub(crate) use watch::EtcdWatch;

/// gRPC's "not found": the lease, of all that we ask for.
const NOT_FOUND: u32 = 5;
/// gRPC's "failed precondition": of a grant, that the lease is there already.
const FAILED_PRECONDITION: u32 = 9;

/// A client of etcd's members.
#[derive(Debug)]
pub(crate) struct Client {
    config: Config,
    members: Vec<Member>,
    /// Who is asked first: the one that answered last.
    preferred: AtomicUsize,
}

impl Client {
    pub(crate) fn new(config: Config) -> Client {
        let tasks = TaskTracker::new();
        let members =
            config.members.iter().map(|address| Member::new(address, &config, tasks.clone())).collect();
        Client { config, members, preferred: AtomicUsize::new(0) }
    }

    /// In the order in which they were named.
    pub(crate) fn addresses(&self) -> Vec<String> {
        self.config.members.clone()
    }

    pub(crate) async fn get(&self, key: &str) -> Result<Read, Error> {
        let range: wire::Range = self.read("/v3/kv/range", &wire::get(key)).await?;
        Ok(Read { revision: range.header.revision, entry: range.entries().pop() })
    }

    pub(crate) async fn range(&self, prefix: &str) -> Result<Snapshot, Error> {
        let range: wire::Range = self.read("/v3/kv/range", &wire::range(prefix)).await?;
        Ok(Snapshot { revision: range.header.revision, entries: range.entries() })
    }

    pub(crate) async fn txn(&self, txn: &Txn) -> Result<u64, Error> {
        let judge = |body: &Bytes| match parsed::<wire::TxnAnswer>(body) {
            Ok(answer) if !answer.succeeded => Verdict::Hear,
            _ => Verdict::Enough,
        };
        let round = self.round("/v3/kv/txn", &body(&wire::txn(txn)), judge).await;
        let Some(answer) = &round.answer else { return Err(failed(round, txn.lease())) };
        let answer: wire::TxnAnswer = parsed(answer)?;
        let revision = answer.header.revision;
        if answer.succeeded {
            return Ok(revision);
        }
        let found = answer.found();
        match round.is_uncertain {
            // the first attempt was done, and the second was refused by what the first had written
            true if txn.is_done(&found) => {
                Ok(found.iter().map(|entry| entry.modified).max().unwrap_or(revision))
            }
            true => Err(unknown(round)),
            false => Err(Error::Refused { found: compared(txn, found), revision }),
        }
    }

    pub(crate) async fn grant(&self, ttl: Duration) -> Result<Lease, Error> {
        // positive: 0 is "none"
        let id = i64::from_le_bytes(base::chance::bytes()).checked_abs().unwrap_or(1).max(1);
        let seconds = ttl.as_secs() + u64::from(ttl.subsec_nanos() > 0);
        let ask = body(&json!({ "ID": id.to_string(), "TTL": seconds.to_string() }));
        let round = self.round("/v3/lease/grant", &ask, |_| Verdict::Enough).await;
        if let Some(answer) = &round.answer {
            return granted(id, parsed(answer)?);
        }
        let is_there_already =
            round.refusal.as_ref().is_some_and(|refusal| refusal.code == FAILED_PRECONDITION);
        if is_there_already {
            // our own first attempt made it
            let answer: wire::LeaseAnswer =
                self.read("/v3/lease/timetolive", &json!({ "ID": id.to_string() })).await?;
            return granted(id, wire::LeaseAnswer { ttl: answer.granted, ..answer });
        }
        Err(failed(round, id))
    }

    pub(crate) async fn keep_alive(&self, lease: LeaseId) -> Result<Duration, Error> {
        let ask = body(&json!({ "ID": lease.to_string() }));
        let round = self.round("/v3/lease/keepalive", &ask, |_| Verdict::Enough).await;
        let Some(answer) = &round.answer else { return Err(failed(round, lease)) };
        let line: wire::Line<wire::LeaseAnswer> = parsed(answer)?;
        if let Some(refusal) = line.error {
            return Err(Error::Unavailable { tried: refusal.text().to_owned() });
        }
        lifetime(lease, line.result)
    }

    pub(crate) async fn remaining(&self, lease: LeaseId) -> Result<Duration, Error> {
        let answer: wire::LeaseAnswer =
            self.read("/v3/lease/timetolive", &json!({ "ID": lease.to_string() })).await?;
        lifetime(lease, Some(answer))
    }

    pub(crate) async fn revoke(&self, lease: LeaseId) -> Result<(), Error> {
        let ask = body(&json!({ "ID": lease.to_string() }));
        let round = self.round("/v3/lease/revoke", &ask, |_| Verdict::Enough).await;
        let is_gone = round.refusal.as_ref().is_some_and(|refusal| refusal.code == NOT_FOUND);
        if round.answer.is_some() || is_gone { Ok(()) } else { Err(failed(round, lease)) }
    }

    pub(crate) async fn peers(&self) -> Result<Vec<Peer>, Error> {
        let answer: wire::MembersAnswer = self.read("/v3/cluster/member/list", &json!({})).await?;
        Ok(answer.peers())
    }

    /// Has a member join that will be reached by the others at `peer_address`; one that has joined already stays. What etcd
    /// knows it by.
    pub(crate) async fn add_peer(&self, peer_address: &str) -> Result<u64, Error> {
        if let Some(peer) = self.peer_at(peer_address).await? {
            return Ok(peer.id);
        }
        let ask = body(&json!({ "peerURLs": [peer_address] }));
        let round = self.round("/v3/cluster/member/add", &ask, |_| Verdict::Enough).await;
        // whatever was answered, and by whomever it was done: this is what counts
        match self.peer_at(peer_address).await? {
            Some(peer) => Ok(peer.id),
            None if round.answer.is_some() => Err(unknown(round)),
            None => Err(failed(round, 0)),
        }
    }

    /// Has a member leave; one that has left already counts as gone.
    pub(crate) async fn remove_peer(&self, id: u64) -> Result<(), Error> {
        let ask = body(&json!({ "ID": id.to_string() }));
        let round = self.round("/v3/cluster/member/remove", &ask, |_| Verdict::Enough).await;
        let is_gone = round.refusal.as_ref().is_some_and(|refusal| refusal.code == NOT_FOUND);
        if round.answer.is_some() || is_gone { Ok(()) } else { Err(failed(round, 0)) }
    }

    async fn peer_at(&self, peer_address: &str) -> Result<Option<Peer>, Error> {
        let is_it = |peer: &Peer| peer.peer_addresses.iter().any(|address| address == peer_address);
        Ok(self.peers().await?.into_iter().find(is_it))
    }

    /// What each configured member says of itself, or why it does not.
    pub(crate) async fn statuses(&self) -> Vec<Result<Status, Error>> {
        let ask = body(&json!({}));
        let one = async |member: &Member| {
            let answer = member.ask("/v3/maintenance/status", &ask).await;
            let told = |what: &str| Error::Unavailable { tried: format!("{}: {what}", member.address()) };
            let answer = answer.map_err(|trouble| told(trouble.text()))?;
            if !answer.is_ok {
                return Err(told(&String::from_utf8_lossy(&answer.body)));
            }
            Ok(parsed::<wire::StatusAnswer>(&answer.body)?.status(member.address()))
        };
        futures_util::future::join_all(self.members.iter().map(one)).await
    }

    /// Has the leader give way to another member. Only the leader takes that order, so it is given to it.
    pub(crate) async fn move_leader(&self, to: u64) -> Result<(), Error> {
        let statuses: Vec<Status> = self.statuses().await.into_iter().filter_map(Result::ok).collect();
        if statuses.iter().any(|status| status.id == status.leader && status.id == to) {
            return Ok(());
        }
        let leader = statuses.iter().find(|status| status.id == status.leader);
        let nobody = || Error::Unavailable { tried: "no member that was reached leads".to_owned() };
        let address = &leader.ok_or_else(nobody)?.address;
        let member = self.members.iter().find(|member| member.address() == address).ok_or_else(nobody)?;
        let ask = body(&json!({ "targetID": to.to_string() }));
        let told = |what: &str| Error::Unknown { tried: format!("{address}: {what}") };
        let answer = member.ask("/v3/maintenance/transfer-leadership", &ask).await;
        let answer = answer.map_err(|trouble| told(trouble.text()))?;
        if answer.is_ok { Ok(()) } else { Err(told(&String::from_utf8_lossy(&answer.body))) }
    }

    /// Something that changes nothing: a failure is always "surely not done".
    async fn read<T: DeserializeOwned>(&self, path: &str, ask: &Value) -> Result<T, Error> {
        let round = self.round(path, &body(ask), |_| Verdict::Enough).await;
        match (&round.answer, &round.refusal) {
            (Some(answer), _) => parsed(answer),
            (None, Some(refusal)) => Err(Error::Invalid { what: refusal.text().to_owned() }),
            (None, None) => Err(Error::Unavailable { tried: round.tried.join("; ") }),
        }
    }

    /// The members in the order in which they are to be asked.
    fn order(&self) -> Vec<usize> {
        let (count, first) = (self.members.len(), self.preferred.load(Ordering::Relaxed));
        (0..count).map(|step| (first + step) % count).collect()
    }

    fn prefer(&self, index: usize) {
        self.preferred.store(index, Ordering::Relaxed);
    }
}

fn body(ask: &Value) -> Bytes {
    Bytes::from(ask.to_string())
}

fn parsed<T: DeserializeOwned>(body: &Bytes) -> Result<T, Error> {
    serde_json::from_slice(body)
        .map_err(|error| Error::Invalid { what: format!("its answer was not read: {error}") })
}

fn granted(id: LeaseId, answer: wire::LeaseAnswer) -> Result<Lease, Error> {
    Ok(Lease { id, ttl: lifetime(id, Some(answer))? })
}

fn lifetime(lease: LeaseId, answer: Option<wire::LeaseAnswer>) -> Result<Duration, Error> {
    let seconds = answer.map_or(0, |answer| answer.ttl);
    match u64::try_from(seconds) {
        Ok(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds)),
        _ => Err(Error::LeaseGone { lease }),
    }
}

/// What a round without an answer means.
fn failed(round: Round, lease: LeaseId) -> Error {
    match &round.refusal {
        _ if round.is_uncertain => unknown(round),
        Some(refusal) if refusal.code == NOT_FOUND => Error::LeaseGone { lease },
        Some(refusal) => Error::Invalid { what: refusal.text().to_owned() },
        None => Error::Unavailable { tried: round.tried.join("; ") },
    }
}

fn unknown(round: Round) -> Error {
    Error::Unknown { tried: round.tried.join("; ") }
}

/// Of what was found, the keys that were compared.
fn compared(txn: &Txn, found: Vec<Entry>) -> Vec<Entry> {
    let is_compared = |entry: &Entry| txn.compares.iter().any(|compare| compare.key() == entry.key);
    found.into_iter().filter(is_compared).collect()
}
