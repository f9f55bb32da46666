//! Prints selections: where the rows come from, which joins are inner ones, in which order.

use super::writer::{Flavor, Writer};
use super::{RECORDS_CLOSE, RECORDS_OPEN, joins};
use crate::query::{Alias, Column, Compare, Expr, Join, Order, Select, Source};
use crate::row::Table;

impl<F: Flavor> Writer<F> {
    /// `FROM … WHERE …` with each main row once.
    pub(super) fn rows(&mut self, select: &Select) {
        self.push(" FROM ");
        F::source(self, &select.from, select.alias);
        let groups = joins::groups(joins::conjuncts(select.filter.as_ref()), &select.joins);
        let mut word = " WHERE ";
        for condition in &groups[0].conditions {
            self.push(word);
            F::condition(self, condition);
            word = " AND ";
        }
        for group in &groups[1..] {
            self.push(word);
            self.push("EXISTS (SELECT 1");
            self.joined(None, &chosen(&select.joins, group.joins), group.conditions.clone());
            self.push(")");
            word = " AND ";
        }
    }

    /// `EXISTS (…)`: joined rows stand beside the main ones, for it doesn't matter how often one comes.
    pub(super) fn exists(&mut self, select: &Select) {
        self.push("EXISTS (SELECT 1");
        let all: Vec<&Join> = select.joins.iter().collect();
        self.joined(Some((&select.from, select.alias)), &all, joins::conjuncts(select.filter.as_ref()));
        self.push(")");
    }

    /// What `print` gives for the first row.
    pub(super) fn first(&mut self, select: &Select, print: impl FnOnce(&mut Writer<F>)) {
        self.push("(SELECT ");
        self.in_scope_of(&select.joins, print);
        let all: Vec<&Join> = select.joins.iter().collect();
        let conditions = joins::conjuncts(select.filter.as_ref());
        let base = Some((&select.from, select.alias));
        self.left_joined(base, &all, &[], &conditions);
        let mut terms = 0;
        for order in &select.order {
            self.term(order, &mut terms, !all.is_empty(), |writer, print| {
                writer.in_scope_of(&select.joins, |writer| print(writer));
            });
        }
        self.ties(base, &all, terms);
        self.push(" LIMIT 1)");
    }

    pub(super) fn order(&mut self, select: &Select) {
        let closures = joins::closures(&select.joins);
        let mut terms = 0;
        for order in &select.order {
            let needs = joins::needed(&order.by, &select.joins, &closures);
            self.term(order, &mut terms, needs != 0, |writer, print| {
                if needs == 0 {
                    return print(writer);
                }
                writer.push("(SELECT ");
                writer.in_scope_of(&select.joins, |writer| print(writer));
                let chosen = chosen(&select.joins, needs);
                writer.left_joined(None, &chosen, &[], &[]);
                writer.ties(None, &chosen, 0);
                writer.push(" LIMIT 1)");
            });
        }
        let is_unique = |order: &Order| match &order.by {
            Expr::Column(alias, Column::Id | Column::Rowid) => *alias == select.alias,
            _ => false,
        };
        if !select.order.iter().any(is_unique) {
            self.ties(Some((&select.from, select.alias)), &[], terms);
        }
    }

    /// One term of an order, which may be several for the engine.
    fn term(
        &mut self,
        order: &Order,
        terms: &mut usize,
        is_joined: bool,
        wrap: impl Fn(&mut Writer<F>, &dyn Fn(&mut Writer<F>)),
    ) {
        let direction = F::direction(self, order, is_joined);
        for part in F::parts(self, &order.by) {
            self.push(if *terms == 0 { " ORDER BY " } else { "," });
            wrap(self, &|writer| F::part(writer, &order.by, *part));
            self.push(direction);
            *terms += 1;
        }
    }

