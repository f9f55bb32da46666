//! An expression as a number, a text, a rank, a truth.

use super::Engine;
use super::kind::Kind;
use crate::dialect::piece::{Piece, fill, joined};
use crate::dialect::writer::{Part, Writer};
use crate::query::{Alias, Column, Expr, Func, Scalar, Value};

impl<E: Engine> Writer<E> {
    /// A part of an expression. Of a dynamic one, number and text are never NULL; the whole is its text.
    pub(in crate::dialect) fn part(&mut self, expr: &Expr, part: Part) -> Piece {
        match part {
            Part::Rank => self.rank(expr),
            Part::Number => self.number(expr),
            Part::Text => self.text(expr),
            Part::Whole => match self.kind(expr) {
                Kind::Null => Piece::new("NULL"),
                Kind::Truth | Kind::Number => self.number(expr),
                Kind::Text => self.text(expr),
                Kind::Dynamic => self.written(expr),
            },
        }
    }

    fn rank(&mut self, expr: &Expr) -> Piece {
        let of_text = match self.kind(expr) {
            Kind::Null => return Piece::new("NULL"),
            Kind::Dynamic => return self.dynamic(expr, Part::Rank),
            Kind::Text => "1",
            Kind::Truth | Kind::Number => "0",
        };
        if !self.may_be_null(expr) {
            return Piece::new(of_text);
        }
        let whole = self.part(expr, Part::Whole);
        fill(&format!("CASE WHEN {{0}} IS NOT NULL THEN {of_text} END"), &[&whole])
    }

    /// The number that an expression is, of a text 0.
    pub(super) fn number(&mut self, expr: &Expr) -> Piece {
        match self.kind(expr) {
            Kind::Null => return Piece::new(E::WORDS.no_number),
            Kind::Text => return Piece::new("0"),
            Kind::Truth => {
                let truth = self.truth(expr);
                return fill(E::WORDS.truth_as_number, &[&truth]);
            }
            Kind::Dynamic => return self.dynamic(expr, Part::Number),
            Kind::Number => {}
        }
        match expr {
            Expr::Value(Value::Bool(is_true)) => Piece::new(if *is_true { "1" } else { "0" }),
            Expr::Value(value) => self.value(value),
            Expr::Column(alias, column) => self.typed_column(*alias, column),
            Expr::First(select, value) => self.capture(|w| {
                w.first(select, |w| {
                    let piece = w.number(value);
                    w.push_piece(piece);
                })
            }),
            Expr::Call(Func::ListLength, arguments) => self.list_length(arguments),
            Expr::Call(Func::GeoDistance, arguments) => self.distance(arguments),
            Expr::Call(Func::Random, _) => Piece::new(E::WORDS.random),
            Expr::Call(Func::Coalesce, arguments) => {
                self.coalesce(arguments, |writer, one| writer.part(one, Part::Whole))
            }
            Expr::Call(Func::Numeric, arguments) => self.number(&arguments[0]),
            _ => unreachable!("an expression of another kind"),
        }
    }

    /// The text that an expression is, of a number `''`.
    pub(super) fn text(&mut self, expr: &Expr) -> Piece {
        match self.kind(expr) {
            Kind::Null => return Piece::new(E::WORDS.no_text),
            Kind::Number | Kind::Truth => return Piece::new("''"),
            Kind::Dynamic => return self.dynamic(expr, Part::Text),
            Kind::Text => {}
        }
        match expr {
            Expr::Value(value) => self.value(value),
            Expr::Column(alias, column) => self.typed_column(*alias, column),
            Expr::First(select, value) => self.capture(|w| {
                w.first(select, |w| {
                    let piece = w.text(value);
                    w.push_piece(piece);
                })
            }),
            Expr::Call(Func::Lower, arguments) => {
                let text = self.written(&arguments[0]);
                fill(E::WORDS.lower, &[&text])
            }
            Expr::Call(Func::Concat, arguments) => {
                let all: Vec<Piece> = arguments.iter().map(|one| self.written(one)).collect();
                concat::<E>(&all)
            }
            Expr::Call(Func::Strftime, arguments) => self.strftime(arguments),
            Expr::Call(Func::Coalesce, arguments) => {
                self.coalesce(arguments, |writer, one| writer.part(one, Part::Whole))
            }
            Expr::Call(Func::Numeric, arguments) => self.text(&arguments[0]),
            _ => unreachable!("an expression of another kind"),
        }
    }

