//! Patterns of text fields: read once when a collection is, matched with every value; and texts made from a pattern.

use std::fmt;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};
use regex_syntax::hir::{Class, Hir, HirKind};

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

/// Most repetitions that an open end (`*`, `+`, `{3,}`) makes beyond its least.
const OPEN_END: u32 = 8;
/// Longest text made, in characters.
const MADE_MAX: usize = 1000;

/// A text that matches a pattern; `None` for a pattern that can't be read. `chance` gives evenly distributed numbers.
pub fn generate(pattern: &str, chance: &mut dyn FnMut() -> u64) -> Option<String> {
    let hir = regex_syntax::parse(pattern).ok()?;
    let mut made = String::new();
    make(&hir, chance, &mut made, 0);
    Some(made)
}

fn make(hir: &Hir, chance: &mut dyn FnMut() -> u64, made: &mut String, depth: u32) {
    if made.len() >= MADE_MAX || depth > 100 {
        return;
    }
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => made.push_str(&String::from_utf8_lossy(&literal.0)),
        HirKind::Class(class) => made.extend(one_of(class, chance)),
        HirKind::Repetition(repetition) => {
            let most = repetition.max.unwrap_or(repetition.min.saturating_add(OPEN_END)).max(repetition.min);
            let spread = u64::from(most - repetition.min) + 1;
            let times = u64::from(repetition.min) + chance() % spread;
            for _ in 0..times.min(MADE_MAX as u64) {
                make(&repetition.sub, chance, made, depth + 1);
            }
        }
        HirKind::Capture(capture) => make(&capture.sub, chance, made, depth + 1),
        HirKind::Concat(parts) => parts.iter().for_each(|part| make(part, chance, made, depth + 1)),
        HirKind::Alternation(parts) => {
            make(&parts[(chance() % parts.len() as u64) as usize], chance, made, depth + 1);
        }
    }
}

/// One character of a class. The bias of the remainder is below one in 2^40: classes are small beside 2^64.
fn one_of(class: &Class, chance: &mut dyn FnMut() -> u64) -> Option<char> {
    let ranges: Vec<(u32, u32)> = match class {
        Class::Unicode(class) => class.ranges().iter().map(|r| (r.start() as u32, r.end() as u32)).collect(),
        Class::Bytes(class) => class.ranges().iter().map(|r| (r.start().into(), r.end().into())).collect(),
    };
    let total: u64 = ranges.iter().map(|(first, last)| u64::from(last - first) + 1).sum();
    let mut place = u32::try_from(chance().checked_rem(total)?).ok()?;
    for (first, last) in ranges {
        if place <= last - first {
            // a place in the gap of the surrogates is no character
            return Some(char::from_u32(first + place).unwrap_or('\u{fffd}'));
        }
        place -= last - first + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_as_it_is_written() {
        for (pattern, text, fits) in [
            ("", "anything", true),
            (ID_PATTERN, "abc123", true),
            (ID_PATTERN, "Abc", false),
            (ID_PATTERN, "", false),
            (ID_PATTERN, "가", false),
            ("^[가-힣]+$", "한글", true),
            ("b", "abc", true),
        ] {
            let pattern = Pattern::parse(pattern).expect(pattern);
            assert_eq!(pattern.matches(text), fits, "{pattern:?} {text}");
        }
    }

    #[test]
    fn a_pattern_that_can_not_be_read_is_told_in_a_sentence() {
        for pattern in ["(", "[z-a]", "(?=x)", "\\w{1000}{1000}"] {
            let error = Pattern::parse(pattern).expect_err(pattern);
            assert!(error.ends_with('.') && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn made_texts_match_their_pattern() {
        let mut state = 1_u64;
        let mut chance = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state
        };
        for pattern in ["[a-z0-9]{15}", "(a|bc)+-\\d{2,4}x?", "\\w{3}", "[가-힣]{5}", "^[^a-z]{4}$", ".*", ""]
        {
            let whole = Pattern::parse(&format!("^(?:{pattern})$")).expect(pattern);
            for _ in 0..20 {
                let made = generate(pattern, &mut chance).expect(pattern);
                assert!(whole.matches(&made), "{pattern}: {made:?}");
            }
        }
        assert_eq!(generate("(", &mut chance), None);
    }

    #[test]
    fn made_texts_have_an_end() {
        let made = generate("(((x{1000}){1000}){1000})", &mut || 0).unwrap_or_default();
        assert!(made.len() <= MADE_MAX);
    }
}
