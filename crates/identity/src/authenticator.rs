//! An account's authenticator: enrolled and proved once, then the second way of every sign-in.
//!
//! The seed is made of the collection's secret and what the record keeps, so that neither shows it alone; with a new secret
//! of the collection (`authToken.secret`) everybody enrols anew. Of recovery codes only hashes are kept.
//!
//! Whoever has one is asked for it, whatever the collection asks for, and no other way stands in for it; but a passkey
//! that its owner has unlocked is two things at once, and enters alone.

use std::net::IpAddr;
use std::sync::Arc;

use base::chance;
use base::error::{Fields, Kind};
use records::core::change::TOTPS;
use records::core::collection::Collection;
use records::core::value::Values;
use records::{Error, Principal};
use serde_json::{Value, json};
use store::Tx;

use crate::audit::{self, Entry, Event};
use crate::mailed::INVALID;
use crate::mfa::{self, Passed};
use crate::own;
use crate::service::Identity;
use crate::tally::{Tally, UsedUp, What};
use crate::token::{Key, Purpose};
use crate::totp::{self, Seed};

/// Recovery codes of one account.
const RECOVERY_CODES: usize = 10;
/// Characters of one: 51 bits.
const RECOVERY_LENGTH: usize = 10;
const SALT_LENGTH: usize = 32;

/// What an authenticator is told.
pub(crate) struct Enrolment {
    /// The seed, to be typed.
    pub(crate) secret: String,
    /// The same, to be shown as a square code.
    pub(crate) uri: String,
}

/// What a second way comes to.
#[derive(Debug)]
pub(crate) enum Found {
    /// It was good: the account enters; this way was the first one.
    Account(Principal, Passed),
    /// The code, or the half sign-in, was not.
    Wrong,
    /// Too many wrong ones were tried.
    TooOften(UsedUp),
}

/// Whether an account is asked for its authenticator.
pub(crate) async fn is_enrolled(identity: &Identity, account: &Principal) -> Result<bool, Error> {
    let totps = own::collection(identity.records(), TOTPS)?;
    let row = identity.records().find(&totps, &id(account)).await?;
    Ok(row.is_some_and(|row| identity.records().values(&totps, &row).flag("confirmed")))
}

/// Begins anew with a seed; nothing is asked for it before it is proved. Whoever asks has shown before who it is.
pub(crate) async fn enrol(identity: &Identity, account: &Principal) -> Result<Enrolment, Error> {
    let values = identity.records().values(&account.collection, &account.row);
    if identity.post().is_some() && !values.flag("verified") {
        return Err(Error::refused(Kind::Invalid, "Verify the account's address first."));
    }
    let salt = chance::word(SALT_LENGTH);
    let seed = seed(&account.collection, &salt).ok_or_else(broken)?;
    let (inside, of) = (identity.clone(), account.clone());
    let written = identity.records().store().write(move |tx| {
        Box::pin(async move {
            let totps = own::collection(inside.records(), TOTPS)?;
            if let Some(row) = tx.get(&totps.table(), &id(&of)).await? {
                if inside.records().values(&totps, &row).flag("confirmed") {
                    return Err(Error::refused(Kind::Invalid, "The account has an authenticator. Disable it first."));
                }
                tx.delete(&totps.table(), &row.id).await?;
            }
            let begun = json!({
                "id": id(&of), "collectionRef": of.collection.id, "recordRef": of.row.id, "salt": salt, "recovery": [],
            });
            inside.records().insert_own(tx, &totps, own::object(begun)).await.map(drop)
        })
    });
    written.await?;
    Ok(enrolment(identity, account, &seed))
}

/// What was begun and is not proved yet.
pub(crate) async fn pending(identity: &Identity, account: &Principal) -> Result<Option<Enrolment>, Error> {
    let totps = own::collection(identity.records(), TOTPS)?;
    let Some(row) = identity.records().find(&totps, &id(account)).await? else { return Ok(None) };
    let begun = identity.records().values(&totps, &row);
    let seed = seed(&account.collection, begun.text("salt")).filter(|_| !begun.flag("confirmed"));
    Ok(seed.map(|seed| enrolment(identity, account, &seed)))
}

