//! Rows in JSON: an object per line, or the elements of one list, told apart before they are parsed, so that a broken one
//! is reported with its line and the next ones still come.

use std::io::{self, BufRead};

use serde_json::{Map, Value};

use super::source::{Bad, Row};

/// Bytes of one row.
const ROW_BYTES_MAX: usize = 16 << 20;

/// An object per line. Empty lines are passed over.
pub(super) struct Lines<R> {
    reader: R,
    line: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R) -> Lines<R> {
        Lines { reader, line: 0 }
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = io::Result<Result<Row, Bad>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let mut text = Vec::new();
            match read_line(&mut self.reader, &mut text) {
                Ok(0) => return None,
                Ok(_) => self.line += 1,
                Err(error) => return Some(Err(error)),
            }
            if !text.trim_ascii().is_empty() {
                return Some(Ok(parse(self.line, &text)));
            }
        }
    }
}

/// Reads a line, of which no more than one byte above the limit is kept; gives the bytes that it had.
fn read_line(reader: &mut impl BufRead, text: &mut Vec<u8>) -> io::Result<usize> {
    let mut seen = 0;
    loop {
        let chunk = reader.fill_buf()?;
        let end = chunk.iter().position(|b| *b == b'\n').map(|at| at + 1);
        let part = &chunk[..end.unwrap_or(chunk.len())];
        let room = (ROW_BYTES_MAX + 1).saturating_sub(text.len());
        text.extend_from_slice(&part[..part.len().min(room)]);
        let used = part.len();
        reader.consume(used);
        seen += used;
        if used == 0 || end.is_some() {
            return Ok(seen);
        }
    }
}

/// The elements of a list: of the file's own, or of the first list of objects in the file's object.
pub(super) struct Elements<R> {
    reader: R,
    peeked: Option<u8>,
    line: u64,
    is_begun: bool,
    is_done: bool,
}

/// Why the list can't be followed any further.
enum Lost {
    Io(io::Error),
    Broken(String),
}

impl From<io::Error> for Lost {
    fn from(error: io::Error) -> Lost {
        Lost::Io(error)
    }
}

impl<R: BufRead> Iterator for Elements<R> {
    type Item = io::Result<Result<Row, Bad>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        match self.element() {
            Ok(Some((line, text))) => Some(Ok(parse(line, &text))),
            Ok(None) => {
                self.is_done = true;
                None
            }
            Err(lost) => {
                self.is_done = true;
                Some(match lost {
                    Lost::Io(error) => Err(error),
                    Lost::Broken(why) => {
                        let why = format!("{why}; nothing after this line could be read");
                        Ok(Err(Bad { line: self.line, why, values: None }))
                    }
                })
            }
        }
    }
}

impl<R: BufRead> Elements<R> {
    pub(super) fn new(reader: R) -> Elements<R> {
        Elements { reader, peeked: None, line: 1, is_begun: false, is_done: false }
    }

    /// The next element's line and text.
    fn element(&mut self) -> Result<Option<(u64, Vec<u8>)>, Lost> {
        if !self.is_begun {
            self.is_begun = true;
            self.begin()?;
        } else {
            match self.solid()? {
                Some(b',') => {}
                Some(b']') => return Ok(None),
                Some(other) => {
                    return Err(broken(&format!("`,` or `]` is missing before `{}`", char::from(other))));
                }
                None => return Err(broken("the file ends within its list")),
            }
        }
        match self.solid()? {
            Some(b']') => Ok(None),
            Some(first) => {
                let line = self.line;
                let mut text = Vec::new();
                self.value(first, Some(&mut text))?;
                Ok(Some((line, text)))
            }
            None => Err(broken("the file ends within its list")),
        }
    }

    /// Goes to the inside of the list.
    fn begin(&mut self) -> Result<(), Lost> {
        match self.solid()? {
            Some(b'[') => Ok(()),
            Some(b'{') => self.find_list(),
            _ => Err(broken("the file is no JSON: it begins with neither `[` nor `{`")),
        }
    }

    /// Passes over an object's values until one is a list that begins with an object.
    fn find_list(&mut self) -> Result<(), Lost> {
        loop {
            match self.solid()? {
                Some(b'"') => self.value(b'"', None)?,
                Some(b',') => continue,
                _ => return Err(broken("there is no list of objects in the file")),
            }
            if self.solid()? != Some(b':') {
                return Err(broken("`:` is missing after a key"));
            }
            match self.solid()? {
                Some(b'[') => match self.solid()? {
                    Some(b'{') => {
                        self.peeked = Some(b'{');
                        return Ok(());
                    }
                    Some(b']') => {}
                    Some(first) => self.rest(first, 1, None)?,
                    None => return Err(broken("the file ends within a list")),
                },
                Some(first) => self.value(first, None)?,
                None => return Err(broken("the file ends within its object")),
            }
        }
    }

    /// Reads the value that begins with `first` into `text`, or over it.
    fn value(&mut self, first: u8, text: Option<&mut Vec<u8>>) -> Result<(), Lost> {
        self.rest(first, 0, text)
    }

