//! The filter, rule and sort language: from text to the store's query, with bound values only.
//!
//! Map, in reading order: `token` and `parse` (text to a tree), `resolve` (names to operands, and the joins they share),
//! `path` (ways through relations), `asked` (`@request.*`), `moment` (`@now` and its like), `call` (functions),
//! `operand` (comparisons of two sides), `constant` (values known beforehand).
//!
//! Invariant: what a user wrote comes into the query as a bound value or as a field that was found, never as text.

use std::borrow::Cow;

use base::error::Kind;
use base::time::Timestamp;
use store::query::{Column, Expr, Func, MAIN, Order, Select, Source};

use crate::core::catalog::Catalog;
use crate::core::collection::Collection;
use crate::limits::Limits;
use crate::request::Request;

mod asked;
mod call;
mod constant;
mod moment;
mod operand;
mod parse;
mod path;
mod resolve;
mod token;

use operand::{all_of, any_of, column, compare, same};
use parse::{Side, Tree};
use resolve::{Base, Resolver};
use token::Wrong;

/// Characters of one term of a sort.
const SORT_TERM_MAX: usize = 255;

/// A fault in a filter, rule or sort: one sentence for the client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// The sentence.
    pub message: String,
    /// Invalid, or forbidden where others may ask it.
    pub kind: Kind,
}

impl Fault {
    fn new(message: String) -> Fault {
        Fault { message, kind: Kind::Invalid }
    }
}

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
    resolver: Resolver<'a>,
    from: Source,
    all: Vec<Expr>,
    order: Vec<Order>,
}

impl<'a> Query<'a> {
    /// All records of the scope's collection; `from` may be its table or a given row.
    pub fn new(scope: Scope<'a>, from: Source) -> Query<'a> {
        Query { resolver: Resolver::new(scope), from, all: Vec::new(), order: Vec::new() }
    }

    /// Adds a rule or filter; empty text adds nothing. A rule may name hidden fields, a client's filter only when the
    /// scope says so, and then only rows that the client may list count where it goes through relations.
    pub fn filter(&mut self, text: &str, is_rule: bool) -> Result<(), Fault> {
        let scope = self.resolver.scope;
        let most = scope.limits.filter_length_max;
        if !is_rule && text.len() > most {
            return Err(Fault::new(format!("the filter is longer than {most} bytes")));
        }
        if text.is_empty() {
            return Ok(());
        }
        let base = self.resolver.main(is_rule || scope.sees_hidden);
        let condition = self.condition(&base, text).map_err(|wrong| fault(text, &wrong))?;
        self.all.push(condition);
        self.add_list_rules()
    }

    /// Adds "is this record".
    pub fn id(&mut self, id: &str) {
        self.all.push(same(column(MAIN, Column::Id), Expr::Value(constant::text(id))));
    }

    /// Sets the order: `-created,title,@random`.
    pub fn sort(&mut self, text: &str) -> Result<(), Fault> {
        let scope = self.resolver.scope;
        if text.is_empty() {
            return Ok(());
        }
        let most = scope.limits.sort_terms_max;
        if text.split(',').count() > most {
            return Err(Fault::new(format!("the sort has more than {most} terms")));
        }
        let base = self.resolver.main(scope.sees_hidden);
        let mut at = 0;
        for term in text.split(',') {
            let name = term.trim();
            let descending = name.starts_with('-');
            let name = name.strip_prefix(['-', '+']).unwrap_or(name);
            let by = self.sort_term(&base, name, at).map_err(|wrong| fault(text, &wrong))?;
            self.order.push(Order { by, descending });
            at += term.len() + 1;
        }
        self.add_list_rules()
    }

    /// What it says of every record, where it says the same of all; `None` where the record decides.
    pub fn verdict(&self) -> Option<bool> {
        if !self.resolver.joins.is_empty() {
            return None;
        }
        match all_of(self.all.clone()) {
            Expr::And(parts) if parts.is_empty() => Some(true),
            Expr::Or(parts) if parts.is_empty() => Some(false),
            _ => None,
        }
    }

    /// The finished selection.
    pub fn finish(self) -> Select {
        let Query { resolver, from, all, order } = self;
        let filter = if all.is_empty() { None } else { Some(all_of(all)) };
        Select { joins: resolver.joins, filter, order, ..Select::all(from) }
    }

    fn sort_term(&mut self, base: &Base<'a>, name: &str, at: usize) -> Result<Expr, Wrong> {
        match name {
            "@random" => return Ok(Expr::Call(Func::Random, Vec::new())),
            "@rowid" => return Ok(column(MAIN, Column::Rowid)),
            "" => return Err(Wrong::new("an empty term in the sort", at, "")),
            _ if name.len() > SORT_TERM_MAX => {
                return Err(Wrong::new(
                    format!("a term of more than {SORT_TERM_MAX} bytes in the sort"),
                    at,
                    "",
                ));
            }
            _ => {}
        }
        let is_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b'@');
        if !name.bytes().all(is_name) {
            return Err(Wrong::new(format!("{name:?} is no field to sort by"), at, ""));
        }
        let operand = self.resolver.name(base, name, at)?;
        if operand.known().is_some() {
            return Err(Wrong::new(format!("{name:?} is the same for all records"), at, "; sort by a field"));
        }
        let Some(guard) = operand.guard else { return Ok(operand.expr) };
        // what may not be known has no place of its own in the order
        let alias = self.resolver.fresh();
        let known = Select { alias, filter: Some(guard), ..Select::all(Source::Nothing) };
        Ok(Expr::First(Box::new(known), Box::new(operand.expr)))
    }

