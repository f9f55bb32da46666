//! `cargo x tidy`: the rules of ARCHITECTURE.md and STYLE.md that a machine can check, all faults told at once.
//!
//! Map, in reading order: `tree` (the files as they lie), `plan` (floors and owners, read out of ARCHITECTURE.md),
//! `floors` and `owners` (who may lean on whom and on what), `file` (headers, lengths, names, leftovers), `code` (a
//! source without its comments and texts), `pure` (what a `core` may not do), `links` (documents that point somewhere).
//! To add a rule: one function from `Tree` to faults, one line in `faults`, and a test that plants the fault.
//!
//! Invariant: a fault says the place, what is wrong, and what to do instead, on one line.

mod code;
mod file;
mod floors;
mod links;
mod owners;
mod plan;
#[cfg(test)]
mod planted;
mod pure;
mod tree;

use std::fmt;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use plan::Plan;
use tree::Tree;

/// One broken rule, at one place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Fault {
    path: String,
    line: usize,
    what: String,
}

impl Fault {
    fn new(path: &str, line: usize, what: impl Into<String>) -> Fault {
        Fault { path: path.to_owned(), line, what: what.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// Prints every fault of the tree at `root`; fails where there is one.
pub(crate) fn run(root: &Path) -> Result<ExitCode> {
    let faults = faults(root)?;
    for fault in &faults {
        crate::say(&format!("{fault}\n"));
    }
    if faults.is_empty() {
        crate::say("tidy\n");
        return Ok(ExitCode::SUCCESS);
    }
    crate::say(&format!("untidy at {} places\n", faults.len()));
    Ok(ExitCode::FAILURE)
}

fn faults(root: &Path) -> Result<Vec<Fault>> {
    let tree = Tree::read(root)?;
    let (plan, mut faults) = Plan::read(&tree);
    faults.extend(floors::check(&tree, &plan));
    faults.extend(owners::check(&tree, &plan));
    faults.extend(file::check(&tree));
    faults.extend(pure::check(&tree));
    faults.extend(links::check(&tree));
    faults.sort();
    faults.dedup();
    Ok(faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_house_is_tidy() {
        let faults = faults(&crate::root()).unwrap();
        let told: Vec<String> = faults.iter().map(Fault::to_string).collect();
        assert!(told.is_empty(), "untidy:\n{}", told.join("\n"));
    }

    #[test]
    fn a_planted_house_is_tidy_before_a_fault_is_planted() {
        assert_eq!(planted::House::new().told(), Vec::<String>::new());
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let told = planted::House::new()
            .file("crates/hall/src/a.rs", "fn a() {}\n")
            .file("crates/hall/src/b.rs", "fn b() {}\n")
            .told();
        assert_eq!(told.len(), 2, "{told:?}");
    }
}
