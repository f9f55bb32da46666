//! PostgreSQL's SQL (15 or newer).
//!
//! What the engine layer provides: a database in UTF8, and tables `"r_NAME"(id text COLLATE "C" PRIMARY KEY, rev bigint,
//! shape bigint, n bigint GENERATED ALWAYS AS IDENTITY, body json)`. Every place has a type (`$1::text`, `$2::bigint`,
//! `$3::float8`), so that a statement is prepared without guessing: [`Value::Text`] is sent as text, [`Value::Int`] as
//! int8, [`Value::Real`] as float8; no place is ever NULL or a boolean. Counts and `exists` come as int8.
//!
//! A text with U+0000 can't be sent; in its place stands a text that no other equals. A body with `\u0000` or half a
//! surrogate pair must not come here, neither stored nor given: the engine refuses to read such texts (22P05).
//!
//! An index entry of more than 2704 bytes refuses the write with SQLSTATE 54000 (`program_limit_exceeded`), after the
//! engine's compression; a value that is there already gives 23505.

use std::sync::Arc;

use super::piece::{Piece, fill, fill_in, place};
use super::strict::{self, Engine, MomentWords, Path, PathStep, Words};
use super::writer::{Flavor, Part, Places, Writer};
pub use super::{Sql, Unsupported};
use crate::query::{Alias, Column, Expr, Index, IndexColumn, MAIN, Scalar, Select, Value, View};
use crate::row::Table;

mod moment;

/// PostgreSQL, which keeps no list of what it has seen.
#[derive(Clone)]
struct Postgres;

/// How an index is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Making {
    /// In one statement, in a transaction or out of it; writes wait.
    AtOnce,
    /// Beside writes, outside of a transaction. When it fails, an invalid index is left that has to be dropped.
    Concurrently,
}

/// The rows of a selection: columns id (text), rev (int8), shape (int8), body (text).
pub fn select(select: &Select) -> Result<Sql, Unsupported> {
    let mut writer = Writer::new(Postgres);
    writer.record(select.alias);
    writer.push("::text");
    strict::select(&mut writer, select);
    finish(writer)
}

/// How many rows a selection has, without its limit.
pub fn count(select: &Select) -> Result<Sql, Unsupported> {
    let mut writer = Writer::new(Postgres);
    writer.push("SELECT count(*)");
    writer.rows(select);
    finish(writer)
}

/// Whether a selection has a row: 1 or 0.
pub fn exists(select: &Select) -> Result<Sql, Unsupported> {
    let mut writer = Writer::new(Postgres);
    writer.push("SELECT (");
    writer.exists(select);
    writer.push(")::int::bigint");
    finish(writer)
}

/// Makes an index.
pub fn create_index(table: &Table, index: &Index, making: Making) -> Result<String, Unsupported> {
    let mut writer = Writer::literal(Postgres);
    writer.push(if index.unique { "CREATE UNIQUE INDEX " } else { "CREATE INDEX " });
    writer.push(if making == Making::Concurrently { "CONCURRENTLY " } else { "" });
    writer.name(&index.name);
    writer.push(" ON ");
    writer.table(table);
    writer.push(" (");
    let mut count = 0;
    for column in &index.columns {
        index_column(&mut writer, column, &mut count);
    }
    writer.push(")");
    if let Some(only) = &index.only {
        writer.push(" WHERE ");
        Postgres::condition(&mut writer, only);
    }
    finish(writer).map(|sql| sql.text)
}

/// Makes a view.
pub fn create_view(table: &Table, view: &View) -> Result<String, Unsupported> {
    let mut writer = Writer::literal(Postgres);
    strict::create_view(&mut writer, table, view);
    finish(writer).map(|sql| sql.text)
}

/// A column of an index; of JSON its three parts.
fn index_column(writer: &mut Writer<Postgres>, column: &IndexColumn, count: &mut usize) {
    let expr = Expr::Column(MAIN, column.column.clone());
    let is_json =
        matches!(column.column, Column::Field(_, Scalar::Json) | Column::Path(..) | Column::Element);
    let parts: &[Part] = if is_json { &[Part::Rank, Part::Number, Part::Text] } else { &[Part::Whole] };
    for part in parts {
        writer.comma(*count);
        *count += 1;
        let piece = writer.part(&expr, *part);
        let folds = column.ignores_case && strict::is_text(&column.column);
        let piece = if folds { fill(WORDS.lower, &[&piece]) } else { piece };
        writer.push("(");
        writer.push_piece(piece);
        writer.push(")");
        writer.push(match (column.descending, is_json) {
            (false, false) => "",
            (false, true) => " NULLS FIRST",
            (true, false) => " DESC",
            (true, true) => " DESC NULLS LAST",
        });
    }
}

