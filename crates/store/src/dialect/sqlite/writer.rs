//! Prints expressions and selections, and collects the bound values in the order of their places.
//!
//! Invariant: text of users comes into the SQL only by [`Writer::value`] and [`Writer::name`].

use std::fmt::Write;
use std::sync::Arc;

use super::Sql;
use super::joins;
use crate::query::{Alias, Column, Compare, Expr, Func, Join, Scalar, Select, Source, Value};

/// SQL under construction.
pub(super) struct Writer {
    text: String,
    values: Vec<Value>,
    /// Values are printed, not bound: for definitions, which have no places.
    is_literal: bool,
    /// Joined sources in scope whose row may be missing.
    optional: Vec<Alias>,
}

impl Writer {
    pub(super) fn new() -> Writer {
        Writer {
            text: String::with_capacity(256),
            values: Vec::new(),
            is_literal: false,
            optional: Vec::new(),
        }
    }

    /// For definitions: nothing is bound, columns have no source's name.
    pub(super) fn literal() -> Writer {
        Writer { is_literal: true, ..Writer::new() }
    }

    pub(super) fn finish(self) -> Sql {
        Sql { text: self.text, values: self.values }
    }

    pub(super) fn push(&mut self, sql: &str) {
        self.text.push_str(sql);
    }

    pub(super) fn comma(&mut self, index: usize) {
        if index > 0 {
            self.push(",");
        }
    }

    /// A quoted name.
    pub(super) fn name(&mut self, name: &str) {
        self.push("\"");
        for c in name.chars().filter(|c| *c != '\0') {
            self.text.push(c);
            if c == '"' {
                self.push("\"");
            }
        }
        self.push("\"");
    }

    // --- selections

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
    fn first(&mut self, select: &Select, value: &Expr) {
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
            Source::Table(table) => self.push(table.as_str()),
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

    // --- expressions

    pub(super) fn expr(&mut self, expr: &Expr) {
        match expr {
            Expr::Value(value) => self.value(value),
            Expr::Column(alias, column) => self.column(Some(*alias), column),
            Expr::Compare(left, compare, right) => self.compare(left, *compare, right),
            Expr::And(all) => self.all_or_any(all, " AND ", "1"),
            Expr::Or(all) => self.all_or_any(all, " OR ", "0"),
            Expr::Not(inner) => {
                self.push("NOT ");
                self.enclosed(inner);
            }
            Expr::IsNull(inner) => {
                self.operand(inner);
                self.push(" IS NULL");
            }
            Expr::Exists(select) => self.exists(select),
            Expr::First(select, value) => self.first(select, value),
            Expr::Call(func, arguments) => self.call(*func, arguments),
        }
    }

    fn all_or_any(&mut self, all: &[Expr], between: &str, of_nothing: &str) {
        match all {
            [] => self.push(of_nothing),
            [one] => self.expr(one),
            many => {
                for (i, one) in many.iter().enumerate() {
                    self.push(if i == 0 { "" } else { between });
                    match one {
                        Expr::And(_) | Expr::Or(_) => self.enclosed(one),
                        _ => self.expr(one),
                    }
                }
            }
        }
    }

    /// A condition that counts only when it is true: an equality that can't hold for NULL needs no `IS`, which indexes
    /// like less.
    fn condition(&mut self, expr: &Expr) {
        match expr {
            Expr::Compare(left, Compare::Eq, right)
                if !(self.may_be_null(left) && self.may_be_null(right)) =>
            {
                self.compare_by(left, "=", right);
            }
            Expr::Or(many) if many.len() > 1 => self.enclosed(expr),
            _ => self.expr(expr),
        }
    }

    fn enclosed(&mut self, expr: &Expr) {
        self.push("(");
        self.expr(expr);
        self.push(")");
    }

    fn operand(&mut self, expr: &Expr) {
        match expr {
            Expr::Compare(..) | Expr::And(_) | Expr::Or(_) | Expr::Not(_) | Expr::IsNull(_) => {
                self.enclosed(expr)
            }
            _ => self.expr(expr),
        }
    }

    fn compare(&mut self, left: &Expr, compare: Compare, right: &Expr) {
        let may_be_null = self.may_be_null(left) || self.may_be_null(right);
        let sign = match compare {
            Compare::Eq if may_be_null => " IS ",
            Compare::Eq => "=",
            Compare::Ne if may_be_null => " IS NOT ",
            Compare::Ne => "<>",
            Compare::Gt => ">",
            Compare::Ge => ">=",
            Compare::Lt => "<",
            Compare::Le => "<=",
            Compare::Like => " LIKE ",
            Compare::NotLike => " NOT LIKE ",
        };
        self.compare_by(left, sign, right);
        if matches!(compare, Compare::Like | Compare::NotLike) {
            self.push(" ESCAPE '\\'");
        }
    }

    /// An id has the type affinity of its column, which keeps an index on the other side's expression from serving: where
    /// the other side is a later source, `+` takes the affinity away.
    fn compare_by(&mut self, left: &Expr, sign: &str, right: &Expr) {
        let is_plain = |id: &Expr, other: &Expr| match (id, other) {
            (Expr::Column(a, Column::Id), Expr::Column(b, Column::Field(..))) => a.0 >= b.0,
            _ => true,
        };
        self.push(if is_plain(left, right) { "" } else { "+" });
        self.operand(left);
        self.push(sign);
        self.push(if is_plain(right, left) { "" } else { "+" });
        self.operand(right);
    }

    fn may_be_null(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Value(value) => *value == Value::Null,
            Expr::Column(alias, column) => match column {
                Column::Path(..) | Column::Element | Column::Field(_, Scalar::Json) => true,
                _ => self.optional.contains(alias),
            },
            Expr::Exists(_) | Expr::IsNull(_) | Expr::Call(Func::Random | Func::ListLength, _) => false,
            Expr::Call(Func::Lower | Func::Concat | Func::Numeric, all) => {
                all.iter().any(|one| self.may_be_null(one))
            }
            Expr::Call(Func::Coalesce, all) => all.iter().all(|one| self.may_be_null(one)),
            _ => true,
        }
    }

