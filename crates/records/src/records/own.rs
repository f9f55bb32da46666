//! Records that the house itself writes, inside a transaction of whoever asks: no rule is asked, what else holds of a record
//! holds of them.

use std::sync::Arc;

use serde_json::{Map, Value};
use store::{Row, Tx};

use crate::core::collection::Collection;
use crate::core::value;
use crate::error::Error;
use crate::records::Records;
use crate::records::write::{chance, unique};

const CREATE: &str = "Failed to create record.";

impl Records {
    /// Makes a record with these values; what is not among them is empty, or made as for any record.
    pub async fn insert_own(
        &self,
        tx: &mut Tx,
        collection: &Collection,
        values: Map<String, Value>,
    ) -> Result<Arc<Row>, Error> {
        let now = self.clock().now();
        let mut after = value::empty(collection);
        after.0.extend(values);
        if after.text("id").is_empty() {
            after.0.insert("id".into(), value::new_id(collection, now, &mut chance).into());
        }
        value::set_automatic(collection, None, &mut after, now, &mut chance);
        let (id, body) = (after.text("id").to_owned(), value::write(collection, &after));
        let inserted = tx.insert(&collection.table(), &id, collection.shape, body).await;
        inserted.map_err(|fault| unique(fault, collection, CREATE))
    }
}
