//! A data file: its format, its rows one after another, and the survey of the whole.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::Error;
use super::infer::{Column, Columns};
use super::json::{Elements, Lines};
use super::table::Table;

/// How a file holds its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A list of objects, or an object that has one.
    Json,
    /// An object per line.
    JsonLines,
    /// A table with a row of names on top.
    Csv,
}

/// One row of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The line on which it begins, from 1.
    pub line: u64,
    /// Its values by key, as the file has them.
    pub values: Map<String, Value>,
}

/// A row that can't be taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Bad {
    /// The line on which it begins, from 1.
    pub line: u64,
    /// What is wrong, in one sentence.
    pub why: String,
    /// The row, as far as it could be read.
    pub values: Option<Map<String, Value>>,
}

/// The rows of a file, read as they are asked for. After a [`Bad`] row the next ones follow, if they can be told apart.
pub type Rows = Box<dyn Iterator<Item = io::Result<Result<Row, Bad>>> + Send>;

/// A file of rows.
#[derive(Clone, Debug)]
pub struct Source {
    path: PathBuf,
    format: Format,
    size: u64,
    read: Arc<AtomicU64>,
}

/// What the first pass found.
#[derive(Clone, Debug)]
pub struct Survey {
    /// Rows that could be read.
    pub rows: u64,
    /// Rows that could not.
    pub bad: u64,
    /// The columns in the order of their first appearance.
    pub columns: Vec<Column>,
    /// A hash of the file's bytes.
    pub(super) hash: [u8; 32],
    pub(super) format: Format,
}

/// How often the survey says how far it is, in rows.
const TICK_ROWS: u64 = 500;

impl Source {
    /// A file; its format by its name's end, else by how it begins.
    pub fn open(path: &Path) -> Result<Source, Error> {
        let fault = |source| Error::File { path: path.display().to_string(), source };
        let mut file = File::open(path).map_err(fault)?;
        let size = file.metadata().map_err(fault)?.len();
        let mut head = Vec::new();
        file.by_ref().take(HEAD_BYTES).read_to_end(&mut head).map_err(fault)?;
        if head.starts_with(&[0xFF, 0xFE]) || head.starts_with(&[0xFE, 0xFF]) {
            let shown = path.display();
            let how = format!(
                "{shown} is text in UTF-16; convert it first: iconv -f UTF-16 -t UTF-8 {shown} > new"
            );
            return Err(Error::Refused(how));
        }
        let format = format(path, head.strip_prefix(BOM).unwrap_or(&head));
        Ok(Source { path: path.to_owned(), format, size, read: Arc::default() })
    }

    /// Its format.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// How many bytes of it the present pass has read.
    pub fn bytes_read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Reads the whole file once.
    pub fn survey(&self, tick: &mut dyn FnMut()) -> Result<Survey, Error> {
        let mut columns = Columns::new(self.format);
        let (mut rows, mut bad) = (0, 0);
        for row in self.rows()? {
            match row.map_err(|e| self.fault(e))? {
                Ok(row) => {
                    columns.see(&row.values);
                    rows += 1;
                }
                Err(_) => bad += 1,
            }
            if (rows + bad) % TICK_ROWS == 0 {
                tick();
            }
        }
        let hash = self.hash()?;
        Ok(Survey { rows, bad, columns: columns.finish(), hash, format: self.format })
    }

    /// The rows from the beginning.
    pub fn rows(&self) -> Result<Rows, Error> {
        let file = self.begin()?;
        let rows: Rows = match self.format {
            Format::JsonLines => Box::new(Lines::new(file)),
            Format::Json => Box::new(Elements::new(file)),
            Format::Csv => Box::new(Table::new(file).map_err(|e| self.fault(e))?),
        };
        Ok(rows)
    }

    fn hash(&self) -> Result<[u8; 32], Error> {
        let mut file = File::open(&self.path).map_err(|e| self.fault(e))?;
        let (mut hasher, mut chunk) = (Sha256::new(), vec![0; 1 << 16]);
        loop {
            match file.read(&mut chunk).map_err(|e| self.fault(e))? {
                0 => return Ok(hasher.finalize().into()),
                read => hasher.update(&chunk[..read]),
            }
        }
    }

    fn begin(&self) -> Result<BufReader<Counted>, Error> {
        let mut file = File::open(&self.path).map_err(|e| self.fault(e))?;
        let mut head = [0; 3];
        let has_bom = file.read_exact(&mut head).is_ok() && head == *BOM;
        if !has_bom {
            file.rewind().map_err(|e| self.fault(e))?;
        }
        self.read.store(0, Ordering::Relaxed);
        Ok(BufReader::with_capacity(1 << 16, Counted { file, read: self.read.clone() }))
    }

    pub(super) fn fault(&self, source: io::Error) -> Error {
        Error::File { path: self.path.display().to_string(), source }
    }
}

/// Enough to see how a file begins.
const HEAD_BYTES: u64 = 1 << 16;
const BOM: &[u8; 3] = b"\xEF\xBB\xBF";

fn format(path: &Path, head: &[u8]) -> Format {
    let end = path.extension().and_then(|end| end.to_str()).unwrap_or_default().to_ascii_lowercase();
    match end.as_str() {
        "jsonl" | "ndjson" | "jsonlines" => return Format::JsonLines,
        "csv" | "tsv" => return Format::Csv,
        _ => {}
    }
    let text = head.trim_ascii_start();
    match text.first() {
        Some(b'[') => Format::Json,
        // a whole object on the first line: there is one per line
        Some(b'{') => {
            match text.split(|b| *b == b'\n').next().map(serde_json::from_slice::<Map<String, Value>>) {
                Some(Ok(first)) if !has_list_of_objects(&first) => Format::JsonLines,
                _ => Format::Json,
            }
        }
        _ if end == "json" => Format::Json,
        _ => Format::Csv,
    }
}

fn has_list_of_objects(object: &Map<String, Value>) -> bool {
    object.values().any(|value| value.as_array().and_then(|list| list.first()).is_some_and(Value::is_object))
}

/// A file that counts what was read of it.
#[derive(Debug)]
pub(super) struct Counted {
    file: File,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(into)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// The first line, as far as it is in the reader already; nothing is taken from it.
pub(super) fn first_line(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let head = reader.fill_buf()?;
    Ok(head.split(|b| *b == b'\n').next().unwrap_or_default().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_told_by_the_name_and_else_by_the_beginning() {
        for (name, head, expected) in [
            ("a.jsonl", "", Format::JsonLines),
            ("a.CSV", "[", Format::Csv),
            ("a.json", "[{}]", Format::Json),
            ("a.json", "{\"a\":1}\n{\"a\":2}", Format::JsonLines),
            ("a.json", "{\"items\":[{\"a\":1}]}", Format::Json),
            ("a.json", "{\n  \"items\": [", Format::Json),
            ("a", "  [", Format::Json),
            ("a", "name,age\n", Format::Csv),
        ] {
            assert_eq!(format(Path::new(name), head.as_bytes()), expected, "{name} {head}");
        }
    }
}
