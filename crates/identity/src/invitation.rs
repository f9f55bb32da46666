//! Invitations: an address may become an account's, once whoever reads its mail says so. Superusers invite; and whoever signs up
//! on our pages invites itself, so that no account has an address that nobody has proved.
//!
//! The link holds the invitation's id and a mark that only the house makes. It is good once, as long as it lasts, and until it is
//! withdrawn (its record deleted) or a newer one is sent to the address.
//!
//! Map, in reading order: what an invitation is, `send` (it is written down and mailed), `open` (its link), `accept` (the
//! account is made).

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use records::core::change::INVITATIONS;
use records::core::collection::Collection;
use records::{Act, Draft, Error, Principal, Request, Shape, Step};
use serde_json::{Map, Value, json};
use sha2::Sha256;

use crate::mailed::Asked;
use crate::own;
use crate::post::{Job, Kind, queue};
use crate::service::Identity;
use crate::superusers::house;
use crate::tally::{Tally, What};

/// Characters of a password that nobody knows.
const PASSWORD_LENGTH: usize = 40;

/// An invitation that is good.
#[derive(Clone, Debug)]
pub(crate) struct Invitation {
    id: String,
    /// To which accounts.
    pub(crate) collection: Arc<Collection>,
    /// The address.
    pub(crate) email: String,
    /// The superuser who invites, by id; empty where somebody signs up.
    by: String,
    /// What the account is to hold besides.
    values: Map<String, Value>,
}

/// Who is to be invited.
#[derive(Clone, Debug)]
pub(crate) struct Guest {
    pub(crate) collection: Arc<Collection>,
    pub(crate) email: String,
    /// The superuser who invites; `None` where somebody signs up.
    pub(crate) by: Option<Arc<Principal>>,
    pub(crate) values: Map<String, Value>,
}

/// What comes of accepting.
pub(crate) enum Accepted {
    /// The account.
    Account(Arc<Principal>),
    /// There is one with this address, which has proved it: it signs in.
    AlreadyThere,
}

impl Identity {
    /// Writes an invitation down and has it mailed. Somebody who signs up with an address that is an account's gets another
    /// mail, which says so; nothing else differs.
    pub(crate) async fn send_invitation(&self, guest: Guest) -> Result<Asked, Error> {
        let records = self.records();
        let account = records.find_account(&guest.collection, &["email".to_owned()], &guest.email).await?;
        let account =
            account.filter(|account| records.values(&account.collection, &account.row).flag("verified"));
        let (inside, id) = (self.clone(), base::chance::word(base::id::LENGTH));
        let (kind, about) = match (&guest.by, account) {
            (Some(_), _) => (Kind::Invitation, id.clone()),
            (None, Some(account)) => (Kind::AlreadyThere, account.row.id.clone()),
            (None, None) => (Kind::SignUp, id.clone()),
        };
        let life =
            if guest.by.is_some() { self.config().invitation_time.0 } else { self.config().sign_up_time.0 };
        let asked = records.store().write(move |tx| {
            Box::pin(async move {
                let tally = Tally::of(&inside, What::Mails, &guest.collection, &guest.email);
                if let Err(used_up) = tally.check(tx, &inside).await? {
                    return Ok(Asked::TooOften(used_up));
                }
                tally.count(tx, &inside).await?;
                let invitations = own::collection(inside.records(), INVITATIONS)?;
                let email = guest.email.to_lowercase();
                let wanted = [
                    ("collectionRef", store::query::Compare::Eq, guest.collection.id.as_str()),
                    ("email", store::query::Compare::Eq, email.as_str()),
                ];
                for row in tx.select(&own::select(&invitations, &wanted)).await? {
                    tx.delete(&invitations.table(), &row.id).await?;
                }
                let values = written(&inside, &guest, &id, &email, life);
                inside.records().insert_own(tx, &invitations, own::object(values)).await?;
                let (collection, to) = (guest.collection.id.clone(), guest.email.clone());
                let job = Job { kind, collection, account: about, to, about: Map::new() };
                queue(tx, &inside, &job).await?;
                Ok::<_, Error>(Asked::Done(Some(id)))
            })
        });
        let asked = asked.await?;
        if let Some(post) = self.post() {
            post.tell();
        }
        Ok(asked)
    }

    /// The token of an invitation's link.
    pub(crate) fn invitation_token(&self, id: &str) -> Result<String, Error> {
        Ok(format!(
            "{id}.{}",
            BASE64.encode(mark(&self.house_key(b"ondol/invitation")?, id).finalize().into_bytes())
        ))
    }

