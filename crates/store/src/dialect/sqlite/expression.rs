//! SQLite's expressions: values of any type are compared as they are.
//!
//! Invariant: text of users comes into the SQL only by [`Writer::value`] and [`Writer::name`].

use std::fmt::Write;
use std::sync::Arc;

use super::Sqlite;
use crate::dialect::writer::Writer;
use crate::query::{Alias, Column, Compare, Expr, Func, Scalar, Value};

impl Writer<Sqlite> {
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
            Expr::IsNull(inner) if !self.may_be_null(inner) => self.push("0"),
            Expr::IsNull(inner) => {
                self.operand(inner);
                self.push(" IS NULL");
            }
            Expr::Exists(select) => self.exists(select),
            Expr::First(select, value) => self.first(select, |writer| writer.expr(value)),
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
    pub(super) fn condition(&mut self, expr: &Expr) {
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

    pub(super) fn enclosed(&mut self, expr: &Expr) {
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
                let may_miss = |alias: &Alias| *scalar != Scalar::Json && self.optional.contains(alias);
                let optional = alias.filter(may_miss);
                if optional.is_some() {
                    self.push("iif(");
                    self.plain(optional, "id");
                    self.push(" IS NULL,NULL,");
                }
                self.field(alias, key, *scalar);
                self.push(if optional.is_some() { ")" } else { "" });
            }
        }
    }

    /// A field's value, with what an absent one counts as. The text is the same in indexes, or they would not serve.
    fn field(&mut self, alias: Option<Alias>, key: &str, scalar: Scalar) {
        let body = alias.map_or_else(|| "body".to_owned(), |alias| format!("t{}.body", alias.0));
        let whole = format!("json_extract({body},'$.{key}')");
        let _ = match scalar {
            Scalar::Text => write!(self.text, "coalesce({whole},'')"),
            Scalar::Number | Scalar::Bool => write!(self.text, "coalesce({whole},0)"),
            Scalar::Json => write!(self.text, "{whole}"),
            Scalar::One => write!(
                self.text,
                "CASE json_type({body},'$.{key}') WHEN 'array' \
                 THEN coalesce(json_extract({body},'$.{key}[#-1]'),'') ELSE coalesce({whole},'') END"
            ),
            Scalar::List => write!(
                self.text,
                "CASE json_type({body},'$.{key}') WHEN 'array' THEN {whole} \
                 ELSE iif(coalesce({whole},'')='','[]',json_array({whole})) END"
            ),
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

    pub(super) fn bind(&mut self, value: Value) {
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

/// The JSON path of steps; NULL (no value is there) where a step can't be written in one.
fn path(key: &str, steps: &[Arc<str>]) -> Value {
    let mut path = format!("$.{key}");
    for step in steps {
        if step.contains(['"', '\0']) {
            return Value::Null;
        }
        let is_position = !step.is_empty() && step.bytes().all(|b| b.is_ascii_digit());
        let _ = if is_position { write!(path, "[{step}]") } else { write!(path, ".\"{step}\"") };
    }
    Value::Text(Arc::from(path))
}
