//! All collections at one moment.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::core::collection::Collection;

/// The part of a rule or filter that asks for the request's headers.
pub const ASKS_HEADERS: &str = "@request.headers";

/// All collections, found by id or name. A snapshot: it never changes; a new one takes its place.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    by_id: BTreeMap<String, Arc<Collection>>,
    by_name: BTreeMap<String, Arc<Collection>>,
    in_order: Vec<Arc<Collection>>,
    asks_headers: bool,
}

impl Catalog {
    /// A catalog of these collections, in the order of their making.
    pub fn new(collections: Vec<Arc<Collection>>) -> Catalog {
        let by_id = collections.iter().map(|c| (c.id.clone(), c.clone())).collect();
        let by_name = collections.iter().map(|c| (c.name.to_lowercase(), c.clone())).collect();
        let asks_headers = collections.iter().any(|c| c.rules.all().any(|rule| rule.contains(ASKS_HEADERS)));
        Catalog { by_id, by_name, in_order: collections, asks_headers }
    }

    /// A collection by name (in any case) or id.
    pub fn find(&self, name_or_id: &str) -> Option<&Arc<Collection>> {
        self.by_id
            .get(name_or_id)
            .or_else(|| self.by_name.get(name_or_id))
            .or_else(|| self.by_name.get(&name_or_id.to_lowercase()))
    }

    /// Whether any rule asks for the request's headers.
    pub fn asks_headers(&self) -> bool {
        self.asks_headers
    }

    /// All of them, in the order of their making.
    pub fn all(&self) -> &[Arc<Collection>] {
        &self.in_order
    }
}