    fn call(&mut self, func: Func, arguments: &[Expr]) {
        let name = match func {
            Func::Lower => "lower",
            Func::ListLength => return self.list_length(arguments),
            Func::GeoDistance => "geo_distance",
            Func::Strftime => "strftime",
            Func::Coalesce => match arguments {
                [first, ..] if !self.may_be_null(first) => return self.operand(first),
                _ => "coalesce",
            },
            Func::Random => "random",
            Func::Concat => return self.concat(arguments),
            Func::Numeric => {
                self.push("CAST(");
                arguments.iter().for_each(|one| self.expr(one));
                return self.push(" AS NUMERIC)");
            }
        };
        self.push(name);
        self.push("(");
        for (i, argument) in arguments.iter().enumerate() {
            self.comma(i);
            self.expr(argument);
        }
        self.push(")");
    }

    fn concat(&mut self, arguments: &[Expr]) {
        self.push("(");
        for (i, argument) in arguments.iter().enumerate() {
            self.push(if i == 0 { "" } else { "||" });
            self.operand(argument);
        }
        self.push(")");
    }

    /// A value that is no list counts as a list of itself, and as none when it is empty or absent.
    fn list_length(&mut self, arguments: &[Expr]) {
        match arguments {
            [Expr::Column(alias, Column::Field(key, _))] => {
                let at = format!("t{}.body,'$.{key}'", alias.0);
                self.push(&format!(
                    "CASE json_type({at}) WHEN 'array' THEN json_array_length({at}) \
                     ELSE coalesce(json_extract({at}),'')<>'' END"
                ));
            }
            _ => {
                self.push("coalesce(json_array_length(");
                arguments.iter().for_each(|one| self.expr(one));
                self.push("),0)");
            }
        }
    }

    /// A column; without a source's name inside definitions.
    pub(super) fn column(&mut self, alias: Option<Alias>, column: &Column) {
        let alias = alias.filter(|_| !self.is_literal);
        match column {
            Column::Id => self.plain(alias, "id"),
            Column::Rowid => self.plain(alias, "rowid"),
            Column::Rev => self.plain(alias, "rev"),
            Column::Element => self.plain(alias, "value"),
            Column::Path(key, steps) => {
                self.push("json_extract(");
                self.plain(alias, "body");
                self.push(",");
                self.value(&path(key, steps));
                self.push(")");
            }
            Column::Field(key, scalar) => {
                let Some(absent) = absent(*scalar) else { return self.extract(alias, key) };
                let optional = alias.filter(|alias| self.optional.contains(alias));
                if optional.is_some() {
                    self.push("iif(");
                    self.plain(optional, "id");
                    self.push(" IS NULL,NULL,");
                }
                self.push("coalesce(");
                self.extract(alias, key);
                self.push(absent);
                self.push(if optional.is_some() { "))" } else { ")" });
            }
        }
    }

    fn extract(&mut self, alias: Option<Alias>, key: &str) {
        self.push("json_extract(");
        self.plain(alias, "body");
        let _ = write!(self.text, ",'$.{key}')");
    }

    fn plain(&mut self, alias: Option<Alias>, name: &str) {
        let _ = match alias {
            Some(alias) => write!(self.text, "t{}.{name}", alias.0),
            None => write!(self.text, "{name}"),
        };
    }

    // --- values

    fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.push("NULL"),
            Value::Bool(is_true) => self.push(if *is_true { "1" } else { "0" }),
            Value::Text(text) if text.is_empty() => self.push("''"),
            value if self.is_literal => self.print(value),
            value => self.bind(value.clone()),
        }
    }

    fn bind(&mut self, value: Value) {
        self.push("?");
        self.values.push(value);
    }

    /// A value as a literal.
    fn print(&mut self, value: &Value) {
        let _ = match value {
            Value::Int(whole) => write!(self.text, "{whole}"),
            Value::Real(number) if number.is_finite() => write!(self.text, "{number:?}"),
            Value::Text(text) if text.contains('\0') => {
                let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
                write!(self.text, "CAST(x'{hex}' AS TEXT)")
            }
            Value::Text(text) => write!(self.text, "'{}'", text.replace('\'', "''")),
            _ => write!(self.text, "NULL"),
        };
    }
}

fn chosen(joins: &[Join], set: joins::Set) -> Vec<&Join> {
    joins.iter().enumerate().filter(|(at, _)| set & joins::bit(*at) != 0).map(|(_, join)| join).collect()
}

/// What stands behind the first argument of `coalesce`.
fn absent(scalar: Scalar) -> Option<&'static str> {
    match scalar {
        Scalar::Text => Some(",''"),
        Scalar::Number | Scalar::Bool => Some(",0"),
        Scalar::List => Some(",'[]'"),
        Scalar::Json => None,
    }
}

/// The JSON path of steps; NULL (no value is there) where a step can't be written in one.
fn path(key: &str, steps: &[Arc<str>]) -> Value {
    let mut path = format!("$.{key}");
    for step in steps {
        if step.contains('"') {
            return Value::Null;
        }
        let is_position = !step.is_empty() && step.bytes().all(|b| b.is_ascii_digit());
        let _ = if is_position { write!(path, "[{step}]") } else { write!(path, ".\"{step}\"") };
    }
    Value::Text(Arc::from(path))
}
