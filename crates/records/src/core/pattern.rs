//! Patterns of text fields: read once when a collection is, matched with every value; and texts made from a pattern.

use std::fmt;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};

/// The pattern of record ids that nobody changed; it is matched without a regular expression.
pub const ID_PATTERN: &str = "^[a-z0-9]+$";
/// What a compiled pattern may take, in bytes.
const COMPILED_BYTES_MAX: usize = 1 << 20;

/// A regular expression in a field's options; equal when the texts are.
#[derive(Clone, Default)]
pub struct Pattern {
    text: String,
    compiled: Option<Arc<Regex>>,
}

impl Pattern {
    /// Reads a pattern; the error is a sentence. The empty one matches anything.
    pub fn parse(text: &str) -> Result<Pattern, String> {
        if text.is_empty() || text == ID_PATTERN {
            return Ok(Pattern { text: text.to_owned(), compiled: None });
        }
        let compiled =
            RegexBuilder::new(text).size_limit(COMPILED_BYTES_MAX).build().map_err(|e| match e {
                regex::Error::CompiledTooBig(_) => "The pattern is too large.".to_owned(),
                other => format!("The pattern can't be read: {}.", last_line(&other.to_string())),
            })?;
        Ok(Pattern { text: text.to_owned(), compiled: Some(Arc::new(compiled)) })
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Whether a text matches.
    pub fn matches(&self, text: &str) -> bool {
        match &self.compiled {
            Some(regex) => regex.is_match(text),
            None if self.text.is_empty() => true,
            None => !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()),
        }
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.text == other.text
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({:?})", self.text)
    }
}

/// The line of the regex crate's report that says what is wrong.
fn last_line(report: &str) -> &str {
    report.lines().last().unwrap_or_default().trim().trim_start_matches("error: ")
}
