//! The account of somebody whom a provider vouches for: found, linked, taken over or made, as `linking` decides.
//!
//! Everything that one decision writes is one transaction. Where two arrive at once, the unique indexes let one through; the
//! other looks again, and finds what the first one made.

use std::sync::Arc;

use base::error::{Fault, Fields, Kind};
use records::core::change::{AUDIT, EXTERNAL_AUTHS, SESSIONS};
use records::core::collection::Collection;
use records::{Act, Draft, Error, Principal, Request, Shape, Step};
use serde_json::{Map, Value, json};
use store::Row;

use super::Arrived;
use crate::linking::{Decision, Facts, Namesake, Owner, Why, decide};
use crate::service::Identity;
use crate::superusers::house;
use crate::{authenticator, options};

/// How often it is looked again when somebody else was first.
const TRIES_MAX: usize = 3;
/// Characters of a password that nobody knows.
const PASSWORD_LENGTH: usize = 40;
/// Identities of one account that are looked at.
const IDENTITIES_MAX: u64 = 1000;

/// What came of it.
pub(crate) enum Outcome {
    /// This account.
    Account {
        /// The account.
        account: Arc<Principal>,
        /// It was made now.
        is_new: bool,
    },
    /// None, for this reason.
    Refused(Why),
}

/// Who arrives where, with what.
pub(crate) struct Arrival<'a> {
    pub(crate) collection: &'a Arc<Collection>,
    /// As the create rule sees it; its `auth` is who wants to link.
    pub(crate) request: &'a Request,
    pub(crate) arrived: &'a Arrived,
    /// What the client wants a new account to have.
    pub(crate) wanted: &'a Map<String, Value>,
}

impl Identity {
    /// The account of whoever arrives.
    pub(crate) async fn admit(&self, arrival: &Arrival<'_>) -> Result<Outcome, Error> {
        let mut tries = 1;
        loop {
            match self.try_admit(arrival).await {
                Err(error) if tries < TRIES_MAX && is_race(&error) => tries += 1,
                done => return done.map_err(first_step),
            }
        }
    }

    async fn try_admit(&self, arrival: &Arrival<'_>) -> Result<Outcome, Error> {
        let Arrival { collection, request, .. } = *arrival;
        let caller = request.auth.clone().filter(|caller| caller.collection.id == collection.id);
        let known = self.known(arrival).await?;
        let namesake = self.namesake(arrival).await?;
        let facts = self.facts(arrival, known.as_ref(), namesake.as_ref()).await?;
        let done = |account| Ok(Outcome::Account { account, is_new: false });
        match (decide(&facts), known, namesake, caller) {
            (Decision::SignIn, Some(known), ..) => done(Arc::new(known.account)),
            (Decision::LinkCaller, _, _, Some(caller)) => {
                self.link(arrival, &caller, Vec::new()).await?;
                done(caller)
            }
            (Decision::LinkNamesake, _, Some(account), _) => {
                self.link(arrival, &account, Vec::new()).await?;
                done(Arc::new(account))
            }
            (Decision::TakeOver, _, Some(account), _) => done(self.take_over(arrival, account).await?),
            (Decision::Refuse(why), ..) => Ok(Outcome::Refused(why)),
            _ => self.create(arrival).await,
        }
    }

    /// What would be done, without doing it.
    pub(crate) async fn foresee(&self, arrival: &Arrival<'_>) -> Result<Decision, Error> {
        let (known, namesake) = (self.known(arrival).await?, self.namesake(arrival).await?);
        Ok(decide(&self.facts(arrival, known.as_ref(), namesake.as_ref()).await?))
    }

