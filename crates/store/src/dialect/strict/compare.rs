//! Comparisons: each side is brought to what SQLite would compare, then by the kinds that are known.

use super::Engine;
use super::kind::Kind;
use super::parts::truth_word;
use crate::dialect::piece::{Piece, fill, joined};
use crate::dialect::writer::{Part, Writer};
use crate::query::{Column, Compare, Expr, Func, Value};

/// One side, its parts ready.
struct Side {
    kind: Kind,
    may_be_null: bool,
    rank: Piece,
    number: Piece,
    text: Piece,
}

impl Side {
    /// The value, of a kind that is known.
    fn whole(&self) -> &Piece {
        if self.kind == Kind::Text { &self.text } else { &self.number }
    }

    fn never_null(&self, part: &Piece, nothing: &str) -> Piece {
        let is_it = self.kind == Kind::Dynamic || !self.may_be_null;
        if is_it { part.clone() } else { fill(&format!("coalesce({{0}},{nothing})"), &[part]) }
    }
}

impl<E: Engine> Writer<E> {
    pub(super) fn compare(&mut self, left: &Expr, compare: Compare, right: &Expr, only_true: bool) -> Piece {
        if matches!(compare, Compare::Like | Compare::NotLike) {
            return self.like(left, compare, right);
        }
        if let Some(nothing) = self.compare_nothing(left, compare, right) {
            return nothing;
        }
        let (left, right) = (self.side(left, right), self.side(right, left));
        let both_null = left.may_be_null && right.may_be_null;
        let null_counts = match compare {
            Compare::Eq => both_null || !only_true && (left.may_be_null || right.may_be_null),
            Compare::Ne => left.may_be_null || right.may_be_null,
            _ => false,
        };
        let (a, b) = match (left.kind, right.kind) {
            (Kind::Text, Kind::Text) => (left.text, right.text),
            (Kind::Number | Kind::Truth, Kind::Number | Kind::Truth) => (left.number, right.number),
            (Kind::Dynamic, _) | (_, Kind::Dynamic) => rows(&left, &right),
            _ => return apart::<E>(&left, compare, &right),
        };
        let words = match compare {
            Compare::Eq if null_counts => E::WORDS.same,
            Compare::Eq => "{0}={1}",
            Compare::Ne if null_counts => E::WORDS.differ,
            Compare::Ne => "{0}<>{1}",
            Compare::Gt => "{0}>{1}",
            Compare::Ge => "{0}>={1}",
            Compare::Lt => "{0}<{1}",
            _ => "{0}<={1}",
        };
        fill(words, &[&a, &b])
    }

    /// A comparison with what is always NULL.
    fn compare_nothing(&mut self, left: &Expr, compare: Compare, right: &Expr) -> Option<Piece> {
        let other = match (self.kind(left), self.kind(right)) {
            (Kind::Null, _) => right,
            (_, Kind::Null) => left,
            _ => return None,
        };
        Some(match compare {
            Compare::Eq => self.is_null(other),
            Compare::Ne => {
                let is_null = self.is_null(other);
                fill("NOT {0}", &[&is_null])
            }
            _ => Piece::new("NULL"),
        })
    }

    /// A side as it is beside the other: beside an id all is text, beside a number of that sort ([`Func::Numeric`]) what
    /// reads as a number is one.
    fn side(&mut self, expr: &Expr, other: &Expr) -> Side {
        let may_be_null = self.may_be_null(expr);
        if is_numeric(other) && !is_numeric(expr) {
            return self.side_as_numeric(expr);
        }
        let mut side = Side {
            kind: self.kind(expr),
            may_be_null,
            rank: Piece::default(),
            number: Piece::default(),
            text: Piece::default(),
        };
        if is_id(other) && !is_numeric(expr) {
            side.kind = Kind::Text;
            side.text = self.written(expr);
            return side;
        }
        (side.rank, side.number) = (self.part(expr, Part::Rank), self.number(expr));
        side.text = self.text(expr);
        side
    }

    fn side_as_numeric(&mut self, expr: &Expr) -> Side {
        let kind = self.kind(expr);
        let mut side = Side {
            kind,
            may_be_null: self.may_be_null(expr),
            rank: self.part(expr, Part::Rank),
            number: self.number(expr),
            text: self.text(expr),
        };
        if let Expr::Value(Value::Text(text)) = expr {
            let number = text.trim().parse().ok().filter(|number: &f64| number.is_finite());
            if let Some(number) = number.filter(|_| text.bytes().any(|b| b.is_ascii_digit())) {
                side.kind = Kind::Number;
                (side.rank, side.number) = (Piece::new("0"), self.value(&Value::Real(number)));
            }
        } else if matches!(kind, Kind::Text | Kind::Dynamic) {
            let Side { rank, number, text, .. } = side;
            let reads = fill(E::WORDS.reads_as_number, &[&text]);
            let of_text = fill(E::WORDS.number_of_text, &[&text]);
            side = Side {
                kind: Kind::Dynamic,
                may_be_null: self.may_be_null(expr),
                rank: fill("CASE WHEN {0}=1 AND {1} THEN 0 ELSE {0} END", &[&rank, &reads]),
                number: fill("CASE WHEN {0} THEN {1} ELSE {2} END", &[&reads, &of_text, &number]),
                text: fill("CASE WHEN {0} THEN '' ELSE coalesce({1},'') END", &[&reads, &text]),
            };
        }
        side
    }

