//! One side of a comparison, and comparisons of two.
//!
//! What "equal" means with nothing in play: a field without a value equals `''` and `null`, except in JSON, where each
//! kind of nothing equals itself only. Where a side has several values, all of them must fit (or one, with `?`).

use store::query::{Alias, Column, Compare, Expr, Func, Join, Select, Source, Value};

use super::constant::{self, Affinity};
use super::token::Sign;

/// What nothing counts as when it is tested for equality.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nothing {
    /// As `''`, where the other side may be `''`.
    Auto,
    /// As `''`, whatever this side is known to be.
    Empty,
    /// As itself.
    Itself,
    /// There is something, as far as rules are concerned: what a request sent.
    Never,
}

impl Nothing {
    /// What it is beside several values: there, JSON's nothing and a function's are told apart no longer, as rules that
    /// came from elsewhere rely on.
    fn beside_many(self) -> Nothing {
        match self {
            Nothing::Itself | Nothing::Auto => Nothing::Auto,
            Nothing::Empty | Nothing::Never => Nothing::Never,
        }
    }
}

/// One side of a comparison.
#[derive(Clone, Debug)]
pub(super) struct Operand {
    pub(super) expr: Expr,
    pub(super) affinity: Affinity,
    pub(super) nothing: Nothing,
    /// May be no text, where the other side's affinity decides: JSON, lengths, distances.
    pub(super) is_loose: bool,
    /// A constant whose `%` and `_` are no pattern of the rule's author: a field of the account.
    pub(super) is_data: bool,
    /// All its values, where it has several.
    pub(super) many: Option<Many>,
    /// What must hold besides for whoever asks.
    pub(super) guard: Option<Expr>,
}

/// All values of a side: sources that refer to the rows of the query, and what to read of them.
#[derive(Clone, Debug)]
pub(super) struct Many {
    pub(super) joins: Vec<Join>,
    pub(super) value: Expr,
    /// What holds of the rows that count: others say nothing to whoever asks.
    pub(super) guards: Vec<Expr>,
}

impl Many {
    pub(super) fn new(joins: Vec<Join>, value: Expr) -> Many {
        Many { joins, value, guards: Vec::new() }
    }
}

impl Operand {
    pub(super) fn constant(value: Value) -> Operand {
        Operand::new(Expr::Value(value), Affinity::Nothing)
    }

    pub(super) fn new(expr: Expr, affinity: Affinity) -> Operand {
        let nothing = Nothing::Auto;
        Operand { expr, affinity, nothing, is_loose: false, is_data: false, many: None, guard: None }
    }

    /// The value, where it is known already.
    pub(super) fn known(&self) -> Option<&Value> {
        match &self.expr {
            Expr::Value(value) => Some(value),
            _ => None,
        }
    }

    fn is_empty(&self) -> bool {
        match self.known() {
            Some(Value::Null) => true,
            Some(Value::Text(text)) => text.is_empty() && self.nothing == Nothing::Auto,
            _ => false,
        }
    }

    /// Known to be something.
    fn is_something(&self) -> bool {
        self.nothing == Nothing::Never
            || self.known().is_some() && !self.is_empty() && self.nothing != Nothing::Empty
    }

    /// Itself, read from other rows.
    fn at(&self, value: &Expr) -> Operand {
        Operand { expr: value.clone(), many: None, guard: None, ..self.clone() }
    }
}

/// The comparison of two sides. `fresh` gives an unused name for a source.
pub(super) fn compare(left: &Operand, sign: Sign, right: &Operand, fresh: &mut dyn FnMut() -> Alias) -> Expr {
    let mut all = vec![single(left, sign.compare, right)];
    if !sign.any && (left.many.is_some() || right.many.is_some()) {
        let (mut joins, mut failing, mut sides) = (Vec::new(), Vec::new(), [left.clone(), right.clone()]);
        let is_against_one = left.many.is_none() || right.many.is_none();
        for side in &mut sides {
            if let Some(many) = side.many.take() {
                joins.extend(many.joins);
                failing.extend(many.guards);
                *side = side.at(&many.value);
            } else if is_against_one {
                side.nothing = side.nothing.beside_many();
            }
        }
        failing.push(fails(&sides[0], sign.compare, &sides[1]));
        let opposite =
            Select { alias: fresh(), joins, filter: Some(all_of(failing)), ..Select::all(Source::Nothing) };
        all.push(Expr::Not(Box::new(Expr::Exists(Box::new(opposite)))));
    }
    all.extend([&left.guard, &right.guard].into_iter().flatten().cloned());
    all_of(all)
}

/// True when all hold, without parts that are known.
pub(super) fn all_of(parts: Vec<Expr>) -> Expr {
    let mut kept = Vec::with_capacity(parts.len());
    for part in parts {
        match part {
            Expr::And(inner) => kept.extend(inner),
            Expr::Or(inner) if inner.is_empty() => return Expr::Or(inner),
            other => kept.push(other),
        }
    }
    if kept.len() == 1 { kept.remove(0) } else { Expr::And(kept) }
}

