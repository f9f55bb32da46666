//! Reads options out of a client's JSON, collecting what is wrong by its place.

use serde_json::{Map, Value};

use crate::core::flaw::{self, Flaw};

/// Largest whole number of an option: what JSON programs hold exactly.
pub(super) const WHOLE_MAX: u64 = (1 << 53) - 1;

/// One object of the wire and where it stands. What is absent or null reads as empty; what is of another type is a
/// fault, and reads as empty.
pub(super) struct Reader<'a> {
    pub(super) object: &'a Map<String, Value>,
    place: Vec<String>,
    faults: &'a mut Map<String, Value>,
}

impl<'a> Reader<'a> {
    /// Reads an object whose faults stand under `place`.
    pub(super) fn new(
        object: &'a Map<String, Value>,
        place: &[&str],
        faults: &'a mut Map<String, Value>,
    ) -> Reader<'a> {
        Reader { object, place: place.iter().map(|&part| part.to_owned()).collect(), faults }
    }

    /// Adds a fault of an option.
    pub(super) fn fault(&mut self, key: &str, flaw: &Flaw) {
        let mut path: Vec<&str> = self.place.iter().map(String::as_str).collect();
        path.push(key);
        flaw::put(self.faults, &path, flaw);
    }

    fn get(&self, key: &str) -> Option<&'a Value> {
        self.object.get(key).filter(|value| !value.is_null())
    }

    fn read<T>(&mut self, key: &str, what: &str, read: impl Fn(&Value) -> Option<T>) -> Option<T> {
        let value = self.get(key)?;
        let found = read(value);
        if found.is_none() {
            self.fault(key, &Flaw::new("validation_invalid_value", format!("Must be {what}.")));
        }
        found
    }

    /// A text.
    pub(super) fn text(&mut self, key: &str) -> String {
        self.read(key, "a text", |v| v.as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// True or false.
    pub(super) fn flag(&mut self, key: &str) -> bool {
        self.read(key, "true or false", Value::as_bool).unwrap_or_default()
    }

    /// A whole number from 0.
    pub(super) fn whole(&mut self, key: &str) -> u64 {
        let float = self.read(key, "a number", Value::as_f64).unwrap_or_default();
        if float < 0.0 {
            let message = "Must be no less than 0.";
            self.fault(key, &Flaw::new("validation_min_greater_equal_than_required", message));
        } else if float.fract() != 0.0 {
            self.fault(key, &Flaw::new("validation_invalid_value", "Must be a whole number."));
        } else if float > WHOLE_MAX as f64 {
            let message = format!("Must be no greater than {WHOLE_MAX}.");
            self.fault(key, &Flaw::new("validation_max_less_equal_than_required", message));
        } else {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "it is whole and fits"
            )]
            return float as u64;
        }
        0
    }

    /// A number, if there is one.
    pub(super) fn float(&mut self, key: &str) -> Option<f64> {
        self.read(key, "a number", Value::as_f64)
    }

    /// A list of texts.
    pub(super) fn texts(&mut self, key: &str) -> Vec<String> {
        let texts = |v: &Value| v.as_array()?.iter().map(|t| t.as_str().map(str::to_owned)).collect();
        self.read(key, "a list of texts", texts).unwrap_or_default()
    }

    /// A rule: null or a text.
    pub(super) fn rule(&mut self, key: &str) -> Option<String> {
        self.read(key, "a text or null", |v| v.as_str().map(str::to_owned))
    }

    /// An object inside.
    pub(super) fn inner(&mut self, key: &str) -> Option<Reader<'_>> {
        let object = match self.get(key)? {
            Value::Object(object) => object,
            _ => {
                self.fault(key, &Flaw::new("validation_invalid_value", "Must be an object."));
                return None;
            }
        };
        let mut place = self.place.clone();
        place.push(key.to_owned());
        Some(Reader { object, place, faults: self.faults })
    }
}
