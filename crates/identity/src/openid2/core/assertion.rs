//! What must hold of a positive assertion, in the order of the specification (OpenID 2.0, 11): it came where it says, it is
//! about whom discovery said, it is fresh, and what counts is signed.
//!
//! An [`Assertion`] is only what somebody sent. [`Assertion::check`] looks at all that needs no partner and says what is
//! left to be asked; [`Checked::proven_by`] and [`Checked::proven_by_answer`] make it [`Proven`].
//!
//! Invariant: pure; `now` is an argument. Whoever gets a [`Proven`] still has to use its nonce up, once for all servers.

use std::time::Duration;

use base::time::Timestamp;
use url::Url;

use super::association::Association;
use super::identifier::is_web;
use super::message::{Message, parameter};
use super::services::Discovered;
use crate::refusal::Refusal;

/// How far a nonce's time may be from ours, either way; so long it must be remembered.
pub const SKEW_MAX: Duration = Duration::from_secs(5 * 60);
/// Longest nonce (10.1).
const NONCE_BYTES_MAX: usize = 255;
/// What must be signed (10.1).
const SIGNED: [&str; 6] =
    ["op_endpoint", "return_to", "response_nonce", "assoc_handle", "claimed_id", "identity"];

/// What came back, if it says that the person is who they claim to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion(Message);

/// What was begun, and where its answer came.
#[derive(Clone, Copy, Debug)]
pub struct Begun<'a> {
    /// Whom we sent the person to.
    pub discovered: &'a Discovered,
    /// Where we asked the answer to be sent.
    pub return_to: &'a str,
    /// The address that the answer was really sent to, with its query but without a form body.
    pub came_to: &'a str,
}

/// An assertion that fits what was begun. Its signature is not proven yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    message: Message,
    signed: Vec<String>,
    /// An identifier that was not asked about: discovery has to be done on it, and [`Checked::confirm`] asked.
    pub rediscover: Option<Url>,
}

/// An assertion that the provider made, about a person it may speak for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    message: Message,
    signed: Vec<String>,
}

/// Reads what came back.
pub fn read(parameters: &str) -> Result<Assertion, Refusal> {
    let message = Message::indirect(parameters).map_err(|_| {
        Refusal::Mismatch("what came back is no message of OpenID 2.0, or has a parameter twice")
    })?;
    match message.get("mode") {
        Some("id_res") => Ok(Assertion(message)),
        Some("cancel") => Err(Refusal::Refused("cancel".into())),
        Some("error") => Err(Refusal::Refused("error".into())),
        Some("setup_needed") => Err(Refusal::Refused("setup_needed".into())),
        _ => Err(Refusal::Mismatch("what came back is no answer to a sign-in")),
    }
}

impl Assertion {
    /// Checks all that needs no partner.
    pub fn check(self, begun: &Begun<'_>, now: Timestamp) -> Result<Checked, Refusal> {
        let Assertion(message) = self;
        returned(&message, begun)?;
        let rediscover = discovered(&message, begun.discovered)?;
        fresh(message.get("response_nonce").unwrap_or_default(), now)?;
        let signed = signed(&message)?;
        Ok(Checked { message, signed, rediscover })
    }
}

impl Checked {
    /// Confirms an identifier that was not asked about by what discovery on it has found.
    pub fn confirm(mut self, found: &Discovered) -> Result<Checked, Refusal> {
        let is_theirs = found.endpoint == value(&self.message, "op_endpoint")
            && found.claimed.as_ref().is_some_and(|claimed| {
                without_fragment(value(&self.message, "claimed_id")) == claimed.id
                    && value(&self.message, "identity") == claimed.local_id
            });
        if !is_theirs {
            return Err(Refusal::Mismatch(
                "the claimed identifier belongs to another provider, or leads elsewhere",
            ));
        }
        self.rediscover = None;
        Ok(self)
    }

    /// The handle of the key that it is signed with.
    pub fn handle(&self) -> &str {
        value(&self.message, "assoc_handle")
    }

    /// The provider that signed.
    pub fn endpoint(&self) -> &str {
        value(&self.message, "op_endpoint")
    }

    /// Proves the signature by a key that we share with that provider.
    pub fn proven_by(self, association: &Association) -> Result<Proven, Refusal> {
        let is_made = association.handle == self.handle()
            && association.made(value(&self.message, "sig"), &self.signed_text());
        if is_made { self.prove() } else { Err(Refusal::Mismatch("the assertion's signature is wrong")) }
    }

    /// What to ask the provider when we share no such key (11.4.2.1).
    pub fn question(&self) -> Vec<(String, String)> {
        let fields = self.message.iter().filter(|(key, _)| *key != "mode");
        let fields = fields.map(|(key, value)| parameter(key, value));
        std::iter::once(parameter("mode", "check_authentication")).chain(fields).collect()
    }

    /// Proves the signature by what the provider answered to [`Checked::question`].
    pub fn proven_by_answer(self, status: u16, body: &[u8]) -> Result<Proven, Refusal> {
        if status != 200 {
            return Err(Refusal::Status { what: "the provider's endpoint", status });
        }
        let answer = Message::direct(body)
            .map_err(|_| Refusal::Mismatch("the provider does not say whether the signature is its own"))?;
        let is_valid = answer.get("is_valid") == Some("true");
        if is_valid { self.prove() } else { Err(Refusal::Mismatch("the provider disowns its signature")) }
    }

    fn prove(self) -> Result<Proven, Refusal> {
        match self.rediscover {
            None => Ok(Proven { message: self.message, signed: self.signed }),
            Some(_) => Err(Refusal::Mismatch("nobody has confirmed the claimed identifier")),
        }
    }