    /// Both sides as text.
    fn like(&mut self, left: &Expr, compare: Compare, right: &Expr) -> Piece {
        if self.kind(left) == Kind::Null || self.kind(right) == Kind::Null {
            return Piece::new("NULL");
        }
        let text = self.written(left);
        let like = match right {
            Expr::Value(Value::Text(pattern)) => {
                let escapes = pattern.bytes().rev().take_while(|b| *b == b'\\').count();
                if escapes % 2 == 1 {
                    // there is nothing that the last one could stand before
                    let nothing = format!("CASE WHEN {{0}} IS NOT NULL THEN {} END", E::WORDS.falsehood);
                    fill(&nothing, &[&text])
                } else {
                    let has_letter = pattern.bytes().any(|b| b.is_ascii_alphabetic());
                    let words = if has_letter { E::WORDS.like } else { E::WORDS.like_exactly };
                    let pattern = self.value(&Value::Text(E::pattern(pattern).into()));
                    fill(words, &[&text, &pattern])
                }
            }
            _ => self.like_each(&text, right),
        };
        if compare == Compare::NotLike { fill("NOT ({0})", &[&like]) } else { like }
    }

    /// With a pattern that is known only of each row.
    fn like_each(&mut self, text: &Piece, right: &Expr) -> Piece {
        let pattern = self.written(right);
        let lower = if E::pattern("A") == "A" { pattern.clone() } else { fill(E::WORDS.lower, &[&pattern]) };
        let like = fill(E::WORDS.like, &[text, &lower]);
        let ends_well = match right {
            Expr::Call(Func::Concat, all) => {
                matches!(all.last(), Some(Expr::Value(Value::Text(end))) if !end.is_empty() && !end.ends_with('\\'))
            }
            _ => false,
        };
        if ends_well {
            return like;
        }
        let ends = fill(E::WORDS.ends_in_escape, &[&pattern]);
        fill(&format!("CASE WHEN {{0}} THEN {} ELSE {{1}} END", E::WORDS.falsehood), &[&ends, &like])
    }
}

/// The sides as rows of a rank and what they are. A value that is NULL is told by its rank alone.
fn rows(left: &Side, right: &Side) -> (Piece, Piece) {
    let row = |side: &Side| {
        let mut parts = vec![side.rank.clone()];
        if left.kind != Kind::Text && right.kind != Kind::Text {
            parts.push(side.never_null(&side.number, "0"));
        }
        if left.kind == Kind::Text || right.kind == Kind::Text || left.kind == right.kind {
            parts.push(side.never_null(&side.text, "''"));
        }
        fill("({0})", &[&joined(&parts, ",")])
    };
    (row(left), row(right))
}

/// A number and a text: what holds does not depend on which, but on whether there are any.
fn apart<E: Engine>(left: &Side, compare: Compare, right: &Side) -> Piece {
    let is_text_right = right.kind == Kind::Text;
    let holds = match compare {
        Compare::Eq => false,
        Compare::Ne => true,
        Compare::Lt | Compare::Le => is_text_right,
        _ => !is_text_right,
    };
    let word = truth_word::<E>(holds);
    let (a, b) = (left.whole(), right.whole());
    match compare {
        Compare::Eq if left.may_be_null && right.may_be_null => {
            fill("({0} IS NULL AND {1} IS NULL)", &[a, b])
        }
        Compare::Ne if left.may_be_null && right.may_be_null => {
            fill("({0} IS NOT NULL OR {1} IS NOT NULL)", &[a, b])
        }
        Compare::Eq | Compare::Ne => Piece::new(word),
        _ if left.may_be_null || right.may_be_null => {
            fill(&format!("CASE WHEN {{0}} IS NOT NULL AND {{1}} IS NOT NULL THEN {word} END"), &[a, b])
        }
        _ => Piece::new(word),
    }
}

fn is_id(expr: &Expr) -> bool {
    matches!(expr, Expr::Column(_, Column::Id))
}

/// Makes numbers of texts beside it.
fn is_numeric(expr: &Expr) -> bool {
    matches!(expr, Expr::Column(_, Column::Rowid | Column::Rev) | Expr::Call(Func::Numeric, _))
}
