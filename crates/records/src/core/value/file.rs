//! Files of a record: which there are, which are gone, and how a new one is named.

use std::collections::HashSet;

use super::{Values, texts};
use crate::core::collection::Collection;
use crate::core::field::FieldKind;

/// Longest part of a kept name that comes from the sent name, in bytes.
const STEM_MAX: usize = 100;
/// Longest extension, in bytes.
const EXTENSION_MAX: usize = 20;

/// A file that came with the request, as far as checks need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFile {
    /// The field's name.
    pub field: String,
    /// The name under which it will be kept (see [`file_name`]): what stands in the values.
    pub name: String,
    /// Its name as sent.
    pub sent_name: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its media type, from its content.
    pub media_type: String,
}

/// The names of all files of a record.
pub fn files(collection: &Collection, values: &Values) -> Vec<String> {
    let fields = collection.fields.iter().filter(|f| matches!(f.kind, FieldKind::File(_)));
    let names = fields.filter_map(|f| values.0.get(&f.name)).flat_map(texts);
    names.map(str::to_owned).collect()
}

/// The files that a record had before a change and has no more after it.
pub fn files_gone(collection: &Collection, before: &Values, after: &Values) -> Vec<String> {
    let kept: HashSet<String> = files(collection, after).into_iter().collect();
    files(collection, before).into_iter().filter(|name| !kept.contains(name)).collect()
}

/// The name under which a sent file is kept: its own in plain letters, a random word, its extension. `word` are ten
/// random letters and digits; `extension` is used when the name has none (from the content; may be empty).
pub fn file_name(sent: &str, extension: &str, word: &str) -> String {
    let sent = sent.rsplit(['/', '\\']).next().unwrap_or_default();
    let (stem, own) = split(sent);
    let own = if own.is_empty() { extension } else { own };
    let own: String = own.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '.').collect();
    let own = own.trim_matches('.').to_ascii_lowercase();
    let own = &own[own.len().saturating_sub(EXTENSION_MAX)..];
    let stem = plain(stem);
    let dot = if own.is_empty() { "" } else { "." };
    if stem.is_empty() { format!("{word}{dot}{own}") } else { format!("{stem}_{word}{dot}{own}") }
}

/// The name and its extension: double ones (`.tar.gz`) whole, when both parts are short.
fn split(name: &str) -> (&str, &str) {
    let name = name.trim_start_matches('.');
    let Some((stem, last)) = name.rsplit_once('.') else { return (name, "") };
    match stem.rsplit_once('.') {
        Some((head, "tar")) if !head.is_empty() => (head, &name[head.len() + 1..]),
        _ => (stem, last),
    }
}

/// Lower case letters and digits of any script, words joined by `_`: `보고서 (2)` becomes `보고서_2`.
fn plain(stem: &str) -> String {
    let mut plain = String::with_capacity(stem.len().min(STEM_MAX));
    for c in stem.chars() {
        if plain.len() + c.len_utf8() > STEM_MAX {
            break;
        }
        if c.is_alphanumeric() {
            plain.extend(c.to_lowercase());
        } else if !plain.is_empty() && !plain.ends_with('_') {
            plain.push('_');
        }
    }
    plain.trim_end_matches('_').to_owned()
}
