//! A record's values: from what a client sent to what is kept.
//!
//! Values are JSON. `prepare` turns what a client sent for one field into the field's own form (casts as the wire does: a
//! number from "12", a list from one value…), `check` says what is wrong with a prepared value.

use base::error::Fields;
use base::time::Timestamp;
use serde_json::{Map, Value};

use crate::core::collection::Collection;
use crate::core::field::Field;

/// The values of one record by field *name*, complete: every field of the collection is there (but the id may be empty
/// before the first write). Passwords are kept as their hash.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Values(pub Map<String, Value>);

/// The kind's empty value: `""`, 0, false, `[]`, null for JSON, `{"lon":0,"lat":0}`.
pub fn zero(_field: &Field) -> Value {
    todo!()
}

/// A client's value in the field's own form; what can't be cast becomes what the wire makes of it (0, "", …).
pub fn prepare(_field: &Field, _sent: &Value) -> Value {
    todo!()
}

/// Reads a stored body (by storage key, of any older shape) as complete values by name.
pub fn read(_collection: &Collection, _id: &str, _body: &str) -> Values {
    todo!()
}

/// The stored body of values: storage keys, in the order of the fields, without the id.
pub fn write(_collection: &Collection, _values: &Values) -> String {
    todo!()
}

/// What is wrong with the values of a new or changed record, by field. Not checked here: what needs the database
/// (relations exist, uniqueness) and passwords (see [`check_password`]: the plain text is no value).
pub fn check(_collection: &Collection, _before: Option<&Values>, _after: &Values) -> Fields {
    todo!()
}

/// What is wrong with a new password, given in plain text with its repetition (where the request must repeat it).
pub fn check_password(_field: &Field, _plain: &str) -> Fields {
    todo!()
}

/// Sets what the server sets: autodates, ids and texts made from a pattern, the token key of accounts.
pub fn set_automatic(
    _collection: &Collection,
    _before: Option<&Values>,
    _after: &mut Values,
    _now: Timestamp,
) {
    todo!()
}

/// Applies a request's body to values: plain keys, and `+key`, `key+`, `key-` (add, append, take away). Unknown keys are
/// passed over, as are those that the server alone sets; passwords and uploads are the shell's matter.
pub fn apply(_collection: &Collection, _values: &mut Values, _sent: &Map<String, Value>) {
    todo!()
}
