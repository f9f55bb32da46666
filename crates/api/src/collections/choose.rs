//! Which collections a list shows, and in which order: a small language of its own, as collections are no records.
//!
//! Invariant: pure.

use std::cmp::Ordering;
use std::sync::Arc;

use records::core::catalog::Catalog;
use records::core::change;
use records::core::collection::Collection;
use serde_json::{Map, Value};

/// What can be asked about a collection.
const NAMES: [&str; 6] = ["id", "name", "type", "system", "created", "updated"];

/// The collections that fit `filter` (comparisons by `=`, `!=`, `~`, `!~`, all joined by `&&` or all by `||`), in the
/// order of `sort`. The error is a sentence.
pub(super) fn choose(catalog: &Catalog, filter: &str, sort: &str) -> Result<Vec<Arc<Collection>>, String> {
    let test = Test::parse(filter)?;
    let mut chosen: Vec<_> = catalog
        .all()
        .iter()
        .map(|collection| (change::to_wire(collection), collection))
        .filter(|(wire, _)| test.holds(wire))
        .collect();
    for term in sort.split(',').map(str::trim).filter(|t| !t.is_empty()).rev() {
        let (name, is_down) = match term.strip_prefix('-') {
            Some(name) => (name, true),
            None => (term.trim_start_matches('+'), false),
        };
        if matches!(name, "@random" | "@rowid") {
            continue;
        }
        known(name)?;
        chosen.sort_by(|(a, _), (b, _)| {
            let order = text(a, name).cmp(&text(b, name));
            if is_down { order.reverse() } else { order }
        });
    }
    Ok(chosen.into_iter().map(|(_, collection)| collection.clone()).collect())
}

fn known(name: &str) -> Result<(), String> {
    match NAMES.contains(&name) {
        true => Ok(()),
        false => Err(format!("Collections can't be chosen by {name:?}; known are {}.", NAMES.join(", "))),
    }
}

fn text(wire: &Map<String, Value>, name: &str) -> String {
    match wire.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    }
}

/// Comparisons of which all must hold, or one.
struct Test {
    terms: Vec<Term>,
    needs_all: bool,
}

struct Term {
    name: String,
    operator: Operator,
    value: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Operator {
    Is,
    IsNot,
    Has,
    HasNot,
}

impl Test {
    fn parse(filter: &str) -> Result<Test, String> {
        let filter = unwrapped(filter.trim());
        let (mut terms, mut joint, mut rest) = (Vec::new(), None, filter);
        while !rest.is_empty() {
            let (term, after) = Term::parse(rest)?;
            terms.push(term);
            rest = after.trim_start();
            if rest.is_empty() {
                break;
            }
            let this = rest.get(..2).filter(|j| matches!(*j, "&&" | "||")).ok_or_else(unreadable)?;
            if *joint.get_or_insert(this) != this {
                return Err("A filter of collections joins its comparisons all by && or all by ||.".into());
            }
            rest = rest[2..].trim_start();
            if rest.is_empty() {
                return Err(unreadable());
            }
        }
        Ok(Test { terms, needs_all: joint != Some("||") })
    }

    fn holds(&self, wire: &Map<String, Value>) -> bool {
        match self.needs_all {
            true => self.terms.iter().all(|term| term.holds(wire)),
            false => self.terms.iter().any(|term| term.holds(wire)),
        }
    }
}

/// The filter without parentheses around the whole.
fn unwrapped(filter: &str) -> &str {
    match filter.strip_prefix('(').and_then(|f| f.strip_suffix(')')) {
        Some(inner) if !inner.contains(['(', ')']) => inner.trim(),
        _ => filter,
    }
}

fn unreadable() -> String {
    "The filter can't be read: collections are chosen by comparisons such as name ~ 'post'.".into()
}

impl Term {
    fn parse(text: &str) -> Result<(Term, &str), String> {
        let end = text.find(|c: char| !c.is_ascii_alphanumeric()).ok_or_else(unreadable)?;
        let (name, rest) = (&text[..end], text[end..].trim_start());
        known(name)?;
        let operators =
            [("!=", Operator::IsNot), ("!~", Operator::HasNot), ("=", Operator::Is), ("~", Operator::Has)];
        let (sign, operator) =
            operators.into_iter().find(|(sign, _)| rest.starts_with(sign)).ok_or_else(unreadable)?;
        let (value, rest) = literal(rest[sign.len()..].trim_start()).ok_or_else(unreadable)?;
        Ok((Term { name: name.to_owned(), operator, value }, rest))
    }

    fn holds(&self, wire: &Map<String, Value>) -> bool {
        let found = text(wire, &self.name);
        let has = || found.to_lowercase().contains(&self.value.trim_matches('%').to_lowercase());
        match self.operator {
            Operator::Is => found.cmp(&self.value) == Ordering::Equal,
            Operator::IsNot => found != self.value,
            Operator::Has => has(),
            Operator::HasNot => !has(),
        }
    }
}

/// A quoted text or a bare word, and what follows.
fn literal(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next()?;
    if !matches!(quote, '\'' | '"') {
        let end = text.find(|c: char| c.is_whitespace() || "&|()".contains(c)).unwrap_or(text.len());
        return (end > 0).then(|| (text[..end].to_owned(), &text[end..]));
    }
    let (mut value, mut is_escaped) = (String::new(), false);
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '\\' if !is_escaped => is_escaped = true,
            c if c == quote && !is_escaped => return Some((value, &text[at + 1..])),
            c => {
                value.push(c);
                is_escaped = false;
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(filter: &str) -> Result<bool, String> {
        let Value::Object(wire) = json!({ "id": "a1", "name": "posts", "type": "base", "system": false })
        else {
            unreachable!("it is an object")
        };
        Ok(Test::parse(filter)?.holds(&wire))
    }

    #[test]
    fn collections_are_chosen_by_simple_comparisons() {
        for (filter, fits) in [
            ("", true),
            ("name = 'posts'", true),
            ("(name ~ \"POS\" && system=false)", true),
            ("name != 'posts' || type='base'", true),
            ("name !~ 'pos'", false),
            ("name='po\\'sts'", false),
        ] {
            assert_eq!(holds(filter), Ok(fits), "{filter}");
        }
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_refused() {
        for filter in [
            "name",
            "name =",
            "name = 'open",
            "secret = 1",
            "name='a' &&",
            "name='a' && id='b' || id='c'",
            "(",
        ] {
            assert!(holds(filter).is_err(), "{filter}");
        }
    }
}
