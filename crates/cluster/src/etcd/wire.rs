//! Questions and answers as JSON, as etcd's gateway speaks it: keys and values in base64, 64-bit numbers as texts, what is
//! zero left out (etcd, "Why gRPC gateway").

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use crate::txn::{Compare, Entry, Event, LeaseId, Op, Peer, Status, Txn};

pub(super) fn get(key: &str) -> Value {
    json!({ "key": encoded(key) })
}

pub(super) fn range(prefix: &str) -> Value {
    json!({ "key": encoded(prefix), "range_end": STANDARD.encode(end_of(prefix)), "sort_target": "KEY",
        "sort_order": "ASCEND" })
}

pub(super) fn watch(prefix: &str, from: u64) -> Value {
    json!({ "create_request": { "key": encoded(prefix), "range_end": STANDARD.encode(end_of(prefix)),
        "start_revision": from.to_string(), "progress_notify": true } })
}

pub(super) fn txn(txn: &Txn) -> Value {
    let compares: Vec<Value> = txn.compares.iter().map(compare).collect();
    let ops: Vec<Value> = txn.ops.iter().map(op).collect();
    let reads: Vec<Value> = txn.keys().into_iter().map(|key| json!({ "request_range": get(key) })).collect();
    json!({ "compare": compares, "success": ops, "failure": reads })
}

fn compare(compare: &Compare) -> Value {
    let key = encoded(compare.key());
    match compare {
        Compare::Absent { .. } => {
            json!({ "key": key, "target": "CREATE", "result": "EQUAL", "create_revision": "0" })
        }
        Compare::Modified { revision, .. } => {
            json!({ "key": key, "target": "MOD", "result": "EQUAL", "mod_revision": revision.to_string() })
        }
        Compare::Value { value, .. } => {
            json!({ "key": key, "target": "VALUE", "result": "EQUAL", "value": encoded(value) })
        }
        Compare::OnLease { lease, .. } => {
            json!({ "key": key, "target": "LEASE", "result": "EQUAL", "lease": lease.to_string() })
        }
    }
}

fn op(op: &Op) -> Value {
    match op {
        Op::Put { key, value, lease } => json!({ "request_put":
            { "key": encoded(key), "value": encoded(value), "lease": lease.to_string() } }),
        Op::Delete { key } => json!({ "request_delete_range": get(key) }),
    }
}

fn encoded(text: &str) -> String {
    STANDARD.encode(text)
}

fn decoded(text: &str) -> String {
    String::from_utf8_lossy(&STANDARD.decode(text).unwrap_or_default()).into_owned()
}

/// The first key that no longer begins with `prefix`: its last byte, one higher. (No key of ours ends in 0xFF.)
fn end_of(prefix: &str) -> Vec<u8> {
    let mut end = prefix.as_bytes().to_vec();
    if let Some(last) = end.last_mut() {
        *last = last.saturating_add(1);
    }
    end
}

