//! Declared indexes: read from the wire's `CREATE INDEX` text, never pasted into SQL.
//!
//! What is taken: `CREATE [UNIQUE] INDEX [IF NOT EXISTS] [schema.]name ON table (field [COLLATE NOCASE] [ASC|DESC], …)
//! [WHERE field op literal AND …]`; names bare or in backticks, double quotes or brackets.

mod read;

use std::fmt::Write as _;
use std::sync::Arc;

use base::error::Fields;
use serde_json::Value;
use store::query::{Compare, Expr, MAIN};

use crate::core::collection::Collection;
use crate::core::flaw::{self, Flaw};

pub use read::parse;

/// A declared index.
#[derive(Clone, Debug, PartialEq)]
pub struct Index {
    /// Its name on the wire.
    pub name: String,
    /// Refuses a second record with the same values.
    pub is_unique: bool,
    /// Its columns in order.
    pub columns: Vec<IndexColumn>,
    /// Only records where this holds: a field's name, an operator (`=`, `!=`, `>`, `>=`, `<`, `<=`) and a literal; all must hold.
    pub only: Vec<(String, String, Value)>,
}

/// One column of an index.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexColumn {
    /// The field's name.
    pub field: String,
    /// Largest first.
    pub descending: bool,
    /// ASCII letters in either case are the same.
    pub ignores_case: bool,
}

impl Index {
    /// A unique index on one field.
    pub fn unique(name: &str, field: &str) -> Index {
        let column = IndexColumn { field: field.to_owned(), descending: false, ignores_case: false };
        Index { name: name.to_owned(), is_unique: true, columns: vec![column], only: Vec::new() }
    }

    /// True for a unique index on this field alone.
    pub fn is_unique_on(&self, field: &str) -> bool {
        self.is_unique && self.columns.len() == 1 && self.columns[0].field == field
    }

    /// The names of all fields that it refers to.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        let columns = self.columns.iter().map(|c| c.field.as_str());
        columns.chain(self.only.iter().map(|(field, _, _)| field.as_str()))
    }

    /// Gives every field that it refers to the name that `rename` knows for it.
    pub fn rename(&mut self, rename: impl Fn(&str) -> Option<String>) {
        let columns = self.columns.iter_mut().map(|c| &mut c.field);
        for field in columns.chain(self.only.iter_mut().map(|(field, _, _)| field)) {
            if let Some(name) = rename(field) {
                *field = name;
            }
        }
    }
}

/// The index as the wire shows it, for a collection of that name.
pub fn to_text(index: &Index, collection: &str) -> String {
    let unique = if index.is_unique { "UNIQUE " } else { "" };
    let columns: Vec<String> = index.columns.iter().map(column_text).collect();
    let columns = match columns.as_slice() {
        [single] => single.clone(),
        several => format!("\n  {}\n", several.join(",\n  ")),
    };
    let mut text = format!("CREATE {unique}INDEX `{}` ON `{collection}` ({columns})", index.name);
    for (place, (field, op, literal)) in index.only.iter().enumerate() {
        let word = if place == 0 { "WHERE" } else { "AND" };
        let _ = write!(text, " {word} `{field}` {op} {}", literal_text(literal));
    }
    text
}

fn column_text(column: &IndexColumn) -> String {
    let collate = if column.ignores_case { " COLLATE NOCASE" } else { "" };
    let order = if column.descending { " DESC" } else { "" };
    format!("`{}`{collate}{order}", column.field)
}

fn literal_text(literal: &Value) -> String {
    match literal {
        Value::String(text) => format!("'{}'", text.replace('\'', "''")),
        other => other.to_string().to_uppercase(),
    }
}

/// The index as the store makes it. Its name in the database is `i_COLLECTIONID_HASH` of the definition by storage key:
/// renaming a field or the collection changes nothing. What refers to a field that is not there is left out.
pub fn to_store(index: &Index, collection: &Collection) -> store::query::Index {
    let columns = index.columns.iter().filter_map(|column| {
        let field = collection.field(&column.field)?;
        let (descending, ignores_case) = (column.descending, column.ignores_case);
        Some(store::query::IndexColumn { column: field.column(), descending, ignores_case })
    });
    let only: Vec<Expr> = index.only.iter().filter_map(|term| term_to_store(term, collection)).collect();
    store::query::Index {
        name: store_name(index, collection),
        unique: index.is_unique,
        columns: columns.collect(),
        only: (!only.is_empty()).then_some(Expr::And(only)),
    }
}

fn term_to_store((field, op, literal): &(String, String, Value), collection: &Collection) -> Option<Expr> {
    let compare = match op.as_str() {
        "=" => Compare::Eq,
        "!=" => Compare::Ne,
        ">" => Compare::Gt,
        ">=" => Compare::Ge,
        "<" => Compare::Lt,
        "<=" => Compare::Le,
        _ => return None,
    };
    let value = match literal {
        Value::String(text) => store::query::Value::Text(Arc::from(text.as_str())),
        Value::Bool(truth) => store::query::Value::Bool(*truth),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => store::query::Value::Int(whole),
            None => store::query::Value::Real(number.as_f64()?),
        },
        _ => store::query::Value::Null,
    };
    let column = Expr::Column(MAIN, collection.field(field)?.column());
    Some(Expr::Compare(Box::new(column), compare, Box::new(Expr::Value(value))))
}

/// The name in the database: the same for the same definition, whatever the wire calls things.
pub fn store_name(index: &Index, collection: &Collection) -> String {
    let key = |name: &str| collection.field(name).map_or_else(|| name.to_owned(), |f| f.key.to_string());
    // how a value is indexed depends on its form, so that a list that was a single choice makes another index
    let form = |name: &str| collection.field(name).map(|f| format!("{:?}", f.scalar())).unwrap_or_default();
    let mut definition = format!("unique={}", index.is_unique);
    for c in &index.columns {
        let (key, form) = (key(&c.field), form(&c.field));
        let _ = write!(definition, "\n{key} {form} desc={} nocase={}", c.descending, c.ignores_case);
    }
    for (field, op, literal) in &index.only {
        let _ = write!(definition, "\nonly {} {op} {literal}", key(field));
    }
    format!("i_{}_{:016x}", collection.id, fnv(&definition))
}

/// FNV-1a, 64 bits: names in the database must stay the same over versions of the program and its libraries.
fn fnv(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, b| (hash ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// The faults of a record that a unique index refused, from the index's name in the database: every field of it has a
/// value that is there already. Nothing when the name is none of the collection's.
pub fn not_unique(collection: &Collection, store_index: &str) -> Fields {
    let mut faults = Fields::default();
    let refused = collection.indexes.iter().find(|index| store_name(index, collection) == store_index);
    for column in refused.iter().flat_map(|index| &index.columns) {
        let flaw = Flaw::new("validation_not_unique", "Value must be unique.");
        flaw::put(&mut faults.0, &[&column.field], &flaw);
    }
    faults
}

#[cfg(test)]
mod tests;
