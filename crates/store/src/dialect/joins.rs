//! Which joins a condition needs, and which conditions belong together.

use crate::query::walk::{self, Met};
use crate::query::{Alias, Compare, Expr, Join};

/// A set of joins, by their position in the list; positions from 127 on share one bit.
pub(super) type Set = u128;

/// The bit of a join.
pub(super) fn bit(position: usize) -> Set {
    1 << position.min(127)
}

/// Conditions that share joined rows, with all the joins that they need.
pub(super) struct Group<'a> {
    pub(super) joins: Set,
    pub(super) conditions: Vec<&'a Expr>,
}

/// The conditions that must all hold.
pub(super) fn conjuncts(filter: Option<&Expr>) -> Vec<&Expr> {
    let mut flat = Vec::new();
    flatten(filter, &mut flat);
    flat
}

pub(super) fn flatten<'a>(filter: Option<&'a Expr>, into: &mut Vec<&'a Expr>) {
    match filter {
        Some(Expr::And(all)) => all.iter().for_each(|one| flatten(Some(one), into)),
        Some(one) => into.push(one),
        None => {}
    }
}

/// Sorts conditions into those without joined rows (the group of the empty set, first) and groups that share none.
pub(super) fn groups<'a>(conditions: Vec<&'a Expr>, joins: &[Join]) -> Vec<Group<'a>> {
    let mut groups = vec![Group { joins: 0, conditions: Vec::new() }];
    let closures = closures(joins);
    for condition in conditions {
        let mut needs = needed(condition, joins, &closures);
        let mut together = vec![condition];
        if needs == 0 {
            groups[0].conditions.push(condition);
            continue;
        }
        while let Some(met) = groups.iter().position(|g| g.joins & needs != 0) {
            let mut met = groups.remove(met);
            needs |= met.joins;
            met.conditions.append(&mut together);
            together = met.conditions;
        }
        groups.push(Group { joins: needs, conditions: together });
    }
    groups
}

/// The joins that an expression needs, with those that they need in turn.
pub(super) fn needed(expr: &Expr, joins: &[Join], closures: &[Set]) -> Set {
    let mut found = 0;
    walk::in_expr(expr, &mut |met| {
        let Met::Column(alias) = met else { return };
        if let Some(at) = joins.iter().position(|j| j.alias == alias) {
            found |= closures[at];
        }
    });
    found
}

/// For each join: itself and the earlier joins that it leans on.
pub(super) fn closures(joins: &[Join]) -> Vec<Set> {
    let mut closures: Vec<Set> = Vec::with_capacity(joins.len());
    for (at, join) in joins.iter().enumerate() {
        let mut set = bit(at);
        let mut visit = |met: Met<'_>| {
            let Met::Column(alias) = met else { return };
            if let Some(earlier) = joins[..at].iter().position(|j| j.alias == alias) {
                set |= closures[earlier];
            }
        };
        walk::in_source(&join.source, join.alias, &mut visit);
        walk::in_expr(&join.on, &mut visit);
        closures.push(set);
    }
    closures
}

/// The alias of a joined source without whose row this condition can't be true, given what may be NULL.
pub(super) fn refuses_missing(
    condition: &Expr,
    may_be_missing: &dyn Fn(Alias) -> bool,
    may_be_null: &dyn Fn(&Expr) -> bool,
) -> Option<Alias> {
    let Expr::Compare(left, compare, right) = condition else { return None };
    let missing = |expr: &Expr| match expr {
        Expr::Column(alias, _) if may_be_missing(*alias) => Some(*alias),
        _ => None,
    };
    match compare {
        Compare::Ne => None,
        Compare::Eq if may_be_null(left) && may_be_null(right) => None,
        _ => missing(left).or_else(|| missing(right)),
    }
}
