//! All collections at one moment.

use std::collections::HashMap;
use std::sync::Arc;

use crate::core::collection::Collection;

/// All collections, found by id or name. A snapshot: it never changes; a new one takes its place.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    by_id: HashMap<String, Arc<Collection>>,
    by_name: HashMap<String, Arc<Collection>>,
    in_order: Vec<Arc<Collection>>,
}

impl Catalog {
    /// A catalog of these collections, in the order of their making.
    pub fn new(collections: Vec<Arc<Collection>>) -> Catalog {
        let by_id = collections.iter().map(|c| (c.id.clone(), c.clone())).collect();
        let by_name = collections.iter().map(|c| (c.name.to_lowercase(), c.clone())).collect();
        Catalog { by_id, by_name, in_order: collections }
    }

    /// A collection by name (in any case) or id.
    pub fn find(&self, name_or_id: &str) -> Option<&Arc<Collection>> {
        self.by_id
            .get(name_or_id)
            .or_else(|| self.by_name.get(name_or_id))
            .or_else(|| self.by_name.get(&name_or_id.to_lowercase()))
    }

    /// All of them, in the order of their making.
    pub fn all(&self) -> &[Arc<Collection>] {
        &self.in_order
    }
}
