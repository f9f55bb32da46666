//! Whether whoever asks knows an account's password, where a token is not enough: wrong tries are counted for its address, so that
//! a stolen token guesses no password.

use base::error::{Fields, Kind};
use records::{Error, Principal};

use crate::mailed::INVALID;
use crate::service::Identity;
use crate::tally::{Tally, What};

impl Identity {
    /// Refuses a password that is not the account's.
    pub(crate) async fn prove_password(&self, account: &Principal, password: &str) -> Result<(), Error> {
        let values = self.records().values(&account.collection, &account.row);
        let tally = Tally::of(self, What::WrongWords, &account.collection, values.text("email"));
        self.heed(&tally).await?;
        if self.records().verify_password(Some(account), password).await? {
            return Ok(());
        }
        self.blame(tally).await?;
        let message = "Missing or invalid auth record password.";
        Err(Error::invalid(INVALID, Fields::one("password", "validation_invalid_password", message)))
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
