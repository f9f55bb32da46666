//! A service file as written: tables of rooms, and every fault with its line.

use std::ops::Range;
use std::path::Path;

use base::secret::Secret;
use base::word::{keys, nearest};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::secret;
use crate::failure::Failure;
use crate::topology::core::{WrittenRole, WrittenSite};

/// Reads one file table by table and gathers what is wrong.
pub(super) struct Reader<'a> {
    name: &'a str,
    text: &'a str,
    root: DeTable<'a>,
    faults: Vec<(usize, String)>,
    advice: Vec<(usize, String)>,
    /// Rooms and keys whose values could not be read.
    faulty: Vec<(String, String)>,
}

/// Where a table of a list stands, and its keys.
pub(super) struct Listed {
    at: Range<usize>,
    keys: Vec<(String, Range<usize>)>,
}

/// The key under which a room has its secret.
const SECRET: &str = "secret";

impl<'a> Reader<'a> {
    /// Parses the text; faults of the syntax are kept for [`Reader::finish`].
    pub(super) fn new(name: &'a str, text: &'a str) -> Reader<'a> {
        let (root, errors) = DeTable::parse_recoverable(text);
        let mut reader = Reader {
            name,
            text,
            root: root.into_inner(),
            faults: Vec::new(),
            advice: Vec::new(),
            faulty: Vec::new(),
        };
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

    /// Takes out the tables that are sites, in the order of the file: those that are no room, unless one looks like a room
    /// and has no role in it.
    pub(super) fn sites(
        &mut self,
        rooms: &[&str],
        reserved: &[&str],
        is_role: impl Fn(&str) -> bool,
    ) -> Vec<WrittenSite> {
        let mut sites = Vec::new();
        for (key, value) in std::mem::take(&mut self.root) {
            let name = key.get_ref().as_ref();
            let table = value.get_ref().as_table();
            let has_role = || table.is_some_and(|table| table.keys().any(|key| is_role(key.get_ref())));
            match table {
                Some(_) if reserved.contains(&name) => {
                    let what = format!(
                        "[{name}] is kept for a room and can't be a site's name; call the site otherwise"
                    );
                    self.fault(&key.span(), what);
                }
                Some(table) if !rooms.contains(&name) && (has_role() || nearest(name, rooms).is_none()) => {
                    sites.push(self.site(name, key.span(), table));
                }
                _ => {
                    self.root.insert(key, value);
                }
            }
        }
        sites.sort_by_key(|site| site.at.start);
        sites
    }

    fn site(&mut self, name: &str, at: Range<usize>, table: &DeTable<'a>) -> WrittenSite {
        let mut keys = Vec::new();
        for (key, value) in table {
            let mut addresses = Vec::new();
            let mut is_well = true;
            match value.get_ref() {
                DeValue::String(address) => addresses.push((address.to_string(), value.span())),
                DeValue::Array(list) if !list.is_empty() => {
                    for item in list {
                        match item.get_ref() {
                            DeValue::String(address) => addresses.push((address.to_string(), item.span())),
                            _ => is_well = false,
                        }
                    }
                }
                _ => is_well = false,
            }
            if !is_well {
                let what = format!("`{}` in [{name}] is an address or a list of them", key.get_ref());
                self.fault(&value.span(), what);
            }
            keys.push(WrittenRole { word: key.get_ref().to_string(), at: key.span(), addresses });
        }
        keys.sort_by_key(|key| key.at.start);
        WrittenSite { name: name.to_owned(), at, keys }
    }

    /// Where a key above all tables stands.
    pub(super) fn place(&self, key: &str) -> Range<usize> {
        self.root.get_key_value(key).map_or(0..0, |(key, _)| key.span())
    }

    /// A fault at a place that was asked for before.
    pub(super) fn blame_place(&mut self, at: &Range<usize>, what: String) {
        self.fault(at, what);
    }