    /// A part of what is known only of each row.
    fn dynamic(&mut self, expr: &Expr, part: Part) -> Piece {
        match expr {
            Expr::Column(alias, Column::Field(key, scalar)) => {
                if let Some(kept) = self.kept(*alias, key, *scalar, part) {
                    return kept;
                }
                self.json_part(expr, part)
            }
            Expr::Column(..) => self.json_part(expr, part),
            Expr::First(select, value) => {
                let first = self.capture(|w| {
                    w.first(select, |w| {
                        let piece = w.part(value, part);
                        w.push_piece(piece);
                    })
                });
                let nothing = match part {
                    Part::Rank => return first,
                    Part::Number => "coalesce({0},0)",
                    _ => "coalesce({0},'')",
                };
                fill(nothing, &[&first])
            }
            Expr::Call(Func::Coalesce, arguments) if part == Part::Rank => {
                self.coalesce(arguments, |writer, one| writer.rank(one))
            }
            Expr::Call(Func::Coalesce, arguments) => self.first_part(arguments, part),
            Expr::Call(_, arguments) => self.dynamic(&arguments[0], part),
            _ => unreachable!("an expression of a known kind"),
        }
    }

    fn json_part(&mut self, expr: &Expr, part: Part) -> Piece {
        let json = self.json(expr).unwrap_or_else(|| Piece::new("NULL"));
        let words = match part {
            Part::Rank => E::WORDS.json_rank,
            Part::Number => E::WORDS.json_number,
            Part::Text | Part::Whole => E::WORDS.json_text,
        };
        fill(words, &[&json])
    }

    /// The part of the first argument that is something.
    fn first_part(&mut self, arguments: &[Expr], part: Part) -> Piece {
        let [first, rest @ ..] = arguments else {
            return Piece::new(if part == Part::Number { "0" } else { "''" });
        };
        let of_first = self.part(first, part);
        let of_first = match (self.kind(first), part) {
            (Kind::Dynamic, _) => of_first,
            (_, Part::Number) => fill("coalesce({0},0)", &[&of_first]),
            _ => fill("coalesce({0},'')", &[&of_first]),
        };
        if rest.is_empty() || !self.may_be_null(first) {
            return of_first;
        }
        let (rank, others) = (self.rank(first), self.first_part(rest, part));
        fill("CASE WHEN {0} IS NOT NULL THEN {1} ELSE {2} END", &[&rank, &of_first, &others])
    }

    fn coalesce(&mut self, arguments: &[Expr], print: impl Fn(&mut Self, &Expr) -> Piece) -> Piece {
        match arguments {
            [first, ..] if !self.may_be_null(first) => print(self, first),
            all => {
                let all: Vec<Piece> = all.iter().map(|one| print(self, one)).collect();
                fill("coalesce({0})", &[&joined(&all, ",")])
            }
        }
    }

    /// An expression as text: numbers and truth are written out as SQLite does.
    pub(super) fn written(&mut self, expr: &Expr) -> Piece {
        match (self.kind(expr), expr) {
            (Kind::Null, _) => Piece::new(E::WORDS.no_text),
            (Kind::Text, _) => self.text(expr),
            (_, Expr::Value(Value::Real(number))) => {
                let text = if number.is_finite() { format!("{number:?}") } else { String::new() };
                self.value(&Value::Text(text.into()))
            }
            (_, Expr::Call(Func::Coalesce, all)) => self.coalesce(all, |writer, one| writer.written(one)),
            (_, Expr::Call(Func::Numeric, all)) => self.written(&all[0]),
            (_, Expr::First(select, value)) => self.capture(|w| {
                w.first(select, |w| {
                    let piece = w.written(value);
                    w.push_piece(piece);
                })
            }),
            (Kind::Number, Expr::Column(alias, Column::Field(..))) => {
                let json = self.json(expr).unwrap_or_default();
                let written = fill(&format!("coalesce({},'0')", E::WORDS.json_written), &[&json]);
                self.unless_missing(*alias, written)
            }
            (Kind::Dynamic, _) => {
                let json = self.json(expr).unwrap_or_default();
                fill(E::WORDS.json_written, &[&json])
            }
            (_, Expr::Call(Func::GeoDistance, _)) => {
                let number = self.number(expr);
                fill(E::WORDS.real_written, &[&number])
            }
            _ => {
                let number = self.number(expr);
                fill(E::WORDS.whole_written, &[&number])
            }
        }
    }

    /// A column of a known kind; NULL where its row is missing.
    fn typed_column(&mut self, alias: Alias, column: &Column) -> Piece {
        match column {
            Column::Id => Piece::new(self.named(alias, "id")),
            Column::Rowid => Piece::new(self.named(alias, "n")),
            Column::Rev => Piece::new(self.named(alias, "rev")),
            Column::Field(key, scalar) => {
                if let Some(kept) = self.kept(alias, key, *scalar, Part::Whole) {
                    return kept;
                }
                let field = self.flavor.field(&self.named(alias, "body"), key, *scalar);
                self.unless_missing(alias, Piece::new(field))
            }
            Column::Path(..) | Column::Element => unreachable!("of no known kind"),
        }
    }

