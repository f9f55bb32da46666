//! Expressions for engines that compare values of one type only: PostgreSQL and MariaDB.
//!
//! Map, in reading order: `kind` (the type of an expression, as far as it is known beforehand), `parts` (an expression as
//! a number, a text, a rank), `compare` (comparisons of two kinds), `call` (functions), `moment` (dates).
//!
//! What is known only of each row (JSON) has three parts, of which rows of values are made: `(rank,number,text)`. They
//! compare as SQLite compares values: nothing, then numbers, then texts.

use std::borrow::Cow;
use std::sync::Arc;

use super::piece::Piece;
use super::push_alias;
use super::writer::{Flavor, Part, Writer};
use crate::query::{Alias, Column, Expr, Func, MAIN, Order, Scalar, Select, Source, Value, View};
use crate::row::{Row, Table};

mod call;
mod compare;
mod kind;
mod moment;
mod parts;

use kind::Kind;

/// How an engine says things: templates for [`fill`](super::piece::fill).
pub(super) struct Words {
    pub(super) truth: &'static str,
    pub(super) falsehood: &'static str,
    /// `{0}` and `{1}` are the same, NULL taken as a value.
    pub(super) same: &'static str,
    pub(super) differ: &'static str,
    pub(super) truth_as_number: &'static str,
    /// Parts of the JSON value `{0}`.
    pub(super) json_rank: &'static str,
    pub(super) json_number: &'static str,
    pub(super) json_text: &'static str,
    /// The JSON value as text, numbers and truth written out; NULL for nothing.
    pub(super) json_written: &'static str,
    /// A number written out, as SQLite does: with a fraction, if it is of that kind.
    pub(super) real_written: &'static str,
    pub(super) whole_written: &'static str,
    /// Whether a text reads as a number, and that number where it does.
    pub(super) reads_as_number: &'static str,
    pub(super) number_of_text: &'static str,
    /// Like without regard to the case of ASCII letters. `{1}` is as [`Engine::pattern`] gives it.
    pub(super) like: &'static str,
    pub(super) ends_in_escape: &'static str,
    /// Like, where the pattern has no such letter.
    pub(super) like_exactly: &'static str,
    pub(super) lower: &'static str,
    /// What stands before, between and behind texts that become one.
    pub(super) concat: [&'static str; 3],
    /// Kilometres between two points: longitude, latitude, longitude, latitude.
    pub(super) distance: &'static str,
    /// The elements of the JSON value `{0}`: 0 for nothing, 1 for something else.
    pub(super) length: &'static str,
    /// The elements of the JSON value `{0}`, as a source that alias `{1}` names.
    pub(super) elements: &'static str,
    /// One row that is given: id, rev, shape, body.
    pub(super) given: &'static str,
    pub(super) random: &'static str,
    /// NULL as a number.
    pub(super) no_number: &'static str,
    /// NULL as JSON.
    pub(super) no_json: &'static str,
    /// NULL as a text.
    pub(super) no_text: &'static str,
    pub(super) nulls_first: &'static str,
    pub(super) nulls_last: &'static str,
    pub(super) moment: moment::Words,
}

pub(super) use moment::{Said, Words as MomentWords};

/// An engine that wants types.
pub(super) trait Engine: Sized + Clone {
    const WORDS: Words;
    /// A source of one row without columns.
    const NOTHING: &'static str;

    /// A value's place, with its type where the engine wants to hear it. The value is never NULL.
    fn place(value: &Value) -> Piece;
    /// The same as a literal.
    fn literal(value: &Value) -> String;
    /// A field of a body as its scalar says; of JSON, the value itself.
    fn field(&self, body: &str, key: &str, scalar: Scalar) -> String;
    /// The value of a field as JSON, whatever its scalar.
    fn raw(body: &str, key: &str) -> String;
    /// A constant that is JSON text, as JSON.
    fn json_constant(text: &str) -> Piece;
    /// What is inside a JSON value: a key of an object, a position in a list.
    fn inside(path: Path<'_>) -> Piece;
    /// A column that holds a part of a field, where there is one.
    fn kept(&self, alias: Option<Alias>, key: &str, scalar: Scalar, part: Part) -> Option<String>;
    /// A constant pattern as it is bound.
    fn pattern(pattern: &str) -> String;
    /// How many rows, and how many are passed over.
    fn bounds(limit: Option<Piece>, offset: Piece) -> Piece;
}

/// A way into a body.
pub(super) struct Path<'a> {
    pub(super) body: &'a str,
    pub(super) key: &'a str,
    pub(super) steps: Vec<PathStep<'a>>,
}

/// One step of it.
pub(super) enum PathStep<'a> {
    /// With what was written.
    Position(i32, &'a Arc<str>),
    Key(&'a Arc<str>),
}

impl<E: Engine> Flavor for E {
    const NOTHING: &'static str = E::NOTHING;
    const BREAKS_TIES: bool = true;

    fn condition(writer: &mut Writer<E>, expr: &Expr) {
        let condition = writer.truth_where_true_counts(expr);
        writer.push_piece(condition);
    }

    fn parts(writer: &Writer<E>, expr: &Expr) -> &'static [Part] {
        match writer.kind(expr) {
            // a constant puts nothing in order, and would be taken for the number of a column
            _ if is_constant(expr) => &[],
            Kind::Dynamic => &[Part::Rank, Part::Number, Part::Text],
            _ => &[Part::Whole],
        }
    }

    fn part(writer: &mut Writer<E>, expr: &Expr, part: Part) {
        let piece = writer.part(expr, part);
        writer.push_piece(piece);
    }

    fn direction(writer: &Writer<E>, order: &Order, is_joined: bool) -> &'static str {
        match (order.descending, is_joined || writer.may_be_null(&order.by)) {
            (false, true) => E::WORDS.nulls_first,
            (false, false) => "",
            (true, true) => E::WORDS.nulls_last,
            (true, false) => " DESC",
        }
    }

