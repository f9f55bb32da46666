//! What is wrong with one value: a code that programs know, a sentence for people, and the numbers in it.

use serde_json::{Map, Value, json};

/// One fault of one value.
#[derive(Clone, Debug, PartialEq)]
pub struct Flaw {
    /// The code, as the wire's clients know it.
    pub code: &'static str,
    /// One sentence.
    pub message: String,
    /// What the sentence was filled with, by name.
    pub params: Map<String, Value>,
}

impl Flaw {
    /// A fault without numbers.
    pub fn new(code: &'static str, message: impl Into<String>) -> Flaw {
        Flaw { code, message: message.into(), params: Map::new() }
    }

    /// The same with one more number or word.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Flaw {
        self.params.insert(name.to_owned(), value.into());
        self
    }

    /// The value is missing.
    pub fn required() -> Flaw {
        Flaw::new("validation_required", "Cannot be blank.")
    }

    /// A text is too short.
    pub fn too_short(min: u64) -> Flaw {
        let message = format!("Must be at least {min} character(s).");
        Flaw::new("validation_min_text_constraint", message).with("min", min)
    }

    /// A text is too long.
    pub fn too_long(max: u64) -> Flaw {
        let message = format!("Must be no more than {max} character(s).");
        Flaw::new("validation_max_text_constraint", message).with("max", max)
    }

    /// A text doesn't match the field's pattern.
    pub fn format() -> Flaw {
        Flaw::new("validation_invalid_format", "Invalid value format.")
    }

    /// Two values that must be the same are not.
    pub fn mismatch() -> Flaw {
        Flaw::new("validation_values_mismatch", "Values don't match.")
    }

    /// The wire's form: `{code, message, params?}`.
    pub fn to_wire(&self) -> Value {
        let mut wire = json!({ "code": self.code, "message": self.message });
        if !self.params.is_empty() {
            wire["params"] = Value::Object(self.params.clone());
        }
        wire
    }
}

/// Adds a fault under a path of keys, as the wire nests it; the first one told of a place stays.
pub fn put(faults: &mut Map<String, Value>, path: &[&str], flaw: &Flaw) {
    let Some((last, parents)) = path.split_last() else { return };
    let mut place = faults;
    for parent in parents {
        let next = place.entry(*parent).or_insert_with(|| Value::Object(Map::new()));
        match next {
            Value::Object(inner) if !inner.get("code").is_some_and(Value::is_string) => place = inner,
            _ => return,
        }
    }
    place.entry(*last).or_insert_with(|| flaw.to_wire());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_nest_by_their_path_and_the_first_of_a_place_stays() {
        let mut faults = Map::new();
        put(&mut faults, &["fields", "0", "name"], &Flaw::required());
        put(&mut faults, &["fields", "0", "name"], &Flaw::format());
        put(&mut faults, &["fields", "0", "name", "deeper"], &Flaw::format());
        put(&mut faults, &["name"], &Flaw::too_short(3));
        assert_eq!(faults["fields"]["0"]["name"]["code"], "validation_required");
        assert_eq!(faults["fields"]["0"]["name"].get("deeper"), None);
        assert_eq!(faults["name"]["params"]["min"], 3);
    }
}
