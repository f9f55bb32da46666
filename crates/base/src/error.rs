//! Kinds of failure, and how a failure is told to a person or a program.
//!
//! Each crate has one `Error`; it implements [`Fault`], from which `web` makes the reply and the command makes its line.
//! The text of [`Fault::public`] is safe to show to anybody; the chain of sources goes to the log.

use serde_json::{Map, Value, json};

/// What sort of failure it is. The kind alone decides the HTTP status and the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The request is wrong in itself (400).
    Invalid,
    /// Nobody, or an expired token (401).
    Unauthenticated,
    /// Somebody, but not allowed (403).
    Forbidden,
    /// Not there, or not visible (404).
    NotFound,
    /// Somebody else changed it first (409).
    Conflict,
    /// Larger than a named limit (413).
    TooLarge,
    /// Right in itself, but not together with an earlier one (422).
    Unprocessable,
    /// Too many requests (429).
    Busy,
    /// The service can't answer now; a later try may succeed (503).
    Unavailable,
    /// A fault of the program or the machine (500).
    Internal,
}

impl Kind {
    /// The HTTP status (RFC 9110, 15) that tells of it.
    pub fn status(self) -> u16 {
        match self {
            Kind::Invalid => 400,
            Kind::Unauthenticated => 401,
            Kind::Forbidden => 403,
            Kind::NotFound => 404,
            Kind::Conflict => 409,
            Kind::TooLarge => 413,
            Kind::Unprocessable => 422,
            Kind::Busy => 429,
            Kind::Unavailable => 503,
            Kind::Internal => 500,
        }
    }
}

/// A failure that can be told to the person who asked.
pub trait Fault: std::error::Error + Send + Sync + 'static {
    /// What sort of failure.
    fn kind(&self) -> Kind;
    /// One sentence that is safe to show to anybody.
    fn public(&self) -> String;
    /// Details by field, in the wire shape `{field: {code, message}}`; empty when the fault is not about fields.
    fn data(&self) -> Map<String, Value> {
        Map::new()
    }
}

/// Faults by field: what `data` of an error reply holds. Shape: `{field: {code, message, params?}}`, nested for parts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields(pub Map<String, Value>);

impl Fields {
    /// Faults of one field.
    pub fn one(field: &str, code: &str, message: &str) -> Fields {
        let mut fields = Fields::default();
        fields.add(field, code, message);
        fields
    }

    /// Adds a fault; the first one told of a field stays.
    pub fn add(&mut self, field: &str, code: &str, message: &str) {
        self.0.entry(field).or_insert_with(|| json!({ "code": code, "message": message }));
    }

    /// True when no field has a fault.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The whole chain of an error in one line, outermost first, for the log: `open store: disk is full`.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_fault_of_a_field_stays() {
        let mut fields = Fields::one("title", "validation_required", "Cannot be blank.");
        fields.add("title", "other", "Other.");
        assert_eq!(fields.0["title"]["code"], "validation_required");
    }
}
