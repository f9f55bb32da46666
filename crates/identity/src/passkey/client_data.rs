//! What the browser says of the page that asked for a passkey (`clientDataJSON`; WebAuthn level 3, 5.8.1): read strictly.

use serde_json::{Map, Value};

use super::flaw::Flaw;
use crate::fetch::json;

/// Longest such text, in bytes.
const BYTES_MAX: usize = 8 << 10;

/// What a passkey is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ceremony {
    /// It is made.
    Register,
    /// Somebody signs in with it.
    SignIn,
}

/// What the browser says.
#[derive(Clone, Debug)]
pub(crate) struct ClientData(Map<String, Value>);

impl ClientData {
    /// Reads the text: UTF-8, a mark of byte order before it or not, nothing in it twice.
    pub(crate) fn parse(bytes: &[u8]) -> Result<ClientData, Flaw> {
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        match json::parse(text) {
            Ok(Value::Object(said)) if bytes.len() <= BYTES_MAX => Ok(ClientData(said)),
            _ => Err(Flaw::ClientData),
        }
    }

    /// Which challenge it answers, as it says.
    pub(crate) fn claimed_challenge(&self) -> &str {
        self.text("challenge")
    }

    /// Whether it is of this ceremony, answers this challenge, and comes from a page of this origin that stands alone.
    pub(crate) fn check(&self, ceremony: Ceremony, challenge: &str, origin: &str) -> Result<(), Flaw> {
        let kind = match ceremony {
            Ceremony::Register => "webauthn.create",
            Ceremony::SignIn => "webauthn.get",
        };
        let is_alone = matches!(self.0.get("crossOrigin"), None | Some(Value::Bool(false)))
            && self.0.get("topOrigin").is_none();
        match () {
            () if self.text("type") != kind => Err(Flaw::Type),
            () if self.text("challenge") != challenge || challenge.is_empty() => Err(Flaw::Challenge),
            () if self.text("origin") != origin || origin.is_empty() => Err(Flaw::Origin),
            () if !is_alone => Err(Flaw::CrossOrigin),
            () => Ok(()),
        }
    }

    fn text(&self, name: &str) -> &str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }
}
