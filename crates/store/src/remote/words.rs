//! Our own statements on a server: text with typed places, in the words of one of the two kinds.
//!
//! A place is `?t` (text), `?i` (whole number) or `?j` (JSON given as text), and `?r` the table of records that the statement
//! is about. What else differs between the kinds stands in the pairs that [`Kind::either`] chooses from.

use std::sync::Arc;

use memchr::memchr;

use crate::config::Engine;
use crate::dialect::{RECORDS_CLOSE, RECORDS_OPEN, Sql, push_number};
use crate::query::Value;
use crate::row::Table;

/// About what a place is longer in print.
const PLACE_BYTES: usize = 12;

/// The kind of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Postgres,
    MariaDb,
}

impl Kind {
    /// The kind of an engine; `None` of the embedded one.
    pub(crate) fn of(engine: &Engine) -> Option<Kind> {
        match engine {
            Engine::Sqlite => None,
            Engine::Postgres(_) => Some(Kind::Postgres),
            Engine::MariaDb(_) => Some(Kind::MariaDb),
        }
    }

    /// The kind's own of two.
    pub(crate) fn either<T>(self, postgres: T, mariadb: T) -> T {
        match self {
            Kind::Postgres => postgres,
            Kind::MariaDb => mariadb,
        }
    }

    /// A statement with its values, in the order of its places.
    pub(crate) fn sql(self, text: &str, values: Vec<Value>) -> Sql {
        self.printed("", text, values)
    }

    /// The same of a statement about a table of records.
    pub(crate) fn sql_of(self, table: &Table, text: &str, values: Vec<Value>) -> Sql {
        self.printed(table.as_str(), text, values)
    }

    /// Printed anew for each write, so without the machinery of `format!`.
    fn printed(self, table: &str, text: &str, values: Vec<Value>) -> Sql {
        let mut printed = String::with_capacity(text.len() + table.len() + PLACE_BYTES * values.len());
        let (mut rest, mut places) = (text, 0);
        while let Some(at) = memchr(b'?', rest.as_bytes()) {
            let (before, place) = rest.split_at(at);
            printed.push_str(before);
            rest = &place[2..];
            let kind = place.as_bytes()[1];
            if kind == b'r' {
                debug_assert!(!table.is_empty(), "{text} is about a table");
                [RECORDS_OPEN, table, RECORDS_CLOSE].into_iter().for_each(|part| printed.push_str(part));
                continue;
            }
            places += 1;
            if self == Kind::MariaDb {
                printed.push('?');
                continue;
            }
            printed.push('$');
            push_number(&mut printed, places);
            printed.push_str(match kind {
                b't' => "::text",
                b'j' => "::text::json",
                _ => "::bigint",
            });
        }
        printed.push_str(rest);
        debug_assert_eq!(places, values.len(), "{text}");
        Sql { text: printed, values }
    }
}

/// A text to be bound.
pub(super) fn text(text: &str) -> Value {
    Value::Text(Arc::from(text))
}

/// The name of a table of records, quoted.
pub(super) fn quoted(table: &Table) -> String {
    format!("{RECORDS_OPEN}{table}{RECORDS_CLOSE}")
}

/// A name as it stands in SQL.
pub(super) fn name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Records that are looked up by one statement at the most.
pub(super) const LOOK_UP_MAX: usize = 256;
/// Fewer are filled up to one of these, so that there are few different statements.
const LOOK_UP_SIZES: [usize; 3] = [1, 16, LOOK_UP_MAX];

/// Places in brackets and values for ids, filled up with the last one to one of few sizes.
pub(super) fn filled(ids: &[Arc<str>]) -> (String, Vec<Value>) {
    let size = LOOK_UP_SIZES.into_iter().find(|size| *size >= ids.len()).unwrap_or(ids.len());
    let last = ids.last().cloned().unwrap_or_default();
    let values = ids.iter().cloned().chain(std::iter::repeat(last)).take(size).map(Value::Text).collect();
    (texts(size), values)
}

/// So many texts in brackets.
pub(super) fn texts(count: usize) -> String {
    format!("({})", vec!["?t"; count].join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_printed_as_the_server_wants_them() {
        let values = || vec![text("a"), Value::Int(1), text("{}")];
        let of = |kind: Kind| kind.sql("a=?t AND b=?i AND c=?j;", values()).text;
        assert_eq!(of(Kind::Postgres), "a=$1::text AND b=$2::bigint AND c=$3::text::json;");
        assert_eq!(of(Kind::MariaDb), "a=? AND b=? AND c=?;");
    }

    #[test]
    fn a_table_of_records_takes_no_place_and_places_go_on_above_nine() {
        let table = Table::new("bills");
        let values = || vec![Value::Int(0); 101];
        let sql = format!("INSERT INTO ?r VALUES ({})", vec!["?i"; 101].join(","));
        let of = |kind: Kind| kind.sql_of(&table, &sql, values()).text;
        let printed = of(Kind::Postgres);
        assert!(printed.starts_with(r#"INSERT INTO "r_bills" VALUES ($1::bigint,"#), "{printed}");
        assert!(
            printed.contains(",$9::bigint,$10::bigint,") && printed.ends_with(",$101::bigint)"),
            "{printed}"
        );
        assert!(of(Kind::MariaDb).starts_with(r#"INSERT INTO "r_bills" VALUES (?,?"#));
    }
}
