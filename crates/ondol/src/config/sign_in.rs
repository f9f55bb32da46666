//! The providers of sign-in: `[sign-in.NAME]`, each over the preset of that name.
//!
//! What may stand in one knows `identity::provider`; here the secret is read, and the faults get their lines.

use std::collections::BTreeMap;

use identity::provider::{OnService, Written, load};
use toml::Table;

use super::read::Reader;

/// The table that holds them.
pub(super) const ROOM: &str = "sign-in";
/// The collections that offer a provider when nothing is said.
const COLLECTIONS: &str = "users";

/// Reads them all; faults go to the reader.
pub(super) fn read(reader: &mut Reader<'_>, may_ask_loopback: bool) -> BTreeMap<String, OnService> {
    let mut providers = BTreeMap::new();
    for (name, mut table, secret) in reader.named(ROOM) {
        let collections = collections(&mut table).unwrap_or_else(|| {
            let what = "a list of collections, such as [\"users\"]";
            reader.blame(ROOM, &name, format!("`collections` in [{ROOM}.{name}]: {what}"));
            Vec::new()
        });
        let written = Written { table, secret };
        if let Err(faults) = load(&name, &[&written], may_ask_loopback) {
            for fault in faults.0 {
                reader.blame(ROOM, &name, format!("[{ROOM}.{name}]: {fault}"));
            }
        }
        providers.insert(name, OnService { written, collections });
    }
    providers
}

fn collections(table: &mut Table) -> Option<Vec<String>> {
    match table.remove("collections") {
        None => Some(vec![COLLECTIONS.to_owned()]),
        Some(written) => written.try_into().ok(),
    }
}
