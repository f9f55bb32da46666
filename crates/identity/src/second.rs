//! The second way for pages that sign somebody in by password: a mailed code, or one of the account's authenticator.

use std::sync::Arc;

use base::error::Kind as Fault;
use records::core::collection::Collection;
use records::{Context, Error, Principal, Request};

use crate::mailed::{self, Asked, Code, Found, Wish};
use crate::mfa::{self, Step, Way};
use crate::origin::Place;
use crate::post::Kind;
use crate::service::Identity;
use crate::{authenticator, options};

/// What an account that has shown its password is asked for besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Second {
    /// Nothing.
    Enough,
    /// The code that has just been mailed.
    Code {
        /// The half sign-in.
        half: String,
        /// What the code is given back with.
        otp_id: String,
    },
    /// A code of its authenticator, or a recovery code.
    Authenticator {
        /// The half sign-in.
        half: String,
    },
    /// A second way that this service does not offer: no code can be mailed.
    NotOffered,
}

impl Identity {
    /// Asks an account that has shown its password for a second way, if its collection wants one: a code goes out.
    pub async fn ask_second(&self, account: &Arc<Principal>) -> Result<Second, Error> {
        let request = Request { context: Context::Password, method: "POST".into(), ..Request::default() };
        if !mfa::is_asked(self, &request, account).await? {
            return Ok(Second::Enough);
        }
        if authenticator::is_enrolled(self, account).await? {
            return Ok(match mfa::step(self, account, &Way::Password.into(), "").await? {
                Step::Half(half) => Second::Authenticator { half },
                _ => Second::NotOffered,
            });
        }
        let has_otp = account.collection.auth.as_ref().is_some_and(options::has_otp);
        let to = self.records().values(&account.collection, &account.row).text("email").to_owned();
        if !has_otp || self.post().is_none() || to.is_empty() {
            return Ok(Second::NotOffered);
        }
        let Step::Half(half) = mfa::step(self, account, &Way::Password.into(), "").await? else {
            return Ok(Second::NotOffered);
        };
        let (collection, account) = (account.collection.clone(), Some(Principal::clone(account)));
        match mailed::ask(self, Wish { kind: Kind::Otp, collection, account, to, by: None }).await? {
            Asked::Done(Some(otp_id)) => Ok(Second::Code { half, otp_id }),
            Asked::Done(None) => Ok(Second::NotOffered),
            Asked::TooOften(_) => Err(too_often()),
        }
    }

    /// The account whose half sign-in is completed by a code: a mailed one, or, without an `otp_id`, one of its authenticator.
    /// With the ways that it has passed. `None` when the code or the half is no good.
    pub async fn finish_second(
        &self,
        accounts: &Arc<Collection>,
        half: &str,
        otp_id: &str,
        code: &str,
        place: &Place,
    ) -> Result<Option<(Arc<Principal>, Vec<Way>)>, Error> {
        if otp_id.is_empty() {
            return match authenticator::complete(self, accounts, half, code, place.address).await? {
                authenticator::Found::Account(account, first) => {
                    Ok(Some((account.into(), vec![first.way, Way::Totp])))
                }
                authenticator::Found::Wrong => Ok(None),
                authenticator::Found::TooOften(_) => Err(too_often()),
            };
        }
        let code = Code {
            accounts: accounts.clone(),
            otp_id: otp_id.to_owned(),
            given: code.trim().to_owned(),
            from: place.address,
        };
        let account = match mailed::redeem(self, code).await? {
            Found::Account(account) => Arc::new(account),
            Found::Wrong => return Ok(None),
            Found::TooOften(_) => return Err(too_often()),
        };
        if half.is_empty() {
            return Ok(None);
        }
        match mfa::step(self, &account, &Way::Otp.into(), half).await? {
            Step::Enter(first) => Ok(Some((account, vec![first.way, Way::Otp]))),
            _ => Ok(None),
        }
    }
}

fn too_often() -> Error {
    Error::refused(Fault::Busy, "Too many tries for this address. Try again later.")
}
