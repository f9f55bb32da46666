//! Another address for an account: proved by the link that went there, and by the password.

use base::error::{Fields, Kind};
use records::Error;
use records::core::collection::Collection;

use super::{INVALID, Letter, bad_token};
use crate::audit::{self, Entry, Event};
use crate::origin::Place;
use crate::service::Identity;
use crate::tally::{Tally, What};
use crate::token::Purpose;

impl Identity {
    /// Gives the account of a mailed token its new address, if the password is the account's. It ends all sessions.
    pub async fn confirm_email_change(
        &self,
        token: &str,
        among: Option<&Collection>,
        password: &str,
        place: &Place,
    ) -> Result<(), Error> {
        let mut conn = self.records().store().reader().await?;
        let letter = Letter::open(&mut conn, self, Purpose::EmailChange, token, among).await?;
        let letter = letter.ok_or_else(bad_token)?;
        let tally =
            Tally::of(self, What::WrongWords, &letter.account.collection, letter.values.text("email"));
        self.heed(&tally).await?;
        if !self.records().verify_password(Some(&letter.account), password).await? {
            self.blame(tally).await?;
            let wrong = Fields::one(
                "password",
                "validation_invalid_password",
                "Missing or invalid auth record password.",
            );
            return Err(Error::invalid(INVALID, wrong));
        }
        let (inside, token, among, from) = (self.clone(), token.to_owned(), among.cloned(), place.address);
        let confirmed = self.records().store().write(move |tx| {
            Box::pin(async move {
                // the password that was verified is still the account's: with another one the token would be void
                let letter = Letter::open(tx, &inside, Purpose::EmailChange, &token, among.as_ref()).await?;
                let Letter { account, values, claims } = letter.ok_or_else(bad_token)?;
                let mut after = values.clone();
                after.0.insert("email".into(), claims.new_email.into());
                after.0.insert("verified".into(), true.into());
                let entry = Entry::new(Event::AddressChanged, &account).from(from);
                let entry =
                    entry.with("was", values.text("email")).with("wasVerified", values.flag("verified"));
                audit::write(tx, &inside, &entry).await?;
                inside.records().update_own(tx, &account.collection, &values, after).await.map(drop)
            })
        });
        confirmed.await
    }

    /// Refuses when too many wrong words were tried.
    async fn heed(&self, tally: &Tally) -> Result<(), Error> {
        let (inside, tally) = (self.clone(), tally.clone());
        let checked =
            self.records().store().write(move |tx| Box::pin(async move { tally.check(tx, &inside).await }));
        checked.await?.map_err(|_| Error::refused(Kind::Busy, "Too many wrong tries. Try again later."))
    }

    async fn blame(&self, tally: Tally) -> Result<(), Error> {
        let inside = self.clone();
        self.records().store().write(move |tx| Box::pin(async move { tally.count(tx, &inside).await })).await
    }
}
