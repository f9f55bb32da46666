//! What fields the values of a file need: decided from every value, never from a sample.
//!
//! A kind is only taken when it loses nothing: texts of a table become numbers when every row has one that is written as
//! a number writes itself (no leading zeros, no empty cells), dates, addresses and links when every text that isn't empty
//! is one, and what differs from row to row, or has an inside, stays JSON. In JSON the file says itself what is a number.
//!
//! Invariant: no I/O, no clock.

use std::collections::HashMap;

use base::time::Timestamp;
use records::core::field::{JSON_BYTES_MAX, TEXT_MAX};
use serde_json::{Map, Value, json};

use super::source::Format;

/// One column of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its key, as the file has it.
    pub key: String,
    /// The kind of field that holds all its values, as the wire calls it.
    pub kind: &'static str,
    /// Rows that have a value.
    pub filled: u64,
    longest_text: u64,
    longest_json: u64,
}

impl Column {
    /// A field for it, as the wire has it.
    pub(super) fn field(&self, name: &str) -> Value {
        let mut field = json!({ "name": name, "type": self.kind });
        match self.kind {
            "text" if self.longest_text > TEXT_MAX => field["max"] = (self.longest_text * 2).into(),
            "json" if self.longest_json > JSON_BYTES_MAX => field["maxSize"] = (self.longest_json * 2).into(),
            _ => {}
        }
        field
    }
}

/// Gathers what all values of all columns have in common.
pub(super) struct Columns {
    is_table: bool,
    rows: u64,
    places: HashMap<String, usize>,
    in_order: Vec<(String, Seen)>,
}

impl Columns {
    pub(super) fn new(format: Format) -> Columns {
        Columns { is_table: format == Format::Csv, rows: 0, places: HashMap::new(), in_order: Vec::new() }
    }

    /// Looks at a row.
    pub(super) fn see(&mut self, values: &Map<String, Value>) {
        self.rows += 1;
        for (key, value) in values {
            let place = match self.places.get(key) {
                Some(place) => *place,
                None => {
                    self.in_order.push((key.clone(), Seen::default()));
                    self.places.insert(key.clone(), self.in_order.len() - 1);
                    self.in_order.len() - 1
                }
            };
            self.in_order[place].1.see(value);
        }
    }

    /// The columns with their kinds.
    pub(super) fn finish(self) -> Vec<Column> {
        let (is_table, rows) = (self.is_table, self.rows);
        let column = |(key, seen): (String, Seen)| Column {
            kind: seen.kind(is_table, rows),
            filled: seen.count - seen.empty,
            longest_text: seen.longest_text,
            longest_json: seen.longest_json,
            key,
        };
        self.in_order.into_iter().map(column).collect()
    }
}

/// What the values of one column are like.
#[derive(Debug)]
struct Seen {
    count: u64,
    empty: u64,
    truths: u64,
    numbers: u64,
    texts: u64,
    others: u64,
    texts_are: Alike,
    decimals: Option<usize>,
    longest_text: u64,
    longest_json: u64,
}

/// What all texts so far are.
#[derive(Clone, Copy, Debug)]
struct Alike {
    numbers: bool,
    shortest_numbers: bool,
    same_decimals: bool,
    truths: bool,
    dates: bool,
    emails: bool,
    links: bool,
    json: bool,
}

impl Default for Seen {
    fn default() -> Seen {
        let all = Alike {
            numbers: true,
            shortest_numbers: true,
            same_decimals: true,
            truths: true,
            dates: true,
            emails: true,
            links: true,
            json: true,
        };
        Seen {
            count: 0,
            empty: 0,
            truths: 0,
            numbers: 0,
            texts: 0,
            others: 0,
            texts_are: all,
            decimals: None,
            longest_text: 0,
            longest_json: 0,
        }
    }
}

impl Seen {
    fn see(&mut self, value: &Value) {
        self.count += 1;
        match value {
            Value::Null => self.count -= 1,
            Value::Bool(_) => self.truths += 1,
            Value::Number(number) if number.as_f64().is_some_and(|n| is_exact(&number.to_string(), n)) => {
                self.numbers += 1
            }
            Value::Number(_) => self.others += 1,
            Value::String(text) => self.see_text(text),
            Value::Array(_) | Value::Object(_) => {
                self.others += 1;
                self.longest_json = self.longest_json.max(value.to_string().len() as u64);
            }
        }
    }

    fn see_text(&mut self, text: &str) {
        self.texts += 1;
        self.longest_text = self.longest_text.max(text.chars().count() as u64);
        self.longest_json = self.longest_json.max(text.len() as u64 * 2 + 2);
        if text.is_empty() {
            self.empty += 1;
            return;
        }
        let is = &mut self.texts_are;
        if is.numbers {
            let decimals = text.split_once('.').map_or(0, |(_, after)| after.len());
            is.numbers = is_number(text);
            is.shortest_numbers &= text.parse::<f64>().is_ok_and(|n| n.to_string() == text);
            is.same_decimals &= *self.decimals.get_or_insert(decimals) == decimals;
        }
        is.truths &= matches!(text, "true" | "false");
        is.dates &= text.len() <= 40 && Timestamp::parse(text).is_some();
        is.emails &= is_email(text);
        is.links &= is_link(text);
        is.json &= text.starts_with(['{', '[']) && serde_json::from_str::<Value>(text).is_ok();
    }

