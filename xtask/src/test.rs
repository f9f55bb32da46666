//! `cargo x test`: brings what the tests need onto this machine, then runs every test of the workspace.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

/// Programs that the tests start: the program, the Debian package that has it, and what it is for.
const NEEDED: [(&str, &str, &str); 5] = [
    ("sqlite3", "sqlite3", "reads a store's file from outside"),
    ("chromium", "chromium", "walks through the console"),
    ("wrk", "wrk", "loads the server in the benchmarks"),
    ("node", "nodejs", "runs the application of `tests/app`"),
    ("npm", "npm", "installs what that application uses"),
];

/// Installs what is missing, then runs `cargo test --workspace` with `args`.
pub(crate) fn run(root: &Path, args: &[String]) -> Result<ExitCode> {
    install_programs()?;
    install_app(root)?;
    let status = Command::new("cargo")
        .args(["test", "--workspace", "--locked"])
        .args(args)
        .current_dir(root)
        .status()
        .context("start cargo test")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn install_programs() -> Result<()> {
    let missing: Vec<_> = NEEDED.into_iter().filter(|(program, ..)| !is_here(program)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|(_, package, _)| *package).collect();
    crate::say(&format!("installing {}\n", packages.join(" ")));
    if !apt(&["update", "-q"])
        || !apt(&[&["install", "-y", "-q", "--no-install-recommends"], &packages[..]].concat())
    {
        crate::say("apt-get could not do it (it needs root, or sudo without a password)\n");
    }
    let gone: Vec<String> = missing
        .iter()
        .filter(|(program, ..)| !is_here(program))
        .map(|(program, package, why)| format!("{program} ({why}; Debian's package {package})"))
        .collect();
    if !gone.is_empty() {
        bail!("the tests need what is not on this machine: {}", gone.join(", "));
    }
    Ok(())
}

/// Runs apt-get, as root where we are root, else through a sudo that asks for nothing.
fn apt(args: &[&str]) -> bool {
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|done| done.stdout.trim_ascii() == b"0");
    let mut command = if is_root { Command::new("apt-get") } else { Command::new("sudo") };
    if !is_root {
        command.args(["-n", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
    }
    command.args(args).env("DEBIAN_FRONTEND", "noninteractive").status().is_ok_and(|status| status.success())
}

fn is_here(program: &str) -> bool {
    let found = Command::new("sh").args(["-c", "command -v \"$0\" >/dev/null", program]).status();
    found.is_ok_and(|status| status.success())
}

/// Installs the application's packages, unless they stand as its lock file says.
fn install_app(root: &Path) -> Result<()> {
    let app = root.join("tests/app");
    let modified = |path: &str| app.join(path).metadata().and_then(|file| file.modified()).ok();
    if modified("node_modules/.package-lock.json") >= modified("package-lock.json") {
        return Ok(());
    }
    let done = Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(&app).status();
    if !done.context("start npm")?.success() {
        bail!("npm ci failed in tests/app: the application's packages could not be installed");
    }
    Ok(())
}