    /// A room's settings; the defaults when the file doesn't name it.
    pub(super) fn room<T: DeserializeOwned + Default>(&mut self, room: &str) -> T {
        let table = self.root.get(room).and_then(|value| value.get_ref().as_table()).cloned();
        table.map_or_else(T::default, |table| self.section(room, &table))
    }

    /// The tables inside a room that is a table of names: each with its secret apart, which may lie in a file.
    pub(super) fn named(&mut self, room: &str) -> Vec<(String, toml::Table, Option<Secret>)> {
        let tables = self.root.get(room).and_then(|value| value.get_ref().as_table()).cloned();
        let mut named = Vec::new();
        for (name, value) in tables.into_iter().flatten() {
            let Some(mut table) = value.get_ref().as_table().cloned() else {
                self.fault(
                    &name.span(),
                    format!("`{0}` in [{room}] is a table: write [{room}.{0}]", name.get_ref()),
                );
                continue;
            };
            let secret = table.remove(SECRET).and_then(|value| self.secret(&value));
            match read::<toml::Table>(table) {
                Ok(table) => named.push((name.get_ref().to_string(), table, secret)),
                Err(error) => {
                    self.fault(&name.span(), format!("[{room}.{}]: {}", name.get_ref(), error.message()))
                }
            }
        }
        named
    }

    /// The tables inside a room that is a table of names, each read as a room is; faults are of `[ROOM.NAME]`.
    pub(super) fn rooms<T: DeserializeOwned + Default>(&mut self, room: &str) -> Vec<(String, T)> {
        let tables = self.root.get(room).and_then(|value| value.get_ref().as_table()).cloned();
        let mut found = Vec::new();
        for (name, value) in tables.into_iter().flatten() {
            let name_of = name.get_ref().to_string();
            match value.get_ref().as_table() {
                Some(table) => {
                    found.push((name_of.clone(), self.section(&format!("{room}.{name_of}"), table)))
                }
                None => {
                    let what = format!("`{name_of}` in [{room}] is a table: write [{room}.{name_of}]");
                    self.fault(&name.span(), what);
                }
            }
        }
        found
    }

    /// Takes a list of tables out of a room, `[[ROOM.KEY]]`: each of them by itself, with where it stands.
    pub(super) fn list<T: DeserializeOwned + Default>(&mut self, room: &str, key: &str) -> Vec<(T, Listed)> {
        let taken = match self.root.get_mut(room).map(Spanned::get_mut) {
            Some(DeValue::Table(table)) => table.remove(key),
            _ => None,
        };
        let Some(taken) = taken else { return Vec::new() };
        let place = format!("[{room}.{key}]");
        let mut found = Vec::new();
        for item in taken.get_ref().as_array().into_iter().flatten() {
            let Some(table) = item.get_ref().as_table() else {
                self.fault(&item.span(), format!("`{key}` in [{room}] is a list of tables: write [{place}]"));
                continue;
            };
            let keys = table.keys().map(|key| (key.get_ref().to_string(), key.span())).collect();
            found.push((self.section(&place, table), Listed { at: item.span(), keys }));
        }
        if taken.get_ref().as_array().is_none() {
            self.fault(&taken.span(), format!("`{key}` in [{room}] is a list of tables: write [{place}]"));
        }
        found
    }

    /// A fault of a key of one table of a list, unless its value could not be read.
    pub(super) fn blame_listed(&mut self, list: (&str, &str), table: &Listed, key: &str, what: &str) {
        let place = format!("[{}.{}]", list.0, list.1);
        if self.is_faulty(&place, key) {
            return;
        }
        let at = table.keys.iter().find(|(name, _)| name == key).map_or(&table.at, |(_, at)| at).clone();
        self.fault(&at, format!("`{key}` in [{place}]: {what}"));
    }

