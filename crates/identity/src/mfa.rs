//! Two ways to sign in, one after the other, where a collection asks for that.
//!
//! The first way is answered with the id of a half sign-in; the second one brings that id, and must be another way of the
//! same account. The id is good once.

use std::sync::Arc;

use base::chance;
use records::core::change::MFAS;
use records::core::collection::Collection;
use records::core::value::Values;
use records::{Error, Principal, Request};
use serde_json::json;
use store::Tx;

use crate::service::Identity;
use crate::session::Via;
use crate::{authenticator, options, own};

/// A way to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By password.
    Password,
    /// By a mailed code.
    Otp,
    /// Through a provider.
    OAuth2,
    /// By an authenticator, or a recovery code of it.
    Totp,
    /// By a passkey, which its owner has unlocked.
    Passkey,
}

/// A way that was passed, and the provider's session that it came through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Passed {
    pub(crate) way: Way,
    pub(crate) via: Option<Via>,
}

impl From<Way> for Passed {
    fn from(way: Way) -> Passed {
        Passed { way, via: None }
    }
}

/// What a way that was passed comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It was the second one; this was the first.
    Enter(Passed),
    /// It was the first one: the id for the second.
    Half(String),
    /// What came with it is no half sign-in, or not any more.
    Expired,
    /// It is the same way once more.
    SameWay,
    /// The account has an authenticator, for which nothing else stands in.
    Authenticator,
}

impl Way {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Way::Password => "password",
            Way::Otp => "otp",
            Way::OAuth2 => "oauth2",
            Way::Totp => "totp",
            Way::Passkey => "passkey",
        }
    }

    fn of(word: &str) -> Option<Way> {
        [Way::Password, Way::Otp, Way::OAuth2, Way::Totp, Way::Passkey]
            .into_iter()
            .find(|way| way.word() == word)
    }

    /// Whether it proves two things at once: something that one has, and something that one knows or is.
    pub(crate) fn is_two(self) -> bool {
        self == Way::Passkey
    }
}

/// Whether two ways are asked for of this account. Not of whoever has passed them already: who links a provider is there.
pub(crate) async fn is_asked(
    identity: &Identity,
    request: &Request,
    account: &Principal,
) -> Result<bool, Error> {
    if request.auth.as_ref().is_some_and(|caller| caller.is(account)) {
        return Ok(false);
    }
    if authenticator::is_enrolled(identity, account).await? {
        return Ok(true);
    }
    let Some(auth) = account.collection.auth.as_ref().filter(|auth| options::has_mfa(auth)) else {
        return Ok(false);
    };
    match options::mfa_rule(auth) {
        "" => Ok(true),
        rule => identity.records().fits(request, account, rule).await,
    }
}

/// An account has passed one way. `half` is the id that came with it; empty for none.
pub(crate) async fn step(
    identity: &Identity,
    account: &Arc<Principal>,
    passed: &Passed,
    half: &str,
) -> Result<Step, Error> {
    if !half.is_empty() && authenticator::is_enrolled(identity, account).await? {
        return Ok(Step::Authenticator);
    }
    let (inside, account, half) = (identity.clone(), account.clone(), half.to_owned());
    let Passed { way, via } = passed.clone();
    let next = chance::word(base::id::LENGTH);
    let step = identity.records().store().write(move |tx| {
        Box::pin(async move {
            let (records, mfas) = (inside.records(), own::collection(inside.records(), MFAS)?);
            let (collection, record) = (&account.collection.id, &account.row.id);
            if half.is_empty() {
                let begun = json!({
                    "id": next, "collectionRef": collection, "recordRef": record, "method": way.word(), "via": via,
                });
                records.insert_own(tx, &mfas, own::object(begun)).await?;
                return Ok::<_, Error>(Step::Half(next));
            }
            let Some(begun) = alive(tx, &inside, &account.collection, &half).await? else {
                return Ok(Step::Expired);
            };
            if begun.text("recordRef") != record {
                return Ok(Step::Expired);
            }
            let first = match first(&begun) {
                Some(first) if first.way == way => return Ok(Step::SameWay),
                Some(first) => first,
                None => return Ok(Step::Expired),
            };
            tx.delete(&mfas.table(), &half).await?;
            Ok(Step::Enter(first))
        })
    });
    step.await
}

/// The account of a half sign-in that is still awaited, and the way that it has passed; half and account are held.
pub(crate) async fn half_of(
    tx: &mut Tx,
    identity: &Identity,
    accounts: &Arc<Collection>,
    half: &str,
) -> Result<Option<(Principal, Passed)>, Error> {
    let Some(begun) = alive(tx, identity, accounts, half).await? else { return Ok(None) };
    let row = tx.get(&accounts.table(), begun.text("recordRef")).await?;
    let account = row.map(|row| Principal { collection: accounts.clone(), row: Arc::new(row) });
    Ok(account.zip(first(&begun)))
}

/// The way that a half sign-in has passed.
fn first(begun: &Values) -> Option<Passed> {
    let via = begun.0.get("via").and_then(|via| serde_json::from_value(via.clone()).ok());
    Some(Passed { way: Way::of(begun.text("method"))?, via })
}

/// Ends a half sign-in.
pub(crate) async fn end_half(tx: &mut Tx, identity: &Identity, half: &str) -> Result<(), Error> {
    let mfas = own::collection(identity.records(), MFAS)?;
    tx.delete(&mfas.table(), half).await?;
    Ok(())
}

/// A half sign-in of a collection whose time is not over.
async fn alive(
    tx: &mut Tx,
    identity: &Identity,
    accounts: &Collection,
    half: &str,
) -> Result<Option<Values>, Error> {
    let (records, mfas) = (identity.records(), own::collection(identity.records(), MFAS)?);
    let Some(row) = tx.get(&mfas.table(), half).await? else { return Ok(None) };
    let begun = records.values(&mfas, &row);
    let life = accounts.auth.as_ref().map(options::mfa_time).unwrap_or_default();
    let is_alive = records.clock().now() < own::date(&begun, "created").after(life);
    Ok(Some(begun).filter(|begun| is_alive && begun.text("collectionRef") == accounts.id))
}
