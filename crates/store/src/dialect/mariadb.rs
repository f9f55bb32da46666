//! MariaDB's SQL (10.11 or newer).
//!
//! What the engine layer provides: tables `"r_NAME"(id varchar(100), rev bigint, shape bigint, n bigint AUTO_INCREMENT
//! UNIQUE, body longtext)` with texts in utf8mb4 and `utf8mb4_nopad_bin` (bytes, and `'a'` is not `'a '`), and on each
//! connection what [`SESSION`] says. [`Value::Text`] is sent as text, [`Value::Int`] as bigint, [`Value::Real`] as double;
//! no place is ever NULL or a boolean. Counts and `exists` come as bigint.
//!
//! An index needs columns of its own here (see [`columns`](self::Columns)): those that are there already are to be named
//! with each query, so that it is printed over them.
//!
//! Names of columns are alike in either case to the engine, so that an upper-case letter of a storage key has `$` before it.

use super::piece::{Piece, fill, fill_in, place};
use super::strict::{self, Engine, MomentWords, Path, PathStep, Words};
use super::writer::{Part, Places, Writer};
pub use super::{Sql, Unsupported};
use crate::query::walk::{self, Met};
use crate::query::{Alias, Scalar, Select, Source, Value, View};
use crate::row::Table;

mod index;
mod moment;

pub use index::{Columns, TEXT_MAX, VirtualColumn, add_column, columns_of, create_index, drop_column};

/// What each connection is told before anything else; the isolation level is the engine layer's.
pub const SESSION: &str = "SET NAMES utf8mb4 COLLATE utf8mb4_nopad_bin,\
    sql_mode='STRICT_TRANS_TABLES,ANSI_QUOTES,NO_BACKSLASH_ESCAPES,NO_ENGINE_SUBSTITUTION',time_zone='+00:00'";

/// MariaDB, with the columns that are made for indexes, and the table of each source.
#[derive(Clone, Default)]
struct MariaDb<'a> {
    columns: Option<&'a Columns>,
    tables: Vec<(Alias, Table)>,
}

impl<'a> MariaDb<'a> {
    fn of(select: &Select, columns: &'a Columns) -> MariaDb<'a> {
        let mut tables = Vec::new();
        if !columns.is_empty() {
            walk::in_select(select, &mut |met| {
                if let Met::Source(Source::Table(table), alias) = met {
                    tables.push((alias, table.clone()));
                }
            });
        }
        MariaDb { columns: Some(columns), tables }
    }
}

/// The rows of a selection: columns id, rev, shape, body.
pub fn select(select: &Select, columns: &Columns) -> Result<Sql, Unsupported> {
    let mut writer = Writer::new(MariaDb::of(select, columns));
    writer.record(select.alias);
    strict::select(&mut writer, select);
    finish(writer)
}

/// How many rows a selection has, without its limit.
pub fn count(select: &Select, columns: &Columns) -> Result<Sql, Unsupported> {
    let mut writer = Writer::new(MariaDb::of(select, columns));
    writer.push("SELECT count(*)");
    writer.rows(select);
    finish(writer)
}

/// Whether a selection has a row: 1 or 0.
pub fn exists(select: &Select, columns: &Columns) -> Result<Sql, Unsupported> {
    let mut writer = Writer::new(MariaDb::of(select, columns));
    writer.push("SELECT ");
    writer.exists(select);
    finish(writer)
}

/// Makes a view.
pub fn create_view(table: &Table, view: &View) -> Result<String, Unsupported> {
    let mut writer = Writer::literal(MariaDb::default());
    strict::create_view(&mut writer, table, view);
    finish(writer).map(|sql| sql.text)
}

fn finish(writer: Writer<MariaDb<'_>>) -> Result<Sql, Unsupported> {
    writer.finish_places(Places::OneEach)
}

/// The field `{1}` of the body `{0}` as JSON.
macro_rules! json {
    () => {
        "json_extract({0},'$.{1}')"
    };
}

/// The same as text.
macro_rules! text {
    () => {
        "coalesce(json_value({0},'$.{1}'),'')"
    };
}

impl Engine for MariaDb<'_> {
    const WORDS: Words = WORDS;
    const NOTHING: &'static str = "(SELECT 1) o";

    fn place(value: &Value) -> Piece {
        match value {
            Value::Null => Piece::new("NULL"),
            Value::Bool(is_true) => Piece::new(if *is_true { "1" } else { "0" }),
            Value::Real(number) if !number.is_finite() => {
                let most = if number.is_nan() { 0.0 } else { f64::MAX.copysign(*number) };
                Piece::bound(Value::Real(most), place!(""))
            }
            _ => Piece::bound(value.clone(), place!("")),
        }
    }

