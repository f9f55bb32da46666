//! The floors and the owners of foreign crates, read out of ARCHITECTURE.md, so that the document is the rule.
//!
//! Two fenced blocks: ```` ```floors ```` has lines `RANK NAME | CRATE CRATE…` (or `tests | CRATE…`, `aside | CRATE…`),
//! and ```` ```owners ```` has lines `FOREIGN-CRATE OWNER OWNER…`, where the owner `*` stands for everybody.

use std::collections::BTreeMap;

use super::Fault;
use super::tree::{File, Tree};

/// Where the plan is written.
pub(super) const PLAN: &str = "ARCHITECTURE.md";

/// Where a crate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Floor {
    /// A floor of the house; 0 is the ground.
    Rank(u8),
    /// Under its tests: it leans on no crate of the house, and only tests and the top floor lean on it.
    Tests,
    /// Beside the house: it leans on no crate of it, and none leans on it.
    Aside,
}

/// What the document says.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Our crates: where each stands, and the line that says so.
    pub floors: BTreeMap<String, (Floor, usize)>,
    /// Foreign crates: who may use each, and the line that says so.
    pub owners: BTreeMap<String, (Vec<String>, usize)>,
}

impl Plan {
    pub(super) fn read(tree: &Tree) -> (Plan, Vec<Fault>) {
        let mut plan = Plan::default();
        let Some(file) = tree.file(PLAN) else {
            let what = "there is no plan; write one with a ```floors and an ```owners block";
            return (plan, vec![Fault::new(PLAN, 1, what)]);
        };
        let mut faults = Vec::new();
        for (line, text) in block(file, "floors", &mut faults) {
            plan.read_floor(line, text, &mut faults);
        }
        for (line, text) in block(file, "owners", &mut faults) {
            plan.read_owner(line, text, &mut faults);
        }
        (plan, faults)
    }

    /// The highest floor; nobody leans on it.
    pub(super) fn top(&self) -> Option<u8> {
        let ranks = self.floors.values().filter_map(|(floor, _)| match floor {
            Floor::Rank(rank) => Some(*rank),
            Floor::Tests | Floor::Aside => None,
        });
        ranks.max()
    }

    fn read_floor(&mut self, line: usize, text: &str, faults: &mut Vec<Fault>) {
        let (place, crates) = text.split_once('|').unwrap_or((text, ""));
        let rank = place.split_whitespace().next().unwrap_or_default();
        let floor = match (rank, rank.parse()) {
            ("tests", _) => Floor::Tests,
            ("aside", _) => Floor::Aside,
            (_, Ok(rank)) => Floor::Rank(rank),
            _ => {
                let what = "no floor; write `RANK NAME | CRATES`, `tests | CRATES` or `aside | CRATES`";
                faults.push(Fault::new(PLAN, line, what));
                return;
            }
        };
        for name in crates.split_whitespace() {
            if self.floors.insert(name.to_owned(), (floor, line)).is_some() {
                faults.push(Fault::new(PLAN, line, format!("`{name}` stands on two floors; keep one")));
            }
        }
    }

    fn read_owner(&mut self, line: usize, text: &str, faults: &mut Vec<Fault>) {
        let mut words = text.split_whitespace().map(str::to_owned);
        let Some(foreign) = words.next() else { return };
        let owners: Vec<String> = words.collect();
        if owners.is_empty() {
            faults.push(Fault::new(PLAN, line, format!("`{foreign}` has no owner; name its rooms, or `*`")));
        }
        for owner in owners.iter().filter(|owner| *owner != "*" && !self.floors.contains_key(*owner)) {
            let what =
                format!("`{owner}` owns `{foreign}` but stands on no floor; name a crate of the house");
            faults.push(Fault::new(PLAN, line, what));
        }
        if self.owners.insert(foreign.clone(), (owners, line)).is_some() {
            faults.push(Fault::new(PLAN, line, format!("`{foreign}` is listed twice; keep one line")));
        }
    }
}

/// The lines between ```` ```NAME ```` and the closing fence.
fn block<'a>(file: &'a File, name: &str, faults: &mut Vec<Fault>) -> Vec<(usize, &'a str)> {
    let open = format!("```{name}");
    let mut lines = file.lines().skip_while(|(_, line)| line.trim_end() != open);
    if lines.next().is_none() {
        faults.push(Fault::new(PLAN, 1, format!("the plan has no ```{name} block; write one")));
    }
    lines
        .take_while(|(_, line)| !line.starts_with("```"))
        .filter(|(_, line)| !line.trim().is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::tidy::planted::{FLOORS, House, OWNERS};

    #[test]
    fn a_document_without_floors_is_refused() {
        House::new().plan("", OWNERS).tells("ARCHITECTURE.md:1: the plan has no ```floors block");
    }

    #[test]
    fn a_document_without_owners_is_refused() {
        House::new().plan(FLOORS, "").tells("ARCHITECTURE.md:1: the plan has no ```owners block");
    }

    #[test]
    fn an_owner_that_stands_on_no_floor_is_refused() {
        let owners = OWNERS.replace("regex  hall", "regex  hall cellar");
        House::new().plan(FLOORS, &owners).tells("`cellar` owns `regex` but stands on no floor");
    }

    #[test]
    fn a_crate_on_two_floors_is_refused() {
        let floors = FLOORS.replace("| ground", "| ground hall");
        House::new().plan(&floors, OWNERS).tells("`hall` stands on two floors");
    }
}