    fn source(writer: &mut Writer<E>, source: &Source, alias: Alias) {
        match source {
            Source::Table(table) => {
                writer.table(table);
                writer.push(" ");
                writer.alias(alias);
            }
            Source::Given(row) => writer.given(row, alias),
            Source::Each(list) => writer.each(list, alias),
            Source::Nothing => {
                writer.push("(SELECT 1) ");
                writer.alias(alias);
            }
        }
    }

    fn bounds(writer: &mut Writer<E>, select: &Select) {
        if select.limit.is_none() && select.offset == 0 {
            return;
        }
        let whole = |n: u64| E::place(&Value::Int(i64::try_from(n).unwrap_or(i64::MAX)));
        let bounds = E::bounds(select.limit.map(whole), whole(select.offset));
        writer.push_piece(bounds);
    }
}

impl<E: Engine> Writer<E> {
    fn given(&mut self, row: &Row, alias: Alias) {
        let text = |text: &str| E::place(&Value::Text(text.into()));
        let parts = [
            text(&row.id),
            E::place(&Value::Int(row.rev)),
            E::place(&Value::Int(row.shape)),
            text(&row.body),
            Piece::new(name_of(alias)),
        ];
        let given = super::piece::fill(E::WORDS.given, &parts.each_ref());
        self.push_piece(given);
    }

    fn each(&mut self, list: &Expr, alias: Alias) {
        let list = self.json(list).unwrap_or_else(|| {
            self.refuse("a list that is neither a field nor a constant");
            Piece::new("NULL")
        });
        let elements = super::piece::fill(E::WORDS.elements, &[&list, &Piece::new(name_of(alias))]);
        self.push_piece(elements);
    }

    /// A column of every row, as [`Writer::plain`] prints it.
    fn named(&self, alias: Alias, name: &'static str) -> Cow<'static, str> {
        if self.is_literal { name.into() } else { (name_of(alias) + "." + name).into() }
    }

    /// The JSON that an expression is, if it is any.
    fn json(&mut self, expr: &Expr) -> Option<Piece> {
        match expr {
            Expr::Column(alias, Column::Field(key, _)) => {
                Some(Piece::new(E::raw(&self.named(*alias, "body"), key)))
            }
            Expr::Column(alias, Column::Element) => Some(Piece::new(self.named(*alias, "value"))),
            Expr::Column(alias, Column::Path(key, steps)) => {
                let body = self.named(*alias, "body");
                let steps: Option<Vec<PathStep<'_>>> = steps.iter().map(path_step).collect();
                Some(match steps {
                    Some(steps) => E::inside(Path { body: &body, key, steps }),
                    None => Piece::new(E::WORDS.no_json),
                })
            }
            Expr::Value(Value::Text(list)) => Some(E::json_constant(list)),
            _ => None,
        }
    }
}

fn name_of(alias: Alias) -> String {
    let mut name = String::with_capacity(8);
    push_alias(&mut name, alias);
    name
}

fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::Value(_) => true,
        Expr::Call(Func::Coalesce | Func::Numeric, all) => all.first().is_some_and(is_constant),
        _ => false,
    }
}

/// A step as SQLite understands it; `None` where nothing can be found that way.
fn path_step(step: &Arc<str>) -> Option<PathStep<'_>> {
    if step.contains(['"', '\0']) {
        return None;
    }
    let is_position = !step.is_empty() && step.bytes().all(|b| b.is_ascii_digit());
    if is_position { Some(PathStep::Position(step.parse().ok()?, step)) } else { Some(PathStep::Key(step)) }
}

/// What stands behind the columns of a selection.
pub(super) fn select<E: Engine>(writer: &mut Writer<E>, select: &Select) {
    writer.rows(select);
    writer.order(select);
    <E as Flavor>::bounds(writer, select);
}

/// A view of a table.
pub(super) fn create_view<E: Engine>(writer: &mut Writer<E>, table: &Table, view: &View) {
    writer.push("CREATE VIEW ");
    writer.name(&view.name);
    writer.push(" AS SELECT ");
    for (i, (name, column)) in view.columns.iter().enumerate() {
        writer.comma(i);
        let shown = writer.part(&Expr::Column(MAIN, column.clone()), Part::Whole);
        writer.push_piece(shown);
        writer.push(" AS ");
        writer.name(name);
    }
    writer.push(" FROM ");
    writer.table(table);
}

/// Whether an index on a column may be blind to the case of letters.
pub(super) fn is_text(column: &Column) -> bool {
    match column {
        Column::Id => true,
        Column::Field(_, scalar) => kind::of_scalar(*scalar) == Kind::Text,
        _ => false,
    }
}

/// Whether an index on a column holds texts.
pub(super) fn is_text_or_json(column: &Column) -> bool {
    is_text(column) || matches!(column, Column::Field(_, Scalar::Json) | Column::Path(..) | Column::Element)
}
