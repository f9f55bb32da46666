//! Whether an account still gets in without one of its passkeys, or of its links to providers.

use base::error::Kind;
use serde_json::Value;
use store::{Row, Tx};

use crate::core::change::{EXTERNAL_AUTHS, PASSKEYS};
use crate::core::collection::Collection;
use crate::core::value;
use crate::error::Error;
use crate::password::NO_PASSWORD;
use crate::records::ready::password_hash;
use crate::records::turn::Turn;
use crate::records::write::equal_all;
use crate::request::Request;

impl Turn {
    /// Refuses to take away the last way in of an account; a superuser may.
    pub(super) async fn check_ways(
        &self,
        tx: &mut Tx,
        request: &Request,
        collection: &Collection,
        row: &Row,
    ) -> Result<(), Error> {
        if ![PASSKEYS, EXTERNAL_AUTHS].contains(&&*collection.name) || request.is_superuser() {
            return Ok(());
        }
        let way = value::read(collection, &row.id, &row.body);
        let whose = ["collectionRef", "recordRef"].map(|name| (name, way.text(name)));
        let [(_, accounts), (_, account)] = whose;
        let Some(accounts) = self.catalog.find(accounts) else { return Ok(()) };
        // held, so that of two ways that go at once one stays
        let Some(account) = tx.get(&accounts.table(), account).await? else { return Ok(()) };
        if has_word(accounts, &account) {
            return Ok(());
        }
        let passkeys = Some(PASSKEYS).filter(|_| has_passkeys(accounts));
        for name in [Some(EXTERNAL_AUTHS), passkeys].into_iter().flatten() {
            let needed = if *collection.name == *name { 2 } else { 1 };
            if let Some(select) = self.catalog.find(name).and_then(|ways| equal_all(ways, &whose))
                && tx.count(&select).await? >= needed
            {
                return Ok(());
            }
        }
        let what = "It is the last way to sign in to this account. Add another one before you delete it.";
        Err(Error::refused(Kind::Invalid, what))
    }
}

/// Whether a collection's accounts get in by passkeys.
fn has_passkeys(accounts: &Collection) -> bool {
    let passkey = accounts.auth.as_ref().and_then(|auth| auth.other.get("passkey"));
    passkey.and_then(|passkey| passkey.get("enabled")) != Some(&Value::Bool(false))
}

/// Whether an account gets in by a password, or by a mailed code.
fn has_word(accounts: &Collection, account: &Row) -> bool {
    let Some(auth) = &accounts.auth else { return false };
    let hash = password_hash(&value::read(accounts, &account.id, &account.body));
    let has_password = auth.has_password && !hash.is_empty() && hash != NO_PASSWORD;
    has_password || auth.other.get("otp").and_then(|otp| otp.get("enabled")) == Some(&Value::Bool(true))
}
