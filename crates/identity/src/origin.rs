//! Where an account signs in from: a new place is told to it by mail.
//!
//! A place is a hash of the network and the browser. The first one that is seen is told to nobody, and what can't be told
//! is not remembered: without mail there are no places.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use records::core::change::AUTH_ORIGINS;
use records::core::collection::Collection;
use records::{Error, Principal};
use serde_json::{Map, json};
use sha2::{Digest, Sha256};
use store::{Row, Tx};

use crate::post::{Job, Kind, queue};
use crate::service::Identity;
use crate::tally::{Tally, What};
use crate::{options, own};

/// A place that is seen again is written down as seen once in this time.
const SEEN_EVERY: Duration = Duration::from_secs(86_400);
/// Characters of a browser's name that are looked at.
const BROWSER_LENGTH_MAX: usize = 300;

/// Where a request came from.
#[derive(Clone, Debug)]
pub struct Place {
    /// The address.
    pub address: IpAddr,
    /// What the browser calls itself.
    pub browser: String,
}

impl Place {
    /// 128 bits of a hash: the same network and browser give the same.
    fn fingerprint(&self) -> String {
        let network = match self.address.to_canonical() {
            IpAddr::V4(v4) => IpAddr::V4(v4),
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        };
        let hash = Sha256::digest(format!("{network} {}", self.shown_browser()));
        hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }

    pub(crate) fn shown_browser(&self) -> String {
        self.browser.chars().filter(|c| !c.is_control()).take(BROWSER_LENGTH_MAX).collect()
    }
}

/// Remembers from where an account has signed in, and tells it by mail when it is a new place.
pub(crate) async fn note(identity: &Identity, account: &Principal, place: &Place) -> Result<(), Error> {
    let has_alert = account.collection.auth.as_ref().is_some_and(options::has_alert);
    let Some(post) = identity.post().filter(|_| has_alert) else { return Ok(()) };
    let (records, origins) = (identity.records(), own::collection(identity.records(), AUTH_ORIGINS)?);
    let known = records.store().reader().await?.select(&own::of_account(&origins, account)).await?;
    let fingerprint = place.fingerprint();
    let now = records.clock().now();
    let is_fresh = |row: &Row| {
        let values = records.values(&origins, row);
        values.text("fingerprint") == fingerprint && now < own::date(&values, "updated").after(SEEN_EVERY)
    };
    if known.iter().any(is_fresh) {
        return Ok(());
    }
    let (inside, of_account, place) = (identity.clone(), account.clone(), place.clone());
    let noted = records
        .store()
        .write(move |tx| Box::pin(async move { write(tx, &inside, &origins, &of_account, &place).await }));
    match noted.await {
        Ok(()) => post.tell(),
        // a second sign-in of the same moment has noted it
        Err(Error::Refused { kind: base::error::Kind::Invalid, .. }) => {}
        Err(fault) => return Err(fault),
    }
    Ok(())
}

async fn write(
    tx: &mut Tx,
    identity: &Identity,
    origins: &Collection,
    account: &Principal,
    place: &Place,
) -> Result<(), Error> {
    let (records, fingerprint) = (identity.records(), place.fingerprint());
    let known = tx.select(&own::in_order(own::of_account(origins, account), origins, "updated")).await?;
    let seen =
        known.iter().map(|row| records.values(origins, row)).find(|v| v.text("fingerprint") == fingerprint);
    if let Some(seen) = seen {
        return records.update_own(tx, origins, &seen, seen.clone()).await.map(drop);
    }
    let new = json!({
        "collectionRef": account.collection.id, "recordRef": account.row.id, "fingerprint": fingerprint,
    });
    records.insert_own(tx, origins, own::object(new)).await?;
    let most = identity.config().origins_max.max(1);
    for row in known.iter().take((known.len() + 1).saturating_sub(most)) {
        tx.delete(&origins.table(), &row.id).await?;
    }
    if known.is_empty() { Ok(()) } else { alert(tx, identity, account, place).await }
}

/// Writes the mail down, unless the address has had too many.
async fn alert(tx: &mut Tx, identity: &Identity, account: &Principal, place: &Place) -> Result<(), Error> {
    let to = identity.records().values(&account.collection, &account.row).text("email").to_owned();
    let tally = Tally::of(identity, What::Mails, &account.collection, &to);
    if to.is_empty() || tally.check(tx, identity).await?.is_err() {
        return Ok(());
    }
    tally.count(tx, identity).await?;
    let now = identity.records().clock().now();
    let info = format!("{now} · {} · {}", place.address, place.shown_browser());
    let about = Map::from_iter([("alertInfo".to_owned(), info.into())]);
    let (collection, id) = (account.collection.id.clone(), account.row.id.clone());
    queue(tx, identity, &Job { kind: Kind::AuthAlert, collection, account: id, to, about }).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_network_and_a_browser() {
        let print = |address: &str, browser: &str| {
            Place { address: address.parse().expect("an address"), browser: browser.into() }.fingerprint()
        };
        assert_eq!(print("2001:db8::1", "x"), print("2001:db8::2", "x"));
        assert_eq!(print("::ffff:10.0.0.1", "x"), print("10.0.0.1", "x"));
        assert_ne!(print("10.0.0.1", "x"), print("10.0.0.2", "x"));
        assert_ne!(print("10.0.0.1", "x"), print("10.0.0.1", "y"));
        assert_eq!(print("10.0.0.1", "x").len(), 32);
    }
}
