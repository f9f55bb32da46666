//! Where a server's program lies, and as whom it runs.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where programs lie, beside PostgreSQL's own folders.
const FOLDERS: [&str; 4] = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];
const POSTGRES: &str = "/usr/lib/postgresql";

/// The program's path.
///
/// # Panics
/// When it is not on this machine; the text names Debian's package.
pub(crate) fn find(name: &str, package: &str) -> PathBuf {
    let newest_first = postgres_folders().into_iter();
    newest_first
        .chain(FOLDERS.iter().map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
        .unwrap_or_else(|| {
            panic!("`{name}` is not on this machine; `cargo x test` brings it (Debian's package {package})")
        })
}

fn postgres_folders() -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(POSTGRES) else { return Vec::new() };
    let mut versions: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin")))
        })
        .collect();
    versions.sort();
    versions.into_iter().rev().map(|(_, folder)| folder).collect()
}

/// As whom a server runs: servers refuse to run as root, so that root becomes the user of Debian's package.
#[derive(Clone, Copy, Debug)]
pub(crate) struct User(Option<(u32, u32)>);

impl User {
    /// Ourselves.
    pub(crate) fn ourselves() -> User {
        User(None)
    }

    /// Ourselves, or `name` when we are root.
    pub(crate) fn unless_root(name: &str, package: &str) -> User {
        let us = fs::metadata("/proc/self").expect("Linux shows each process itself");
        if us.uid() != 0 {
            return User(None);
        }
        let users = fs::read_to_string("/etc/passwd").expect("every Linux has its list of users");
        let ids = users.lines().find_map(|line| {
            let mut parts = line.split(':');
            let is_it = parts.next() == Some(name);
            let (uid, gid) = (parts.nth(1)?.parse().ok()?, parts.next()?.parse().ok()?);
            is_it.then_some((uid, gid))
        });
        assert!(
            ids.is_some(),
            "root needs the user `{name}` for the server; `cargo x test` brings it (Debian's package {package})"
        );
        User(ids)
    }

    /// A command that runs as this user in `folder`, deaf to the terminal.
    pub(crate) fn command(self, program: &Path, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command.stdin(Stdio::null()).process_group(0).env("LC_ALL", "C").current_dir(folder);
        if let User(Some((uid, gid))) = self {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Gives a file or folder to this user.
    pub(crate) fn own(self, path: &Path) {
        if let User(Some((uid, gid))) = self {
            chown(path, Some(uid), Some(gid))
                .unwrap_or_else(|error| panic!("give {} to the server's user: {error}", path.display()));
        }
    }
}

/// Runs a command to its end.
///
/// # Errors
/// All that it said, when it can't start or fails.
pub(crate) fn run(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let done = command.output().map_err(|error| format!("start {name}: {error}"))?;
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    if done.status.success() {
        return Ok(said);
    }
    Err(format!("{name}: {}\n{said}{}", done.status, String::from_utf8_lossy(&done.stderr)))
}
