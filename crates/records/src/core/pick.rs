//! The `fields` parameter: which keys of a reply are sent, with `:excerpt(max, withEllipsis)`.

use serde_json::Value;

/// A parsed `fields` parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Pick {
    _private: (),
}

impl Pick {
    /// Reads the parameter; `None` for an empty one. The error is a sentence for the client.
    pub fn parse(_text: &str) -> Result<Option<Pick>, String> {
        todo!()
    }

    /// Keeps only what was asked for, in a record or a list of them (nested keys by `a.b`, any by `*`).
    pub fn apply(&self, _value: &mut Value) {
        todo!()
    }
}