fn enrolment(identity: &Identity, account: &Principal, seed: &Seed) -> Enrolment {
    let values = identity.records().values(&account.collection, &account.row);
    let issuer = identity.app_name().unwrap_or(&account.collection.name);
    Enrolment { secret: seed.text(), uri: seed.uri(issuer, values.text("email")) }
}

/// Proves that the authenticator has the seed: from now on it is asked for. The recovery codes are told this once.
pub(crate) async fn confirm(
    identity: &Identity,
    account: &Principal,
    given: &str,
    from: IpAddr,
) -> Result<Vec<String>, Error> {
    let codes: Vec<String> = (0..RECOVERY_CODES).map(|_| chance::word(RECOVERY_LENGTH)).collect();
    let hashes: Vec<String> = codes.iter().map(|code| totp::recovery_hash(&id(account), code)).collect();
    let (inside, of, given) = (identity.clone(), account.clone(), totp::meant(given));
    let proved = identity.records().store().write(move |tx| {
        Box::pin(async move {
            let used = judge(tx, &inside, &of, &given).await?;
            let Judged::Good { before, mut after } = used else { return Ok(used.refusal()) };
            if before.flag("confirmed") {
                return Ok(Some(Error::refused(
                    Kind::Invalid,
                    "The account's authenticator is proved already.",
                )));
            }
            after.0.extend(own::object(json!({ "confirmed": true, "recovery": hashes })));
            let totps = own::collection(inside.records(), TOTPS)?;
            let entry = Entry::new(Event::FactorAdded, &of).from(from).with("way", "totp");
            audit::write(tx, &inside, &entry).await?;
            inside.records().update_own(tx, &totps, &before, after).await.map(|_| None)
        })
    });
    match proved.await? {
        None => Ok(codes),
        Some(refusal) => Err(refusal),
    }
}

/// Takes the authenticator away, for whoever has a code, and has shown before who it is.
pub(crate) async fn disable(
    identity: &Identity,
    account: &Principal,
    given: &str,
    from: IpAddr,
) -> Result<(), Error> {
    let (inside, of, given) = (identity.clone(), account.clone(), totp::meant(given));
    let done = identity.records().store().write(move |tx| {
        Box::pin(async move {
            let used = judge(tx, &inside, &of, &given).await?;
            if !matches!(used, Judged::Good { .. }) {
                return Ok(used.refusal());
            }
            let totps = own::collection(inside.records(), TOTPS)?;
            tx.delete(&totps.table(), &id(&of)).await?;
            let entry = Entry::new(Event::FactorRemoved, &of).from(from).with("way", "totp");
            audit::write(tx, &inside, &entry).await?;
            Ok::<_, Error>(None)
        })
    });
    done.await?.map_or(Ok(()), Err)
}

/// Whoever adds another way to sign in shows the password once more, and a code where the account has an authenticator.
pub(crate) async fn prove_owner(
    identity: &Identity,
    account: &Principal,
    password: &str,
    given: &str,
) -> Result<(), Error> {
    prove_password(identity, account, password).await?;
    if !is_enrolled(identity, account).await? {
        return Ok(());
    }
    let (inside, of, given) = (identity.clone(), account.clone(), totp::meant(given));
    let proved = identity.records().store().write(move |tx| {
        Box::pin(async move {
            let used = judge(tx, &inside, &of, &given).await?;
            let Judged::Good { before, after } = used else { return Ok(used.refusal()) };
            let totps = own::collection(inside.records(), TOTPS)?;
            inside.records().update_own(tx, &totps, &before, after).await.map(|_| None)
        })
    });
    proved.await?.map_or(Ok(()), Err)
}

/// Completes a half sign-in by a code; half and code are used up together.
pub(crate) async fn complete(
    identity: &Identity,
    accounts: &Arc<Collection>,
    half: &str,
    given: &str,
    from: IpAddr,
) -> Result<Found, Error> {
    let (inside, accounts, half, given) =
        (identity.clone(), accounts.clone(), half.to_owned(), totp::meant(given));
    let found = identity.records().store().write(move |tx| {
        Box::pin(async move {
            let Some((account, first)) = mfa::half_of(tx, &inside, &accounts, &half).await? else {
                return Ok(Found::Wrong);
            };
            match judge(tx, &inside, &account, &given).await? {
                Judged::Good { before, after } if before.flag("confirmed") => {
                    let totps = own::collection(inside.records(), TOTPS)?;
                    inside.records().update_own(tx, &totps, &before, after).await?;
                    mfa::end_half(tx, &inside, &half).await?;
                    Ok(Found::Account(account, first))
                }
                Judged::Good { .. } | Judged::Wrong => {
                    let entry = Entry::new(Event::SignInRefused, &account).from(from).with("way", "totp");
                    audit::write(tx, &inside, &entry).await?;
                    Ok(Found::Wrong)
                }
                Judged::TooOften(used_up) => Ok(Found::TooOften(used_up)),
            }
        })
    });
    found.await
}

