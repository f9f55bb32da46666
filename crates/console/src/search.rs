//! The box above the grid: a filter in our language, or plain words to find.

use records::core::collection::Collection;
use records::core::field::FieldKind;

/// Words that are looked for at once; further ones are passed over.
const WORDS_MAX: usize = 6;
/// Fields that are looked through at once.
const FIELDS_MAX: usize = 12;

/// The filter that a text means: itself when it compares something, else "every word is in some text field".
pub(crate) fn filter(collection: &Collection, text: &str) -> String {
    let text = text.trim();
    if text.contains(['=', '~', '<', '>']) { text.to_owned() } else { words(collection, text) }
}

/// The filter "every word of the text is in some text field"; no words find everything.
pub(crate) fn words(collection: &Collection, text: &str) -> String {
    let fields: Vec<&str> = searched(collection).collect();
    let words = text.split_whitespace().take(WORDS_MAX);
    let every: Vec<String> = words.map(|word| format!("({})", any(&fields, word))).collect();
    every.join(" && ")
}

fn any(fields: &[&str], word: &str) -> String {
    let some: Vec<String> = fields.iter().map(|field| format!("{field} ~ {}", quoted(word))).collect();
    some.join(" || ")
}

/// A text as a literal of the language.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars().filter(|c| !c.is_control()) {
        if c == '"' {
            out.push('\\');
        }
        out.push(c);
    }
    // a backslash before the closing mark would escape it
    if out.ends_with('\\') {
        out.push(' ');
    }
    out.push('"');
    out
}

/// The names of the fields that words are looked for in.
fn searched(collection: &Collection) -> impl Iterator<Item = &str> {
    let is_text = |kind: &FieldKind| {
        matches!(
            kind,
            FieldKind::Text(_)
                | FieldKind::Editor { .. }
                | FieldKind::Email { .. }
                | FieldKind::Url { .. }
                | FieldKind::Select { .. }
        )
    };
    let fields = collection.fields.iter().filter(move |f| is_text(&f.kind) && !(f.is_system && f.is_hidden));
    fields.map(|f| f.name.as_str()).take(FIELDS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quoted_stays_one_literal() {
        assert_eq!(quoted("a\"b"), "\"a\\\"b\"");
        assert_eq!(quoted("a\\"), "\"a\\ \"");
        assert_eq!(quoted("온돌\n"), "\"온돌\"");
    }
}
