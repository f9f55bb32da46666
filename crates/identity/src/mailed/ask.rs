//! A mail is asked for. Of an address that is nobody's the same is written as of an account's, and nothing is sent.

use std::sync::Arc;

use base::chance;
use records::core::change::OTPS;
use records::core::collection::Collection;
use records::{Error, Principal};
use serde_json::{Map, json};

use crate::own;
use crate::post::{Job, Kind, queue};
use crate::service::Identity;
use crate::tally::{Tally, UsedUp, What};

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    /// What the mail is about.
    pub(crate) kind: Kind,
    /// Of whose accounts.
    pub(crate) collection: Arc<Collection>,
    /// The account; `None` where the address is nobody's, or nothing is to be told to it.
    pub(crate) account: Option<Principal>,
    /// The address that the mail goes to.
    pub(crate) to: String,
    /// The account that asks for a mail to another address: it can't ask for more of them than anybody.
    pub(crate) by: Option<String>,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// It was written down; of a code the id under which it is given back.
    Done(Option<String>),
    /// Too much was asked for about this address.
    TooOften(UsedUp),
}

/// Writes down what is to be mailed.
pub(crate) async fn ask(identity: &Identity, wish: Wish) -> Result<Asked, Error> {
    let inside = identity.clone();
    let asked = identity.records().store().write(move |tx| {
        Box::pin(async move {
            let identity = &inside;
            for of in [Some(&wish.to), wish.by.as_ref()].into_iter().flatten() {
                let tally = Tally::of(identity, What::Mails, &wish.collection, of);
                if let Err(used_up) = tally.check(tx, identity).await? {
                    return Ok(Asked::TooOften(used_up));
                }
                tally.count(tx, identity).await?;
            }
            let account = wish.account.as_ref().map(|account| account.row.id.clone()).unwrap_or_default();
            let (collection, mut about) = (wish.collection.id.clone(), Map::new());
            let otp_id = (wish.kind == Kind::Otp).then(|| chance::word(base::id::LENGTH));
            if let Some(id) = &otp_id {
                let otps = own::collection(identity.records(), OTPS)?;
                let otp =
                    json!({ "id": id, "collectionRef": collection, "recordRef": account, "sentTo": wish.to });
                identity.records().insert_own(tx, &otps, own::object(otp)).await?;
                about.insert("otpId".into(), id.as_str().into());
            }
            if wish.kind == Kind::EmailChange {
                about.insert("newEmail".into(), wish.to.as_str().into());
            }
            queue(tx, identity, &Job { kind: wish.kind, collection, account, to: wish.to, about }).await?;
            Ok::<_, Error>(Asked::Done(otp_id))
        })
    });
    let asked = asked.await?;
    if let Some(post) = identity.post() {
        post.tell();
    }
    Ok(asked)
}