fn finish(writer: Writer<Postgres>) -> Result<Sql, Unsupported> {
    writer.finish_places(Places::Numbered)
}

/// A text in place of one with U+0000: it sorts as that would, beside the texts that there can be.
fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{1}\u{fdd0}")
}

impl Engine for Postgres {
    const WORDS: Words = WORDS;
    const NOTHING: &'static str = "(SELECT 1) o";

    fn place(value: &Value) -> Piece {
        match value {
            Value::Null => Piece::new("NULL"),
            Value::Bool(is_true) => Piece::new(if *is_true { "1" } else { "0" }),
            Value::Int(_) => Piece::bound(value.clone(), place!("::bigint")),
            Value::Real(_) => Piece::bound(value.clone(), place!("::float8")),
            Value::Text(text) if text.contains('\0') => {
                Piece::bound(Value::Text(without_nul(text).into()), place!("::text"))
            }
            Value::Text(_) => Piece::bound(value.clone(), place!("::text")),
        }
    }

    fn literal(value: &Value) -> String {
        match value {
            Value::Int(whole) => format!("'{whole}'::bigint"),
            Value::Real(number) => format!("'{number:?}'::float8"),
            Value::Text(text) => format!("'{}'", without_nul(text).replace('\'', "''")),
            Value::Bool(is_true) => i32::from(*is_true).to_string(),
            Value::Null => "NULL".to_owned(),
        }
    }

    fn field(&self, body: &str, key: &str, scalar: Scalar) -> String {
        let said = match scalar {
            Scalar::Json => "{0}->'{1}'",
            Scalar::Text => "(coalesce({0}->>'{1}','') COLLATE \"C\")",
            Scalar::Number | Scalar::Bool => {
                "CASE json_typeof({0}->'{1}') WHEN 'number' THEN ({0}->>'{1}')::float8 \
                 WHEN 'boolean' THEN ({0}->>'{1}')::bool::int::float8 ELSE 0 END"
            }
            Scalar::One => {
                "(CASE json_typeof({0}->'{1}') WHEN 'array' THEN coalesce({0}->'{1}'->>-1,'') \
                 ELSE coalesce({0}->>'{1}','') END COLLATE \"C\")"
            }
            Scalar::List => {
                "(CASE WHEN json_typeof({0}->'{1}')='array' THEN {0}->>'{1}' \
                 WHEN coalesce({0}->>'{1}','')='' THEN '[]' \
                 ELSE '['||({0}->'{1}')::text||']' END COLLATE \"C\")"
            }
        };
        fill_in(said, &[body, key])
    }

    fn raw(body: &str, key: &str) -> String {
        fill_in("{0}->'{1}'", &[body, key])
    }

    fn json_constant(text: &str) -> Piece {
        Piece::bound(Value::Text(text.into()), place!("::text::json"))
    }

    fn inside(path: Path<'_>) -> Piece {
        let mut piece = Piece::new(format!("{}->'{}'", path.body, path.key));
        for step in path.steps {
            let step = match step {
                PathStep::Position(_, at) => Piece::bound(Value::Text(Arc::clone(at)), place!("::text::int")),
                PathStep::Key(key) => Piece::bound(Value::Text(Arc::clone(key)), place!("::text")),
            };
            piece = fill("{0}->{1}", &[&piece, &step]);
        }
        piece
    }

    fn kept(&self, _: Option<Alias>, _: &str, _: Scalar, _: Part) -> Option<String> {
        None
    }

    fn pattern(pattern: &str) -> String {
        pattern.to_owned()
    }

    fn bounds(limit: Option<Piece>, offset: Piece) -> Piece {
        match limit {
            Some(limit) => fill(" LIMIT {0} OFFSET {1}", &[&limit, &offset]),
            None => fill(" OFFSET {0}", &[&offset]),
        }
    }
}

