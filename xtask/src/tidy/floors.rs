//! Who may lean on whom: a crate of the house leans only on lower floors, in its tests too.

use cargo_metadata::{Dependency, DependencyKind, Package};

use super::Fault;
use super::plan::{Floor, PLAN, Plan};
use super::tree::Tree;

/// Every crate stands on a floor, every name on a floor is a crate, and every dependency points down.
pub(super) fn check(tree: &Tree, plan: &Plan) -> Vec<Fault> {
    let mut faults = Vec::new();
    let packages = tree.metadata.workspace_packages();
    for (name, (_, line)) in &plan.floors {
        if !packages.iter().any(|package| package.name.as_str() == name) {
            let what =
                format!("`{name}` stands on a floor but is no crate; take the name away or make the crate");
            faults.push(Fault::new(PLAN, *line, what));
        }
    }
    for package in packages {
        let manifest = tree.relative(package.manifest_path.as_str());
        let Some((floor, _)) = plan.floors.get(package.name.as_str()) else {
            let what = format!("`{}` stands on no floor; give it one in {PLAN}", package.name);
            faults.push(Fault::new(&manifest, 1, what));
            continue;
        };
        faults.extend(lean(tree, plan, package, *floor));
        if let Some(file) = tree.file(&manifest)
            && !has_house_lints(&file.text)
        {
            let what = "the crate escapes the house's lints; write `[lints]` and `workspace = true`";
            faults.push(Fault::new(&manifest, 1, what));
        }
    }
    faults
}

fn lean(tree: &Tree, plan: &Plan, package: &Package, floor: Floor) -> Vec<Fault> {
    let mut faults = Vec::new();
    for dependency in &package.dependencies {
        let Some((below, _)) = plan.floors.get(&dependency.name) else { continue };
        let wrong = match (floor, below) {
            (Floor::Rank(mine), Floor::Rank(its)) if *its < mine => continue,
            (Floor::Rank(mine), Floor::Rank(its)) if *its == mine => "sideways",
            (Floor::Rank(_), Floor::Rank(_)) => "upwards",
            (Floor::Rank(_), Floor::Tests) if dependency.kind == DependencyKind::Development => continue,
            (Floor::Rank(mine), Floor::Tests) if plan.top() == Some(mine) => continue,
            (Floor::Rank(_), Floor::Tests) => "outside of its tests",
            (Floor::Tests, _) => "from under the tests",
            (Floor::Aside, _) | (_, Floor::Aside) => "across to what stands aside",
        };
        let manifest = tree.relative(package.manifest_path.as_str());
        let what = format!(
            "`{}` leans {wrong} on `{}`; move what both need to a lower floor, or let a higher one join them",
            package.name, dependency.name
        );
        faults.push(Fault::new(&manifest, line_of(tree, &manifest, dependency), what));
    }
    faults
}

/// The line of a manifest that names a dependency.
pub(super) fn line_of(tree: &Tree, manifest: &str, dependency: &Dependency) -> usize {
    let key = dependency.rename.as_ref().unwrap_or(&dependency.name);
    tree.file(manifest).map_or(1, |file| file.line_where(|line| is_key(line, key)))
}

/// Whether a line of TOML sets `key` or something inside of it.
pub(super) fn is_key(line: &str, key: &str) -> bool {
    let line = line.trim_start().trim_start_matches('"');
    line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with(['.', '=', '"']))
}

fn has_house_lints(manifest: &str) -> bool {
    let section = manifest.split("[lints]").nth(1).unwrap_or_default();
    section
        .lines()
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .any(|line| line.trim() == "workspace = true")
}

#[cfg(test)]
mod tests {
    use crate::tidy::planted::{FLOORS, House, OWNERS};

    #[test]
    fn leaning_upwards_is_refused() {
        House::new()
            .depends("ground", "dependencies", "porch")
            .tells("crates/ground/Cargo.toml:7: `ground` leans upwards on `porch`");
    }

    #[test]
    fn leaning_sideways_is_refused() {
        House::new()
            .depends("hall", "dependencies", "porch")
            .tells("crates/hall/Cargo.toml:7: `hall` leans sideways on `porch`");
    }

    #[test]
    fn leaning_sideways_in_tests_only_is_refused() {
        House::new().depends("hall", "dev-dependencies", "porch").tells("`hall` leans sideways on `porch`");
    }

    #[test]
    fn leaning_on_what_stands_aside_is_refused() {
        House::new()
            .depends("hall", "dependencies", "tool")
            .tells("`hall` leans across to what stands aside");
    }

    #[test]
    fn leaning_on_what_tests_stand_on_is_for_tests_and_the_top_floor() {
        let floors = format!("{FLOORS}tests | bed\n");
        let house = || House::new().plan(&floors, OWNERS).member("bed", "").declare("bed");
        house()
            .depends("ground", "dependencies", "bed")
            .tells("`ground` leans outside of its tests on `bed`");
        assert_eq!(house().depends("ground", "dev-dependencies", "bed").told(), Vec::<String>::new());
        assert_eq!(house().depends("hall", "dependencies", "bed").told(), Vec::<String>::new());
        house()
            .depends("bed", "dependencies", "ground")
            .tells("`bed` leans from under the tests on `ground`");
    }

    #[test]
    fn a_crate_on_no_floor_is_refused() {
        let floors = FLOORS.replace("hall porch", "hall");
        House::new().plan(&floors, OWNERS).tells("crates/porch/Cargo.toml:1: `porch` stands on no floor");
    }

    #[test]
    fn a_floor_of_a_crate_that_does_not_exist_is_refused() {
        let floors = FLOORS.replace("hall porch", "hall porch attic");
        House::new()
            .plan(&floors, OWNERS)
            .tells("ARCHITECTURE.md:4: `attic` stands on a floor but is no crate");
    }

    #[test]
    fn a_crate_outside_the_houses_lints_is_refused() {
        House::new()
            .replace("crates/hall/Cargo.toml", "[lints]\nworkspace = true", "[lints.rust]")
            .tells("crates/hall/Cargo.toml:1: the crate escapes the house's lints");
    }
}
