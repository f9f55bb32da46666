//! Sessions end: one, all others of the account, or those that came through a provider where the person has signed out.

use records::Error;
use records::audit::Whose;
use records::core::change::SESSIONS;
use records::core::collection::Collection;
use store::query::{Compare, Select};
use store::{Row, Tx};

use super::prove::Proven;
use crate::audit::{self, Entry, Event};
use crate::oidc::logout::Ended;
use crate::origin::Place;
use crate::own;
use crate::service::Identity;

/// Sessions of one person, or one provider's session, that a log-out ends at the most: what is looked at is bounded.
const ENDED_MAX: u64 = 10_000;

impl Identity {
    /// Ends a session: somebody signs out. Nothing happens when it has ended.
    pub async fn end_session(&self, proven: &Proven, place: &Place) -> Result<(), Error> {
        self.end(proven, place, Event::SignOut, |session, own| session == own).await
    }

    /// Ends all other sessions of the account.
    pub async fn end_other_sessions(&self, proven: &Proven, place: &Place) -> Result<(), Error> {
        self.end(proven, place, Event::SessionEnded, |session, own| session != own).await
    }

    /// Ends those sessions of an account that are chosen, by what they and the own one are called.
    async fn end(
        &self,
        proven: &Proven,
        place: &Place,
        event: Event,
        chosen: fn(&str, &str) -> bool,
    ) -> Result<(), Error> {
        let sessions = own::collection(self.records(), SESSIONS)?;
        let (of_account, sid) = (own::of_account(&sessions, &proven.principal), proven.claims.sid.clone());
        let table = sessions.table();
        let entry = Entry::new(event, &*proven.principal).from(place.address);
        let inside = self.clone();
        let ended = self.records().store().write(move |tx| {
            Box::pin(async move {
                let mut ended = tx.select(&of_account).await?;
                ended.retain(|row| chosen(&row.id, &sid));
                for session in &ended {
                    tx.delete(&table, &session.id).await?;
                }
                if !ended.is_empty() {
                    audit::write(tx, &inside, &entry.with("sessions", ended.len())).await?;
                }
                Ok::<_, Error>(ended)
            })
        });
        self.forget_sessions(&sessions, &ended.await?);
        Ok(())
    }

    /// Ends what came through a provider's session that has ended there; how many went.
    pub(crate) async fn end_by_provider(
        &self,
        accounts: &Collection,
        provider: &str,
        ended: &Ended,
        place: &Place,
    ) -> Result<usize, Error> {
        let sessions = own::collection(self.records(), SESSIONS)?;
        let wanted = of_provider(&sessions, accounts, provider, ended);
        let (inside, kept, ended) = (self.clone(), sessions.clone(), ended.clone());
        let (provider, from) = (provider.to_owned(), place.address);
        let gone = self.records().store().write(move |tx| {
            Box::pin(async move {
                let mut gone = tx.select(&wanted).await?;
                gone.retain(|row| is_meant(&inside, &kept, row, &ended));
                for session in &gone {
                    let entry = entry(&inside, &kept, session).from(from).with("provider", &*provider);
                    remove(tx, &inside, &kept, session, &entry).await?;
                }
                Ok::<_, Error>(gone)
            })
        });
        let gone = gone.await?;
        self.forget_sessions(&sessions, &gone);
        Ok(gone.len())
    }

    /// This web server need not be told of an end that it made.
    fn forget_sessions(&self, sessions: &Collection, ended: &[Row]) {
        for session in ended {
            self.cache().forget(sessions.table().as_str(), &session.id);
        }
    }
}

/// The sessions among which those that are meant lie: of the person where one is named, else of the provider's session.
fn of_provider(sessions: &Collection, accounts: &Collection, provider: &str, ended: &Ended) -> Select {
    let by = match (&ended.subject, &ended.session) {
        (Some(subject), _) => ("providerId", subject.as_str()),
        (None, session) => ("providerSession", session.as_deref().unwrap_or_default()),
    };
    let wanted = [
        ("provider", Compare::Eq, provider),
        (by.0, Compare::Eq, by.1),
        ("collectionRef", Compare::Eq, accounts.id.as_str()),
    ];
    Select { limit: Some(ENDED_MAX), ..own::select(sessions, &wanted) }
}

/// Whether a session of the person is meant: the one that is named, and those of which it is not known.
fn is_meant(identity: &Identity, sessions: &Collection, row: &Row, ended: &Ended) -> bool {
    let values = identity.records().values(sessions, row);
    let there = values.text("providerSession");
    ended.session.as_ref().is_none_or(|named| there.is_empty() || there == named)
}

fn entry(identity: &Identity, sessions: &Collection, row: &Row) -> Entry {
    let values = identity.records().values(sessions, row);
    let [collection, record] = ["collectionRef", "recordRef"].map(|name| values.text(name).to_owned());
    Entry::new(Event::SessionEnded, Whose { collection, record })
}

async fn remove(
    tx: &mut Tx,
    identity: &Identity,
    sessions: &Collection,
    session: &Row,
    entry: &Entry,
) -> Result<(), Error> {
    tx.delete(&sessions.table(), &session.id).await?;
    audit::write(tx, identity, entry).await
}
