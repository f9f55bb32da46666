//! Another address for an account: proved by the link that went there, and by the password.

use records::Error;
use records::core::collection::Collection;

use super::{Letter, bad_token};
use crate::service::Identity;
use crate::token::Purpose;

impl Identity {
    /// Gives the account of a mailed token its new address, if the password is the account's. It ends all sessions.
    pub async fn confirm_email_change(
        &self,
        token: &str,
        among: Option<&Collection>,
        password: &str,
    ) -> Result<(), Error> {
        let mut conn = self.records().store().reader().await?;
        let letter = Letter::open(&mut conn, self, Purpose::EmailChange, token, among).await?;
        let letter = letter.ok_or_else(bad_token)?;
        self.prove_password(&letter.account, password).await?;
        let (inside, token, among) = (self.clone(), token.to_owned(), among.cloned());
        let confirmed = self.records().store().write(move |tx| {
            Box::pin(async move {
                // the password that was verified is still the account's: with another one the token would be void
                let letter = Letter::open(tx, &inside, Purpose::EmailChange, &token, among.as_ref()).await?;
                let Letter { account, values, claims } = letter.ok_or_else(bad_token)?;
                let mut after = values.clone();
                after.0.insert("email".into(), claims.new_email.into());
                after.0.insert("verified".into(), true.into());
                inside.records().update_own(tx, &account.collection, &values, after).await.map(drop)
            })
        });
        confirmed.await
    }
}