/// What a code comes to.
enum Judged {
    /// The record as it is, and with the code used up.
    Good {
        before: Values,
        after: Values,
    },
    Wrong,
    TooOften(UsedUp),
}

impl Judged {
    fn refusal(self) -> Option<Error> {
        match self {
            Judged::Good { .. } => None,
            Judged::Wrong => {
                let wrong = Fields::one("code", "validation_invalid_code", "Invalid or used code.");
                Some(Error::invalid(INVALID, wrong))
            }
            Judged::TooOften(_) => Some(too_often()),
        }
    }
}

/// Judges a code of an account, whose record is held; a wrong one is counted.
async fn judge(tx: &mut Tx, identity: &Identity, account: &Principal, given: &str) -> Result<Judged, Error> {
    let totps = own::collection(identity.records(), TOTPS)?;
    let Some(row) = tx.get(&totps.table(), &id(account)).await? else { return Ok(Judged::Wrong) };
    let tally = tally(identity, account);
    if let Err(used_up) = tally.check(tx, identity).await? {
        return Ok(Judged::TooOften(used_up));
    }
    let before = identity.records().values(&totps, &row);
    match used(identity, account, &before, given) {
        Some(after) => Ok(Judged::Good { before, after }),
        None => {
            tally.count(tx, identity).await?;
            Ok(Judged::Wrong)
        }
    }
}

/// The record with a code used up, if the code is good.
fn used(identity: &Identity, account: &Principal, before: &Values, given: &str) -> Option<Values> {
    let mut after = before.clone();
    if totp::is_code(given) {
        let seed = seed(&account.collection, before.text("salt"))?;
        let step = seed.step(given, identity.records().clock().now(), own::number(before, "step"))?;
        after.0.insert("step".into(), step.into());
        return Some(after);
    }
    let hash = Value::from(totp::recovery_hash(before.text("id"), given));
    let mut left = before.0.get("recovery")?.as_array()?.clone();
    let place = left.iter().position(|kept| *kept == hash)?;
    left.remove(place);
    after.0.insert("recovery".into(), left.into());
    Some(after)
}

/// Whoever changes an authenticator by the API shows the password once more.
pub(crate) async fn prove_password(
    identity: &Identity,
    account: &Principal,
    password: &str,
) -> Result<(), Error> {
    let tally = tally(identity, account);
    let (inside, checked) = (identity.clone(), tally.clone());
    let check =
        identity.records().store().write(move |tx| Box::pin(async move { checked.check(tx, &inside).await }));
    check.await?.map_err(|_| too_often())?;
    if identity.records().verify_password(Some(account), password).await? {
        return Ok(());
    }
    let inside = identity.clone();
    identity
        .records()
        .store()
        .write(move |tx| Box::pin(async move { tally.count(tx, &inside).await }))
        .await?;
    let wrong =
        Fields::one("password", "validation_invalid_password", "Missing or invalid auth record password.");
    Err(Error::invalid(INVALID, wrong))
}

fn tally(identity: &Identity, account: &Principal) -> Tally {
    Tally::of(identity, What::WrongWords, &account.collection, &account.row.id)
}

fn id(account: &Principal) -> String {
    own::id(&["totp", &account.collection.id, &account.row.id])
}

fn seed(accounts: &Collection, salt: &str) -> Option<Seed> {
    Key::derive(Purpose::Totp, salt, &accounts.auth.as_ref()?.token_secret).map(|key| Seed::of(&key))
}

fn broken() -> Error {
    Error::refused(Kind::Internal, "the collection has no token secret")
}

fn too_often() -> Error {
    Error::refused(Kind::Busy, "Too many wrong tries. Try again later.")
}
