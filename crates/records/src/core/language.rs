//! The filter, rule and sort language: from text to the store's query, with bound values only.

use base::time::Timestamp;
use store::query::{Select, Source};

use crate::core::catalog::Catalog;
use crate::core::collection::Collection;
use crate::limits::Limits;
use crate::request::Request;

/// A fault in a filter, rule or sort: one sentence for the client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Fault(pub String);

/// Everything that the language can refer to.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// All collections.
    pub catalog: &'a Catalog,
    /// The one asked about.
    pub collection: &'a Collection,
    /// Who asks what.
    pub request: &'a Request,
    /// The time now.
    pub now: Timestamp,
    /// Limits of length, depth and joins.
    pub limits: &'a Limits,
    /// Hidden fields may be named (rules, and filters of superusers).
    pub sees_hidden: bool,
}

/// A query under construction: rules and filters are added (all must hold), then the order.
pub struct Query<'a> {
    scope: Scope<'a>,
}

impl<'a> Query<'a> {
    /// All records of the scope's collection; `from` may be its table or a given row.
    pub fn new(scope: Scope<'a>, _from: Source) -> Query<'a> {
        let _ = scope.sees_hidden;
        Query { scope }
    }

    /// Adds a rule or filter; empty text adds nothing. A rule may name hidden fields, a client's filter only when the
    /// scope says so.
    pub fn filter(&mut self, _text: &str, _is_rule: bool) -> Result<(), Fault> {
        let _ = &self.scope;
        todo!()
    }

    /// Adds "is this record".
    pub fn id(&mut self, _id: &str) {
        todo!()
    }

    /// Sets the order: `-created,title,@random`.
    pub fn sort(&mut self, _text: &str) -> Result<(), Fault> {
        todo!()
    }

    /// The finished selection.
    pub fn finish(self) -> Select {
        todo!()
    }
}

/// What is wrong with a rule of a collection that is being saved: parses it and resolves every name in it.
pub fn check_rule(
    _catalog: &Catalog,
    _collection: &Collection,
    _text: &str,
    _limits: &Limits,
) -> Result<(), Fault> {
    todo!()
}
