//! What the tests of the dialects say their queries with.

use std::sync::Arc;

use crate::query::{Alias, Column, Compare, Expr, Index, IndexColumn, MAIN, Scalar, Value};

pub(super) const OTHER: Alias = Alias(1);

pub(super) fn field(alias: Alias, key: &str, scalar: Scalar) -> Expr {
    Expr::Column(alias, Column::Field(Arc::from(key), scalar))
}

pub(super) fn text(value: &str) -> Expr {
    Expr::Value(Value::Text(Arc::from(value)))
}

pub(super) fn compare(left: Expr, how: Compare, right: Expr) -> Expr {
    Expr::Compare(Box::new(left), how, Box::new(right))
}

pub(super) fn index(column: IndexColumn) -> Index {
    let only = compare(field(MAIN, "mail", Scalar::Text), Compare::Ne, text(""));
    Index { name: "i_1".into(), unique: true, columns: vec![column], only: Some(only) }
}

pub(super) fn mail() -> IndexColumn {
    IndexColumn {
        column: Column::Field(Arc::from("mail"), Scalar::Text),
        descending: false,
        ignores_case: true,
    }
}

/// Values of known types, each compared in another way.
pub(super) fn of_known_types() -> Expr {
    Expr::And(vec![
        compare(field(MAIN, "room", Scalar::Number), Compare::Gt, Expr::Value(Value::Real(7.0))),
        compare(field(MAIN, "title", Scalar::Text), Compare::Eq, text("x")),
        compare(field(MAIN, "done", Scalar::Bool), Compare::Ne, Expr::Value(Value::Bool(true))),
        compare(field(MAIN, "title", Scalar::Text), Compare::Like, text("A%")),
        compare(field(MAIN, "room", Scalar::Number), Compare::Eq, text("7")),
    ])
}
