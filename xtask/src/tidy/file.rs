//! What each file must be like whatever it holds: opened by a header, short, well named, finished, at home anywhere.

use super::Fault;
use super::code;
use super::tree::{File, Tree};

const LINES_MAX: usize = 500;

// Written in halves, so that this file does not hold what it looks for.
const UNFINISHED: &str = concat!("FIX", "ME");
const DEBUGGING: &str = concat!("dbg", "!(");
const HOMES: [&str; 3] = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];

/// Headers, lengths, names, leftovers and paths of somebody's own machine.
pub(super) fn check(tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    for file in &tree.files {
        if file.is("rs") {
            faults.extend(source(file));
        }
        if file.is("rs") || file.is("js") || file.is("mjs") {
            faults.extend(leftovers(file));
        }
        faults.extend(homes(file));
    }
    for path in &tree.paths {
        let name = path.rsplit('/').next().unwrap_or(path);
        if matches!(name, "clippy.toml" | ".clippy.toml") && path != "clippy.toml" {
            let what = "a second clippy.toml wins over the root's bans; keep its rules in the root's";
            faults.push(Fault::new(path, 1, what));
        }
    }
    faults
}

fn source(file: &File) -> Vec<Fault> {
    let mut faults = Vec::new();
    if !file.text.starts_with("//!") {
        let what = "the file has no `//!` header; open it with one sentence that says what it is";
        faults.push(Fault::new(&file.path, 1, what));
    }
    let length = file.text.lines().count();
    if length > LINES_MAX {
        let what = format!("the file has {length} lines, {LINES_MAX} is the most; split it by feature");
        faults.push(Fault::new(&file.path, LINES_MAX + 1, what));
    }
    if file.path.ends_with("/mod.rs") {
        let what = "`mod.rs` hides its name; call it after its folder, and put it beside the folder";
        faults.push(Fault::new(&file.path, 1, what));
    }
    faults
}

fn leftovers(file: &File) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (number, line) in file.lines().filter(|(_, line)| line.contains(UNFINISHED)) {
        let what = format!("{UNFINISHED} means not before it lands; mend `{}`", line.trim());
        faults.push(Fault::new(&file.path, number, what));
    }
    if file.is("rs") {
        for (index, line) in code::only(&file.text).iter().enumerate() {
            if line.contains(DEBUGGING) {
                let what = "a left-over debugging print; take it away, or trace it";
                faults.push(Fault::new(&file.path, index + 1, what));
            }
        }
    }
    faults
}

fn homes(file: &File) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (number, line) in file.lines() {
        for home in HOMES.iter().filter(|home| is_path(line, home)) {
            let what =
                format!("`{home}` is a path of one machine; say where relative to the project or the user");
            faults.push(Fault::new(&file.path, number, what));
        }
    }
    faults
}

/// Whether `home` begins a path in `line`, rather than going on a longer one such as `example.com/…`.
fn is_path(line: &str, home: &str) -> bool {
    line.match_indices(home).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '}' | '/' | '*'))
    })
}

#[cfg(test)]
mod tests {
    use super::{DEBUGGING, HOMES, UNFINISHED};
    use crate::tidy::planted::House;

    #[test]
    fn a_source_without_a_header_is_refused() {
        House::new()
            .file("crates/hall/src/bare.rs", "// A header, but none that rustdoc reads.\n")
            .tells("crates/hall/src/bare.rs:1: the file has no `//!` header");
    }

    #[test]
    fn a_test_without_a_header_is_refused() {
        House::new().file("crates/hall/tests/bare.rs", "fn a() {}\n").tells("the file has no `//!` header");
    }

    #[test]
    fn a_file_of_501_lines_is_refused_and_one_of_500_is_not() {
        let long = |lines: usize| format!("//! Long.\n{}", "// A line.\n".repeat(lines - 1));
        House::new()
            .file("crates/hall/src/long.rs", &long(501))
            .tells("crates/hall/src/long.rs:501: the file has 501 lines");
        assert!(House::new().file("crates/hall/src/long.rs", &long(500)).told().is_empty());
    }

    #[test]
    fn a_mod_rs_is_refused() {
        House::new()
            .file("crates/hall/src/oven/mod.rs", "//! The oven.\n")
            .tells("crates/hall/src/oven/mod.rs:1: `mod.rs` hides its name");
    }

    #[test]
    fn a_second_clippy_toml_is_refused() {
        House::new()
            .file("crates/hall/clippy.toml", "")
            .tells("crates/hall/clippy.toml:1: a second clippy.toml wins over the root's bans");
    }

    #[test]
    fn unfinished_work_is_refused() {
        House::new()
            .file("crates/hall/src/half.rs", &format!("//! Half.\n// {UNFINISHED}: the rest\n"))
            .tells("crates/hall/src/half.rs:2: ");
    }

    #[test]
    fn a_debugging_print_is_refused_and_a_text_about_one_is_not() {
        let code = format!("//! Loud.\nfn a() {{ {DEBUGGING}1); }}\n");
        House::new().file("crates/hall/src/loud.rs", &code).tells("crates/hall/src/loud.rs:2: a left-over");
        let text = format!("//! Calm.\nconst A: &str = \"{DEBUGGING}\";\n");
        assert!(House::new().file("crates/hall/src/calm.rs", &text).told().is_empty());
    }

    #[test]
    fn a_path_of_one_machine_is_refused_and_an_address_is_not() {
        for home in HOMES {
            House::new().file("docs/a.md", &format!("See {home}notes.\n")).tells("docs/a.md:1: ");
            let address = format!("See https://example.com{home}notes.\n");
            assert!(House::new().file("docs/a.md", &address).told().is_empty());
        }
    }
}
