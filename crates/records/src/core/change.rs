//! Changes of collections: from the wire's JSON to a checked collection, and back.

use base::error::Fields;
use serde_json::{Map, Value};

use crate::core::catalog::Catalog;
use crate::core::collection::Collection;

/// Makes a new collection (`before` is `None`) or the next form of one from a client's JSON, which may be partial for
/// an update. Gives storage keys to new fields, keeps those of old ones (matched by field id, else name), retires those that are gone,
/// and raises the shape when the fields changed. Everything wrong is reported at once, by field, as the wire nests it.
/// `now` is the time as shown; ids are made by `new_id`.
pub fn plan(
    _catalog: &Catalog,
    _before: Option<&Collection>,
    _sent: &Map<String, Value>,
    _now: &str,
    _new_id: &mut dyn FnMut() -> String,
) -> Result<Collection, Fields> {
    todo!()
}

/// The collection as clients see it.
pub fn to_wire(_collection: &Collection) -> Map<String, Value> {
    todo!()
}

/// The collection as it is kept: the wire's form plus storage keys, shape, retired keys and secrets.
pub fn to_stored(_collection: &Collection) -> String {
    todo!()
}

/// Reads a kept collection; the error says what could not be read.
pub fn from_stored(_id: &str, _body: &str) -> Result<Collection, String> {
    todo!()
}

/// The collections that a new database begins with: `_superusers` and `users`.
pub fn first_collections(_now: &str, _new_id: &mut dyn FnMut() -> String) -> Vec<Collection> {
    todo!()
}
