//! Faults of a form: found by their place, told in the visitor's language.

use base::error::Fields;
use maud::{Markup, html};
use serde_json::Value;

use crate::look::Look;

/// The sentence of the fault at a place (`["fields", "2", "name"]`), if there is one right there.
pub(crate) fn told(look: Look, faults: &Fields, path: &[&str]) -> Option<String> {
    let (first, rest) = path.split_first()?;
    let mut fault = faults.0.get(*first)?;
    for step in rest {
        fault = fault.get(*step)?;
    }
    is_leaf(fault).then(|| look.lang.fault(fault))
}

/// A line for the fault at a place; the line is there (and empty) without one, so that nothing moves.
pub(crate) fn line(look: Look, faults: &Fields, path: &[&str], id: &str) -> Markup {
    html! { p.fault id={ (id) "-fault" } { @if let Some(text) = told(look, faults, path) { (text) } } }
}

/// All faults in one box, each with its place: for what no control of the page stands for.
pub(crate) fn all(look: Look, faults: &Fields, is_shown_elsewhere: impl Fn(&str) -> bool) -> Markup {
    let mut found = Vec::new();
    for (name, fault) in faults.0.iter().filter(|(name, _)| !is_shown_elsewhere(name)) {
        gather(look, name, fault, &mut found);
    }
    html! {
        @if !found.is_empty() {
            ul.fault-box role="alert" { @for (place, text) in found { li { code { (place) } " " (text) } } }
        }
    }
}

fn gather(look: Look, place: &str, fault: &Value, found: &mut Vec<(String, String)>) {
    if is_leaf(fault) {
        found.push((place.to_owned(), look.lang.fault(fault)));
    } else if let Value::Object(parts) = fault {
        for (name, part) in parts {
            gather(look, &format!("{place}.{name}"), part, found);
        }
    }
}

fn is_leaf(fault: &Value) -> bool {
    fault.get("message").is_some_and(Value::is_string)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_fault_is_told_at_its_own_place_only() {
        let wire = json!({"fields": {"2": {"name": {"code": "validation_required", "message": "Cannot be blank."}}}});
        let faults = Fields(wire.as_object().cloned().unwrap_or_default());
        let look = Look::default();
        assert_eq!(told(look, &faults, &["fields", "2", "name"]).as_deref(), Some("Cannot be blank."));
        assert_eq!(told(look, &faults, &["fields", "2"]), None);
        let all = all(look, &faults, |_| false).into_string();
        assert!(all.contains("fields.2.name") && all.contains("Cannot be blank."), "{all}");
    }
}