    async fn facts<'a>(
        &self,
        arrival: &'a Arrival<'_>,
        known: Option<&Known>,
        namesake: Option<&Principal>,
    ) -> Result<Facts<'a>, Error> {
        let Arrival { collection, request, arrived, .. } = *arrival;
        let caller = request.auth.as_deref().filter(|caller| caller.collection.id == collection.id);
        let standing = match namesake {
            Some(account) => Some(self.standing(account).await?),
            None => None,
        };
        Ok(Facts {
            owner: known.map(|known| known.owner(arrived, caller)),
            has_caller: caller.is_some(),
            address: arrived.profile.address.as_ref(),
            namesake: standing,
            links_silently: arrived.provider.about.links_silently,
        })
    }

    /// The account of the identity, if it has one.
    async fn known(&self, arrival: &Arrival<'_>) -> Result<Option<Known>, Error> {
        let (records, Arrived { provider, profile, .. }) = (self.records(), arrival.arrived);
        let identities = self.identities()?;
        let key = [
            ("collectionRef", arrival.collection.id.as_str()),
            ("provider", &provider.name),
            ("providerId", &profile.subject),
        ];
        let Some(row) = records.find_by(&identities, &key, 1).await?.pop() else { return Ok(None) };
        let values = records.values(&identities, &row).0;
        let text = |name: &str| values.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        match records.find(arrival.collection, &text("recordRef")).await? {
            Some(account) => {
                let account = Principal { collection: arrival.collection.clone(), row: account };
                Ok(Some(Known { account, issuer: text("issuer") }))
            }
            // its account went before such rows went with it
            None => {
                self.forget(&row).await?;
                Ok(None)
            }
        }
    }

    async fn forget(&self, row: &Row) -> Result<(), Error> {
        let request = house(self.records(), "DELETE", &Map::new())?;
        match self.records().delete(&request, EXTERNAL_AUTHS, &row.id).await {
            Err(error) if error.kind() != Kind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// The account that has the address which the provider gave.
    async fn namesake(&self, arrival: &Arrival<'_>) -> Result<Option<Principal>, Error> {
        match &arrival.arrived.profile.address {
            Some(address) => {
                self.records().find_account(arrival.collection, &["email".to_owned()], &address.text).await
            }
            None => Ok(None),
        }
    }

    async fn standing(&self, account: &Principal) -> Result<Namesake, Error> {
        let values = self.records().values(&account.collection, &account.row);
        if !values.flag("verified") {
            return Ok(Namesake::Claims);
        }
        let asks_two = account.collection.auth.as_ref().is_some_and(options::has_mfa);
        let is_guarded = asks_two || authenticator::is_enrolled(self, account).await?;
        Ok(if is_guarded { Namesake::Guarded } else { Namesake::Proved })
    }

    /// Gives an account the identity, in one transaction with what comes before.
    async fn link(
        &self,
        arrival: &Arrival<'_>,
        account: &Principal,
        mut before: Vec<Step>,
    ) -> Result<(), Error> {
        before.push(self.identity(arrival, &account.row.id)?);
        let request = self.asking(arrival)?;
        self.records().batch(&request, before).await.map(drop)
    }

    /// An account that only claims an address becomes its owner's: the password that somebody chose is none any more, with it
    /// all tokens are void, and whoever else was linked to it is not.
    async fn take_over(&self, arrival: &Arrival<'_>, account: Principal) -> Result<Arc<Principal>, Error> {
        let records = self.records();
        let steps = self.surrender(&account, &base::chance::word(PASSWORD_LENGTH)).await?;
        self.link(arrival, &account, steps).await?;
        self.void_password(&account).await?;
        let row = records.find(&account.collection, &account.row.id).await?.ok_or_else(Error::missing)?;
        Ok(Arc::new(Principal { collection: account.collection, row }))
    }

    /// The steps by which an account that only claims its address becomes whoever has proved it, with this password: all ways
    /// in that others may have added go, and its sessions with the password.
    pub(crate) async fn surrender(&self, account: &Principal, password: &str) -> Result<Vec<Step>, Error> {
        let records = self.records();
        let values = json!({ "password": password, "passwordConfirm": password, "verified": true });
        let mut steps =
            vec![step(&account.collection.name, Act::Update(account.row.id.clone(), draft(values)))];
        let key = [("collectionRef", account.collection.id.as_str()), ("recordRef", &account.row.id)];
        for own in records
            .catalog()
            .all()
            .iter()
            .filter(|own| own.is_system && ![SESSIONS, AUDIT].contains(&&*own.name))
        {
            for row in records.find_by(own, &key, IDENTITIES_MAX).await? {
                steps.push(step(&own.name, Act::Delete(row.id)));
            }
        }
        Ok(steps)
    }

    /// Makes an account by the create rule; the house adds what only it may say.
    async fn create(&self, arrival: &Arrival<'_>) -> Result<Outcome, Error> {
        let (records, profile) = (self.records(), &arrival.arrived.profile);
        let mut values = arrival.wanted.clone();
        let id = match values.get("id").and_then(Value::as_str).filter(|id| !id.is_empty()) {
            Some(id) => id.to_owned(),
            None => base::id::make(records.clock().now()),
        };
        values.insert("id".into(), id.clone().into());
        let password = base::chance::word(PASSWORD_LENGTH);
        let is_ours = values.get("password").and_then(Value::as_str).is_none_or(str::is_empty);
        if is_ours {
            values.insert("password".into(), password.clone().into());
            values.insert("passwordConfirm".into(), password.into());
        }
        let email = text(&values, "email");
        if let (true, Some(address)) = (email.is_empty(), &profile.address) {
            values.insert("email".into(), address.text.clone().into());
        }
        let is_verified = profile.address.as_ref().is_some_and(|address| {
            address.is_verified && text(&values, "email").to_lowercase() == address.text
        });
        self.map_fields(arrival, &mut values);
        let name = &arrival.collection.name;
        let mut request = arrival.request.clone();
        request.auth = None;
        let create = Act::Create(Draft { values, uploads: Vec::new() });
        let mut steps = vec![Step { asker: Some(request), ..step(name, create) }];
        if is_verified {
            steps.push(step(name, Act::Update(id.clone(), draft(json!({ "verified": true })))));
        }
        steps.push(self.identity(arrival, &id)?);
        records.batch(&self.asking(arrival)?, steps).await?;
        let made = records.find(arrival.collection, &id).await?.ok_or_else(Error::missing)?;
        let mut account = Principal { collection: arrival.collection.clone(), row: made };
        if is_ours {
            self.void_password(&account).await?;
        }
        self.add_picture(&account, profile).await;
        account.row = records.find(arrival.collection, &id).await?.ok_or_else(Error::missing)?;
        let account = Arc::new(account);
        Ok(Outcome::Account { account, is_new: true })
    }

    /// A password that nobody knows is none: the account does not count as one that gets in by it.
    pub(crate) async fn void_password(&self, account: &Principal) -> Result<(), Error> {
        let (inside, of) = (self.clone(), account.clone());
        let voided = self.records().store().write(move |tx| {
            Box::pin(async move {
                let row = tx.get(&of.collection.table(), &of.row.id).await?.ok_or_else(Error::missing)?;
                inside.records().void_password(tx, &of.collection, &row).await
            })
        });
        voided.await
    }

    /// What the collection's settings want of a profile, where the client has not said it itself.
    fn map_fields(&self, arrival: &Arrival<'_>, values: &mut Map<String, Value>) {
        use records::core::field::FieldKind;
        let profile = &arrival.arrived.profile;
        let oauth2 = arrival.collection.auth.as_ref().and_then(|auth| auth.other.get("oauth2"));
        let Some(mapped) = oauth2.and_then(|oauth2| oauth2.get("mappedFields")) else { return };
        for (key, found) in [
            ("id", &profile.subject),
            ("name", &profile.name),
            ("username", &profile.login),
            ("avatarURL", &profile.picture),
        ] {
            let field =
                mapped.get(key).and_then(Value::as_str).and_then(|name| arrival.collection.field(name));
            let Some(field) = field.filter(|field| !found.is_empty() && text(values, &field.name).is_empty())
            else {
                continue;
            };
            if matches!(field.kind, FieldKind::Text(_) | FieldKind::Url { .. } | FieldKind::Editor { .. }) {
                values.insert(field.name.clone(), found.as_str().into());
            }
        }
    }

    /// The step that gives an account the identity.
    fn identity(&self, arrival: &Arrival<'_>, account: &str) -> Result<Step, Error> {
        let Arrived { provider, profile, .. } = arrival.arrived;
        let values = json!({
            "collectionRef": arrival.collection.id,
            "recordRef": account,
            "provider": provider.name,
            "providerId": profile.subject,
            "issuer": provider.issuer(),
        });
        Ok(step(&self.identities()?.name, Act::Create(draft(values))))
    }

    /// The house asks, for whoever arrives from there.
    fn asking(&self, arrival: &Arrival<'_>) -> Result<Request, Error> {
        let house = house(self.records(), "POST", &Map::new())?;
        Ok(Request { from: arrival.request.from, ..house })
    }

    fn identities(&self) -> Result<Arc<Collection>, Error> {
        let found = self.records().catalog().find(EXTERNAL_AUTHS).cloned();
        found.ok_or_else(|| Error::refused(Kind::Internal, "the collection of identities is missing"))
    }
}

/// An identity that has an account.
struct Known {
    account: Principal,
    issuer: String,
}

impl Known {
    fn owner(&self, arrived: &Arrived, caller: Option<&Principal>) -> Owner {
        // one that was brought from elsewhere does not say whose it is
        if !self.issuer.is_empty() && self.issuer != arrived.provider.issuer() {
            return Owner::OtherIssuer;
        }
        match caller {
            Some(caller) if caller.row.id == self.account.row.id => Owner::Caller,
            _ => Owner::Account,
        }
    }
}

fn step(collection: &str, act: Act) -> Step {
    Step { collection: collection.to_owned(), act, shape: Shape::default(), asker: None }
}

fn draft(values: Value) -> Draft {
    Draft { values: values.as_object().cloned().unwrap_or_default(), uploads: Vec::new() }
}

fn text(values: &Map<String, Value>, name: &str) -> String {
    values.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Faults of single steps of a batch, by the field.
fn faults(error: &Error) -> impl Iterator<Item = Map<String, Value>> {
    let requests = error.data().get("requests").and_then(Value::as_object).cloned().unwrap_or_default();
    requests.into_iter().filter_map(|(_, step)| step.pointer("/response/data")?.as_object().cloned())
}

/// Whether somebody else made the identity or the account in between.
fn is_race(error: &Error) -> bool {
    let is_taken = |fault: &Value| fault.get("code").and_then(Value::as_str) == Some("validation_not_unique");
    faults(error)
        .any(|fields| ["providerId", "email"].iter().any(|name| fields.get(*name).is_some_and(is_taken)))
}

/// The fault of making an account as if it had been asked for alone.
fn first_step(error: Error) -> Error {
    let first = faults(&error).next();
    match first {
        Some(fields) => Error::invalid("Failed to create record.", Fields(fields)),
        None => error,
    }
}
