//! What a collection declares in the store beside its records: its table's indexes and its readable view.

use base::error::Fields;
use serde_json::Value;
use store::query::{Column, View};
use store::{Table, Tx};

use crate::core::collection::Collection;
use crate::core::index;
use crate::error::Error;
use crate::records::Records;
use crate::records::collections::COLLECTIONS;

impl Records {
    /// Declares the indexes and views of all collections once more: in a store to which their records were copied.
    pub async fn declare(&self) -> Result<(), Error> {
        for collection in self.catalog().all() {
            let of = collection.clone();
            let write = self.store().write(move |tx| Box::pin(async move { declare(tx, &of).await }));
            write.await?;
        }
        Ok(())
    }

    /// The table whose records are the collections.
    pub fn declaring() -> Table {
        Table::new(COLLECTIONS)
    }

    /// The table that a record of that table declares.
    pub fn declared(id: &str) -> Table {
        Table::new(&format!("r_{id}"))
    }
}

/// Makes a collection's table have its indexes and its view.
pub(super) async fn declare(tx: &mut Tx, collection: &Collection) -> Result<(), Error> {
    let declared = collection.indexes.iter().map(|declared| index::to_store(declared, collection));
    let indexes: Vec<_> = declared.collect();
    tx.set_indexes(&collection.table(), &indexes).await.map_err(|fault| not_unique(fault, collection))?;
    tx.set_view(&collection.table(), Some(&view(collection))).await?;
    Ok(())
}

/// Data that don't fit a new unique index, as a fault of that index.
pub(super) fn not_unique(fault: store::Error, collection: &Collection) -> Error {
    let store::Error::Unique { index: name } = &fault else { return fault.into() };
    let place =
        collection.indexes.iter().position(|declared| index::to_store(declared, collection).name == *name);
    let Some(place) = place else { return fault.into() };
    let message = format!(
        "Some records have the same values, so `{}` can't be unique.",
        collection.indexes[place].name
    );
    let mut one = Fields::one(&place.to_string(), "validation_invalid_index_expression", &message);
    let nested = Value::from(std::mem::take(&mut one.0));
    one.0.insert("indexes".into(), nested);
    Error::invalid("The collection can't be saved.", one)
}

/// The readable view of a collection, for people with a database shell.
fn view(collection: &Collection) -> View {
    let id = [("id".to_owned(), Column::Id)];
    let shown = collection.fields.iter().filter(|f| !f.is_hidden && !f.is_id());
    let columns = id.into_iter().chain(shown.map(|f| (f.name.clone(), f.column()))).collect();
    View { name: collection.name.clone(), columns }
}
