//! A statement under construction, and what an engine must be able to print of it.

use std::sync::Arc;

use memchr::memchr;

use super::piece::{PLACE, Piece};
use super::{Sql, Unsupported, push_alias, push_number};
use crate::query::{Alias, Column, Expr, Func, Order, Scalar, Select, Source, Value};

/// What differs between engines inside a selection.
pub(super) trait Flavor: Sized {
    /// A source of one row without columns.
    const NOTHING: &'static str;
    /// Rows have to be put in the order of insertion where nothing else decides: the engine does not by itself.
    const BREAKS_TIES: bool;

    /// A condition that counts only when it is true.
    fn condition(writer: &mut Writer<Self>, expr: &Expr);
    /// The parts of an expression by which it is ordered.
    fn parts(writer: &Writer<Self>, expr: &Expr) -> &'static [Part];
    /// One of these.
    fn part(writer: &mut Writer<Self>, expr: &Expr, part: Part);
    /// What stands behind each of them. The row that it is read of may be missing where it is a joined one.
    fn direction(writer: &Writer<Self>, order: &Order, is_joined: bool) -> &'static str;
    /// A source, without its alias where that can be put behind it.
    fn source(writer: &mut Writer<Self>, source: &Source, alias: Alias);
    /// How many rows, and how many are passed over.
    fn bounds(writer: &mut Writer<Self>, select: &Select);
}

/// A part of a value: SQLite orders values of any type by themselves; elsewhere those whose type is known only of each
/// row are ordered by whether they are nothing, a number or a text, and then as such.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The value.
    Whole,
    /// NULL for nothing, 0 for a number (also true and false), 1 for a text (also a list or an object).
    Rank,
    /// The number, or 0.
    Number,
    /// The text, or `''`.
    Text,
}

/// The form of places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Places {
    /// `?`, each with a value of its own.
    OneEach,
    /// `$1`; a text that is used several times has one.
    Numbered,
}

/// As many digits as the numbers of places mostly have.
const PLACE_DIGITS: usize = 2;

/// One text, used twice: not another one that happens to be equal, or the statement's text would depend on values.
fn is_same(one: &Value, other: &Value) -> bool {
    matches!((one, other), (Value::Text(one), Value::Text(other)) if Arc::ptr_eq(one, other))
}

/// SQL under construction.
pub(super) struct Writer<F> {
    pub(super) flavor: F,
    pub(super) text: String,
    pub(super) values: Vec<Value>,
    /// Values are printed, not bound: for definitions, which have no places.
    pub(super) is_literal: bool,
    /// Joined sources in scope whose row may be missing.
    pub(super) optional: Vec<Alias>,
    /// The first thing that can't be printed.
    pub(super) refused: Option<Unsupported>,
}

impl<F> Writer<F> {
    pub(super) fn new(flavor: F) -> Writer<F> {
        Writer {
            flavor,
            text: String::with_capacity(256),
            values: Vec::new(),
            is_literal: false,
            optional: Vec::new(),
            refused: None,
        }
    }

    /// For definitions: nothing is bound, columns have no source's name.
    pub(super) fn literal(flavor: F) -> Writer<F> {
        Writer { is_literal: true, ..Writer::new(flavor) }
    }

    pub(super) fn finish(self) -> Sql {
        Sql { text: self.text, values: self.values }
    }

    /// The statement, with its places in the engine's form.
    pub(super) fn finish_places(self, places: Places) -> Result<Sql, Unsupported> {
        if let Some(refused) = self.refused {
            return Err(refused);
        }
        if self.is_literal || self.values.is_empty() {
            return Ok(Sql { text: self.text, values: self.values });
        }
        let length = self.text.len() + self.values.len() * PLACE_DIGITS;
        let (mut text, mut values) =
            (String::with_capacity(length), Vec::<Value>::with_capacity(self.values.len()));
        let mut rest = self.text.as_str();
        for value in self.values {
            let Some(at) = memchr(PLACE, rest.as_bytes()) else { break };
            text.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if places == Places::OneEach {
                text.push('?');
                values.push(value);
                continue;
            }
            let known = values.iter().position(|other| is_same(other, &value));
            text.push('$');
            push_number(&mut text, known.unwrap_or(values.len()) + 1);
            if known.is_none() {
                values.push(value);
            }
        }
        text.push_str(rest);
        Ok(Sql { text, values })
    }

    pub(super) fn push(&mut self, sql: &str) {
        self.text.push_str(sql);
    }

    pub(super) fn push_piece(&mut self, piece: Piece) {
        self.text.push_str(&piece.text);
        self.values.extend(piece.values);
    }

    /// What is printed meanwhile, as a piece.
    pub(super) fn capture(&mut self, print: impl FnOnce(&mut Writer<F>)) -> Piece {
        let (text, values) = (std::mem::take(&mut self.text), std::mem::take(&mut self.values));
        print(self);
        Piece {
            text: std::mem::replace(&mut self.text, text).into(),
            values: std::mem::replace(&mut self.values, values),
        }
    }

    pub(super) fn refuse(&mut self, what: impl Into<String>) {
        self.refused.get_or_insert(Unsupported { what: what.into() });
    }

    pub(super) fn comma(&mut self, index: usize) {
        if index > 0 {
            self.push(",");
        }
    }

    pub(super) fn alias(&mut self, alias: Alias) {
        push_alias(&mut self.text, alias);
    }

    /// A column that every row has; without a source's name inside definitions.
    pub(super) fn plain(&mut self, alias: Option<Alias>, name: &str) {
        if let Some(alias) = alias {
            self.alias(alias);
            self.push(".");
        }
        self.push(name);
    }

    /// `SELECT ` and the columns of a record, the body last.
    pub(super) fn record(&mut self, alias: Alias) {
        for (before, name) in [("SELECT ", "id"), (",", "rev"), (",", "shape"), (",", "body")] {
            self.push(before);
            self.plain(Some(alias), name);
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

    pub(super) fn may_be_null(&self, expr: &Expr) -> bool {
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
}
