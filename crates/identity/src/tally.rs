//! How often something was done about one address lately, whichever web server was asked: a fixed window, kept as a record
//! that is named by a hash of the address.
//!
//! Addresses that are nobody's are counted like all others: a refusal tells nobody who has an account.

use base::time::Timestamp;
use base::unit::Span;
use records::Error;
use records::core::change::TALLIES;
use records::core::collection::Collection;
use serde_json::json;
use store::{Conn, Tx};

use crate::own;
use crate::service::Identity;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// Mails that were asked for.
    Mails,
    /// Wrong codes and passwords that were tried beside a mailed word.
    WrongWords,
    /// Mails that tell of changes.
    Notices,
    /// Wrong passwords for a name, from one network.
    Guesses,
    /// Wrong passwords from one network.
    GuessesOfNetwork,
    /// Refused sign-ins that were written down, of whoever was named.
    RefusalsOfAccount,
    /// The same from one network.
    RefusalsOfNetwork,
}

/// One tally.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    id: String,
    most: u64,
    window: Span,
}

/// It is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UsedUp {
    /// For so many seconds.
    pub(crate) seconds: u64,
}

impl Tally {
    /// The tally of an address among a collection's accounts.
    pub(crate) fn of(identity: &Identity, what: What, accounts: &Collection, address: &str) -> Tally {
        let config = identity.config();
        let (label, most) = match what {
            What::Mails => ("mails", config.mails_per_address_max),
            What::WrongWords => ("wrong", config.wrong_words_per_address_max),
            What::Guesses => ("guesses", config.wrong_passwords_per_name_max),
            What::GuessesOfNetwork => ("guesses-from", config.wrong_passwords_per_network_max),
            What::Notices => ("notices", config.notices_per_address_max),
            What::RefusalsOfAccount => ("refused", config.audit_refusals_per_account_max),
            What::RefusalsOfNetwork => ("refused-from", config.audit_refusals_per_network_max),
        };
        let id = own::id(&[label, &accounts.id, &address.to_lowercase()]);
        Tally { id, most: most.into(), window: config.address_window }
    }

    /// Whether one more is too many, without counting it. In a transaction what is read stays as it is to its end.
    pub(crate) async fn check(
        &self,
        conn: &mut Conn,
        identity: &Identity,
    ) -> Result<Result<(), UsedUp>, Error> {
        let (began, count) = self.read(conn, identity).await?.unwrap_or((Timestamp(0), 0));
        let ends = began.after(self.window.0);
        let seconds = u64::try_from((ends.0 - now(identity).0 + 999) / 1000).unwrap_or(0).max(1);
        Ok(if count < self.most { Ok(()) } else { Err(UsedUp { seconds }) })
    }

    /// Counts one more.
    pub(crate) async fn count(&self, tx: &mut Tx, identity: &Identity) -> Result<(), Error> {
        let (records, tallies) = (identity.records(), own::collection(identity.records(), TALLIES)?);
        let first = json!({ "id": self.id, "count": 1, "began": now(identity).to_string() });
        if tx.get(&tallies.table(), &self.id).await?.is_none() {
            tx.mark().await?;
            match records.insert_own(tx, &tallies, own::object(first.clone())).await {
                Ok(_) => return Ok(()),
                // another request of the same moment has begun it
                Err(Error::Refused { .. }) => tx.back_to_mark().await?,
                Err(fault) => return Err(fault),
            }
        }
        let Some(row) = tx.get(&tallies.table(), &self.id).await? else { return Ok(()) };
        let before = records.values(&tallies, &row);
        let mut after = before.clone();
        match self.read(tx, identity).await? {
            Some((_, count)) => drop(after.0.insert("count".into(), (count + 1).into())),
            None => after.0.extend(own::object(first)),
        }
        records.update_own(tx, &tallies, &before, after).await.map(drop)
    }

    /// When the window began and what was counted in it; `None` when there is none, or it is over.
    async fn read(&self, conn: &mut Conn, identity: &Identity) -> Result<Option<(Timestamp, u64)>, Error> {
        let tallies = own::collection(identity.records(), TALLIES)?;
        let Some(row) = conn.get(&tallies.table(), &self.id).await? else { return Ok(None) };
        let values = identity.records().values(&tallies, &row);
        let (began, now) = (own::date(&values, "began"), now(identity));
        let is_open = now >= began && now < began.after(self.window.0);
        Ok(is_open.then(|| (began, own::number(&values, "count"))))
    }
}

fn now(identity: &Identity) -> Timestamp {
    identity.records().clock().now()
}