    fn literal(value: &Value) -> String {
        match value {
            Value::Int(whole) => whole.to_string(),
            Value::Real(number) => format!("{number:e}"),
            Value::Text(text) if text.contains('\0') => {
                let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
                format!("CONVERT(x'{hex}' USING utf8mb4)")
            }
            Value::Text(text) => format!("'{}'", text.replace('\'', "''")),
            Value::Bool(is_true) => i32::from(*is_true).to_string(),
            Value::Null => "NULL".to_owned(),
        }
    }

    fn field(&self, body: &str, key: &str, scalar: Scalar) -> String {
        let said = match scalar {
            Scalar::Json => json!(),
            Scalar::Text => text!(),
            Scalar::Number | Scalar::Bool => concat!(
                "CASE WHEN json_type(",
                json!(),
                ") IN ('INTEGER','DOUBLE','BOOLEAN') THEN CAST(json_value({0},'$.{1}') AS DOUBLE) ELSE 0e0 END"
            ),
            Scalar::One => concat!(
                "CASE json_type(",
                json!(),
                ") WHEN 'ARRAY' THEN coalesce(json_value({0},'$.{1}[-1]'),'') ELSE ",
                text!(),
                " END"
            ),
            Scalar::List => concat!(
                "(CASE WHEN json_type(",
                json!(),
                ")='ARRAY' THEN json_compact(",
                json!(),
                ") WHEN ",
                text!(),
                "='' THEN '[]' ELSE concat('[',",
                json!(),
                ",']') END COLLATE utf8mb4_nopad_bin)"
            ),
        };
        fill_in(said, &[body, key])
    }

    fn raw(body: &str, key: &str) -> String {
        fill_in(json!(), &[body, key])
    }

    fn json_constant(text: &str) -> Piece {
        Piece::bound(Value::Text(text.into()), place!(""))
    }

    /// One path as far as there are keys; what is no list has no positions, though the engine would take it for one of
    /// itself.
    fn inside(path: Path<'_>) -> Piece {
        let root = Piece::new(path.body.to_owned());
        let (mut way, mut guards) = (format!("$.{}", path.key), Vec::new());
        let at = |way: &str| {
            fill("json_extract({0},{1})", &[&root, &Piece::bound(Value::Text(way.into()), place!(""))])
        };
        for step in path.steps {
            match step {
                PathStep::Position(position, _) => {
                    guards.push(fill("json_type({0})='ARRAY'", &[&at(&way)]));
                    way.push_str(&format!("[{position}]"));
                }
                PathStep::Key(key) => way.push_str(&format!(".\"{}\"", key.replace('\\', "\\\\"))),
            }
        }
        let found = at(&way);
        if guards.is_empty() {
            return found;
        }
        let guards = super::piece::joined(&guards, " AND ");
        fill("CASE WHEN {0} THEN {1} END", &[&guards, &found])
    }

    fn kept(&self, alias: Option<Alias>, key: &str, scalar: Scalar, part: Part) -> Option<String> {
        let alias = alias?;
        let (_, table) = self.tables.iter().find(|(known, _)| *known == alias)?;
        let name = index::column_name(key, scalar, part, false);
        self.columns?.contains(table, &name).then(|| format!("t{}.\"{name}\"", alias.0))
    }

    fn pattern(pattern: &str) -> String {
        pattern.to_ascii_lowercase()
    }

    fn bounds(limit: Option<Piece>, offset: Piece) -> Piece {
        let limit = limit.unwrap_or_else(|| Piece::new(i64::MAX.to_string()));
        fill(" LIMIT {0} OFFSET {1}", &[&limit, &offset])
    }
}

macro_rules! number {
    () => {
        "CASE WHEN json_type({0}) IN ('INTEGER','DOUBLE') THEN CAST({0} AS DOUBLE) WHEN {0}='true' THEN 1e0 ELSE 0e0 END"
    };
}

macro_rules! reads_as_number {
    () => {
        "{0} REGEXP '^\\s*[-+]?(([0-9]{1,100}(\\.[0-9]{0,100})?|\\.[0-9]{1,100})([eE][-+]?1?[0-9]{1,2})?\
         |[0-9](\\.[0-9]{0,20})?[eE][-+]?([12]?[0-9]{1,2}|30[0-7]))\\s*$'"
    };
}