    /// The text that is signed: the signed keys and their values, in their order (6.1).
    fn signed_text(&self) -> Vec<u8> {
        let line = |key: &String| format!("{key}:{}\n", value(&self.message, key));
        self.signed.iter().map(line).collect::<String>().into_bytes()
    }
}

impl Proven {
    /// Whose sign-in it is: the claimed identifier, with its fragment (which tells apart who had the address before).
    pub fn claimed_id(&self) -> &str {
        value(&self.message, "claimed_id")
    }

    /// The provider.
    pub fn endpoint(&self) -> &str {
        value(&self.message, "op_endpoint")
    }

    /// The word that may be used once only with this provider.
    pub fn nonce(&self) -> &str {
        value(&self.message, "response_nonce")
    }

    /// A key of ours that the provider does not know any more (11.4.2.2).
    pub fn forgotten_handle(&self) -> Option<&str> {
        self.message.get("invalidate_handle")
    }

    /// The value of a key, if it is signed.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.signed.iter().any(|signed| signed == key).then(|| self.message.get(key)).flatten()
    }

    /// The keys and values that are signed.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.signed.iter().map(|key| (key.as_str(), value(&self.message, key)))
    }

    /// What an extension's keys begin with, if the extension is signed and named once only, signed or not.
    pub fn alias(&self, extension: &str) -> Option<&str> {
        let mut named =
            self.message.iter().filter(|(key, value)| *value == extension && key.starts_with("ns."));
        let (key, _) = named.next()?;
        if named.next().is_some() {
            return None;
        }
        self.get(key)?;
        key.strip_prefix("ns.")
    }
}

/// 11.1: it came where the provider says it sent it, and where we asked it to be sent.
fn returned(message: &Message, begun: &Begun<'_>) -> Result<(), Refusal> {
    let is_asked = message.get("return_to") == Some(begun.return_to);
    let is_here = match (Url::parse(begun.return_to), Url::parse(begun.came_to)) {
        (Ok(wanted), Ok(came)) => {
            let address = |url: &Url| (url.origin(), url.path().to_owned());
            address(&wanted) == address(&came) && own_query(&wanted) == own_query(&came)
        }
        _ => false,
    };
    if is_asked && is_here {
        Ok(())
    } else {
        Err(Refusal::Mismatch("the assertion was made for another address than this one"))
    }
}

/// The pairs of a query that are no OpenID message's.
fn own_query(url: &Url) -> Vec<(String, String)> {
    let pairs = url.query_pairs().into_owned();
    pairs.filter(|(name, _)| !name.starts_with("openid.")).collect()
}

/// 11.2: it comes from the provider, and is about the identifier, that discovery found. Another identifier of the same
/// provider has to be discovered.
fn discovered(message: &Message, begun: &Discovered) -> Result<Option<Url>, Refusal> {
    if message.get("op_endpoint") != Some(&begun.endpoint) {
        return Err(Refusal::Mismatch("the assertion names another provider"));
    }
    let (Some(claimed), Some(identity)) = (message.get("claimed_id"), message.get("identity")) else {
        return Err(Refusal::Mismatch("the assertion is about nobody"));
    };
    // another way to write the same address would be another account
    let url = Url::parse(claimed).ok().filter(|url| is_web(url) && url.as_str() == claimed);
    let mut url =
        url.ok_or(Refusal::Mismatch("the claimed identifier is no address of the web in its plain form"))?;
    url.set_fragment(None);
    match &begun.claimed {
        Some(asked) if asked.id == url.as_str() => {
            let is_same = asked.local_id == identity;
            if is_same {
                Ok(None)
            } else {
                Err(Refusal::Mismatch("the provider knows the person by another name"))
            }
        }
        _ => Ok(Some(url)),
    }
}

/// 11.3: its nonce is of now. Whether it was used before, the database knows.
fn fresh(nonce: &str, now: Timestamp) -> Result<(), Refusal> {
    let stamp = nonce.get(..20).filter(|stamp| stamp.as_bytes()[10] == b'T' && stamp.ends_with('Z'));
    let made = stamp.filter(|_| nonce.len() <= NONCE_BYTES_MAX).and_then(Timestamp::parse);
    let made = made.ok_or(Refusal::Mismatch("the assertion has no nonce"))?;
    let age = Duration::from_millis(now.0.abs_diff(made.0));
    if age <= SKEW_MAX {
        Ok(())
    } else {
        Err(Refusal::Mismatch("the assertion's nonce is too old, or from the future"))
    }
}

/// 11.4 and 10.1: the signature covers what counts, and nothing in it could be read as something else.
fn signed(message: &Message) -> Result<Vec<String>, Refusal> {
    let list = message.get("signed").unwrap_or_default();
    let signed: Vec<String> = list.split(',').map(str::to_owned).collect();
    if SIGNED.iter().any(|wanted| signed.iter().all(|key| key != wanted)) {
        return Err(Refusal::Mismatch("the assertion's signature leaves out what counts"));
    }
    let is_plain = signed.iter().all(|key| {
        let once = signed.iter().filter(|other| *other == key).count() == 1;
        once && !key.contains([':', '\n']) && message.get(key).is_some_and(|value| !value.contains('\n'))
    });
    if is_plain {
        Ok(signed)
    } else {
        Err(Refusal::Mismatch("the assertion's signature names what is not there, or twice"))
    }
}

fn without_fragment(address: &str) -> &str {
    address.split('#').next().unwrap_or(address)
}

fn value<'a>(message: &'a Message, key: &str) -> &'a str {
    message.get(key).unwrap_or_default()
}

#[cfg(test)]
mod tests;
