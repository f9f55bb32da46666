//! A mailed code is given back, for a sign-in.
//!
//! It is good once, for the request that it was mailed for, as long as its collection says, and for a few wrong tries; wrong
//! tries are counted for its address too, so that many codes are no more tries than one.

use std::net::IpAddr;
use std::sync::Arc;

use base::time::Timestamp;
use records::core::change::OTPS;
use records::core::collection::Collection;
use records::core::value::Values;
use records::{Error, Principal};
use store::Tx;

use crate::audit::{self, Entry, Event, Whose};
use crate::service::Identity;
use crate::tally::{Tally, UsedUp, What};
use crate::token::Purpose;
use crate::{options, otp, own};

/// A code that is given back.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    /// Among whose accounts.
    pub(crate) accounts: Arc<Collection>,
    /// The id that the request for it was answered with.
    pub(crate) otp_id: String,
    /// The code itself.
    pub(crate) given: String,
    /// From where.
    pub(crate) from: IpAddr,
}

/// What a code comes to.
#[derive(Debug)]
pub(crate) enum Found {
    /// It was good, and is now used: the account, whose address is thereby verified.
    Account(Principal),
    /// It was not good.
    Wrong,
    /// Too many wrong ones were tried for its address.
    TooOften(UsedUp),
}

/// Uses a code up, or counts a wrong try.
pub(crate) async fn redeem(identity: &Identity, code: Code) -> Result<Found, Error> {
    let inside = identity.clone();
    identity.records().store().write(move |tx| Box::pin(async move { judge(tx, &inside, &code).await })).await
}

async fn judge(tx: &mut Tx, identity: &Identity, code: &Code) -> Result<Found, Error> {
    let (records, otps) = (identity.records(), own::collection(identity.records(), OTPS)?);
    let Some(row) = tx.get(&otps.table(), &code.otp_id).await? else { return Ok(Found::Wrong) };
    let asked = records.values(&otps, &row);
    if asked.text("collectionRef") != code.accounts.id || !is_alive(identity, &code.accounts, &asked) {
        return Ok(Found::Wrong);
    }
    let tally = Tally::of(identity, What::WrongWords, &code.accounts, asked.text("sentTo"));
    if let Err(used_up) = tally.check(tx, identity).await? {
        return Ok(Found::TooOften(used_up));
    }
    match account_of(tx, identity, code, &asked).await? {
        Some(account) => {
            tx.delete(&otps.table(), &code.otp_id).await?;
            verified(tx, identity, account, code.from).await.map(Found::Account)
        }
        None => {
            tally.count(tx, identity).await?;
            audit::write(tx, identity, &refused(code, &asked)).await?;
            let tries = own::number(&asked, "tries") + 1;
            if tries >= u64::from(identity.config().code_tries_max) {
                tx.delete(&otps.table(), &code.otp_id).await?;
            } else {
                let mut after = asked.clone();
                after.0.insert("tries".into(), tries.into());
                records.update_own(tx, &otps, &asked, after).await?;
            }
            Ok(Found::Wrong)
        }
    }
}

/// How the audit list tells of a wrong try; they are few, since the tally counts them.
fn refused(code: &Code, asked: &Values) -> Entry {
    let [collection, record] = ["collectionRef", "recordRef"].map(|name| asked.text(name).to_owned());
    Entry::new(Event::SignInRefused, Whose { collection, record }).from(code.from).with("way", "otp")
}

fn is_alive(identity: &Identity, accounts: &Collection, asked: &Values) -> bool {
    let life = accounts.auth.as_ref().map(options::otp_time).unwrap_or_default();
    let created: Timestamp = own::date(asked, "created");
    identity.records().clock().now() < created.after(life)
}

/// The account that a code is of, if it is its code.
async fn account_of(
    tx: &mut Tx,
    identity: &Identity,
    code: &Code,
    asked: &Values,
) -> Result<Option<Principal>, Error> {
    let length = code.accounts.auth.as_ref().map(options::otp_length).unwrap_or_default();
    let Some(row) = tx.get(&code.accounts.table(), asked.text("recordRef")).await? else { return Ok(None) };
    let account = Principal { collection: code.accounts.clone(), row: Arc::new(row) };
    let values = identity.records().values(&account.collection, &account.row);
    let is_still_its = values.text("email").eq_ignore_ascii_case(asked.text("sentTo"));
    let key = identity.key(&account, Purpose::Otp);
    let fits = key.is_some_and(|key| otp::fits(&otp::code(&key, &code.otp_id, length), &code.given));
    Ok(Some(account).filter(|_| fits && is_still_its))
}

/// The account with its address marked as verified, since the code came by it.
///
/// Of an account that nobody had verified, nobody knows who made it: where the code alone lets in, its password, its
/// passkeys, its links to providers and its sessions end here, so that whoever signed up with another person's address is not
/// let in beside that person.
async fn verified(
    tx: &mut Tx,
    identity: &Identity,
    account: Principal,
    from: IpAddr,
) -> Result<Principal, Error> {
    let records = identity.records();
    let before = records.values(&account.collection, &account.row);
    if before.flag("verified") {
        return Ok(account);
    }
    let mut after = before.clone();
    after.0.insert("verified".into(), true.into());
    if !account.collection.auth.as_ref().is_some_and(options::has_mfa) {
        after.0.insert("password".into(), records::NO_PASSWORD.into());
        let entry = Entry::new(Event::FactorRemoved, &account).from(from).with("way", "password");
        audit::write(tx, identity, &entry.with("why", "the address was proved")).await?;
    }
    own::forget_ways(tx, identity, &account, from).await?;
    let row = records.update_own(tx, &account.collection, &before, after).await?;
    Ok(Principal { row, ..account })
}
