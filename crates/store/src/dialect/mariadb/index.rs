//! Indexes, which MariaDB has on columns only: an expression gets a virtual column, which is added in no time.
//!
//! A text in an index has at most [`TEXT_MAX`] characters. A longer one refuses the write: 1406 (`ER_DATA_TOO_LONG`), when
//! the index is made as well as later. A value that is there already gives 1062 with the index's name.
//!
//! There are no partial indexes: a unique one gets a further column, NULL where its condition does not hold, as rows with
//! a NULL are never the same; of others the condition is left away. An index that is not unique ends with the order of
//! insertion, so that it serves an order and its ties.

use std::collections::HashSet;

use super::{MariaDb, finish};
use crate::dialect::Unsupported;
use crate::dialect::piece::fill;
use crate::dialect::strict::{self, Engine};
use crate::dialect::writer::{Flavor, Part, Writer};
use crate::query::{Column, Expr, Index, IndexColumn, MAIN, Scalar};
use crate::row::Table;

/// Characters of a text in an index: two such texts and some numbers fill the 3072 bytes of a key.
pub const TEXT_MAX: usize = 380;
/// Characters of each text that count where an index has more of them than two.
const TEXT_OF_MANY_MAX: usize = 700;
const NAME_MAX: usize = 64;

/// The virtual columns that are in the tables.
#[derive(Clone, Debug, Default)]
pub struct Columns {
    names: HashSet<(Table, String)>,
}

impl Columns {
    /// Notes a column that every row has by now.
    pub fn insert(&mut self, table: &Table, name: &str) {
        self.names.insert((table.clone(), name.to_owned()));
    }

    /// Forgets a column that is to go.
    pub fn remove(&mut self, table: &Table, name: &str) {
        self.names.remove(&(table.clone(), name.to_owned()));
    }

