//! Rows in a table: CSV with a row of names on top, split by commas, semicolons or tabs.

use std::io::{self, BufRead};

use csv::{ByteRecord, Reader, ReaderBuilder};
use serde_json::{Map, Value};

use super::source::{Bad, Row, first_line};

/// A table's rows.
pub(super) struct Table<R> {
    reader: Reader<R>,
    names: Vec<String>,
    record: ByteRecord,
}

impl<R: BufRead> Table<R> {
    /// Reads the names.
    pub(super) fn new(mut reader: R) -> io::Result<Table<R>> {
        let delimiter = delimiter(&first_line(&mut reader)?);
        let mut reader =
            ReaderBuilder::new().delimiter(delimiter).flexible(true).has_headers(false).from_reader(reader);
        let mut record = ByteRecord::new();
        reader.read_byte_record(&mut record)?;
        let names = record.iter().enumerate().map(|(place, name)| {
            let name = String::from_utf8_lossy(name).trim().to_owned();
            if name.is_empty() { format!("column {}", place + 1) } else { name }
        });
        let names = distinct(names.collect());
        Ok(Table { reader, names, record })
    }

    fn row(&self, line: u64) -> Result<Row, Bad> {
        let mut values = Map::with_capacity(self.names.len());
        for (name, cell) in self.names.iter().zip(&self.record) {
            let Ok(text) = std::str::from_utf8(cell) else {
                let hint = "for Korean from a spreadsheet: iconv -f CP949 -t UTF-8 FILE > NEW";
                return Err(Bad {
                    line,
                    why: format!("`{name}` is not text in UTF-8 ({hint})"),
                    values: None,
                });
            };
            values.insert(name.clone(), Value::from(text));
        }
        if self.record.len() == self.names.len() {
            return Ok(Row { line, values });
        }
        let why =
            format!("the row has {} cells, and there are {} names", self.record.len(), self.names.len());
        Err(Bad { line, why, values: Some(values) })
    }
}

impl<R: BufRead> Iterator for Table<R> {
    type Item = io::Result<Result<Row, Bad>>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.reader.read_byte_record(&mut self.record) {
            Ok(false) => None,
            Ok(true) => {
                let line = self.record.position().map_or(0, csv::Position::line);
                Some(Ok(self.row(line)))
            }
            Err(error) => Some(Err(error.into())),
        }
    }
}

/// What stands most often between the names.
fn delimiter(line: &[u8]) -> u8 {
    let count = |delimiter: u8| {
        let mut in_quotes = false;
        line.iter()
            .filter(|b| {
                in_quotes ^= **b == b'"';
                **b == delimiter && !in_quotes
            })
            .count()
    };
    [b';', b'\t', b','].into_iter().max_by_key(|delimiter| count(*delimiter)).unwrap_or(b',')
}

/// A name that comes again gets a number.
fn distinct(names: Vec<String>) -> Vec<String> {
    let mut taken: Vec<String> = Vec::with_capacity(names.len());
    for name in names {
        let mut next = name.clone();
        let mut number = 2;
        while taken.contains(&next) {
            next = format!("{name} {number}");
            number += 1;
        }
        taken.push(next);
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let told: Vec<String> = Table::new(text.as_bytes())
            .expect("names")
            .map(|row| match row.expect("reads") {
                Ok(row) => format!("{}: {}", row.line, Value::Object(row.values)),
                Err(bad) => format!("{}: bad: {}", bad.line, bad.why),
            })
            .collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn quoted_cells_may_hold_commas_quotes_and_lines() {
        check(
            "a,\"b\"\n1,\"x, \"\"y\"\"\n온돌\"\n2,\n",
            &[r#"2: {"a":"1","b":"x, \"y\"\n온돌"}"#, r#"4: {"a":"2","b":""}"#],
        );
    }

    #[test]
    fn tabs_and_semicolons_split_too() {
        check("a;b;c,d\n1;2;3\n", &[r#"2: {"a":"1","b":"2","c,d":"3"}"#]);
        check("a\tb\n1\t2\n", &[r#"2: {"a":"1","b":"2"}"#]);
    }

    #[test]
    fn a_row_of_another_length_is_bad_and_the_next_is_not() {
        check(
            "a,b\n1\n1,2,3\n1,2\n",
            &[
                "2: bad: the row has 1 cells, and there are 2 names",
                "3: bad: the row has 3 cells, and there are 2 names",
                r#"4: {"a":"1","b":"2"}"#,
            ],
        );
    }

    #[test]
    fn names_that_are_missing_or_doubled_are_made_up() {
        check("a,,a\n1,2,3\n", &[r#"2: {"a":"1","column 2":"2","a 2":"3"}"#]);
    }
}