/// A number that may be written as a text.
fn number<'de, D: Deserializer<'de>, T: std::str::FromStr + Default>(deserializer: D) -> Result<T, D::Error> {
    let text = match Value::deserialize(deserializer)? {
        Value::String(text) => text,
        Value::Null => return Ok(T::default()),
        other => other.to_string(),
    };
    text.parse()
        .map_err(|_| serde::de::Error::custom(format!("`{text}` is not the number that was expected")))
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Header {
    #[serde(default, deserialize_with = "number")]
    pub(super) revision: u64,
    #[serde(default, deserialize_with = "number")]
    pub(super) member_id: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Kv {
    #[serde(default)]
    key: String,
    #[serde(default)]
    value: String,
    #[serde(default, deserialize_with = "number")]
    create_revision: u64,
    #[serde(default, deserialize_with = "number")]
    mod_revision: u64,
    #[serde(default, deserialize_with = "number")]
    lease: LeaseId,
}

impl Kv {
    pub(super) fn entry(self) -> Entry {
        let (created, modified, lease) = (self.create_revision, self.mod_revision, self.lease);
        Entry { key: decoded(&self.key), value: decoded(&self.value), created, modified, lease }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Range {
    #[serde(default)]
    pub(super) header: Header,
    #[serde(default)]
    kvs: Vec<Kv>,
}

impl Range {
    pub(super) fn entries(self) -> Vec<Entry> {
        self.kvs.into_iter().map(Kv::entry).collect()
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct TxnAnswer {
    #[serde(default)]
    pub(super) header: Header,
    #[serde(default)]
    pub(super) succeeded: bool,
    #[serde(default)]
    responses: Vec<TxnPart>,
}

#[derive(Debug, Deserialize)]
struct TxnPart {
    #[serde(default)]
    response_range: Option<Range>,
}

impl TxnAnswer {
    /// What the keys of a refused transaction hold.
    pub(super) fn found(self) -> Vec<Entry> {
        self.responses.into_iter().filter_map(|part| part.response_range).flat_map(Range::entries).collect()
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct LeaseAnswer {
    /// Seconds; 0 or less: there is no such lease.
    #[serde(default, rename = "TTL", deserialize_with = "number")]
    pub(super) ttl: i64,
    /// Seconds that it was granted; told where what is left is told.
    #[serde(default, rename = "grantedTTL", deserialize_with = "number")]
    pub(super) granted: i64,
}

/// What a stream's line holds.
#[derive(Debug, Deserialize)]
pub(super) struct Line<T> {
    pub(super) result: Option<T>,
    pub(super) error: Option<Refusal>,
}

/// Why a request was refused.
#[derive(Debug, Deserialize)]
pub(super) struct Refusal {
    /// gRPC's code.
    #[serde(default, alias = "grpc_code")]
    pub(super) code: u32,
    #[serde(default)]
    message: String,
    #[serde(default)]
    error: Option<String>,
}

impl Refusal {
    /// One that is not written as etcd writes them: gRPC's "unknown".
    pub(super) fn unread(text: &str) -> Refusal {
        Refusal { code: 2, message: format!("it said {text:?}"), error: None }
    }

    /// What it says.
    pub(super) fn text(&self) -> &str {
        if self.message.is_empty() { self.error.as_deref().unwrap_or("nothing") } else { &self.message }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct WatchAnswer {
    #[serde(default)]
    pub(super) canceled: bool,
    #[serde(default)]
    pub(super) cancel_reason: String,
    #[serde(default, deserialize_with = "number")]
    pub(super) compact_revision: u64,
    #[serde(default)]
    events: Vec<WatchEvent>,
}

#[derive(Debug, Deserialize)]
struct WatchEvent {
    #[serde(default, rename = "type")]
    kind: String,
    kv: Kv,
}

impl WatchAnswer {
    pub(super) fn events(self) -> Vec<Event> {
        let event = |event: WatchEvent| {
            let entry = event.kv.entry();
            if event.kind == "DELETE" {
                Event::Deleted { key: entry.key, revision: entry.modified }
            } else {
                Event::Put(entry)
            }
        };
        self.events.into_iter().map(event).collect()
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct StatusAnswer {
    #[serde(default)]
    header: Header,
    #[serde(default)]
    version: String,
    #[serde(default, rename = "dbSize", deserialize_with = "number")]
    db_size: u64,
    #[serde(default, deserialize_with = "number")]
    leader: u64,
    #[serde(default, rename = "raftTerm", deserialize_with = "number")]
    raft_term: u64,
}

impl StatusAnswer {
    pub(super) fn status(self, address: &str) -> Status {
        Status {
            address: address.to_owned(),
            id: self.header.member_id,
            leader: self.leader,
            term: self.raft_term,
            version: self.version,
            database_bytes: self.db_size,
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct MembersAnswer {
    #[serde(default)]
    members: Vec<MemberAnswer>,
}

#[derive(Debug, Deserialize)]
struct MemberAnswer {
    #[serde(default, rename = "ID", deserialize_with = "number")]
    id: u64,
    #[serde(default)]
    name: String,
    #[serde(default, rename = "clientURLs")]
    client_urls: Vec<String>,
    #[serde(default, rename = "peerURLs")]
    peer_urls: Vec<String>,
}

impl MembersAnswer {
    pub(super) fn peers(self) -> Vec<Peer> {
        let peer = |member: MemberAnswer| Peer {
            id: member.id,
            name: member.name,
            addresses: member.client_urls,
            peer_addresses: member.peer_urls,
        };
        self.members.into_iter().map(peer).collect()
    }
}
