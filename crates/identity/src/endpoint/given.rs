//! Texts that a request brings, and what is wrong with them, by field.

use base::error::Fields;
use serde_json::{Map, Value};
use web::Problem;

use crate::mailed::INVALID;

/// Longest text, in characters; longer are only tokens and passwords.
const LENGTH_MAX: usize = 255;
/// Longest token and password, in characters.
const LONG_MAX: usize = 2048;

/// The body of a request that is being read.
pub(super) struct Given<'a> {
    body: &'a Map<String, Value>,
    faults: Fields,
}

impl<'a> Given<'a> {
    pub(super) fn of(body: &'a Map<String, Value>) -> Given<'a> {
        Given { body, faults: Fields::default() }
    }

    /// A short text that must be there.
    pub(super) fn text(&mut self, name: &str) -> String {
        self.up_to(name, LENGTH_MAX)
    }

    /// A token or a password that must be there.
    pub(super) fn long(&mut self, name: &str) -> String {
        self.up_to(name, LONG_MAX)
    }

    /// A mail address that must be there; whether mail goes to it, nobody knows yet.
    pub(super) fn address(&mut self, name: &str) -> String {
        let text = self.text(name).trim().to_owned();
        if !is_address(&text) {
            self.faults.add(name, "validation_is_email", "Must be a valid email address.");
        }
        text
    }

    /// Nothing, or all that is wrong.
    pub(super) fn done(self) -> Result<(), Problem> {
        match self.faults.is_empty() {
            true => Ok(()),
            false => Err(Problem::invalid(INVALID).with(self.faults)),
        }
    }

    fn up_to(&mut self, name: &str, length_max: usize) -> String {
        let text = match self.body.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        if text.is_empty() {
            self.faults.add(name, "validation_required", "Cannot be blank.");
        } else if text.chars().count() > length_max {
            let message = format!("The length must be between 1 and {length_max}.");
            self.faults.add(name, "validation_length_out_of_range", &message);
        }
        text
    }
}

/// Whether a text is a mail address; whether mail goes to it, nobody knows yet.
pub(crate) fn is_address(text: &str) -> bool {
    text.split_once('@').is_some_and(|(who, host)| {
        let is_plain = |c: char| !c.is_whitespace() && !c.is_control() && !"<>,;\"".contains(c);
        !who.is_empty() && !host.is_empty() && !host.contains('@') && text.chars().all(is_plain)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_no_address_is_told() {
        for (text, is_one) in [
            ("kim@example.com", true),
            (" kim@example.com ", true),
            ("kim+x@예시.한국", true),
            ("kim", false),
            ("@example.com", false),
            ("kim@", false),
            ("kim@a@b", false),
            ("kim@example.com\r\nBcc: x@y", false),
            ("<kim@example.com>", false),
            ("kim@example.com, b@example.com", false),
        ] {
            let body = json!({ "email": text });
            let mut given = Given::of(body.as_object().expect("an object"));
            given.address("email");
            assert_eq!(given.done().is_ok(), is_one, "{text:?}");
        }
    }

    #[test]
    fn a_code_may_come_as_a_number() {
        let body = json!({ "password": 123_456 });
        let mut given = Given::of(body.as_object().expect("an object"));
        assert_eq!(given.text("password"), "123456");
    }
}
