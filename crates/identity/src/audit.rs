//! The audit list, as sign-in writes it: what has happened in the transaction in which it happened, what was refused on its own.
//!
//! A wrong password is counted besides, so that passwords can't be guessed (see `guesses`).
//!
//! A refusal is written as long as there are few of them about whoever was named, and from its network: whoever tries
//! names and passwords by the thousand is not given a write for each.

use std::net::IpAddr;

use records::audit::network;
use records::core::collection::Collection;
use records::{Error, Principal};
use store::{Conn, Tx};

use crate::guesses;
use crate::linking::Why;
use crate::mfa::Way;
use crate::origin::Place;
use crate::refusal::Refusal;
use crate::service::Identity;
use crate::tally::{Tally, What};

pub(crate) use records::audit::{Entry, Event, Whose};

/// Characters of why a provider's word was refused.
const WHY_LENGTH_MAX: usize = 300;

/// Writes a line down, in the transaction of what it tells of.
pub(crate) async fn write(tx: &mut Tx, identity: &Identity, entry: &Entry) -> Result<(), Error> {
    identity.records().audit(tx, entry).await
}

impl Identity {
    /// Notes that somebody did not get in: by which way, as whom (empty: nobody was named), and whose account that is.
    pub async fn note_refused(
        &self,
        accounts: &Collection,
        way: Way,
        named: &str,
        account: Option<&Principal>,
        place: &Place,
    ) {
        let entry = Entry::new(Event::SignInRefused, account.map(Whose::from).unwrap_or_default());
        let entry = entry.from(place.address).with("way", way.word());
        let guesses = match way {
            Way::Password => guesses::tallies(self, accounts, named, place).into(),
            _ => Vec::new(),
        };
        count(self, guesses, lines(self, accounts, named, place.address), entry).await;
    }

    /// Notes that what a provider says was refused: as a mismatch where somebody may be trying something.
    pub(crate) async fn note_refusal(
        &self,
        accounts: &Collection,
        provider: &str,
        refusal: &Refusal,
        place: &Place,
    ) {
        let event = match refusal {
            Refusal::Mismatch(_) | Refusal::Unfit { .. } => Event::ProviderMismatch,
            _ => Event::SignInRefused,
        };
        let why: String = refusal.to_string().chars().take(WHY_LENGTH_MAX).collect();
        let entry = Entry::new(event, Whose::default()).with("way", Way::OAuth2.word());
        let entry = entry.with("provider", provider).with("why", why);
        refused(self, accounts, "", place.address, entry).await;
    }

    /// Notes that whoever a provider vouches for was not let in.
    pub(crate) async fn note_kept_out(&self, accounts: &Collection, provider: &str, why: Why, place: &Place) {
        let entry = Entry::new(Event::SignInRefused, Whose::default()).with("way", Way::OAuth2.word());
        let entry = entry.with("provider", provider).with("why", why.code());
        refused(self, accounts, "", place.address, entry).await;
    }
}

/// Writes that somebody did not get in. `named` is what was said of who it is, whether there is one or not: the same is done
/// for both. That it could not be written is told in the log only; the refusal stands.
pub(crate) async fn refused(
    identity: &Identity,
    accounts: &Collection,
    named: &str,
    from: IpAddr,
    entry: Entry,
) {
    count(identity, Vec::new(), lines(identity, accounts, named, from), entry.from(from)).await;
}

/// By what the lines about refusals are few.
fn lines(identity: &Identity, accounts: &Collection, named: &str, from: IpAddr) -> Vec<Tally> {
    let of = |what, about: &str| Tally::of(identity, what, accounts, about);
    let mut tallies = vec![of(What::RefusalsOfNetwork, &network(from).to_string())];
    tallies.extend((!named.is_empty()).then(|| of(What::RefusalsOfAccount, named)));
    tallies
}

/// Counts a refusal as a guess, and writes its line down, each as long as it is not too many.
async fn count(identity: &Identity, guesses: Vec<Tally>, lines: Vec<Tally>, entry: Entry) {
    if let Err(fault) = try_count(identity, guesses, lines, entry).await {
        tracing::warn!(error = base::error::chain(&fault), "a refused sign-in could not be noted");
    }
}

async fn try_count(
    identity: &Identity,
    guesses: Vec<Tally>,
    lines: Vec<Tally>,
    entry: Entry,
) -> Result<(), Error> {
    // looked at first where nothing is written: a flood costs reads
    let mut conn = identity.records().store().reader().await?;
    let mut open = has_room(&mut conn, identity, &lines).await?;
    for guess in &guesses {
        open |= has_room(&mut conn, identity, std::slice::from_ref(guess)).await?;
    }
    drop(conn);
    if !open {
        return Ok(());
    }
    let inside = identity.clone();
    let written = identity.records().store().write(move |tx| {
        Box::pin(async move {
            for guess in &guesses {
                if has_room(tx, &inside, std::slice::from_ref(guess)).await? {
                    guess.count(tx, &inside).await?;
                }
            }
            if !has_room(tx, &inside, &lines).await? {
                return Ok(());
            }
            for line in &lines {
                line.count(tx, &inside).await?;
            }
            write(tx, &inside, &entry).await
        })
    });
    written.await
}

/// Whether none of the tallies is used up.
async fn has_room(conn: &mut Conn, identity: &Identity, tallies: &[Tally]) -> Result<bool, Error> {
    for tally in tallies {
        if tally.check(conn, identity).await?.is_err() {
            return Ok(false);
        }
    }
    Ok(true)
}