    fn condition(&mut self, base: &Base<'a>, text: &str) -> Result<Expr, Wrong> {
        match parse::parse(text, self.resolver.scope.limits)? {
            Some(tree) => self.tree(base, &tree),
            None => Err(Wrong::new("nothing but blanks or comments", 0, "")),
        }
    }

    fn tree(&mut self, base: &Base<'a>, tree: &Tree<'_>) -> Result<Expr, Wrong> {
        match tree {
            Tree::Term(term) => {
                let mut left = self.side(base, &term.left)?;
                let mut right = self.side(base, &term.right)?;
                self.guard_all_rows([&mut left, &mut right])?;
                Ok(compare(&left, term.sign, &right, &mut || self.resolver.fresh()))
            }
            Tree::All(all) => Ok(all_of(self.trees(base, all)?)),
            Tree::Any(any) => Ok(any_of(self.trees(base, any)?)),
        }
    }

    /// Where all rows of a side must fit, those that a client may not list don't count either.
    fn guard_all_rows(&mut self, sides: [&mut operand::Operand; 2]) -> Result<(), Wrong> {
        let mut all: Vec<_> = sides.into_iter().filter_map(|side| side.many.as_mut()).collect();
        for (collection, alias) in std::mem::take(&mut self.resolver.unguarded_of_all) {
            let is_its = |many: &&mut &mut operand::Many| many.joins.iter().any(|join| join.alias == alias);
            let Some(many) = all.iter_mut().find(is_its) else { continue };
            let (base, rule) = self.resolver.list_rule(collection, alias);
            // what the rule joins, it joins beside these rows
            let beside = std::mem::replace(&mut self.resolver.joins, std::mem::take(&mut many.joins));
            let guard = self.listed(&base, rule);
            many.joins = std::mem::replace(&mut self.resolver.joins, beside);
            many.guards.push(guard?);
        }
        Ok(())
    }

    fn trees(&mut self, base: &Base<'a>, trees: &[Tree<'_>]) -> Result<Vec<Expr>, Wrong> {
        trees.iter().map(|tree| self.tree(base, tree)).collect()
    }

    fn side(&mut self, base: &Base<'a>, side: &Side<'_>) -> Result<operand::Operand, Wrong> {
        match side {
            Side::Literal(literal, at) => self.resolver.literal(base, literal, *at),
            Side::Call(name, arguments, at) => self.resolver.call(base, name, arguments, *at),
        }
    }

    /// Rows that a client's filter looks at must be such as the client may list: otherwise a filter could find out what
    /// is in others. A missing row (no id) is nobody's secret.
    fn add_list_rules(&mut self) -> Result<(), Fault> {
        while let Some((base, rule)) = self.resolver.next_list_rule() {
            let listed = self.listed(&base, rule).map_err(|wrong| Fault::new(wrong.what))?;
            self.all.push(listed);
        }
        Ok(())
    }

    /// That a row is missing or fits a list rule.
    fn listed(&mut self, base: &Base<'a>, rule: &str) -> Result<Expr, Wrong> {
        let condition = self.condition(base, rule).map_err(|_| {
            let name = &base.collection.name;
            Wrong::new(format!("the list rule of {name:?} is faulty; a superuser can mend it"), 0, "")
        })?;
        let is_missing = Expr::IsNull(Box::new(column(base.alias, Column::Id)));
        Ok(any_of(vec![is_missing, condition]))
    }
}

/// What is wrong with a rule of a collection that is being saved: parses it and resolves every name in it.
pub fn check_rule(
    catalog: &Catalog,
    collection: &Collection,
    text: &str,
    limits: &Limits,
) -> Result<(), Fault> {
    let request = Request::default();
    let scope =
        Scope { catalog, collection, request: &request, now: Timestamp(0), limits, sees_hidden: true };
    Query::new(scope, Source::Nothing).filter(text, true)
}

/// The sentence for the client, with the place as the number of the character from 1.
fn fault(text: &str, wrong: &Wrong) -> Fault {
    let place = text.get(..wrong.at).map_or(1, |before| before.chars().count() + 1);
    let what: Cow<'_, str> = match wrong.what.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", &wrong.what[..end]).into(),
        None => wrong.what.as_str().into(),
    };
    let message = format!("{what} at {place}{}", wrong.advice);
    Fault { message, kind: if wrong.is_forbidden { Kind::Forbidden } else { Kind::Invalid } }
}

#[cfg(test)]
mod tests;
