//! Checks of texts and of record ids.

use serde_json::Value;

use crate::core::field::{TEXT_MAX, TextOptions};
use crate::core::flaw::Flaw;
use crate::core::pattern::{ID_PATTERN, Pattern};

/// What an id may not have in it whatever its pattern: ids name folders.
const FORBIDDEN_IN_IDS: &[char] =
    &['.', '/', '\\', '|', '"', '\'', '`', '<', '>', ':', '?', '*', '%', '$', ' '];
/// Names that some systems keep for devices, in any case.
const DEVICES: [&str; 4] = ["CON", "PRN", "AUX", "NUL"];

/// A text that is not empty.
pub(super) fn check(options: &TextOptions, text: &str) -> Option<Flaw> {
    let max = if options.max == 0 { TEXT_MAX } else { options.max };
    check_length(text, options.min, max).or_else(|| check_pattern(text, &options.pattern))
}

/// A record's id. Of a record that is there it may not change; nothing else is asked of it then.
pub(super) fn check_id(options: &TextOptions, before: Option<&Value>, id: &str) -> Option<Flaw> {
    if let Some(before) = before.and_then(Value::as_str).filter(|b| !b.is_empty()) {
        return (before != id)
            .then(|| Flaw::new("validation_pk_change", "The record primary key cannot be changed."));
    }
    if id.is_empty() {
        return Some(Flaw::required());
    }
    let longest = base::id::LENGTH_MAX as u64;
    let max = if options.max == 0 { longest } else { options.max.min(longest) };
    check_length(id, options.min, max)
        .or_else(|| check_pattern(id, &options.pattern))
        .or_else(|| if options.pattern.as_str() == ID_PATTERN { None } else { check_as_folder(id) })
}

pub(super) fn check_length(text: &str, min: u64, max: u64) -> Option<Flaw> {
    // characters are counted only when the bytes don't settle it
    let bytes = text.len() as u64;
    if bytes / 4 >= min && bytes <= max {
        return None;
    }
    let length = text.chars().count() as u64;
    if length < min {
        return Some(Flaw::too_short(min));
    }
    (length > max).then(|| Flaw::too_long(max))
}

pub(super) fn check_pattern(text: &str, pattern: &Pattern) -> Option<Flaw> {
    (!pattern.matches(text)).then(Flaw::format)
}

fn check_as_folder(id: &str) -> Option<Flaw> {
    if let Some(c) = id.chars().find(|c| FORBIDDEN_IN_IDS.contains(c) || c.is_control()) {
        let message = format!("{:?} is not a valid primary key character.", c.to_string());
        return Some(Flaw::new("validation_forbidden_pk_character", message).with("ch", c.to_string()));
    }
    let upper = id.to_ascii_uppercase();
    let is_port = upper.len() == 4
        && (upper.starts_with("COM") || upper.starts_with("LPT"))
        && matches!(upper.as_bytes()[3], b'1'..=b'9');
    (is_port || DEVICES.contains(&upper.as_str())).then(|| {
        let message = format!("The primary key {upper} is reserved and cannot be used.");
        Flaw::new("validation_reserved_pk", message).with("reserved", upper)
    })
}