    /// Rows that are the same to the order come in the order of their insertion, and of several joined rows the first
    /// one. A row that is found by its id has no second one.
    fn ties(&mut self, base: Option<(&Source, Alias)>, joins: &[&Join], terms: usize) {
        if !F::BREAKS_TIES {
            return;
        }
        let by_id = |join: &Join| match &join.on {
            Expr::Compare(left, Compare::Eq, right) => [left, right]
                .iter()
                .any(|side| matches!(&***side, Expr::Column(alias, Column::Id) if *alias == join.alias)),
            _ => false,
        };
        let joined = joins.iter().filter(|join| !by_id(join)).map(|join| (&join.source, join.alias));
        let several = base.into_iter().chain(joined);
        let several = several.filter(|(source, _)| matches!(source, Source::Table(_) | Source::Each(_)));
        for (at, (_, alias)) in several.enumerate() {
            self.push(if terms + at == 0 { " ORDER BY " } else { "," });
            self.plain(Some(alias), "n");
        }
    }

    /// ` FROM … WHERE …` where a source without whose row nothing could pass is joined as an inner one.
    fn joined<'a>(&mut self, base: Option<(&Source, Alias)>, joins: &[&'a Join], conditions: Vec<&'a Expr>) {
        let inner = self.inner(joins, &conditions);
        self.left_joined(base, joins, &inner, &conditions);
    }

    /// Finds the joins that may be inner ones.
    fn inner<'a>(&mut self, joins: &[&'a Join], conditions: &[&'a Expr]) -> Vec<Alias> {
        let outer = self.optional.len();
        self.optional.extend(joins.iter().map(|j| j.alias));
        let mut conditions = conditions.to_vec();
        let mut inner = Vec::new();
        while let Some(alias) = conditions.iter().find_map(|condition| {
            let may_be_missing = |alias| self.optional[outer..].contains(&alias);
            joins::refuses_missing(condition, &may_be_missing, &|expr| self.may_be_null(expr))
        }) {
            self.optional.retain(|other| *other != alias);
            inner.push(alias);
            let join = joins.iter().find(|j| j.alias == alias);
            joins::flatten(join.map(|j| &j.on), &mut conditions);
        }
        self.optional.truncate(outer);
        inner
    }

    fn left_joined(
        &mut self,
        base: Option<(&Source, Alias)>,
        joins: &[&Join],
        inner: &[Alias],
        conditions: &[&Expr],
    ) {
        let outer = self.optional.len();
        self.optional.extend(joins.iter().map(|j| j.alias).filter(|alias| !inner.contains(alias)));
        let mut joins = joins;
        let mut conditions = conditions.to_vec();
        self.push(" FROM ");
        match (base, joins.split_first()) {
            (None | Some((Source::Nothing, _)), Some((first, rest))) if inner.contains(&first.alias) => {
                F::source(self, &first.source, first.alias);
                joins::flatten(Some(&first.on), &mut conditions);
                joins = rest;
            }
            (Some((source, alias)), _) => F::source(self, source, alias),
            (None, _) => self.push(F::NOTHING),
        }
        for join in joins {
            self.join(join, inner.contains(&join.alias));
        }
        for (i, condition) in conditions.iter().enumerate() {
            self.push(if i == 0 { " WHERE " } else { " AND " });
            F::condition(self, condition);
        }
        self.optional.truncate(outer);
    }

    fn join(&mut self, join: &Join, is_inner: bool) {
        self.push(if is_inner { " JOIN " } else { " LEFT JOIN " });
        F::source(self, &join.source, join.alias);
        self.push(" ON ");
        // while a partner is sought, it is there
        let at = self.optional.iter().rposition(|alias| *alias == join.alias);
        let optional = self.optional.clone();
        if let Some(at) = at {
            self.optional.remove(at);
        }
        F::condition(self, &join.on);
        self.optional = optional;
    }

    fn in_scope_of(&mut self, joins: &[Join], print: impl FnOnce(&mut Writer<F>)) {
        let outer = self.optional.len();
        self.optional.extend(joins.iter().map(|j| j.alias));
        print(self);
        self.optional.truncate(outer);
    }

    /// A table of records: all have a prefix, so that none meets the engine's or our own.
    pub(super) fn table(&mut self, table: &Table) {
        [RECORDS_OPEN, table.as_str(), RECORDS_CLOSE].into_iter().for_each(|part| self.push(part));
    }
}

fn chosen(joins: &[Join], set: joins::Set) -> Vec<&Join> {
    joins.iter().enumerate().filter(|(at, _)| set & joins::bit(*at) != 0).map(|(_, join)| join).collect()
}
