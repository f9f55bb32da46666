//! What a `core` may not do: whatever decides has no async, no I/O and no clock, so that it can be tested by its words.

use super::Fault;
use super::code;
use super::tree::{File, Tree};

/// What is refused, and why a shell must do it.
const REFUSED: [(&str, &str); 13] = [
    ("async", "waiting is the shell's"),
    ("await", "waiting is the shell's"),
    ("tokio", "waiting is the shell's"),
    ("std::fs", "reading and writing is the shell's; take the bytes"),
    ("std::net", "the network is the shell's; take the bytes"),
    ("std::io", "reading and writing is the shell's; take the bytes"),
    ("std::process", "starting programs is the shell's"),
    ("std::thread", "threads are the shell's"),
    ("std::env", "settings come in as arguments"),
    ("::now(", "time comes in as an argument"),
    ("rusqlite", "the database is the shell's; give it a query as data"),
    ("axum", "HTTP is the shell's"),
    ("hyper", "HTTP is the shell's"),
];

/// Looks into every `core.rs` and every file under a `core` folder.
pub(super) fn check(tree: &Tree) -> Vec<Fault> {
    tree.files.iter().filter(|file| file.is("rs") && is_core(&file.path)).flat_map(impure).collect()
}

fn is_core(path: &str) -> bool {
    path.starts_with("crates/") && path.split('/').any(|part| part == "core" || part == "core.rs")
}

fn impure(file: &File) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (index, line) in code::only(&file.text).iter().enumerate() {
        for (word, why) in REFUSED.iter().filter(|(word, _)| has(line, word)) {
            let what = format!("`{word}` in a core: {why}; decide here, do it in the shell");
            faults.push(Fault::new(&file.path, index + 1, what));
        }
    }
    faults
}

/// Whether `line` has `word` as a whole; `use std::{fs, …}` counts as `std::fs`.
fn has(line: &str, word: &str) -> bool {
    let is_letter = |c: char| c.is_alphanumeric() || c == '_';
    let whole = line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let (starts, ends) = (word.starts_with(is_letter), word.ends_with(is_letter));
        let goes_on = (starts && before.is_some_and(is_letter)) || (ends && after.is_some_and(is_letter));
        !goes_on
    });
    let grouped = word.strip_prefix("std::").is_some_and(|part| {
        line.split_once("std::{")
            .is_some_and(|(_, group)| group.split(is_separator).any(|name| name.trim() == part))
    });
    whole || grouped
}

fn is_separator(c: char) -> bool {
    matches!(c, ',' | '{' | '}' | ':' | ';')
}

#[cfg(test)]
mod tests {
    use super::REFUSED;
    use crate::tidy::planted::House;

    fn core_with(code: &str) -> House {
        House::new().file("crates/hall/src/core/decide.rs", &format!("//! Decides.\n{code}\n"))
    }

    #[test]
    fn each_impure_word_is_refused_in_a_core() {
        for (word, _) in REFUSED {
            let code =
                if word == "::now(" { "fn a() { Instant::now() }".to_owned() } else { format!("{word} a") };
            core_with(&code).tells(&format!("crates/hall/src/core/decide.rs:2: `{word}` in a core"));
        }
    }

    #[test]
    fn a_grouped_import_does_not_hide_it() {
        core_with("use std::{collections::BTreeMap, fs};").tells("`std::fs` in a core");
    }

    #[test]
    fn a_core_in_one_file_is_looked_at_too() {
        House::new()
            .file("crates/hall/src/core.rs", "//! Decides.\nasync fn decide() {}\n")
            .tells("crates/hall/src/core.rs:2: `async` in a core");
    }

    #[test]
    fn words_about_it_and_longer_names_are_fine() {
        let code = "// No tokio here.\nfn a() { hyperbole(\"async\"); maxum(); tokio_free(); }";
        assert!(core_with(code).told().is_empty());
    }

    #[test]
    fn a_shell_may_do_it_all() {
        let shell = House::new().file("crates/hall/src/shell.rs", "//! Acts.\nasync fn act() {}\n");
        assert!(shell.told().is_empty());
    }
}
