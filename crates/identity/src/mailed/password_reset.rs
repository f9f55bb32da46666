//! A new password for whoever reads the account's mail.
//!
//! It signs nobody in, so that a second step that is asked for is still asked for.

use base::error::Fields;
use records::Error;
use records::core::collection::Collection;

use super::{INVALID, Letter, bad_token};
use crate::audit::{self, Entry, Event};
use crate::origin::Place;
use crate::own;
use crate::service::Identity;
use crate::token::Purpose;

impl Identity {
    /// Sets the password of a mailed token's account, which ends all its sessions and voids all mailed words that are out. It
    /// marks the address as verified, since the token came by it.
    pub async fn confirm_password_reset(
        &self,
        token: &str,
        among: Option<&Collection>,
        password: &str,
        again: &str,
        place: &Place,
    ) -> Result<(), Error> {
        check_passwords(password, again)?;
        let mut conn = self.records().store().reader().await?;
        // before the work of hashing
        let letter = Letter::open(&mut conn, self, Purpose::PasswordReset, token, among).await?;
        let accounts = letter.ok_or_else(bad_token)?.account.collection;
        let hash = self.records().hash_password(&accounts, password).await?;
        let (inside, token, among, from) = (self.clone(), token.to_owned(), among.cloned(), place.address);
        let confirmed = self.records().store().write(move |tx| {
            Box::pin(async move {
                let letter =
                    Letter::open(tx, &inside, Purpose::PasswordReset, &token, among.as_ref()).await?;
                let Letter { account, values, .. } = letter.ok_or_else(bad_token)?;
                if !values.flag("verified") {
                    own::forget_ways(tx, &inside, &account, from).await?;
                }
                let mut after = values.clone();
                after.0.insert("password".into(), hash.into());
                after.0.insert("verified".into(), true.into());
                let entry = Entry::new(Event::PasswordChanged, &account).from(from).with("way", "mail");
                audit::write(tx, &inside, &entry).await?;
                inside.records().update_own(tx, &account.collection, &values, after).await.map(drop)
            })
        });
        confirmed.await
    }
}

/// Checks that a new password was given, twice the same.
pub(crate) fn check_passwords(password: &str, again: &str) -> Result<(), Error> {
    let mut faults = Fields::default();
    if password.is_empty() {
        faults.add("password", "validation_required", "Cannot be blank.");
    }
    if again.is_empty() {
        faults.add("passwordConfirm", "validation_required", "Cannot be blank.");
    } else if again != password {
        faults.add("passwordConfirm", "validation_values_mismatch", "Values don't match.");
    }
    if faults.is_empty() { Ok(()) } else { Err(Error::invalid(INVALID, faults)) }
}
