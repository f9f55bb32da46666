//! Two ways to sign in, one after the other, where a collection asks for that.
//!
//! The first way is answered with the id of a half sign-in; the second one brings that id, and must be another way of the
//! same account. The id is good once.

use std::sync::Arc;

use base::chance;
use records::core::change::MFAS;
use records::{Error, Principal, Request};
use serde_json::json;

use crate::service::Identity;
use crate::{options, own};

/// A way to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By password.
    Password,
    /// By a mailed code.
    Otp,
    /// Through a provider.
    OAuth2,
}

/// What a way that was passed comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It was the second one; this was the first.
    Enter(Way),
    /// It was the first one: the id for the second.
    Half(String),
    /// What came with it is no half sign-in, or not any more.
    Expired,
    /// It is the same way once more.
    SameWay,
}

impl Way {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Way::Password => "password",
            Way::Otp => "otp",
            Way::OAuth2 => "oauth2",
        }
    }

    fn of(word: &str) -> Option<Way> {
        [Way::Password, Way::Otp, Way::OAuth2].into_iter().find(|way| way.word() == word)
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
    way: Way,
    half: &str,
) -> Result<Step, Error> {
    let (inside, account, half) = (identity.clone(), account.clone(), half.to_owned());
    let next = chance::word(base::id::LENGTH);
    let step = identity.records().store().write(move |tx| {
        Box::pin(async move {
            let (records, mfas) = (inside.records(), own::collection(inside.records(), MFAS)?);
            let (collection, record) = (&account.collection.id, &account.row.id);
            if half.is_empty() {
                let begun = json!({ "id": next, "collectionRef": collection, "recordRef": record, "method": way.word() });
                records.insert_own(tx, &mfas, own::object(begun)).await?;
                return Ok::<_, Error>(Step::Half(next));
            }
            let Some(row) = tx.get(&mfas.table(), &half).await? else { return Ok(Step::Expired) };
            let begun = records.values(&mfas, &row);
            let life = account.collection.auth.as_ref().map(options::mfa_time).unwrap_or_default();
            let is_alive = records.clock().now() < own::date(&begun, "created").after(life);
            let is_its = begun.text("collectionRef") == collection && begun.text("recordRef") == record;
            if !is_alive || !is_its {
                return Ok(Step::Expired);
            }
            let first = match Way::of(begun.text("method")) {
                Some(first) if first == way => return Ok(Step::SameWay),
                Some(first) => first,
                None => return Ok(Step::Expired),
            };
            tx.delete(&mfas.table(), &half).await?;
            Ok(Step::Enter(first))
        })
    });
    step.await
}
