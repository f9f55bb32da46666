//! The kind of an expression, as far as it is known before there is a row.

use super::Engine;
use crate::dialect::writer::Writer;
use crate::query::{Column, Expr, Func, Scalar, Value};

/// What an expression is, when it is not NULL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dialect) enum Kind {
    /// Always NULL.
    Null,
    /// True or false; as a value 1 or 0.
    Truth,
    Number,
    Text,
    /// Known only of each row.
    Dynamic,
}

impl Kind {
    fn or(self, other: Kind) -> Kind {
        match (self, other) {
            (Kind::Null, kind) | (kind, Kind::Null) => kind,
            (one, other) if one == other => one,
            (Kind::Truth | Kind::Number, Kind::Truth | Kind::Number) => Kind::Number,
            _ => Kind::Dynamic,
        }
    }
}

impl<E: Engine> Writer<E> {
    pub(in crate::dialect) fn kind(&self, expr: &Expr) -> Kind {
        match expr {
            Expr::Value(Value::Null) => Kind::Null,
            Expr::Value(Value::Text(_)) | Expr::Column(_, Column::Id) => Kind::Text,
            Expr::Value(_) | Expr::Column(_, Column::Rowid | Column::Rev) => Kind::Number,
            Expr::Column(_, Column::Field(_, scalar)) => of_scalar(*scalar),
            Expr::Column(_, Column::Path(..) | Column::Element) => Kind::Dynamic,
            Expr::Compare(..) | Expr::And(_) | Expr::Or(_) | Expr::Not(_) => Kind::Truth,
            Expr::IsNull(_) | Expr::Exists(_) => Kind::Truth,
            Expr::First(_, value) => self.kind(value),
            Expr::Call(func, arguments) => match func {
                Func::Lower | Func::Concat | Func::Strftime => Kind::Text,
                Func::ListLength | Func::GeoDistance | Func::Random => Kind::Number,
                Func::Coalesce => match arguments.as_slice() {
                    [first, ..] if !self.may_be_null(first) => self.kind(first),
                    all => all.iter().map(|one| self.kind(one)).fold(Kind::Null, Kind::or),
                },
                Func::Numeric => arguments.first().map_or(Kind::Null, |one| self.kind(one)),
            },
        }
    }
}

pub(super) fn of_scalar(scalar: Scalar) -> Kind {
    match scalar {
        Scalar::Text | Scalar::One | Scalar::List => Kind::Text,
        Scalar::Number | Scalar::Bool => Kind::Number,
        Scalar::Json => Kind::Dynamic,
    }
}
