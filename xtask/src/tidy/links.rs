//! Documents that point somewhere: every relative link and every path in code marks must lead to a file that is there.

use super::Fault;
use super::tree::{File, Tree};

/// A path in code marks that begins so is one of the project's.
const OURS: [&str; 7] = ["crates/", "xtask/", "tests/", "docs/", "benches/", ".ci/", ".cargo/"];

/// Looks at every `*.md`.
pub(super) fn check(tree: &Tree) -> Vec<Fault> {
    let documents = tree.files.iter().filter(|file| file.is("md"));
    documents
        .flat_map(|file| prose(file).into_iter().flat_map(|(line, text)| faults(tree, file, line, text)))
        .collect()
}

fn faults(tree: &Tree, file: &File, line: usize, text: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    for target in targets(&without_code(text)) {
        if let Some(what) = broken(tree, file, &target) {
            faults.push(Fault::new(&file.path, line, what));
        }
    }
    for path in text.split('`').skip(1).step_by(2).filter(|path| is_ours(path)) {
        if !tree.has(path.trim_end_matches('/')) {
            let what = format!("`{path}` is not there; name what exists");
            faults.push(Fault::new(&file.path, line, what));
        }
    }
    faults
}

fn is_ours(path: &str) -> bool {
    let is_pattern = path.contains(['*', '<', '{', ' ', '…']);
    !is_pattern && OURS.iter().any(|start| path.starts_with(start))
}

/// The lines outside fenced blocks.
fn prose(file: &File) -> Vec<(usize, &str)> {
    let mut is_fenced = false;
    let mut lines = Vec::new();
    for (number, line) in file.lines() {
        if line.trim_start().starts_with("```") {
            is_fenced = !is_fenced;
        } else if !is_fenced {
            lines.push((number, line));
        }
    }
    lines
}

fn without_code(text: &str) -> String {
    text.split('`').step_by(2).collect()
}

/// What `[text](target)` and `[name]: target` point at.
fn targets(text: &str) -> Vec<String> {
    let inline = text.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
    let defined =
        text.strip_prefix('[').and_then(|rest| rest.split_once("]: ")).map(|(_, target)| target.trim());
    inline.chain(defined).map(str::to_owned).collect()
}

fn broken(tree: &Tree, file: &File, target: &str) -> Option<String> {
    if target.contains(':') || target.starts_with("//") || target.is_empty() {
        return None;
    }
    let (path, anchor) = target.split_once('#').map_or((target, None), |(path, anchor)| (path, Some(anchor)));
    let path = if path.is_empty() { Some(file.path.clone()) } else { joined(&file.path, path) };
    let Some(path) = path.filter(|path| tree.has(path)) else {
        return Some(format!("the link `{target}` leads nowhere; mend it"));
    };
    let headings = tree.file(&path).filter(|file| file.is("md")).map(headings);
    match (anchor, headings) {
        (Some(anchor), Some(headings)) if !headings.iter().any(|heading| heading == anchor) => {
            Some(format!("the link `{target}` names no heading of {path}; mend it"))
        }
        _ => None,
    }
}

/// `target` as seen from the folder of `from`; nothing where it leaves the project.
fn joined(from: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            _ => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The anchors of a document's headings: lower case, spaces as dashes, other marks gone, doubles numbered.
fn headings(file: &File) -> Vec<String> {
    let mut anchors: Vec<String> = Vec::new();
    for (_, line) in prose(file) {
        let text = line.trim_start_matches('#');
        if text.len() == line.len() || !text.starts_with(' ') {
            continue;
        }
        let kept = text.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        let anchor = kept.collect::<String>().to_lowercase().replace(' ', "-");
        let doubles = (0..).map(|n| if n == 0 { anchor.clone() } else { format!("{anchor}-{n}") });
        anchors.extend(doubles.take(anchors.len() + 1).find(|name| !anchors.contains(name)));
    }
    anchors
}

#[cfg(test)]
mod tests {
    use crate::tidy::planted::House;

    fn page(text: &str) -> House {
        House::new().file("docs/page.md", text).file("docs/other.md", "# 온돌 방!\n\n## Twice\n\n## Twice\n")
    }

    #[test]
    fn a_link_that_leads_nowhere_is_refused() {
        page("One.\n\nSee [it](gone.md).\n").tells("docs/page.md:3: the link `gone.md` leads nowhere");
        page("[it]: ../gone.md\n").tells("docs/page.md:1: the link `../gone.md` leads nowhere");
        page("[it](../../out.md)\n").tells("leads nowhere");
    }

    #[test]
    fn an_anchor_that_is_no_heading_is_refused() {
        page("[it](other.md#gone)\n").tells("the link `other.md#gone` names no heading of docs/other.md");
        page("# Here\n[it](#there)\n").tells("the link `#there` names no heading of docs/page.md");
    }

    #[test]
    fn a_path_in_code_marks_that_is_gone_is_refused() {
        page("Look into `crates/hall/src/gone.rs`.\n").tells("`crates/hall/src/gone.rs` is not there");
    }

    #[test]
    fn links_that_lead_somewhere_are_fine() {
        let good = "# Here\n[a](other.md) [b](other.md#온돌-방) [c](other.md#twice-1) [d](#here) [e](../docs/)\n\
                    [f](https://example.com/x) `[g](gone.md)` `crates/hall/src/lib.rs`\n```\n[h](gone.md)\n```\n";
        assert_eq!(page(good).told(), Vec::<String>::new());
    }
}