    fn secret(&mut self, written: &Spanned<DeValue<'a>>) -> Option<Secret> {
        let value = secret::grounded(written.get_ref(), self.folder());
        if let Some(what) = secret::exposure(&value, Path::new(self.name)) {
            self.advice.push((self.line(&written.span()), what));
        }
        let value = Spanned::new(written.span(), value);
        match secret::Written::<1>::deserialize(ValueDeserializer::from(value)) {
            Ok(secret) => secret.0,
            Err(error) => {
                self.fault(&written.span(), format!("`{SECRET}`: {}", error.message()));
                None
            }
        }
    }

    /// Whether the file names a room.
    pub(super) fn has(&self, room: &str) -> bool {
        self.root.contains_key(room)
    }

    /// Whether the file has a key in a room.
    pub(super) fn says(&self, room: &str, key: &str) -> bool {
        let table = self.root.get(room).and_then(|value| value.get_ref().as_table());
        table.is_some_and(|table| table.contains_key(key))
    }

    /// A fault of a key that fits badly to others, or that is missing.
    pub(super) fn blame(&mut self, room: &str, key: &str, what: String) {
        let found = self.root.get_key_value(room).map(|(name, value)| {
            let own = value.get_ref().as_table().and_then(|table| table.get_key_value(key));
            own.map_or_else(|| name.span(), |(key, _)| key.span())
        });
        let at = found.unwrap_or(0..0);
        self.fault(&at, what);
    }

    /// A fault of a key above all tables.
    pub(super) fn blame_top(&mut self, key: &str, what: String) {
        let at = self.root.get_key_value(key).map_or(0..0, |(key, _)| key.span());
        self.fault(&at, what);
    }

    /// Whether a key's own value could not be read.
    pub(super) fn is_faulty(&self, room: &str, key: &str) -> bool {
        self.faulty.iter().any(|(of, what)| of == room && what == key)
    }

    /// What could be better though nothing is wrong, or every fault; in the order of the lines.
    pub(super) fn finish(self) -> Result<Vec<String>, Failure> {
        let print = |mut told: Vec<(usize, String)>| -> Vec<String> {
            told.sort_by_key(|(line, _)| *line);
            told.iter().map(|(line, what)| format!("{}:{line}: {what}", self.name)).collect()
        };
        match self.faults.is_empty() {
            true => Ok(print(self.advice)),
            false => Err(Failure { lines: print(self.faults), code: 2 }),
        }
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
            let value = &match word {
                SECRET | "tls" => {
                    Spanned::new(value.span(), secret::grounded(value.get_ref(), self.folder()))
                }
                _ => value.clone(),
            };
            let alone = DeTable::from_iter([(key.clone(), value.clone())]);
            match read::<T>(alone) {
                Ok(_) => {
                    if word == SECRET
                        && let Some(what) = secret::exposure(value.get_ref(), Path::new(self.name))
                    {
                        self.advice.push((self.line(&key.span()), what));
                    }
                    good.insert(key.clone(), value.clone());
                }
                Err(error) => {
                    self.faulty.push((room.to_owned(), word.to_owned()));
                    let what = error.message().trim_end().replace('\n', ", ");
                    self.fault(&value.span(), format!("`{word}`{place}: {what}"));
                }
            }
        }
        read(good).unwrap_or_default()
    }

    fn fault(&mut self, at: &Range<usize>, what: String) {
        self.faults.push((self.line(at), what));
    }

    fn line(&self, at: &Range<usize>) -> usize {
        let before = &self.text.as_bytes()[..at.start.min(self.text.len())];
        1 + before.iter().filter(|b| **b == b'\n').count()
    }

    /// The folder of the service file.
    pub(super) fn folder(&self) -> &'a Path {
        Path::new(self.name).parent().unwrap_or(Path::new(""))
    }
}

fn read<T: DeserializeOwned>(table: DeTable<'_>) -> Result<T, toml::de::Error> {
    T::deserialize(ValueDeserializer::from(Spanned::new(0..0, DeValue::Table(table))))
}
