//! Who works in a server's folder: its processes, whoever started them, and also after the first of them is gone.
//!
//! Only servers count, not a person's shell that looks around there. Each process of a PostgreSQL server leads a session of its own, so that there is no group to kill; but all of them work in
//! the data's folder.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// The programs that are servers.
const SERVERS: [&str; 2] = ["postgres", "mariadbd"];

/// The processes that work in `folder` or below it. Only /proc is read, never a disk.
pub(crate) fn of(folder: &Path) -> Vec<u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|process| works_in(*process, folder))
        .collect()
}

/// Kills those who work in `folder`; how many there were.
pub(crate) fn kill(folder: &Path) -> usize {
    let processes = of(folder);
    for process in &processes {
        let pid = i32::try_from(*process).ok().and_then(Pid::from_raw);
        let Some(handle) = pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()) else { continue };
        // the number may have gone to somebody else before it was held
        if works_in(*process, folder) {
            let _ = pidfd_send_signal(&handle, Signal::KILL);
        }
    }
    processes.len()
}

fn works_in(process: u32, folder: &Path) -> bool {
    let link = |name: &str| fs::read_link(format!("/proc/{process}/{name}"));
    let is_server = |program: PathBuf| {
        // one that was replaced while it ran has ` (deleted)` after its name
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        SERVERS.contains(&name.trim_end_matches(" (deleted)"))
    };
    link("cwd").is_ok_and(|cwd| cwd.starts_with(folder)) && link("exe").is_ok_and(is_server)
}
