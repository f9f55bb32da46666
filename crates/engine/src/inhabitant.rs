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

/// Whether a process is killed and only waits for a disk that hangs: it never runs a line of its program again, so that it
/// answers nobody, and ends once the disk answers it.
pub(crate) fn is_doomed(process: u32) -> bool {
    let statuses: Vec<String> = tasks(process)
        .filter_map(|task| fs::read_to_string(format!("/proc/{process}/task/{task}/status")).ok())
        .collect();
    hang_killed(&statuses)
}

/// Of each thread's status (proc(5)): at least one hangs, and the others have ended or hang too.
fn hang_killed(statuses: &[String]) -> bool {
    let (ended, others): (Vec<_>, Vec<_>) =
        statuses.iter().partition(|status| matches!(state_of(status), Some('Z' | 'X')));
    ended.len() < statuses.len() && others.into_iter().all(|status| hangs_killed(status))
}

/// It waits for something that no signal breaks off, and SIGKILL is in a mask of signals that are on their way.
fn hangs_killed(status: &str) -> bool {
    let mut masks = lines(status)
        .filter(|(name, _)| matches!(*name, "SigPnd" | "ShdPnd"))
        .filter_map(|(_, mask)| u64::from_str_radix(mask.trim(), 16).ok());
    state_of(status) == Some('D') && masks.any(|mask| mask & (1 << (Signal::KILL.as_raw() - 1)) != 0)
}

fn state_of(status: &str) -> Option<char> {
    lines(status).find(|(name, _)| *name == "State")?.1.trim_start().chars().next()
}

fn lines(status: &str) -> impl Iterator<Item = (&str, &str)> {
    status.lines().filter_map(|line| line.split_once(':'))
}

/// A process's threads.
fn tasks(process: u32) -> impl Iterator<Item = u32> {
    let entries = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
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

/// Whether a server of that number has ended, and nobody has taken note of that yet.
pub(crate) fn is_dead_and_listed(process: u32) -> bool {
    let of = |name: &str| PathBuf::from(format!("/proc/{process}/{name}"));
    let name = fs::read_to_string(of("comm")).unwrap_or_default();
    // what has ended has no program any more, but its name
    SERVERS.contains(&name.trim()) && fs::read_link(of("exe")).is_err()
}

/// A server's first thread may have ended before the others, and has neither folder nor program then; so each is asked.
fn works_in(process: u32, folder: &Path) -> bool {
    let is_server = |program: PathBuf| {
        // one that was replaced while it ran has ` (deleted)` after its name
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        SERVERS.contains(&name.trim_end_matches(" (deleted)"))
    };
    let does = |of: &str| {
        let link = |name: &str| fs::read_link(format!("/proc/{of}/{name}"));
        Some(link("cwd").ok()?.starts_with(folder) && link("exe").is_ok_and(is_server))
    };
    let any_does = || tasks(process).any(|task| does(&format!("{process}/task/{task}")).unwrap_or(false));
    does(&process.to_string()).unwrap_or_else(any_does)
}

#[cfg(test)]
mod tests {
    use super::{hang_killed, hangs_killed};

    #[test]
    fn only_what_is_killed_and_hangs_in_its_disk_is_doomed() {
        let status = |state: &str, own: &str, shared: &str| {
            format!(
                "Name:\tpostgres\nState:\t{state}\nSigPnd:\t{own}\nShdPnd:\t{shared}\nSigBlk:\t0000000000000100\n"
            )
        };
        let (none, kill, quit) = ("0000000000000000", "0000000000000100", "0000000000000004");
        assert!(hangs_killed(&status("D (disk sleep)", kill, none)));
        assert!(hangs_killed(&status("D (disk sleep)", none, "0000000000000104")));
        assert!(
            !hangs_killed(&status("D (disk sleep)", quit, none)),
            "another signal may be held back for ever"
        );
        assert!(!hangs_killed(&status("R (running)", kill, none)), "it may be about to answer");
        let [ended, hanging, running] =
            [("Z (zombie)", none), ("D (disk sleep)", kill), ("S (sleeping)", kill)]
                .map(|(state, own)| status(state, own, none));
        assert!(hang_killed(&[ended.clone(), hanging.clone()]), "of many threads the first may be gone");
        assert!(!hang_killed(&[ended.clone(), hanging, running]), "one of them may be about to answer");
        assert!(!hang_killed(&[ended]), "it has ended");
        assert!(!hang_killed(&[]), "nobody is there");
    }
}