    fn kind(&self, is_table: bool, rows: u64) -> &'static str {
        let (count, is) = (self.count, self.texts_are);
        let is_whole = self.empty == 0 && count == rows;
        match () {
            () if count == 0 => "text",
            () if self.truths == count => "bool",
            () if self.numbers == count => "number",
            () if self.texts != count => "json",
            () if self.empty == count => "text",
            () if is_table && is_whole && is.numbers && (is.shortest_numbers || is.same_decimals) => "number",
            () if is_table && is_whole && is.truths => "bool",
            () if is.dates => "date",
            () if is.emails => "email",
            () if is.links => "url",
            () if is_table && is.json => "json",
            () => "text",
        }
    }
}

/// A number as it writes itself, and exact: no leading zeros or plus, no exponent, at most 15 digits.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let leads_with_zero = whole.len() > 1 && whole.starts_with('0');
    is_digits(whole) && is_digits(fraction) && !leads_with_zero && digits.len() <= 16 && text != "-0"
}

/// A number of JSON that a number field keeps as it is.
fn is_exact(text: &str, number: f64) -> bool {
    number.abs() <= 9_007_199_254_740_992.0 || text.contains(['.', 'e', 'E'])
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
    !local.is_empty()
        && local.len() <= 64
        && local.chars().all(is_plain)
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && domain.len() <= 253
        && domain.contains('.')
        && domain
            .split('.')
            .all(|l| !l.is_empty() && l.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'))
        && domain.split('.').all(|l| !l.starts_with('-') && !l.ends_with('-'))
}

fn is_link(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_host = |host: &str| {
        host.contains('.') && host.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c))
    };
    rest.is_some_and(|rest| {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        is_host(host) && text.len() <= 2000 && text.bytes().all(|b| b.is_ascii_graphic())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(format: Format, values: &[Value]) -> &'static str {
        let mut columns = Columns::new(format);
        for value in values {
            let row =
                if value.is_null() { Map::new() } else { Map::from_iter([("a".to_owned(), value.clone())]) };
            columns.see(&row);
        }
        columns.finish().first().map_or("none", |column| column.kind)
    }

    fn table(cells: &[&str]) -> &'static str {
        kind(Format::Csv, &cells.iter().map(|cell| json!(cell)).collect::<Vec<_>>())
    }

    #[test]
    fn cells_of_a_table_become_what_they_are_when_that_loses_nothing() {
        for (cells, kind) in [
            (&["1", "20", "-3"][..], "number"),
            (&["1.5", "0.25"], "number"),
            (&["28.10", "3.00"], "number"),
            (&["1.9", "1.10"], "text"),
            (&["007", "12"], "text"),
            (&["1", ""], "text"),
            (&["1", "x"], "text"),
            (&["1e5", "2"], "text"),
            (&["12345678901234567890", "1"], "text"),
            (&["true", "false"], "bool"),
            (&["true", ""], "text"),
            (&["2012-05-30", ""], "date"),
            (&["2012-05-30", "soon"], "text"),
            (&["a@example.com", "b.c@d.kr"], "email"),
            (&["https://a.example/x?y=1"], "url"),
            (&["[1, 2]", "{\"a\": 1}"], "json"),
            (&["", ""], "text"),
            (&["의원", "정부"], "text"),
        ] {
            assert_eq!(table(cells), kind, "{cells:?}");
        }
    }

    #[test]
    fn json_says_itself_what_is_a_number() {
        for (values, kind) in [
            (vec![json!(1), json!(2.5), Value::Null], "number"),
            (vec![json!("1"), json!("2")], "text"),
            (vec![json!(true), json!(false)], "bool"),
            (vec![json!(1), json!("1")], "json"),
            (vec![json!(["a"]), json!("b")], "json"),
            (vec![json!({ "a": 1 })], "json"),
            (vec![json!(12_345_678_901_234_567_890_u64)], "json"),
            (vec![json!("2014-03-07"), Value::Null], "date"),
        ] {
            assert_eq!(super::tests::kind(Format::JsonLines, &values), kind, "{values:?}");
        }
    }

    #[test]
    fn a_text_longer_than_usual_gets_room() {
        let mut columns = Columns::new(Format::Json);
        columns.see(&Map::from_iter([("a".to_owned(), json!("온".repeat(6000)))]));
        assert_eq!(columns.finish()[0].field("a"), json!({ "name": "a", "type": "text", "max": 12_000 }));
    }
}