    fn kept(&self, alias: Alias, key: &str, scalar: Scalar, part: Part) -> Option<Piece> {
        let table = (!self.is_literal).then_some(alias);
        self.flavor.kept(table, key, scalar, part).map(Piece::new)
    }

    fn unless_missing(&self, alias: Alias, value: Piece) -> Piece {
        if !self.optional.contains(&alias) || self.is_literal {
            return value;
        }
        fill("CASE WHEN {0} IS NOT NULL THEN {1} END", &[&Piece::new(self.named(alias, "id")), &value])
    }

    pub(super) fn value(&self, value: &Value) -> Piece {
        match value {
            Value::Null => Piece::new("NULL"),
            Value::Bool(is_true) => Piece::new(if *is_true { "1" } else { "0" }),
            Value::Text(text) if text.is_empty() => Piece::new("''"),
            value if self.is_literal => Piece::new(E::literal(value)),
            value => E::place(value),
        }
    }

    // --- truth

    /// An expression as a condition of three values.
    pub(super) fn truth(&mut self, expr: &Expr) -> Piece {
        match expr {
            Expr::Value(Value::Bool(is_true)) => Piece::new(truth_word::<E>(*is_true)),
            Expr::Compare(left, compare, right) => self.compare(left, *compare, right, false),
            Expr::And(all) => self.all_or_any(all, " AND ", true),
            Expr::Or(all) => self.all_or_any(all, " OR ", false),
            Expr::Not(inner) => {
                let inner = self.truth(inner);
                fill("NOT ({0})", &[&inner])
            }
            Expr::IsNull(inner) => self.is_null(inner),
            Expr::Exists(select) => self.capture(|writer| writer.exists(select)),
            _ => match self.kind(expr) {
                Kind::Null => Piece::new("NULL"),
                Kind::Dynamic => {
                    let (rank, number) = (self.rank(expr), self.number(expr));
                    fill("({0}=0 AND {1}<>0)", &[&rank, &number])
                }
                Kind::Text => {
                    let text = self.text(expr);
                    let number = fill(E::WORDS.number_of_text, &[&text]);
                    fill("({0}<>0)", &[&number])
                }
                Kind::Truth | Kind::Number => {
                    let number = self.number(expr);
                    fill("({0}<>0)", &[&number])
                }
            },
        }
    }

    /// The same where not being true is enough, so that NULL may stand for false.
    pub(super) fn truth_where_true_counts(&mut self, expr: &Expr) -> Piece {
        match expr {
            Expr::Compare(left, compare, right) => self.compare(left, *compare, right, true),
            Expr::Or(many) if many.len() > 1 => {
                let any = self.truth(expr);
                fill("({0})", &[&any])
            }
            _ => self.truth(expr),
        }
    }

    fn all_or_any(&mut self, all: &[Expr], between: &str, of_nothing: bool) -> Piece {
        match all {
            [] => Piece::new(truth_word::<E>(of_nothing)),
            [one] => self.truth(one),
            many => {
                let many: Vec<Piece> = many
                    .iter()
                    .map(|one| {
                        let truth = self.truth(one);
                        match one {
                            Expr::And(_) | Expr::Or(_) => fill("({0})", &[&truth]),
                            _ => truth,
                        }
                    })
                    .collect();
                joined(&many, between)
            }
        }
    }

    pub(super) fn is_null(&mut self, expr: &Expr) -> Piece {
        if !self.may_be_null(expr) {
            return Piece::new(truth_word::<E>(false));
        }
        match self.kind(expr) {
            Kind::Null => Piece::new(truth_word::<E>(true)),
            Kind::Dynamic => {
                let rank = self.rank(expr);
                fill("({0} IS NULL)", &[&rank])
            }
            Kind::Truth => {
                let truth = self.truth(expr);
                fill("(({0}) IS NULL)", &[&truth])
            }
            _ => {
                let whole = self.part(expr, Part::Whole);
                fill("({0} IS NULL)", &[&whole])
            }
        }
    }
}

/// Texts as one.
pub(super) fn concat<E: Engine>(all: &[Piece]) -> Piece {
    let [before, between, behind] = E::WORDS.concat;
    fill(&format!("{before}{{0}}{behind}"), &[&joined(all, between)])
}

pub(super) fn truth_word<E: Engine>(is_true: bool) -> &'static str {
    if is_true { E::WORDS.truth } else { E::WORDS.falsehood }
}