    /// Whether a column is there.
    pub fn contains(&self, table: &Table, name: &str) -> bool {
        self.names.contains(&(table.clone(), name.to_owned()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

/// A column that is computed from the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VirtualColumn {
    /// Its name: `v_…`, the same for the same field in the same form; `w_…` for an index's condition.
    pub name: String,
    /// Its type and expression.
    pub definition: String,
}

/// The virtual columns that an index needs; several indexes may share one.
pub fn columns_of(index: &Index) -> Result<Vec<VirtualColumn>, Unsupported> {
    let mut columns = Vec::new();
    for column in &index.columns {
        for part in parts(&column.column) {
            columns.extend(virtual_column(column, *part)?);
        }
    }
    if let (true, Some(only)) = (index.unique, &index.only) {
        let mut writer = Writer::literal(MariaDb::default());
        writer.push("tinyint AS (CASE WHEN ");
        MariaDb::condition(&mut writer, only);
        writer.push(" THEN 1 END) VIRTUAL");
        columns.push(VirtualColumn { name: condition_name(index), definition: finish(writer)?.text });
    }
    Ok(columns)
}

/// Adds a column, unless it is there; nothing is written but the table's description.
pub fn add_column(table: &Table, column: &VirtualColumn) -> String {
    let VirtualColumn { name, definition } = column;
    format!("ALTER TABLE \"r_{table}\" ADD COLUMN IF NOT EXISTS \"{name}\" {definition}, ALGORITHM=INSTANT")
}

/// Takes a column away. No index may need it any more, and no query be printed over it.
pub fn drop_column(table: &Table, name: &str) -> String {
    format!("ALTER TABLE \"r_{table}\" DROP COLUMN IF EXISTS \"{name}\", ALGORITHM=INSTANT")
}

/// Makes an index whose columns are there, while rows are read and written; anew where one of that name was left behind by a
/// write that was undone, or by a server that died in the middle.
pub fn create_index(table: &Table, index: &Index) -> String {
    let mut writer = Writer::literal(MariaDb::default());
    writer.push(if index.unique { "CREATE OR REPLACE UNIQUE INDEX " } else { "CREATE OR REPLACE INDEX " });
    writer.name(&index.name);
    writer.push(" ON ");
    writer.table(table);
    writer.push(" (");
    let texts = index.columns.iter().filter(|column| strict::is_text_or_json(&column.column)).count();
    let mut count = 0;
    for column in &index.columns {
        for part in parts(&column.column) {
            writer.comma(count);
            count += 1;
            let name = name_of(&column.column, *part, column.ignores_case);
            writer.name(&name);
            if texts > 2
                && matches!(part, Part::Whole | Part::Text)
                && strict::is_text_or_json(&column.column)
            {
                writer.push(&format!("({})", TEXT_OF_MANY_MAX / texts));
            }
            writer.push(if column.descending { " DESC" } else { "" });
        }
    }
    if !index.unique {
        writer.push(",n");
    } else if index.only.is_some() {
        writer.push(",");
        writer.name(&condition_name(index));
    }
    writer.push(") ALGORITHM=INPLACE LOCK=NONE");
    writer.text
}

fn virtual_column(column: &IndexColumn, part: Part) -> Result<Option<VirtualColumn>, Unsupported> {
    if matches!(column.column, Column::Id | Column::Rowid | Column::Rev)
        && !folds(&column.column, column.ignores_case)
    {
        return Ok(None);
    }
    let mut writer = Writer::literal(MariaDb::default());
    let value = writer.part(&Expr::Column(MAIN, column.column.clone()), part);
    let is_folded = folds(&column.column, column.ignores_case);
    let value = if is_folded { fill(MariaDb::WORDS.lower, &[&value]) } else { value };
    let kind = match part {
        Part::Rank => "tinyint".to_owned(),
        Part::Whole if !strict::is_text(&column.column) => "double".to_owned(),
        Part::Number => "double".to_owned(),
        _ => format!("varchar({TEXT_MAX}) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin"),
    };
    writer.push(&format!("{kind} AS ("));
    writer.push_piece(value);
    writer.push(") VIRTUAL");
    let name = name_of(&column.column, part, column.ignores_case);
    Ok(Some(VirtualColumn { name, definition: finish(writer)?.text }))
}

fn parts(column: &Column) -> &'static [Part] {
    match column {
        Column::Field(_, Scalar::Json) | Column::Path(..) | Column::Element => {
            &[Part::Rank, Part::Number, Part::Text]
        }
        _ => &[Part::Whole],
    }
}

fn folds(column: &Column, ignores_case: bool) -> bool {
    ignores_case && strict::is_text(column)
}

fn name_of(column: &Column, part: Part, ignores_case: bool) -> String {
    match column {
        Column::Id if ignores_case => "v_id_nocase".to_owned(),
        Column::Id => "id".to_owned(),
        Column::Rowid => "n".to_owned(),
        Column::Rev => "rev".to_owned(),
        Column::Field(key, scalar) => column_name(key, *scalar, part, folds(column, ignores_case)),
        Column::Path(key, steps) => {
            let steps: Vec<&str> = steps.iter().map(|step| &**step).collect();
            column_name(&format!("{key}_{:016x}", fnv(&steps.join("\n"))), Scalar::Json, part, false)
        }
        Column::Element => column_name("element", Scalar::Json, part, false),
    }
}

/// `v_KEY_FORM`. A name that would be too long has a number in place of the key.
pub(super) fn column_name(key: &str, scalar: Scalar, part: Part, is_folded: bool) -> String {
    let form = match (scalar, part) {
        (Scalar::Text, _) => "text",
        (Scalar::Number, _) => "number",
        (Scalar::Bool, _) => "bool",
        (Scalar::One, _) => "one",
        (Scalar::List, _) => "list",
        (Scalar::Json, Part::Rank) => "rank",
        (Scalar::Json, Part::Number) => "json_number",
        (Scalar::Json, _) => "json_text",
    };
    let mut plain = String::with_capacity(key.len() + 2);
    for c in key.chars() {
        if c.is_ascii_uppercase() {
            plain.push('$');
        }
        plain.push(c.to_ascii_lowercase());
    }
    if plain.len() > NAME_MAX - "v__json_number_nocase".len() {
        plain = format!("{:016x}", fnv(key));
    }
    format!("v_{plain}_{form}{}", if is_folded { "_nocase" } else { "" })
}

fn condition_name(index: &Index) -> String {
    let is_plain = index.name.len() < NAME_MAX - 2
        && index.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if is_plain { format!("w_{}", index.name) } else { format!("w_{:016x}", fnv(&index.name)) }
}

/// FNV-1a, 64 bits: names must stay the same over versions of the program.
fn fnv(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, b| (hash ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3))
}
