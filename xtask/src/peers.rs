//! The peers of sign-in: independent software that plays the other side, from `shared/peers/sign-in` in some folder above.
//!
//! They are copied to `target/peers/sign-in`, and what they need is installed there, once for each state of their lists.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Where they come from, under some folder above the workspace.
const SHARED: &str = "shared/peers/sign-in";
/// Where they are copied to, under the workspace.
const COPY: &str = "target/peers/sign-in";
/// What they need; a change of these installs anew.
const LISTS: [&str; 2] = ["requirements.txt", "package-lock.json"];
/// Holds the lists as they were when all of it was installed.
const STAMP: &str = ".installed";

/// Copies the peers and installs what they need; says so where there are none.
pub(crate) fn install(root: &Path) -> Result<()> {
    let Some(from) = root.ancestors().map(|folder| folder.join(SHARED)).find(|path| path.is_dir()) else {
        crate::say(&format!("there is no {SHARED} above: tests against the peers of sign-in are skipped\n"));
        return Ok(());
    };
    let to = root.join(COPY);
    copy(&from, &to)?;
    let lists = lists(&to)?;
    if fs::read_to_string(to.join(STAMP)).is_ok_and(|installed| installed == lists) {
        return Ok(());
    }
    crate::say("installing what the peers of sign-in need\n");
    run(&to, "python3", &["-m", "venv", "--clear", ".venv"])?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt"];
    run(&to, ".venv/bin/python", &pip)?;
    run(&to, "npm", &["ci", "--no-audit", "--no-fund"])?;
    fs::write(to.join(STAMP), lists).context("note that the peers are installed")
}

/// Copies the files that have changed, writable however they were.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("make {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("list {}", from.display()))? {
        let path: PathBuf = entry.with_context(|| format!("list {}", from.display()))?.path();
        let Some(name) = path.file_name().filter(|_| path.is_file()) else { continue };
        let bytes = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
        let target = to.join(name);
        if fs::read(&target).is_ok_and(|there| there == bytes) {
            continue;
        }
        fs::write(&target, bytes).with_context(|| format!("write {}", target.display()))?;
    }
    Ok(())
}

fn lists(folder: &Path) -> Result<String> {
    let read =
        |name| fs::read_to_string(folder.join(name)).with_context(|| format!("read the peers' {name}"));
    LISTS.into_iter().map(read).collect()
}

fn run(folder: &Path, program: &str, args: &[&str]) -> Result<()> {
    let path = if program.contains('/') { folder.join(program) } else { program.into() };
    let done = Command::new(path).args(args).current_dir(folder).status();
    if !done.with_context(|| format!("start {program}"))?.success() {
        bail!("`{program} {}` failed in {}", args.join(" "), folder.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_changed_is_copied() {
        let (from, to) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        fs::write(from.path().join("a.py"), "1").expect("writes");
        copy(from.path(), to.path()).expect("copies");
        let first = fs::metadata(to.path().join("a.py")).and_then(|file| file.modified()).expect("there");
        copy(from.path(), to.path()).expect("copies");
        assert_eq!(
            fs::metadata(to.path().join("a.py")).and_then(|file| file.modified()).expect("there"),
            first
        );
        fs::write(from.path().join("a.py"), "2").expect("writes");
        copy(from.path(), to.path()).expect("copies");
        assert_eq!(fs::read_to_string(to.path().join("a.py")).expect("reads"), "2");
    }
}