/// A JSON number as it is written, where it is within what float8 holds; others are as far out as there is.
macro_rules! number {
    () => {
        "CASE WHEN ({0})#>>'{}' ~ '^-?([0-9]{1,100}(\\.[0-9]{1,100})?([eE][-+]?1?[0-9]{1,2})?\
         |[0-9](\\.[0-9]{1,20})?[eE][-+]?([12]?[0-9]{1,2}|30[0-7]))$' THEN (({0})#>>'{}')::float8 \
         WHEN ({0})#>>'{}' ~ '[eE]-' THEN 0 WHEN ({0})#>>'{}' LIKE '-%' THEN '-Infinity' ELSE 'Infinity' END"
    };
}

macro_rules! reads_as_number {
    () => {
        "{0} ~ '^\\s*[-+]?(([0-9]{1,100}(\\.[0-9]{0,100})?|\\.[0-9]{1,100})([eE][-+]?1?[0-9]{1,2})?\
         |[0-9](\\.[0-9]{0,20})?[eE][-+]?([12]?[0-9]{1,2}|30[0-7]))\\s*$'"
    };
}

macro_rules! with_fraction {
    ($number:expr) => {
        concat!("regexp_replace((", $number, ")::text,'^(-?[0-9]+)(e|$)','\\1.0\\2')")
    };
}

const WORDS: Words = Words {
    truth: "true",
    falsehood: "false",
    same: "{0} IS NOT DISTINCT FROM {1}",
    differ: "{0} IS DISTINCT FROM {1}",
    truth_as_number: "({0})::int",
    json_rank: "CASE WHEN json_typeof({0}) IN ('number','boolean') THEN 0 \
                WHEN json_typeof({0})<>'null' THEN 1 END",
    json_number: concat!(
        "CASE json_typeof({0}) WHEN 'number' THEN ",
        number!(),
        " WHEN 'boolean' THEN (({0})#>>'{}')::bool::int ELSE 0 END"
    ),
    json_text: "(CASE WHEN json_typeof({0}) IN ('string','array','object') THEN ({0})#>>'{}' ELSE '' END \
                COLLATE \"C\")",
    json_written: concat!(
        "(CASE WHEN json_typeof({0})='boolean' THEN (({0})#>>'{}')::bool::int::text \
         WHEN json_typeof({0})='number' AND ({0})#>>'{}' !~ '^-?[0-9]{1,18}$' THEN ",
        with_fraction!(number!()),
        " ELSE ({0})#>>'{}' END COLLATE \"C\")"
    ),
    real_written: concat!("(", with_fraction!("{0}"), " COLLATE \"C\")"),
    whole_written: "(({0})::text COLLATE \"C\")",
    reads_as_number: reads_as_number!(),
    number_of_text: concat!("CASE WHEN ", reads_as_number!(), " THEN ({0})::float8 ELSE 0 END"),
    like: "{0} ILIKE {1} COLLATE \"C\"",
    like_exactly: "{0} LIKE {1} COLLATE \"C\"",
    ends_in_escape: "{0} ~ '(^|[^\\\\])(\\\\\\\\)*\\\\$'",
    lower: "lower({0} COLLATE \"C\")",
    concat: ["(", "||", ")"],
    distance: "(SELECT CASE WHEN h.a>1 THEN 12742*asin(1) ELSE 12742*asin(sqrt(h.a)) END FROM \
               (SELECT power(sin((p.b-p.a)/2),2)+cos(p.a)*cos(p.b)*power(sin(p.l/2),2) AS a FROM \
               (SELECT radians({2})-radians({0}) AS l,radians({1}) AS a,radians({3}) AS b) p) h)",
    length: "CASE WHEN json_typeof({0})='array' THEN json_array_length({0}) \
             WHEN coalesce(({0})#>>'{}','')='' THEN 0 ELSE 1 END",
    elements: "json_array_elements(CASE WHEN json_typeof({0})='array' THEN {0} \
               WHEN {0} IS NOT NULL THEN json_build_array({0}) END) WITH ORDINALITY {1}(value,n)",
    given: "(SELECT {0} COLLATE \"C\" AS id,0::bigint AS n,{1} AS rev,{2} AS shape,{3}::json AS body) {4}",
    random: "random()",
    no_number: "NULL::float8",
    no_json: "NULL::json",
    no_text: "NULL::text",
    nulls_first: " NULLS FIRST",
    nulls_last: " DESC NULLS LAST",
    moment: moment::WORDS,
};

#[cfg(test)]
mod tests;
