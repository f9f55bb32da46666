//! What is asked of the database, as plain data: columns, expressions, joins, selections, indexes and views.
//!
//! The rule and filter language of `records` compiles to this, and `dialect` prints it for one engine.
//!
//! Invariant: names in here are storage keys and tables that we made ([a-zA-Z0-9_]); what a user wrote is a [`Value`].

use std::sync::Arc;

use crate::row::{Row, Table};

pub(crate) mod walk;

/// A bound value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// Truth; on SQLite the integers 1 and 0, as `json_extract` gives them.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Real(f64),
    /// Text, compared byte by byte.
    Text(Arc<str>),
}

/// Names one source of rows inside a query; the main one is [`MAIN`]. Unique in the whole query, subqueries included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Alias(pub u32);

/// The rows that a selection is about.
pub const MAIN: Alias = Alias(0);

/// How the text of a body value is to be taken, and what an absent one counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scalar {
    /// Text; absent is `''`.
    Text,
    /// A number; absent is 0.
    Number,
    /// True or false; absent is false.
    Bool,
    /// Any JSON; absent is NULL.
    Json,
    /// A text where older rows may hold a list, of which the last counts; absent, or of an empty list, is `''`.
    One,
    /// A list of texts where older rows may hold a single one; absent, or `''`, is `[]`.
    List,
}

/// What is read of a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Column {
    /// The record's id.
    Id,
    /// The order of insertion.
    Rowid,
    /// The version: the position of the change that wrote the row.
    Rev,
    /// A field of the body, by storage key.
    Field(Arc<str>, Scalar),
    /// A value inside a JSON field: the storage key, then object keys or array positions as written.
    /// The steps are user text: they are bound or quoted as a JSON path, never pasted.
    Path(Arc<str>, Vec<Arc<str>>),
    /// The element itself, where the source is [`Source::Each`].
    Element,
}

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// A bound value.
    Value(Value),
    /// A column of a source in scope.
    Column(Alias, Column),
    /// A comparison.
    Compare(Box<Expr>, Compare, Box<Expr>),
    /// All hold; of nothing: true.
    And(Vec<Expr>),
    /// One holds; of nothing: false.
    Or(Vec<Expr>),
    /// Does not hold.
    Not(Box<Expr>),
    /// Is NULL.
    IsNull(Box<Expr>),
    /// A selection has at least one row.
    Exists(Box<Select>),
    /// The value of the first row of a selection: its single column, in the selection's order.
    First(Box<Select>, Box<Expr>),
    /// A function.
    Call(Func, Vec<Expr>),
}

/// Comparisons. Those with null are never NULL themselves: `Eq`/`Ne` take NULL as a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// Equal; two NULLs are.
    Eq,
    /// Not equal.
    Ne,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
    /// Less.
    Lt,
    /// Less or equal.
    Le,
    /// Matches a pattern with `%` and `_`, escaped by `\`; ASCII letters match in either case.
    Like,
    /// Does not match.
    NotLike,
}

/// Functions that every engine can do alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Func {
    /// Lower case of a text.
    Lower,
    /// Number of elements of a list (0 for none).
    ListLength,
    /// Great-circle distance in kilometres: longitude, latitude, longitude, latitude.
    GeoDistance,
    /// Text of a date by a format: format, date, modifiers…
    Strftime,
    /// The first argument that is not NULL.
    Coalesce,
    /// All arguments as one text; NULL when one is.
    Concat,
    /// A number that texts are compared to as numbers where they read as numbers.
    Numeric,
    /// A random order.
    Random,
}

/// Where rows come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// A table of records.
    Table(Table),
    /// One row that is given, not read: to ask whether a row that is not stored (yet, any more) fits.
    Given(Arc<Row>),
    /// The elements of a list, or the value itself when it is no list. A bound text is the JSON text of a list.
    Each(Expr),
    /// No table: one row without columns.
    Nothing,
}

/// A further source, joined so that a row without a partner stays (with NULLs).
#[derive(Clone, Debug, PartialEq)]
pub struct Join {
    /// Its name in the query.
    pub alias: Alias,
    /// Its rows.
    pub source: Source,
    /// Which rows belong together.
    pub on: Expr,
}

/// One term of an order.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// By what; of several joined rows the first found counts.
    pub by: Expr,
    /// Largest first. NULLs come first when ascending, last when descending, on every engine.
    pub descending: bool,
}

/// A selection. A main row is taken once when any combination of joined rows makes the filter true.
///
/// Truth has three values as in SQL: comparisons but `Eq` and `Ne` are NULL when an operand is, and `Not` of NULL is NULL.
/// All columns of a joined source that has no row are NULL, also those that count as something when absent.
#[derive(Clone, Debug, PartialEq)]
pub struct Select {
    /// The main rows.
    pub from: Source,
    /// The main rows' name: [`MAIN`] but in subqueries.
    pub alias: Alias,
    /// Further sources, each after those it refers to.
    pub joins: Vec<Join>,
    /// Which rows.
    pub filter: Option<Expr>,
    /// In which order. Ties, and rows without any order, come the same way for every page of the same selection.
    pub order: Vec<Order>,
    /// How many at most.
    pub limit: Option<u64>,
    /// How many are passed over.
    pub offset: u64,
}

impl Select {
    /// All rows of a source.
    pub fn all(from: Source) -> Select {
        Select {
            from,
            alias: MAIN,
            joins: Vec::new(),
            filter: None,
            order: Vec::new(),
            limit: None,
            offset: 0,
        }
    }

    /// All rows of a table.
    pub fn table(table: &Table) -> Select {
        Select::all(Source::Table(table.clone()))
    }
}

/// A declared index, on expressions over the body.
#[derive(Clone, Debug, PartialEq)]
pub struct Index {
    /// Its name in the database, unique there; made by us from the collection and the definition.
    pub name: String,
    /// Refuses a second row with the same values.
    pub unique: bool,
    /// By what, in order.
    pub columns: Vec<IndexColumn>,
    /// Only the rows for which this holds (over [`MAIN`], without joins or functions).
    pub only: Option<Expr>,
}

/// One column of an index.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexColumn {
    /// What is indexed.
    pub column: Column,
    /// Largest first.
    pub descending: bool,
    /// ASCII letters in either case are the same.
    pub ignores_case: bool,
}

/// A readable view over a table of records, for people with a database shell.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// The view's name: the collection's.
    pub name: String,
    /// Column names and what they show.
    pub columns: Vec<(String, Column)>,
}
