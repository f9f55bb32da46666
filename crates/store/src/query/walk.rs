//! Looking through a query for what it names, inner selections included.

use super::{Alias, Expr, Select, Source};

/// What is met in a query.
pub(crate) enum Met<'a> {
    /// A source, and the name that it has in the query.
    Source(&'a Source, Alias),
    /// A column of a source.
    Column(Alias),
}

/// All of a selection.
pub(crate) fn in_select(select: &Select, visit: &mut dyn FnMut(Met<'_>)) {
    in_source(&select.from, select.alias, visit);
    for join in &select.joins {
        in_source(&join.source, join.alias, visit);
        in_expr(&join.on, visit);
    }
    select.filter.iter().for_each(|filter| in_expr(filter, visit));
    select.order.iter().for_each(|order| in_expr(&order.by, visit));
}

/// All of a source, itself first.
pub(crate) fn in_source(source: &Source, alias: Alias, visit: &mut dyn FnMut(Met<'_>)) {
    visit(Met::Source(source, alias));
    if let Source::Each(list) = source {
        in_expr(list, visit);
    }
}

/// All of an expression.
pub(crate) fn in_expr(expr: &Expr, visit: &mut dyn FnMut(Met<'_>)) {
    match expr {
        Expr::Value(_) => {}
        Expr::Column(alias, _) => visit(Met::Column(*alias)),
        Expr::Compare(left, _, right) => {
            in_expr(left, visit);
            in_expr(right, visit);
        }
        Expr::And(all) | Expr::Or(all) | Expr::Call(_, all) => all.iter().for_each(|one| in_expr(one, visit)),
        Expr::Not(inner) | Expr::IsNull(inner) => in_expr(inner, visit),
        Expr::Exists(select) => in_select(select, visit),
        Expr::First(select, value) => {
            in_select(select, visit);
            in_expr(value, visit);
        }
    }
}
