//! Who asks, and what rules may know of the request.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use serde_json::{Map, Value};
use store::{Once, Row};

use crate::core::collection::Collection;
use crate::error::Error;
use crate::records::Moment;

/// Somebody who has signed in.
#[derive(Clone, Debug)]
pub struct Principal {
    /// The collection of the account.
    pub collection: Arc<Collection>,
    /// The account's record.
    pub row: Arc<Row>,
}

impl Principal {
    /// The house itself, for work that nobody asked for over HTTP: a superuser who is in no table.
    pub fn house(superusers: Arc<Collection>) -> Principal {
        let row = Row { id: String::new(), rev: 0, shape: superusers.shape, body: "{}".into() };
        Principal { collection: superusers, row: Arc::new(row) }
    }

    /// True when it is the same account.
    pub fn is(&self, other: &Principal) -> bool {
        self.row.id == other.row.id && self.collection.id == other.collection.id
    }

    /// True when the account may do everything.
    pub fn is_superuser(&self) -> bool {
        self.collection.is_superusers()
    }
}

/// For what rules are evaluated: `@request.context`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Context {
    /// Plain requests.
    #[default]
    Default,
    /// A listener of realtime events.
    Realtime,
    /// A download of a protected file.
    ProtectedFile,
    /// Sign-in by password.
    Password,
    /// Sign-in by a provider.
    OAuth2,
    /// Sign-in by a mailed code.
    Otp,
}

/// What rules may know of a request: `@request.*`.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// `@request.context`.
    pub context: Context,
    /// `@request.method`: upper case.
    pub method: String,
    /// `@request.query.*`.
    pub query: Map<String, Value>,
    /// `@request.headers.*`: names in lower case with `_` for `-`.
    pub headers: Map<String, Value>,
    /// `@request.body.*`.
    pub body: Map<String, Value>,
    /// `@request.auth.*`.
    pub auth: Option<Arc<Principal>>,
    /// When the request began, if that was asked of the log: what is read as of then is new enough. A write forgets it.
    pub moment: Moment,
    /// From where it came; `None` of the house's own work. No rule sees it.
    pub from: Option<IpAddr>,
    /// Of a write that may be asked for again: what it is known by. No rule sees it.
    pub once: Option<Arc<Once>>,
}

impl Request {
    /// The same request with another body; the old one is not copied for it.
    #[must_use]
    pub fn with_body(&self, body: Map<String, Value>) -> Request {
        Request {
            context: self.context,
            method: self.method.clone(),
            query: self.query.clone(),
            headers: self.headers.clone(),
            body,
            auth: self.auth.clone(),
            moment: self.moment,
            from: self.from,
            once: self.once.clone(),
        }
    }

    /// True when a superuser asks.
    pub fn is_superuser(&self) -> bool {
        self.auth.as_ref().is_some_and(|a| a.is_superuser())
    }
}

/// A look-up of an account that is under way.
pub type Found<'a> = Pin<Box<dyn Future<Output = Result<Option<Arc<Principal>>, Error>> + Send + 'a>>;

/// Finds out who a token belongs to. Implemented by the room `identity`; the other rooms only see this.
pub trait Authenticate: Send + Sync + 'static {
    /// The account of a sign-in token; `None` for a token that is not (or no longer) valid, at that moment or later.
    fn principal<'a>(&'a self, token: &'a str, moment: Moment) -> Found<'a>;

    /// The same for what touches how somebody signs in: while it can't be said for certain that the session has not ended
    /// on another web server, it is an error.
    fn certain_principal<'a>(&'a self, token: &'a str, moment: Moment) -> Found<'a>;

    /// The account of a file token (short-lived, in an address).
    fn file_principal<'a>(&'a self, token: &'a str) -> Found<'a>;
}
