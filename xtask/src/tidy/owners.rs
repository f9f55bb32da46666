//! Who may use which foreign crate: each has owner rooms, so that changing it changes these rooms and no other.

use super::Fault;
use super::floors::{is_key, line_of};
use super::plan::{PLAN, Plan};
use super::tree::Tree;

/// Every foreign crate has a line, is used by its owners only, and every owner named does use it.
pub(super) fn check(tree: &Tree, plan: &Plan) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut uses: Vec<(String, String)> = Vec::new();
    for package in tree.metadata.workspace_packages() {
        let manifest = tree.relative(package.manifest_path.as_str());
        for dependency in package.dependencies.iter().filter(|one| one.path.is_none()) {
            let (user, foreign) = (package.name.to_string(), dependency.name.clone());
            if let Some(what) = refusal(plan, &user, &foreign) {
                faults.push(Fault::new(&manifest, line_of(tree, &manifest, dependency), what));
            }
            uses.push((user, foreign));
        }
    }
    for (foreign, (owners, line)) in &plan.owners {
        let users: Vec<&String> =
            uses.iter().filter(|(_, used)| used == foreign).map(|(user, _)| user).collect();
        if users.is_empty() {
            let what = format!("nobody uses `{foreign}`; take its line away here and in Cargo.toml");
            faults.push(Fault::new(PLAN, *line, what));
            continue;
        }
        for owner in owners.iter().filter(|owner| *owner != "*" && !users.contains(owner)) {
            let what = format!("`{owner}` owns `{foreign}` but does not use it; take the name away");
            faults.push(Fault::new(PLAN, *line, what));
        }
    }
    faults.extend(unlisted(tree, plan));
    faults
}

fn refusal(plan: &Plan, user: &str, foreign: &str) -> Option<String> {
    match plan.owners.get(foreign) {
        None => Some(format!("`{foreign}` has no owner; list it in {PLAN}, or do without it")),
        Some((owners, _)) if owners.iter().any(|owner| owner == "*" || owner == user) => None,
        Some((owners, _)) => {
            let owners = owners.join(", ");
            Some(format!(
                "`{user}` uses `{foreign}`, which belongs to {owners}; ask the owner for what you need"
            ))
        }
    }
}

/// Foreign crates that the workspace declares though the document has no line for them.
fn unlisted(tree: &Tree, plan: &Plan) -> Vec<Fault> {
    let Some(file) = tree.file("Cargo.toml") else { return Vec::new() };
    let from = file.line_where(|line| line.trim() == "[workspace.dependencies]");
    let declared = file.lines().skip(from).take_while(|(_, line)| !line.starts_with('['));
    declared
        .filter(|(_, line)| line.contains('=') && !line.trim_start().starts_with('#'))
        .filter(|(_, line)| !plan.owners.keys().chain(plan.floors.keys()).any(|name| is_key(line, name)))
        .map(|(number, line)| {
            let name = line.split(['=', '.']).next().unwrap_or_default().trim();
            Fault::new(
                "Cargo.toml",
                number,
                format!("`{name}` has no owner; list it in {PLAN}, or do without it"),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::tidy::planted::{FLOORS, House, OWNERS};

    #[test]
    fn a_foreign_crate_outside_its_owner_is_refused() {
        House::new()
            .depends("porch", "dependencies", "regex")
            .tells("crates/porch/Cargo.toml:7: `porch` uses `regex`, which belongs to hall");
    }

    #[test]
    fn common_ground_is_open_to_everybody() {
        let told = House::new().depends("porch", "dependencies", "serde").told();
        assert_eq!(told, Vec::<String>::new());
    }

    #[test]
    fn a_foreign_crate_without_an_owner_is_refused() {
        let owners = OWNERS.replace("regex  hall\n", "");
        let house = House::new().plan(FLOORS, &owners);
        house.tells("crates/hall/Cargo.toml:8: `regex` has no owner");
        house.tells("Cargo.toml:10: `regex` has no owner");
    }

    #[test]
    fn an_owner_that_does_not_use_its_crate_is_refused() {
        let owners = OWNERS.replace("regex  hall", "regex  hall porch");
        House::new().plan(FLOORS, &owners).tells("`porch` owns `regex` but does not use it");
    }

    #[test]
    fn a_line_for_a_crate_that_nobody_uses_is_refused() {
        House::new().plan(FLOORS, &format!("{OWNERS}openssl  *\n")).tells("nobody uses `openssl`");
    }
}