    /// Reads from `first` on until as many brackets have closed as are open.
    fn rest(&mut self, first: u8, mut depth: usize, mut text: Option<&mut Vec<u8>>) -> Result<(), Lost> {
        let (mut byte, mut in_text, mut is_escaped) = (first, false, false);
        loop {
            if let Some(text) = text.as_deref_mut().filter(|text| text.len() <= ROW_BYTES_MAX) {
                text.push(byte);
            }
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' if in_text => is_escaped = true,
                b'"' => in_text = !in_text,
                b'{' | b'[' if !in_text => depth += 1,
                b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
                _ => {}
            }
            let is_scalar = !in_text && depth == 0 && !matches!(byte, b'"' | b'}' | b']');
            if !in_text && depth == 0 && !is_scalar {
                return Ok(());
            }
            match self.byte()? {
                Some(end @ (b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t')) if is_scalar => {
                    self.peeked = Some(end);
                    return Ok(());
                }
                Some(next) => byte = next,
                None if is_scalar => return Ok(()),
                None => return Err(broken("the file ends within a value")),
            }
        }
    }

    /// The next byte that is no white space.
    fn solid(&mut self) -> io::Result<Option<u8>> {
        loop {
            match self.byte()? {
                Some(b' ' | b'\t' | b'\r' | b'\n') => {}
                other => return Ok(other),
            }
        }
    }

    fn byte(&mut self) -> io::Result<Option<u8>> {
        if let Some(byte) = self.peeked.take() {
            return Ok(Some(byte));
        }
        let Some(byte) = self.reader.fill_buf()?.first().copied() else { return Ok(None) };
        self.reader.consume(1);
        self.line += u64::from(byte == b'\n');
        Ok(Some(byte))
    }
}

fn broken(why: &str) -> Lost {
    Lost::Broken(why.to_owned())
}

fn parse(line: u64, text: &[u8]) -> Result<Row, Bad> {
    let bad = |why: String| Err(Bad { line, why, values: None });
    if text.len() > ROW_BYTES_MAX {
        return bad(format!("the row is larger than {}", base::unit::Bytes(ROW_BYTES_MAX as u64)));
    }
    if std::str::from_utf8(text).is_err() {
        return bad("the row is not text in UTF-8".to_owned());
    }
    match serde_json::from_slice::<Value>(text) {
        Ok(Value::Object(values)) => Ok(Row { line, values: clean(values) }),
        Ok(other) => bad(format!("the row is no object but {}", what(&other))),
        Err(error) => bad(format!("the row is no JSON: {error}")),
    }
}

/// A null says no more than a key that isn't there.
fn clean(values: Map<String, Value>) -> Map<String, Value> {
    if values.values().any(Value::is_null) {
        values.into_iter().filter(|(_, v)| !v.is_null()).collect()
    } else {
        values
    }
}

/// What a value is, for a sentence.
pub(super) fn what(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rows: impl Iterator<Item = io::Result<Result<Row, Bad>>>, expected: &[&str]) {
        let told: Vec<String> = rows
            .map(|row| match row.expect("reads") {
                Ok(row) => format!("{}: {}", row.line, Value::Object(row.values)),
                Err(bad) => format!("{}: bad: {}", bad.line, bad.why),
            })
            .collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn a_list_is_read_element_by_element_whatever_is_in_its_texts() {
        let text =
            "[\n {\"a\": \"]}\\\"[\", \"b\": [1, {\"c\": null}]},\n\n {\"a\": \"온돌\", \"n\": null}\n]";
        check(
            Elements::new(text.as_bytes()),
            &[r#"2: {"a":"]}\"[","b":[1,{"c":null}]}"#, r#"4: {"a":"온돌"}"#],
        );
        check(Elements::new("[]".as_bytes()), &[]);
    }

    #[test]
    fn a_list_inside_an_object_is_found() {
        let text = r#"{"page": 1, "x": [], "tags": ["a", ["b"]], "meta": {"n": [1]}, "items": [{"a": 1}, {"a": 2}], "z": 0}"#;
        check(Elements::new(text.as_bytes()), &[r#"1: {"a":1}"#, r#"1: {"a":2}"#]);
    }

    #[test]
    fn a_bad_element_does_not_stop_the_next() {
        check(
            Elements::new("[{\"a\": x},\n7,\n{\"a\": 1}]".as_bytes()),
            &[
                "1: bad: the row is no JSON: expected value at line 1 column 7",
                "2: bad: the row is no object but a number",
                r#"3: {"a":1}"#,
            ],
        );
    }

    #[test]
    fn a_list_that_ends_too_early_is_told_and_never_silent() {
        check(
            Elements::new("[{\"a\": 1},\n{\"a\": ".as_bytes()),
            &[r#"1: {"a":1}"#, "2: bad: the file ends within a value; nothing after this line could be read"],
        );
        check(
            Elements::new("[{\"a\": 1} {\"a\": 2}]".as_bytes()),
            &[
                r#"1: {"a":1}"#,
                "1: bad: `,` or `]` is missing before `{`; nothing after this line could be read",
            ],
        );
        check(
            Elements::new("{\"a\": 1}".as_bytes()),
            &["1: bad: there is no list of objects in the file; nothing after this line could be read"],
        );
    }

    #[test]
    fn lines_are_rows_and_empty_ones_are_none() {
        check(
            Lines::new("{\"a\":1}\r\n\n{\"a\"\n[1]\n{\"a\":2}".as_bytes()),
            &[
                r#"1: {"a":1}"#,
                "3: bad: the row is no JSON: EOF while parsing an object at line 2 column 0",
                "4: bad: the row is no object but a list",
                r#"5: {"a":2}"#,
            ],
        );
    }
}
