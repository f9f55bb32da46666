//! A service file as written: tables of rooms, and every fault with its line.

use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::keys::keys;
use crate::failure::Failure;

/// Reads one file table by table and gathers what is wrong.
pub(super) struct Reader<'a> {
    name: &'a str,
    text: &'a str,
    root: DeTable<'a>,
    faults: Vec<(usize, String)>,
}

impl<'a> Reader<'a> {
    /// Parses the text; faults of the syntax are kept for [`Reader::finish`].
    pub(super) fn new(name: &'a str, text: &'a str) -> Reader<'a> {
        let (root, errors) = DeTable::parse_recoverable(text);
        let mut reader = Reader { name, text, root: root.into_inner(), faults: Vec::new() };
        for error in errors {
            let at = error.span().unwrap_or(0..0);
            reader.fault(&at, error.message().replace('\n', ", "));
        }
        reader
    }

    /// The keys above all tables; tables that are no room are faults.
    pub(super) fn top<T: DeserializeOwned + Default>(&mut self, rooms: &[&str]) -> T {
        let mut own = DeTable::new();
        let root = std::mem::take(&mut self.root);
        for (key, value) in &root {
            let is_room = rooms.contains(&key.get_ref().as_ref());
            match (is_room, value.get_ref().is_table()) {
                (true, true) => {}
                (true, false) => {
                    self.fault(&key.span(), format!("`{0}` is a table: write [{0}]", key.get_ref()))
                }
                (false, true) => {
                    let hint = match nearest(key.get_ref(), rooms) {
                        Some(word) => format!("did you mean [{word}]?"),
                        None => format!("there are [{}]", rooms.join("], [")),
                    };
                    self.fault(&key.span(), format!("unknown table [{}]; {hint}", key.get_ref()));
                }
                (false, false) => {
                    own.insert(key.clone(), value.clone());
                }
            }
        }
        self.root = root;
        self.section("", &own)
    }

    /// A room's settings; the defaults when the file doesn't name it.
    pub(super) fn room<T: DeserializeOwned + Default>(&mut self, room: &str) -> T {
        let table = self.root.get(room).and_then(|value| value.get_ref().as_table()).cloned();
        table.map_or_else(T::default, |table| self.section(room, &table))
    }

    /// Every fault, in the order of the lines.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        if self.faults.is_empty() {
            return Ok(());
        }
        self.faults.sort_by_key(|(line, _)| *line);
        let lines = self.faults.iter().map(|(line, what)| format!("{}:{line}: {what}", self.name)).collect();
        Err(Failure { lines, code: 2 })
    }

    /// Reads each key alone first, so that one fault doesn't hide the next.
    fn section<T: DeserializeOwned + Default>(&mut self, room: &str, table: &DeTable<'a>) -> T {
        let known = keys::<T>();
        let place = if room.is_empty() { String::new() } else { format!(" in [{room}]") };
        let mut good = DeTable::new();
        for (key, value) in table {
            let word = key.get_ref().as_ref();
            if !known.contains(&word) {
                let hint = match nearest(word, known) {
                    Some(word) => format!("did you mean `{word}`?"),
                    None => format!("it knows {}", known.join(", ")),
                };
                self.fault(&key.span(), format!("unknown key `{word}`{place}; {hint}"));
                continue;
            }
            let alone = DeTable::from_iter([(key.clone(), value.clone())]);
            match read::<T>(alone) {
                Ok(_) => {
                    good.insert(key.clone(), value.clone());
                }
                Err(error) => {
                    let what = error.message().trim_end().replace('\n', ", ");
                    self.fault(&value.span(), format!("`{word}`{place}: {what}"));
                }
            }
        }
        read(good).unwrap_or_default()
    }

    fn fault(&mut self, at: &Range<usize>, what: String) {
        let before = &self.text.as_bytes()[..at.start.min(self.text.len())];
        let line = 1 + before.iter().filter(|b| **b == b'\n').count();
        self.faults.push((line, what));
    }
}

fn read<T: DeserializeOwned>(table: DeTable<'_>) -> Result<T, toml::de::Error> {
    T::deserialize(ValueDeserializer::from(Spanned::new(0..0, DeValue::Table(table))))
}

/// The word that was probably meant.
pub(crate) fn nearest<'w>(word: &str, words: &[&'w str]) -> Option<&'w str> {
    let likeness = |known: &str| strsim::jaro_winkler(&word.to_lowercase(), known);
    let best = words.iter().copied().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) > 0.8).then_some(best)
}
