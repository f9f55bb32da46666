//! Passwords that are guessed: of one name from one network so many wrong ones are let through, and from a network so many
//! in all. Then no password is looked at from there until the time is over.
//!
//! Who is elsewhere signs in as ever, so that nobody keeps an owner out who does not sit in the owner's network; passkeys
//! and mailed codes stay open there too. A name that is nobody's is counted like any other.

use records::Error;
use records::audit::network;
use records::core::collection::Collection;

use crate::origin::Place;
use crate::service::Identity;
use crate::tally::{Tally, What};

impl Identity {
    /// Whether a password for a name may be looked at: nothing, or for how many seconds not.
    pub async fn too_many_guesses(
        &self,
        accounts: &Collection,
        named: &str,
        place: &Place,
    ) -> Result<Option<u64>, Error> {
        let mut conn = self.records().store().reader().await?;
        for tally in tallies(self, accounts, named, place) {
            if let Err(used_up) = tally.check(&mut conn, self).await? {
                return Ok(Some(used_up.seconds));
            }
        }
        Ok(None)
    }
}

/// What a wrong password is counted in.
pub(crate) fn tallies(identity: &Identity, accounts: &Collection, named: &str, place: &Place) -> [Tally; 2] {
    let from = network(place.address).to_string();
    let of_name = Tally::of(identity, What::Guesses, accounts, &format!("{from} {named}"));
    [of_name, Tally::of(identity, What::GuessesOfNetwork, accounts, &from)]
}
