//! Prints selections: where the rows come from, which joins are inner ones, in which order.

use std::fmt::Write;
use std::sync::Arc;

use super::joins;
use super::writer::Writer;
use crate::query::{Alias, Column, Expr, Join, Select, Source, Value};
use crate::row::Table;

impl Writer {
    /// `FROM … WHERE …` with each main row once.
    pub(super) fn rows(&mut self, select: &Select) {
        self.push(" FROM ");
        self.source(&select.from, select.alias);
        let groups = joins::groups(joins::conjuncts(select.filter.as_ref()), &select.joins);
        let mut word = " WHERE ";
        for condition in &groups[0].conditions {
            self.push(word);
            self.condition(condition);
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

    /// The value of the first row.
    pub(super) fn first(&mut self, select: &Select, value: &Expr) {
        self.push("(SELECT ");
        self.in_scope_of(&select.joins, |writer| writer.expr(value));
        let all: Vec<&Join> = select.joins.iter().collect();
        let conditions = joins::conjuncts(select.filter.as_ref());
        let base = Some((&select.from, select.alias));
        self.left_joined(base, &all, &[], &conditions);
        for (i, order) in select.order.iter().enumerate() {
            self.push(if i == 0 { " ORDER BY " } else { "," });
            self.in_scope_of(&select.joins, |writer| writer.expr(&order.by));
            self.push(if order.descending { " DESC" } else { "" });
        }
        self.push(" LIMIT 1)");
    }

    pub(super) fn order(&mut self, select: &Select) {
        let closures = joins::closures(&select.joins);
        for (i, order) in select.order.iter().enumerate() {
            self.push(if i == 0 { " ORDER BY " } else { "," });
            let needs = joins::needed(&order.by, &select.joins, &closures);
            if needs == 0 {
                self.expr(&order.by);
            } else {
                self.push("(SELECT ");
                self.in_scope_of(&select.joins, |writer| writer.expr(&order.by));
                self.left_joined(None, &chosen(&select.joins, needs), &[], &[]);
                self.push(" LIMIT 1)");
            }
            self.push(if order.descending { " DESC" } else { "" });
        }
    }

    pub(super) fn bounds(&mut self, select: &Select) {
        if select.limit.is_none() && select.offset == 0 {
            return;
        }
        let whole = |n: u64| Value::Int(i64::try_from(n).unwrap_or(i64::MAX));
        self.push(" LIMIT ");
        self.bind(select.limit.map_or(Value::Int(-1), whole));
        self.push(" OFFSET ");
        self.bind(whole(select.offset));
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
                self.source(&first.source, first.alias);
                joins::flatten(Some(&first.on), &mut conditions);
                joins = rest;
            }
            (Some((source, alias)), _) => self.source(source, alias),
            (None, _) => self.push("(SELECT 1)"),
        }
        for join in joins {
            self.join(join, inner.contains(&join.alias));
        }
        for (i, condition) in conditions.iter().enumerate() {
            self.push(if i == 0 { " WHERE " } else { " AND " });
            self.condition(condition);
        }
        self.optional.truncate(outer);
    }

    fn join(&mut self, join: &Join, is_inner: bool) {
        self.push(if is_inner { " JOIN " } else { " LEFT JOIN " });
        self.source(&join.source, join.alias);
        self.push(" ON ");
        // while a partner is sought, it is there
        let at = self.optional.iter().rposition(|alias| *alias == join.alias);
        let optional = self.optional.clone();
        if let Some(at) = at {
            self.optional.remove(at);
        }
        self.condition(&join.on);
        self.optional = optional;
    }

    fn in_scope_of(&mut self, joins: &[Join], print: impl FnOnce(&mut Writer)) {
        let outer = self.optional.len();
        self.optional.extend(joins.iter().map(|j| j.alias));
        print(self);
        self.optional.truncate(outer);
    }

    fn source(&mut self, source: &Source, alias: Alias) {
        match source {
            Source::Table(table) => self.table(table),
            Source::Given(row) => {
                self.push("(SELECT ");
                self.bind(Value::Text(Arc::from(row.id.as_str())));
                self.push(" AS id,0 AS rowid,");
                self.bind(Value::Int(row.rev));
                self.push(" AS rev,");
                self.bind(Value::Int(row.shape));
                self.push(" AS shape,");
                self.bind(Value::Text(Arc::from(row.body.as_str())));
                self.push(" AS body)");
            }
            Source::Each(Expr::Column(of, Column::Field(key, _))) => {
                // an absent value has no element, a value that is no list is its own
                let _ = write!(self.text, "json_each(t{}.body,'$.{key}')", of.0);
            }
            Source::Each(list) => {
                self.push("json_each(");
                self.expr(list);
                self.push(")");
            }
            Source::Nothing => self.push("(SELECT 1)"),
        }
        let _ = write!(self.text, " t{}", alias.0);
    }

    /// A table of records: all have a prefix, so that none meets the engine's or our own.
    pub(super) fn table(&mut self, table: &Table) {
        let _ = write!(self.text, "\"r_{table}\"");
    }
}

fn chosen(joins: &[Join], set: joins::Set) -> Vec<&Join> {
    joins.iter().enumerate().filter(|(at, _)| set & joins::bit(*at) != 0).map(|(_, join)| join).collect()
}
