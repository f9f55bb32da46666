//! Records as clients see them.

use store::Row;

use crate::core::collection::Collection;
use crate::core::value::Values;

/// What the viewer may see beyond the plain fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sight {
    /// Hidden fields too (superusers).
    pub hidden: bool,
    /// The e-mail address whatever `emailVisibility` says (superusers, the account itself, who may manage it).
    pub email: bool,
}

/// The JSON text of a record: `collectionId`, `collectionName`, `id`, then the fields in their order. Where the row has the
/// collection's present shape, nothing is hidden and no key differs from its name, the stored body is taken as it is.
pub fn row(_collection: &Collection, _row: &Row, _sight: Sight) -> String {
    todo!()
}

/// The same from values.
pub fn values(
    _collection: &Collection,
    _id: &str,
    _values: &Values,
    _sight: Sight,
) -> serde_json::Map<String, serde_json::Value> {
    todo!()
}
