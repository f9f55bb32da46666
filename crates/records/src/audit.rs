//! What is noted of sign-in: what happened to whose account, by whom, from where.
//!
//! To add an event: a variant, its word, and a line in docs/sign-in.md.
//!
//! Whoever tells people of it is a [`Witness`].
//!
//! Invariant: what is noted holds no password, code, token or key, and of an address only the network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::pin::Pin;

use serde_json::{Map, Value, json};
use store::Tx;

use crate::error::Error;

use crate::request::Principal;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Somebody signed in; `ways` says how.
    SignIn,
    /// Somebody did not get in; `way` says how it was tried.
    SignInRefused,
    /// What a provider said did not fit what was agreed on; `why` says what.
    ProviderMismatch,
    /// Somebody signed out.
    SignOut,
    /// A session was ended otherwise: out of the list, with all others, by the provider.
    SessionEnded,
    /// Another way to sign in was added: a passkey, an authenticator.
    FactorAdded,
    /// One was taken away.
    FactorRemoved,
    /// A passkey's counter went back: there may be two of it.
    PasskeyDoubled,
    /// The password was set.
    PasswordChanged,
    /// The address was changed; `was` says from which one.
    AddressChanged,
    /// A change of the address was undone by who has the old one.
    AddressRestored,
    /// The account was linked to a provider.
    Linked,
    /// A link was taken away.
    Unlinked,
    /// A superuser acts as the account.
    Impersonation,
    /// A superuser was made.
    SuperuserMade,
    /// A superuser was deleted.
    SuperuserRemoved,
    /// A key for tokens was made.
    KeyMade,
}

impl Event {
    /// Its word in the record.
    pub fn word(self) -> &'static str {
        match self {
            Event::SignIn => "sign_in",
            Event::SignInRefused => "sign_in_refused",
            Event::ProviderMismatch => "provider_mismatch",
            Event::SignOut => "sign_out",
            Event::SessionEnded => "session_ended",
            Event::FactorAdded => "factor_added",
            Event::FactorRemoved => "factor_removed",
            Event::PasskeyDoubled => "passkey_doubled",
            Event::PasswordChanged => "password_changed",
            Event::AddressChanged => "address_changed",
            Event::AddressRestored => "address_restored",
            Event::Linked => "linked",
            Event::Unlinked => "unlinked",
            Event::Impersonation => "impersonation",
            Event::SuperuserMade => "superuser_made",
            Event::SuperuserRemoved => "superuser_removed",
            Event::KeyMade => "key_made",
        }
    }
}

/// An account, by the ids of its collection and its record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Whose {
    /// The collection; empty for nobody.
    pub collection: String,
    /// The record; empty for nobody.
    pub record: String,
}

impl From<&Principal> for Whose {
    fn from(account: &Principal) -> Whose {
        Whose { collection: account.collection.id.clone(), record: account.row.id.clone() }
    }
}

/// One line of the list.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    event: Event,
    account: Whose,
    actor: Whose,
    from: Option<IpAddr>,
    detail: Map<String, Value>,
}

impl Entry {
    /// Something that happened to an account, or to nobody's.
    pub fn new(event: Event, account: impl Into<Whose>) -> Entry {
        Entry { event, account: account.into(), actor: Whose::default(), from: None, detail: Map::new() }
    }

    /// Who did it, where that is not the account itself.
    #[must_use]
    pub fn by(mut self, actor: Option<&Principal>) -> Entry {
        // the house is in no table
        let actor = actor.filter(|actor| !actor.row.id.is_empty()).map(Whose::from);
        self.actor = actor.filter(|actor| *actor != self.account).unwrap_or_default();
        self
    }

    /// From where; of the house's own work nowhere.
    #[must_use]
    pub fn from(mut self, address: impl Into<Option<IpAddr>>) -> Entry {
        self.from = address.into();
        self
    }

    /// A word more about it: never a secret.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Entry {
        self.detail.insert(name.to_owned(), value.into());
        self
    }

    /// What happened.
    pub fn event(&self) -> Event {
        self.event
    }

    /// Whose account it is about; of empty ids where it is nobody's.
    pub fn account(&self) -> &Whose {
        &self.account
    }

    /// Whether the account itself did it, as far as is known.
    pub fn is_own(&self) -> bool {
        self.actor.record.is_empty()
    }

    /// The network that it came from.
    pub fn network(&self) -> Option<IpAddr> {
        self.from.map(network)
    }

    /// A word of its detail.
    pub fn detail(&self, name: &str) -> Option<&Value> {
        self.detail.get(name)
    }

    /// The record's values.
    pub fn values(&self) -> Map<String, Value> {
        let values = json!({
            "event": self.event.word(),
            "accountCollection": self.account.collection,
            "account": self.account.record,
            "actorCollection": self.actor.collection,
            "actor": self.actor.record,
            "address": self.network().map(|network| network.to_string()).unwrap_or_default(),
            "detail": self.detail,
        });
        values.as_object().cloned().unwrap_or_default()
    }
}

/// Sees each line in the transaction in which it is written. Implemented by the room `identity`, which tells people by mail.
pub trait Witness: Send + Sync + 'static {
    /// A line has been written; an error undoes what it tells of.
    fn see<'a>(&'a self, tx: &'a mut Tx, entry: &'a Entry) -> Seen<'a>;
}

/// What a witness does about a line.
pub type Seen<'a> = Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'a>>;

/// An address without what tells single machines apart: enough to know a place by.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits() & !0xff).into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !(u128::MAX >> 48)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_address_its_network_is_kept() {
        let kept = |address: &str| network(address.parse().expect("an address")).to_string();
        assert_eq!(kept("203.0.113.77"), "203.0.113.0");
        assert_eq!(kept("::ffff:203.0.113.77"), "203.0.113.0");
        assert_eq!(kept("2001:db8:1:2:3:4:5:6"), "2001:db8:1::");
    }

    #[test]
    fn an_entry_says_what_happened_to_whom_from_where() {
        let account = Whose { collection: "pbc_1".into(), record: "kim".into() };
        let from: IpAddr = [203, 0, 113, 77].into();
        let entry = Entry::new(Event::Linked, account).from(from).with("provider", "google");
        let expected = json!({
            "event": "linked", "accountCollection": "pbc_1", "account": "kim", "actorCollection": "", "actor": "",
            "address": "203.0.113.0", "detail": { "provider": "google" },
        });
        assert_eq!(Value::from(entry.values()), expected);
    }
}
