//! Writing a collection out: every record in the order of the ids, so many at a time.
//!
//! What is written can be brought in again: ids are kept, and what names the collection is left out. Passwords and token
//! keys are never written.

use std::io::{self, Write};

use records::Records;
use records::core::collection::Collection;
use records::core::field::FieldKind;
use records::core::render::{self, Sight};
use serde_json::{Map, Value};
use store::Row;
use store::query::{Column, Compare, Expr, MAIN, Order, Select, Value as Bound};

use super::Error;
use super::source::Format;

/// Records read at once.
const PAGE: u64 = 500;

/// What is to be written.
#[derive(Clone, Debug)]
pub struct Export {
    /// The collection, by name or id.
    pub collection: String,
    /// How.
    pub format: Format,
}

/// Writes a collection out and gives the number of records. `tick` hears how many were written so far.
pub async fn export(
    records: &Records,
    wanted: &Export,
    out: &mut dyn Write,
    tick: &mut dyn FnMut(u64),
) -> Result<u64, Error> {
    let collection = records.catalog().find(&wanted.collection).cloned();
    let collection = collection.ok_or_else(|| {
        let catalog = records.catalog();
        let names: Vec<&str> = catalog.all().iter().map(|c| c.name.as_str()).collect();
        Error::Refused(format!(
            "there is no collection {}; there are {}",
            wanted.collection,
            names.join(", ")
        ))
    })?;
    let fault = |source| Error::File { path: "the output".into(), source };
    let mut writer = Writer::new(wanted.format, out, &collection);
    writer.begin().map_err(fault)?;
    let mut conn = records.store().reader().await.map_err(records::Error::from)?;
    let (mut after, mut count) = (None, 0);
    loop {
        let rows = conn.select(&page(&collection, after)).await.map_err(records::Error::from)?;
        for row in &rows {
            writer.row(records, row).map_err(fault)?;
        }
        count += rows.len() as u64;
        tick(count);
        after = rows.into_iter().next_back().map(|row| row.id);
        if after.is_none() {
            writer.end().map_err(fault)?;
            return Ok(count);
        }
    }
}

/// The records after an id.
fn page(collection: &Collection, after: Option<String>) -> Select {
    let id = || Expr::Column(MAIN, Column::Id);
    let filter = after.map(|after| {
        let after = Expr::Value(Bound::Text(after.as_str().into()));
        Expr::Compare(Box::new(id()), Compare::Gt, Box::new(after))
    });
    let order = vec![Order { by: id(), descending: false }];
    Select { filter, order, limit: Some(PAGE), ..Select::table(&collection.table()) }
}

struct Writer<'a> {
    format: Format,
    out: &'a mut dyn Write,
    collection: &'a Collection,
    names: Vec<String>,
    is_first: bool,
}

impl<'a> Writer<'a> {
    fn new(format: Format, out: &'a mut dyn Write, collection: &'a Collection) -> Writer<'a> {
        let is_secret = |name: &str| collection.is_auth() && name == "tokenKey";
        let fields = collection.fields.iter().filter(|f| !matches!(f.kind, FieldKind::Password { .. }));
        let names = fields.map(|f| f.name.clone()).filter(|name| name != "id" && !is_secret(name));
        let names = std::iter::once("id".to_owned()).chain(names).collect();
        Writer { format, out, collection, names, is_first: true }
    }

    fn begin(&mut self) -> io::Result<()> {
        match self.format {
            Format::Json => self.out.write_all(b"["),
            Format::JsonLines => Ok(()),
            Format::Csv => self.cells(&self.names.clone()),
        }
    }

    fn row(&mut self, records: &Records, row: &Row) -> io::Result<()> {
        let values = records.values(self.collection, row);
        let sight = Sight { hidden: true, email: true };
        let mut values = render::values(self.collection, &row.id, &values, sight);
        if self.format == Format::Csv {
            let cells: Vec<String> = self.names.iter().map(|name| cell(values.get(name))).collect();
            return self.cells(&cells);
        }
        let mut shown = Map::with_capacity(self.names.len());
        for name in &self.names {
            if let Some(value) = values.get_mut(name) {
                shown.insert(name.clone(), value.take());
            }
        }
        if self.format == Format::Json {
            self.out.write_all(if self.is_first { b"\n" } else { b",\n" })?;
        }
        self.is_first = false;
        serde_json::to_writer(&mut self.out, &shown)?;
        if self.format == Format::JsonLines { self.out.write_all(b"\n") } else { Ok(()) }
    }

    fn end(&mut self) -> io::Result<()> {
        if self.format == Format::Json {
            self.out.write_all(b"\n]\n")?;
        }
        self.out.flush()
    }

    fn cells(&mut self, cells: &[String]) -> io::Result<()> {
        let mut writer =
            csv::WriterBuilder::new().flexible(true).buffer_capacity(4096).from_writer(Vec::new());
        writer.write_record(cells)?;
        let line = writer.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
        self.out.write_all(&line)
    }
}

/// A value in a table: texts as they are, everything else as JSON.
fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}