/// The engine writes `1e20` and `5`, where SQLite writes `1.0e+20` and `5.0`.
macro_rules! with_fraction {
    ($number:expr) => {
        concat!(
            "regexp_replace(regexp_replace(CAST(",
            $number,
            " AS CHAR),'^(-?[0-9]+)(e|$)','\\1.0\\2'),'e([0-9])','e+\\1')"
        )
    };
}

/// A text of the engine's own making, to be compared by its bytes.
macro_rules! bytes {
    ($text:expr) => {
        concat!("(", $text, " COLLATE utf8mb4_nopad_bin)")
    };
}

/// Thai has bytes of its own where UTF-8 has its long characters, and no upper case among them: only ASCII is folded.
macro_rules! lower {
    ($text:expr) => {
        concat!(
            "CONVERT(CAST(lower(CONVERT(CAST(",
            $text,
            " AS BINARY) USING tis620)) AS BINARY) USING utf8mb4) COLLATE utf8mb4_nopad_bin"
        )
    };
}

const WORDS: Words = Words {
    truth: "TRUE",
    falsehood: "FALSE",
    same: "({0} <=> {1})",
    differ: "NOT ({0} <=> {1})",
    truth_as_number: "(({0})+0)",
    json_rank: "CASE WHEN json_type({0}) IN ('INTEGER','DOUBLE','BOOLEAN') THEN 0 \
                WHEN json_type({0})<>'NULL' THEN 1 END",
    json_number: number!(),
    json_text: concat!(
        "CASE WHEN json_type({0})='STRING' THEN ",
        bytes!("json_unquote({0})"),
        " WHEN json_type({0}) IN ('ARRAY','OBJECT') THEN ",
        bytes!("json_compact({0})"),
        " ELSE '' END"
    ),
    // 1e20 is an integer to the engine
    json_written: concat!(
        "CASE json_type({0}) WHEN 'NULL' THEN NULL WHEN 'STRING' THEN ",
        bytes!("json_unquote({0})"),
        " WHEN 'BOOLEAN' THEN if({0}='true','1','0') WHEN 'ARRAY' THEN ",
        bytes!("json_compact({0})"),
        " WHEN 'OBJECT' THEN ",
        bytes!("json_compact({0})"),
        " ELSE CASE WHEN {0} REGEXP '^-?[0-9]{1,18}$' THEN ",
        bytes!("{0}"),
        " WHEN {0} IS NOT NULL THEN ",
        bytes!(with_fraction!(number!())),
        " END END"
    ),
    real_written: bytes!(with_fraction!("{0}")),
    whole_written: "CAST({0} AS CHAR)",
    reads_as_number: reads_as_number!(),
    number_of_text: concat!("CASE WHEN ", reads_as_number!(), " THEN CAST({0} AS DOUBLE) ELSE 0e0 END"),
    like: concat!(lower!("{0}"), " LIKE {1} ESCAPE '\\'"),
    like_exactly: "{0} LIKE {1} ESCAPE '\\'",
    ends_in_escape: "{0} REGEXP '(^|[^\\\\])(\\\\\\\\)*\\\\$'",
    lower: concat!("(", lower!("{0}"), ")"),
    concat: ["concat(", ",", ")"],
    distance: "12742*asin(least(1,sqrt(power(sin((radians({3})-radians({1}))/2),2)+cos(radians({1}))*\
               cos(radians({3}))*power(sin((radians({2})-radians({0}))/2),2))))",
    length: "CASE WHEN json_type({0})='ARRAY' THEN json_length({0}) \
             WHEN {0} IS NULL OR {0} IN ('\"\"','null') THEN 0 ELSE 1 END",
    elements: "json_table(CASE WHEN json_type({0})='ARRAY' THEN {0} ELSE concat('[',{0},']') END,'$[*]' \
               COLUMNS(n FOR ORDINALITY,value JSON PATH '$')) {1}",
    given: "(SELECT CAST({0} AS CHAR) COLLATE utf8mb4_nopad_bin AS id,0 AS n,{1} AS rev,{2} AS shape,\
            CAST({3} AS CHAR) COLLATE utf8mb4_nopad_bin AS body) {4}",
    random: "rand()",
    no_number: "NULL",
    no_json: "NULL",
    no_text: "NULL",
    nulls_first: "",
    nulls_last: " DESC",
    moment: moment::WORDS,
};

#[cfg(test)]
mod tests;
