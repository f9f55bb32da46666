//! Values in memcached: which server has a key, and one pipelined connection to each.
//!
//! Whatever fails here is a miss. A server that hangs, errs or restarts is left out, and its keys belong to the others
//! meanwhile; what it still holds when it is back is judged by its stamp like everything else.

mod server;
mod talk;

use bytes::Bytes;
use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use crate::config;
use crate::core::choice;
use crate::core::parcel::{self, Parcel};
use crate::report::ServerReport;

use server::{Asked, Server};

/// The servers.
pub(crate) struct Pool {
    namespace: String,
    addresses: Vec<String>,
    servers: Vec<Server>,
}

/// What came of a question.
pub(crate) enum Fetched {
    /// A value, whole and of the right name; it may be old.
    Parcel(Parcel),
    /// There is none.
    Missing,
    /// There is something else.
    Garbled,
    /// Nobody could be asked in time.
    Skipped,
}

impl Pool {
    pub(crate) fn new(config: &config::Memcached, value_bytes_max: usize) -> Pool {
        let server = |address: &String| Server::new(address, config, value_bytes_max);
        Pool {
            namespace: config.namespace.clone(),
            addresses: config.addresses.clone(),
            servers: config.addresses.iter().map(server).collect(),
        }
    }

    /// Keeps the connections until `stop`.
    pub(crate) async fn run(&self, stop: CancellationToken) {
        join_all(self.servers.iter().map(|server| server.run(&stop))).await;
    }

    pub(crate) async fn get(&self, space: &str, id: &str) -> Fetched {
        let key = parcel::key(&self.namespace, space, id);
        let Some(server) = self.server(&key) else { return Fetched::Skipped };
        match server.get(key).await {
            Asked::Value(bytes) => self.unpacked(space, id, bytes),
            Asked::Missing => Fetched::Missing,
            Asked::Skipped => Fetched::Skipped,
        }
    }

    pub(crate) fn put(&self, space: &str, id: &str, parcel: &Parcel) {
        let key = parcel::key(&self.namespace, space, id);
        let Some(server) = self.server(&key) else { return };
        if let Some(bytes) = parcel::pack(&self.namespace, space, id, parcel) {
            server.put(key, bytes);
        }
    }

    pub(crate) fn report(&self) -> Vec<ServerReport> {
        let report = |server: &Server| ServerReport {
            address: server.address().to_owned(),
            out_for: server.out_for(),
        };
        self.servers.iter().map(report).collect()
    }

    fn unpacked(&self, space: &str, id: &str, bytes: Bytes) -> Fetched {
        parcel::unpack(&self.namespace, space, id, bytes).map_or(Fetched::Garbled, Fetched::Parcel)
    }

    /// Of the servers that serve now, the one that has the key.
    fn server(&self, key: &str) -> Option<&Server> {
        let index = choice::choose(&self.addresses, key, |index| self.servers[index].serves())?;
        self.servers.get(index)
    }
}
