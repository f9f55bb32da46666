//! A credential as a browser gives it: the JSON form of WebAuthn level 3 (5.1, `RegistrationResponseJSON` and
//! `AuthenticationResponseJSON`).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::Value;

use super::ID_BYTES_MAX;
use super::flaw::Flaw;

/// Ways to reach an authenticator that are kept of a passkey, at most.
const TRANSPORTS_MAX: usize = 8;
/// Letters of one.
const TRANSPORT_LENGTH_MAX: usize = 32;

/// A credential.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Credential<'a>(&'a Value);

impl<'a> Credential<'a> {
    pub(crate) fn of(value: &'a Value) -> Credential<'a> {
        Credential(value)
    }

    /// Its id, which it says twice.
    pub(crate) fn id(self) -> Result<Vec<u8>, Flaw> {
        let text = |name: &str| self.0.get(name).and_then(Value::as_str).ok_or(Flaw::Form);
        if text("type")? != "public-key" {
            return Err(Flaw::Form);
        }
        if text("id")? != text("rawId")? {
            return Err(Flaw::TwoIds);
        }
        let id = decode(text("rawId")?)?;
        if (1..=ID_BYTES_MAX).contains(&id.len()) { Ok(id) } else { Err(Flaw::IdLength) }
    }

    /// A part of the response.
    pub(crate) fn part(self, name: &str) -> Result<Vec<u8>, Flaw> {
        let part = self.0.get("response").and_then(|response| response.get(name));
        decode(part.and_then(Value::as_str).ok_or(Flaw::Form)?)
    }

    /// The account that it says to be of; `None` where it says nothing.
    pub(crate) fn user_handle(self) -> Result<Option<Vec<u8>>, Flaw> {
        match self.0.get("response").and_then(|response| response.get("userHandle")) {
            None | Some(Value::Null) => Ok(None),
            Some(_) => self.part("userHandle").map(Some),
        }
    }

    /// How its authenticator is reached (`usb`, `internal`): a help for browsers, taken as far as it is plain.
    pub(crate) fn transports(self) -> Vec<String> {
        let said = self.0.get("response").and_then(|response| response.get("transports"));
        let is_plain = |text: &&str| {
            let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
            (1..=TRANSPORT_LENGTH_MAX).contains(&text.len()) && text.bytes().all(is_letter)
        };
        let texts = said.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        texts.filter(is_plain).take(TRANSPORTS_MAX).map(str::to_owned).collect()
    }
}

fn decode(text: &str) -> Result<Vec<u8>, Flaw> {
    BASE64.decode(text).map_err(|_| Flaw::Form)
}
