//! What is asked for by mail, and what the mailed words do: endpoints and pages stand on this.
//!
//! A link holds a token that is signed under the account's token key: with a new password or address all links that are out
//! are void. What a link does it does in one transaction, in which the account is held and the token proved once more; so
//! two that come at once are one that did it and one that was too late.
//!
//! Map, in reading order: `ask` (a mail is asked for), `verification`, `password_reset`, `email_change`, `undo`, `code` (what they do).
//!
//! Invariant: of an address nobody can tell, by answer or work, whether it is an account's.

mod ask;
mod code;
mod email_change;
mod password_reset;
pub(crate) mod undo;
mod verification;

use std::sync::Arc;

use base::error::Fields;
use records::core::collection::Collection;
use records::core::value::Values;
use records::{Error, Principal};
use store::Conn;

use crate::service::Identity;
use crate::token::{self, Claims, Purpose};

pub(crate) use ask::{Asked, Wish, ask};
pub(crate) use code::{Code, Found, redeem};
pub(crate) use password_reset::check_passwords;

/// The sentence over faults of what was sent.
pub(crate) const INVALID: &str = "An error occurred while validating the submitted data.";

/// A mailed token that is good, with its account as it is.
struct Letter {
    account: Principal,
    values: Values,
    claims: Claims,
}

impl Letter {
    /// Reads a token; `None` for one that is not good any more, or not for this. Inside a transaction the account is held.
    /// `among`: the collection that the account must be of, where the request names one.
    async fn open(
        conn: &mut Conn,
        identity: &Identity,
        purpose: Purpose,
        token: &str,
        among: Option<&Collection>,
    ) -> Result<Option<Letter>, Error> {
        let records = identity.records();
        let Some(unproven) = token::read(token).filter(|t| t.claimed_purpose() == purpose) else {
            return Ok(None);
        };
        let (collection, id) = unproven.claimed_account();
        let collection =
            records.catalog().find(collection).filter(|c| c.id == collection && c.is_auth()).cloned();
        let Some(collection) = collection.filter(|c| among.is_none_or(|among| among.id == c.id)) else {
            return Ok(None);
        };
        let Some(row) = conn.get(&collection.table(), id).await? else { return Ok(None) };
        let values = records.values(&collection, &row);
        let account = Principal { collection, row: Arc::new(row) };
        let Some(key) = identity.key(&account, purpose) else { return Ok(None) };
        let claims = unproven.prove(&key, records.clock().now());
        let claims = claims.filter(|claims| claims.email == values.text("email"));
        Ok(claims.map(|claims| Letter { account, values, claims }))
    }
}

impl Identity {
    /// Whether a mailed token is good, without using it: the address that it is about.
    pub async fn mailed_address(&self, purpose: Purpose, token: &str) -> Result<Option<String>, Error> {
        if purpose == Purpose::EmailUndo {
            return self.undone_address(token).await;
        }
        let mut conn = self.records().store().reader().await?;
        let letter = Letter::open(&mut conn, self, purpose, token, None).await?;
        let address = |letter: Letter| match purpose {
            Purpose::EmailChange => letter.claims.new_email,
            _ => letter.claims.email,
        };
        Ok(letter.map(address))
    }
}

/// The refusal of a token that is not good, whatever is wrong with it.
pub(crate) fn bad_token() -> Error {
    Error::invalid(INVALID, Fields::one("token", "validation_invalid_token", "Invalid or expired token."))
}
