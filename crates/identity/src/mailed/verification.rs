//! Showing that an address is the account's.

use records::Error;
use records::core::collection::Collection;

use super::{Letter, bad_token};
use crate::service::Identity;
use crate::token::Purpose;

impl Identity {
    /// Marks the account of a mailed token as verified. The same token again changes nothing: it says of an address what it
    /// has said, and only as long as it lives and the address and the password stay.
    pub async fn confirm_verification(&self, token: &str, among: Option<&Collection>) -> Result<(), Error> {
        let (inside, token, among) = (self.clone(), token.to_owned(), among.cloned());
        let confirmed = self.records().store().write(move |tx| {
            Box::pin(async move {
                let letter = Letter::open(tx, &inside, Purpose::Verification, &token, among.as_ref()).await?;
                let Letter { account, values, .. } = letter.ok_or_else(bad_token)?;
                if values.flag("verified") {
                    return Ok(());
                }
                let mut after = values.clone();
                after.0.insert("verified".into(), true.into());
                inside.records().update_own(tx, &account.collection, &values, after).await.map(drop)
            })
        });
        confirmed.await
    }
}
