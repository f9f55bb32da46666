//! What a record of `_mails` says.

use base::error::Kind as Fault;
use base::time::Timestamp;
use records::Error;
use records::core::change::MAILS;
use records::core::value::Values;
use serde_json::{Map, Value, json};
use store::Tx;
use store::query::Compare;

use crate::own;
use crate::service::Identity;
use crate::token::Purpose;

/// What a mail is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Shows that the address is the account's.
    Verification,
    /// Sets a new password.
    PasswordReset,
    /// Takes another address.
    EmailChange,
    /// A code to sign in with.
    Otp,
    /// A sign-in from a new place.
    AuthAlert,
    /// A superuser invites; the account is the invitation here.
    Invitation,
    /// Somebody signs up; the same.
    SignUp,
    /// Somebody wanted to sign up with the address of an account.
    AlreadyThere,
    /// How the account signs in was changed.
    Notice,
    /// To the address that the account had: it has another one, and here it can be taken back.
    EmailChanged,
    /// The same where it can't: a superuser has changed it.
    OldAddress,
}

/// What is to be told to whom.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Job {
    /// What it is about.
    pub(crate) kind: Kind,
    /// The collection of the account, by id.
    pub(crate) collection: String,
    /// The account; empty where the address is nobody's, and nothing is sent.
    pub(crate) account: String,
    /// The address.
    pub(crate) to: String,
    /// What else the mail needs to know, by name: never a code or a token.
    pub(crate) about: Map<String, Value>,
}

/// How far a mail is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Waiting,
    Sent,
    Failed,
    /// It was asked for of an address that is nobody's: a record all the same, so that nobody can tell by the work.
    Nobody,
}

/// A mail that this web server has for a while.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    pub(super) id: String,
    pub(super) job: Job,
    pub(super) tries: u64,
    pub(super) created: Timestamp,
}

impl Kind {
    const ALL: [Kind; 11] = [
        Kind::Verification,
        Kind::PasswordReset,
        Kind::EmailChange,
        Kind::Otp,
        Kind::AuthAlert,
        Kind::Invitation,
        Kind::SignUp,
        Kind::AlreadyThere,
        Kind::Notice,
        Kind::EmailChanged,
        Kind::OldAddress,
    ];

    /// Its word in the record.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Kind::Verification => "verification",
            Kind::PasswordReset => "passwordReset",
            Kind::EmailChange => "emailChange",
            Kind::Otp => "otp",
            Kind::AuthAlert => "authAlert",
            Kind::Invitation => "invitation",
            Kind::SignUp => "signUp",
            Kind::AlreadyThere => "alreadyThere",
            Kind::Notice => "notice",
            Kind::EmailChanged => "emailChanged",
            Kind::OldAddress => "oldAddress",
        }
    }

    /// Whether it goes to another address than the account's.
    pub(crate) fn is_elsewhere(self) -> bool {
        matches!(self, Kind::EmailChange | Kind::EmailChanged | Kind::OldAddress)
    }

    /// The purpose of the token in such a mail, if there is one in it.
    pub(crate) fn token(self) -> Option<Purpose> {
        match self {
            Kind::Verification => Some(Purpose::Verification),
            Kind::PasswordReset => Some(Purpose::PasswordReset),
            Kind::EmailChange => Some(Purpose::EmailChange),
            _ => None,
        }
    }
}

impl State {
    pub(super) fn word(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Sent => "sent",
            State::Failed => "failed",
            State::Nobody => "nobody",
        }
    }
}

impl Job {
    /// Reads a record; `None` for one that this version knows nothing of.
    pub(super) fn read(values: &Values) -> Option<Job> {
        let text = |name: &str| values.text(name).to_owned();
        Some(Job {
            kind: Kind::ALL.into_iter().find(|kind| kind.word() == values.text("kind"))?,
            collection: text("collectionRef"),
            account: text("recordRef"),
            to: text("to"),
            about: values.0.get("about").and_then(Value::as_object).cloned().unwrap_or_default(),
        })
    }
}

/// Writes a mail down. It is sent after the transaction is committed, once somebody tells the post.
pub(crate) async fn queue(tx: &mut Tx, identity: &Identity, job: &Job) -> Result<(), Error> {
    let (records, mails) = (identity.records(), own::collection(identity.records(), MAILS)?);
    let waiting = own::select(&mails, &[("state", Compare::Eq, State::Waiting.word())]);
    if tx.count(&waiting).await? >= identity.config().mails_waiting_max {
        return Err(Error::refused(Fault::Busy, "Too many mails wait to be sent. Try again later."));
    }
    let state = if job.account.is_empty() { State::Nobody } else { State::Waiting };
    let values = json!({
        "collectionRef": job.collection,
        "recordRef": job.account,
        "to": job.to,
        "kind": job.kind.word(),
        "about": job.about,
        "state": state.word(),
        "due": records.clock().now().to_string(),
    });
    records.insert_own(tx, &mails, own::object(values)).await.map(drop)
}
