//! The two forms in which OpenID messages travel: key-value lines between servers (OpenID 2.0, 4.1.1), and parameters that
//! begin with `openid.` through the browser (4.1.2, 5.2).
//!
//! Invariant: pure. A key that comes twice is a fault, since two readers could take different ones.

use thiserror::Error;

use super::NAMESPACE;
use crate::pairs::Pairs;

/// Longest message, in bytes.
const BYTES_MAX: usize = 64 << 10;
/// Most keys of a message.
const KEYS_MAX: usize = 100;
/// What parameters of messages begin with.
const PREFIX: &str = "openid.";

/// Why a text is no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// Not readable, or a key twice.
    #[error("it can't be read, or has a key twice")]
    Form,
    /// Of another version; OpenID 1 has no `ns`.
    #[error("it is no message of OpenID 2.0")]
    Version,
}

/// A message of OpenID 2.0, by keys without `openid.`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message(Pairs);

impl Message {
    /// Reads lines of `key:value`.
    pub fn direct(body: &[u8]) -> Result<Message, Fault> {
        let text = std::str::from_utf8(body).map_err(|_| Fault::Form)?;
        if text.len() > BYTES_MAX {
            return Err(Fault::Form);
        }
        let mut fields = Vec::new();
        for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
            let (key, value) = line.split_once(':').filter(|(key, _)| !key.is_empty()).ok_or(Fault::Form)?;
            if fields.len() == KEYS_MAX {
                return Err(Fault::Form);
            }
            fields.push((key.to_owned(), value.to_owned()));
        }
        Message::of_version_2(fields)
    }

    /// Reads the parameters of a query or a form body; no parameter may come twice, whatever it is called.
    pub fn indirect(text: &str) -> Result<Message, Fault> {
        let pairs = Pairs::parse(text).map_err(|_| Fault::Form)?;
        let fields = pairs.iter().filter_map(|(name, value)| Some((name.strip_prefix(PREFIX)?, value)));
        Message::of_version_2(fields.map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
    }

    fn of_version_2(fields: Vec<(String, String)>) -> Result<Message, Fault> {
        let message = Message(Pairs::from_list(fields).map_err(|_| Fault::Form)?);
        if message.get("ns") == Some(NAMESPACE) { Ok(message) } else { Err(Fault::Version) }
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)
    }

    /// All keys and values, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter()
    }
}

/// A key and its value as a parameter.
pub fn parameter(key: &str, value: &str) -> (String, String) {
    (format!("{PREFIX}{key}"), value.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NS: &str = "ns:http://specs.openid.net/auth/2.0\n";

    #[test]
    fn lines_are_read_up_to_their_first_colon() {
        let message =
            Message::direct(format!("{NS}uri:http://a:1/\nempty:\n").as_bytes()).expect("a message");
        assert_eq!(
            (message.get("uri"), message.get("empty"), message.get("no")),
            (Some("http://a:1/"), Some(""), None)
        );
    }

    #[test]
    fn a_message_that_readers_would_take_differently_is_refused() {
        for (text, fault) in [
            (format!("{NS}a:1\na:2\n"), Fault::Form),
            (format!("{NS}\na:1\n"), Fault::Form),
            (format!("{NS}:1\n"), Fault::Form),
            (format!("{NS}is_valid true\n"), Fault::Form),
            ("is_valid:true\n".to_owned(), Fault::Version),
            ("<html>is_valid:true</html>".to_owned(), Fault::Version),
            ("ns:http://openid.net/signon/1.1\n".to_owned(), Fault::Version),
            (String::new(), Fault::Form),
            (format!("{NS}{}", "a:1\n".repeat(200)), Fault::Form),
        ] {
            assert_eq!(Message::direct(text.as_bytes()), Err(fault), "{text}");
        }
    }

    #[test]
    fn parameters_of_others_are_left_out_but_may_not_come_twice_either() {
        let ns = "openid.ns=http%3A%2F%2Fspecs.openid.net%2Fauth%2F2.0";
        let message = Message::indirect(&format!("state=s&{ns}&openid.mode=cancel")).expect("a message");
        assert_eq!((message.get("mode"), message.get("state")), (Some("cancel"), None));
        for (text, fault) in [
            (format!("{ns}&openid.a=1&openid.a=1"), Fault::Form),
            (format!("{ns}&state=1&state=2"), Fault::Form),
            ("openid.mode=id_res".to_owned(), Fault::Version),
            (String::new(), Fault::Version),
        ] {
            assert_eq!(Message::indirect(&text), Err(fault), "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in "(ns|:|http://specs.openid.net/auth/2.0|\n|openid\\.|=|&|.){0,30}", bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = Message::direct(text.as_bytes());
            let _ = Message::direct(&bytes);
            let _ = Message::indirect(&text);
        }
    }
}
