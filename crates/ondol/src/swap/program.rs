//! What a swap starts: the file at the path by which this process was started, with the same words.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::{Child, Command};

use super::heir::INHERITS;

/// A command line that can be said again.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    path: PathBuf,
    arguments: Vec<OsString>,
}

impl Program {
    /// This process's own. To be asked at its start, while the file that it runs is surely there.
    pub(crate) fn own() -> io::Result<Program> {
        let running = std::env::current_exe()?;
        let mut words = std::env::args_os();
        let said = words.next().map(PathBuf::from).unwrap_or_default();
        let path = by_which(&said, &running).unwrap_or(running);
        Ok(Program { path, arguments: words.collect() })
    }

    /// Where it lies.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Starts it with `stdin` to inherit from.
    pub(super) fn start(&self, stdin: OwnedFd) -> io::Result<Child> {
        Command::new(&self.path)
            .args(&self.arguments)
            .env(INHERITS, "stdin")
            // those of systemd were for this process
            .env_remove("LISTEN_FDS")
            .env_remove("LISTEN_PID")
            .env_remove("LISTEN_FDNAMES")
            .stdin(Stdio::from(stdin))
            .spawn()
    }
}

/// The path by which the program was called, if it leads to what runs: a link in it may lead elsewhere by the time of a swap.
#[expect(clippy::disallowed_methods, reason = "the shell found the program by it")]
fn by_which(said: &Path, running: &Path) -> Option<PathBuf> {
    let leads_there = |path: &PathBuf| path.canonicalize().is_ok_and(|there| there == running);
    if said.components().count() > 1 {
        return Some(std::path::absolute(said).ok()?).filter(leads_there);
    }
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join(said)).find(leads_there)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_stays_a_link_and_what_leads_elsewhere_is_not_taken() {
        let folder = tempfile::tempdir().expect("a folder");
        let (version, link) = (folder.path().join("ondol-1"), folder.path().join("ondol"));
        std::fs::write(&version, "").expect("a file");
        std::os::unix::fs::symlink(&version, &link).expect("a link");
        let running = version.canonicalize().expect("it is there");
        assert_eq!(by_which(&link, &running), Some(link.clone()));
        assert_eq!(by_which(&link, Path::new("/bin/sh")), None);
        assert_eq!(by_which(Path::new("no-such-program-anywhere"), &running), None);
    }
}