    /// The invitation of a link, without using it up; `None` when it is not good any more.
    pub(crate) async fn invitation(&self, token: &str) -> Result<Option<Invitation>, Error> {
        let key = self.house_key(b"ondol/invitation")?;
        let Some((id, given)) = token.split_once('.') else { return Ok(None) };
        let is_ours = BASE64.decode(given).is_ok_and(|given| mark(&key, id).verify_slice(&given).is_ok());
        if is_ours { self.invitation_of(id).await } else { Ok(None) }
    }

    /// The same by its id.
    pub(crate) async fn invitation_of(&self, id: &str) -> Result<Option<Invitation>, Error> {
        let (records, invitations) = (self.records(), own::collection(self.records(), INVITATIONS)?);
        let Some(row) = records.find(&invitations, id).await? else { return Ok(None) };
        let values = records.values(&invitations, &row);
        let collection =
            records.catalog().find(values.text("collectionRef")).filter(|c| c.is_auth()).cloned();
        let is_good = records.clock().now() < own::date(&values, "expires");
        Ok(collection.filter(|_| is_good).map(|collection| Invitation {
            id: id.to_owned(),
            collection,
            email: values.text("email").to_owned(),
            by: values.text("by").to_owned(),
            values: values.0.get("values").and_then(Value::as_object).cloned().unwrap_or_default(),
        }))
    }

    /// Makes the account, with a password or with one that nobody knows; the invitation is used up by it, in the same transaction.
    /// An account that only claims the address becomes whoever has proved it. `request` is as the create rule sees it.
    pub(crate) async fn accept(
        &self,
        invitation: &Invitation,
        password: Option<&str>,
        request: &Request,
    ) -> Result<Accepted, Error> {
        let (records, accounts) = (self.records(), &invitation.collection);
        let is_known = password.is_some();
        let password = password.map_or_else(|| base::chance::word(PASSWORD_LENGTH), str::to_owned);
        let there = records.find_account(accounts, &["email".to_owned()], &invitation.email).await?;
        let (id, mut steps) = match there {
            Some(account) if records.values(accounts, &account.row).flag("verified") => {
                return Ok(Accepted::AlreadyThere);
            }
            Some(account) => (account.row.id.clone(), self.surrender(&account, &password).await?),
            None => {
                let id = base::id::make(records.clock().now());
                let steps = invitation.creation(&id, &password, request);
                (id, steps)
            }
        };
        steps.push(step(INVITATIONS, Act::Delete(invitation.id.clone())));
        let house = Request { from: request.from, ..house(records, "POST", &Map::new())? };
        records.batch(&house, steps).await?;
        if !is_known {
            let row = records.find(accounts, &id).await?.ok_or_else(Error::missing)?;
            self.void_password(&Principal { collection: accounts.clone(), row }).await?;
        }
        let row = records.find(accounts, &id).await?.ok_or_else(Error::missing)?;
        Ok(Accepted::Account(Arc::new(Principal { collection: accounts.clone(), row })))
    }
}

impl Invitation {
    /// Whether somebody signs up with it.
    pub(crate) fn is_sign_up(&self) -> bool {
        self.by.is_empty()
    }

    /// The steps that make the account: by the create rule where somebody signs up, by the house where a superuser invites.
    fn creation(&self, id: &str, password: &str, request: &Request) -> Vec<Step> {
        let mut values = self.values.clone();
        let given =
            json!({ "id": id, "email": self.email, "password": password, "passwordConfirm": password });
        values.extend(own::object(given));
        let asker = self.is_sign_up().then(|| request.with_body(values.clone()));
        let name = &self.collection.name;
        let create = Step { asker, ..step(name, Act::Create(Draft { values, uploads: Vec::new() })) };
        let verified = Draft { values: own::object(json!({ "verified": true })), uploads: Vec::new() };
        vec![create, step(name, Act::Update(id.to_owned(), verified))]
    }
}

fn written(identity: &Identity, guest: &Guest, id: &str, email: &str, life: Duration) -> Value {
    json!({
        "id": id,
        "collectionRef": guest.collection.id,
        "email": email,
        "by": guest.by.as_ref().map(|by| by.row.id.as_str()).unwrap_or_default(),
        "values": guest.values,
        "expires": identity.records().clock().now().after(life).to_string(),
    })
}

fn step(collection: &str, act: Act) -> Step {
    Step { collection: collection.to_owned(), act, shape: Shape::default(), asker: None }
}

fn mark(key: &[u8; 32], id: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(id.as_bytes());
    mac
}
