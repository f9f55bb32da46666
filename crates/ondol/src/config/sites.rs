//! The tables that are sites, and the keys about them: `confirm`, `without`, `reads`.

use super::read::Reader;
use crate::topology::core::{
    self, ALL, Confirm, ROLES, Reads, Setting, Topology, Without, Written, WrittenSite,
};

/// Names that no site may have beside those of the rooms: rooms that are to come.
pub(super) const RESERVED: [&str; 6] = ["backup", "console", "dns", "keeper", "site", "workspace"];

/// Whether a word is that of a role.
pub(super) fn is_role(word: &str) -> bool {
    word == ALL || ROLES.iter().any(|(role, _)| *role == word)
}

/// The topology, if there is one; faults go to the reader.
pub(super) fn settle(
    reader: &mut Reader<'_>,
    sites: Vec<WrittenSite>,
    confirm: Option<Confirm>,
    without: Option<Without>,
    reads: Option<Reads>,
) -> Option<Topology> {
    let confirm = confirm.map(|value| Setting { value, at: reader.place("confirm") });
    let without = without.map(|value| Setting { value, at: reader.place("without") });
    let reads = reads.map(|value| Setting { value, at: reader.place("reads") });
    let (topology, faults) = core::settle(&Written { sites, confirm, without, reads });
    for (at, what) in faults {
        reader.blame_place(&at, what);
    }
    topology
}

#[cfg(test)]
mod tests;
