//! The audit list is written: by sign-in, and here for what is done to accounts, links, passkeys and sessions by their records.
//!
//! Each line is written in the transaction of what it tells of: the one is not there without the other.

use std::sync::Arc;

use store::{Row, Tx};

use crate::audit::{Entry, Event, Whose, Witness};
use crate::core::change::{AUDIT, EXTERNAL_AUTHS, PASSKEYS, SESSIONS, TOTPS};
use crate::core::collection::Collection;
use crate::core::value::{self, Values};
use crate::error::Error;
use crate::records::Records;
use crate::records::turn::Turn;
use crate::request::Request;

impl Records {
    /// Writes a line of the audit list down.
    pub async fn audit(&self, tx: &mut Tx, entry: &Entry) -> Result<(), Error> {
        let Some(audit) = self.catalog().find(AUDIT).cloned() else { return Ok(()) };
        self.insert_own(tx, &audit, entry.values()).await?;
        match self.inner.witness.get() {
            Some(witness) => witness.see(tx, entry).await,
            None => Ok(()),
        }
    }

    /// Names who sees each line as it is written; the first word stands.
    pub fn set_witness(&self, witness: Arc<dyn Witness>) {
        drop(self.inner.witness.set(witness));
    }
}

impl Turn {
    /// A record was made.
    pub(super) async fn audit_made(
        &self,
        tx: &mut Tx,
        request: &Request,
        collection: &Collection,
        row: &Row,
    ) -> Result<(), Error> {
        let entry = match &*collection.name {
            EXTERNAL_AUTHS => of_own(Event::Linked, collection, row),
            _ if collection.is_superusers() => Entry::new(Event::SuperuserMade, account(collection, row)),
            _ => return Ok(()),
        };
        self.note(tx, request, entry).await
    }

    /// An account was changed.
    pub(super) async fn audit_changed(
        &self,
        tx: &mut Tx,
        request: &Request,
        collection: &Collection,
        before: &Values,
        row: &Row,
    ) -> Result<(), Error> {
        if !collection.is_auth() {
            return Ok(());
        }
        let after = value::read(collection, &row.id, &row.body);
        let differs = |name: &str| before.text(name) != after.text(name);
        if differs("password") {
            let entry = Entry::new(Event::PasswordChanged, account(collection, row));
            self.note(tx, request, entry).await?;
        }
        if differs("email") {
            let entry = Entry::new(Event::AddressChanged, account(collection, row));
            let entry = entry.with("was", before.text("email")).with("wasVerified", before.flag("verified"));
            self.note(tx, request, entry).await?;
        }
        Ok(())
    }

    /// A record was deleted, by its own name and not with another.
    pub(super) async fn audit_gone(
        &self,
        tx: &mut Tx,
        request: &Request,
        collection: &Collection,
        row: &Row,
    ) -> Result<(), Error> {
        let entry = match &*collection.name {
            SESSIONS => of_own(Event::SessionEnded, collection, row),
            EXTERNAL_AUTHS => of_own(Event::Unlinked, collection, row),
            PASSKEYS => of_own(Event::FactorRemoved, collection, row).with("way", "passkey"),
            TOTPS => of_own(Event::FactorRemoved, collection, row).with("way", "totp"),
            _ if collection.is_superusers() => Entry::new(Event::SuperuserRemoved, account(collection, row)),
            _ => return Ok(()),
        };
        self.note(tx, request, entry).await
    }

    async fn note(&self, tx: &mut Tx, request: &Request, entry: Entry) -> Result<(), Error> {
        let entry = entry.by(request.auth.as_deref()).from(request.from);
        self.records.audit(tx, &entry).await
    }
}

fn account(collection: &Collection, row: &Row) -> Whose {
    Whose { collection: collection.id.clone(), record: row.id.clone() }
}

/// About the account that a record of the house's own is of; with what tells it from others.
fn of_own(event: Event, collection: &Collection, row: &Row) -> Entry {
    let values = value::read(collection, &row.id, &row.body);
    let [collection, record] = ["collectionRef", "recordRef"].map(|name| values.text(name).to_owned());
    let mut entry = Entry::new(event, Whose { collection, record });
    for name in ["provider", "name", "userAgent"] {
        if !values.text(name).is_empty() {
            entry = entry.with(name, values.text(name));
        }
    }
    entry
}