/// True when one holds, without parts that are known.
pub(super) fn any_of(parts: Vec<Expr>) -> Expr {
    let mut kept = Vec::with_capacity(parts.len());
    for part in parts {
        match part {
            Expr::Or(inner) => kept.extend(inner),
            Expr::And(inner) if inner.is_empty() => return Expr::And(inner),
            other => kept.push(other),
        }
    }
    if kept.len() == 1 { kept.remove(0) } else { Expr::Or(kept) }
}

fn known(is_true: bool) -> Expr {
    if is_true { Expr::And(Vec::new()) } else { Expr::Or(Vec::new()) }
}

fn comparison(left: Expr, compare: Compare, right: Expr) -> Expr {
    Expr::Compare(Box::new(left), compare, Box::new(right))
}

/// The comparison of one value with one.
fn single(left: &Operand, compare: Compare, right: &Operand) -> Expr {
    match compare {
        Compare::Eq | Compare::Ne => equality(left, compare, right),
        Compare::Like | Compare::NotLike => comparison(left.expr.clone(), compare, pattern(right)),
        _ => settled(left, compare, right),
    }
}

/// That a comparison fails for certain: where it can't be told, as nothing is compared by size, it does not.
fn fails(left: &Operand, compare: Compare, right: &Operand) -> Expr {
    let is_plain = left.nothing != Nothing::Itself && right.nothing != Nothing::Itself;
    if compare == Compare::Eq && is_plain && (left.is_something() || right.is_something()) {
        return all_of(vec![is_told(left), is_told(right), settled(left, Compare::Ne, right)]);
    }
    Expr::Not(Box::new(single(left, compare, right)))
}

fn is_told(side: &Operand) -> Expr {
    match side.known() {
        Some(value) => known(*value != Value::Null),
        None => Expr::Not(Box::new(Expr::IsNull(Box::new(side.expr.clone())))),
    }
}

fn equality(left: &Operand, compare: Compare, right: &Operand) -> Expr {
    if left.nothing == Nothing::Itself || right.nothing == Nothing::Itself {
        return settled(left, compare, right);
    }
    let filled = |side: &Operand| match side.known() {
        Some(Value::Null) => Expr::Value(constant::text("")),
        Some(_) => side.expr.clone(),
        None => Expr::Call(Func::Coalesce, vec![side.expr.clone(), Expr::Value(constant::text(""))]),
    };
    match (left.is_empty(), right.is_empty()) {
        (true, true) => known(compare == Compare::Eq),
        _ if left.is_something() || right.is_something() => {
            let side = |side: &Operand| if side.is_empty() { side.at(&filled(side)) } else { side.clone() };
            let plain = settled(&side(left), compare, &side(right));
            match (left.known(), right.known()) {
                // two missing values are not the same one
                (None, None) if compare == Compare::Eq => all_of(vec![is_told(left), is_told(right), plain]),
                _ => plain,
            }
        }
        _ => comparison(filled(left), compare, filled(right)),
    }
}

/// A comparison with both sides brought to the types in which columns are compared.
fn settled(left: &Operand, compare: Compare, right: &Operand) -> Expr {
    let brought = |side: &Operand, other: &Operand| match side.known() {
        Some(value) => Expr::Value(constant::suited(value, other.affinity)),
        None if other.known().is_some() => side.expr.clone(),
        None if side.is_loose && other.affinity == Affinity::Text => {
            Expr::Call(Func::Concat, vec![side.expr.clone(), Expr::Value(constant::text(""))])
        }
        None if side.affinity == Affinity::Number && other.affinity != Affinity::Number => {
            Expr::Call(Func::Numeric, vec![side.expr.clone()])
        }
        None => side.expr.clone(),
    };
    let (left, right) = (brought(left, right), brought(right, left));
    match (&left, &right) {
        (Expr::Value(a), Expr::Value(b)) => match constant::holds(a, compare, b) {
            Some(is_true) => known(is_true),
            None => comparison(left, compare, right),
        },
        _ => comparison(left, compare, right),
    }
}

/// The right side of `~`.
fn pattern(right: &Operand) -> Expr {
    let anywhere = || Expr::Value(constant::text("%"));
    match right.known() {
        Some(Value::Text(text)) if right.is_data => Expr::Value(constant::text(&format!("%{text}%"))),
        Some(value) => Expr::Value(constant::pattern(value)),
        None => Expr::Call(Func::Concat, vec![anywhere(), right.expr.clone(), anywhere()]),
    }
}

/// A column of a source.
pub(super) fn column(alias: Alias, column: Column) -> Expr {
    Expr::Column(alias, column)
}

/// That two expressions are the same.
pub(super) fn same(left: Expr, right: Expr) -> Expr {
    comparison(left, Compare::Eq, right)
}
