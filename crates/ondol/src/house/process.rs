//! The process's own numbers at `/metrics`, under the names that all programs use for them.
//!
//! Linux tells them in `/proc/self`; what a system doesn't tell is left out. Helps are the sentences of
//! `docs/operations.md`.

use std::fs;
use std::path::PathBuf;

use base::time::Timestamp;
use web::metrics::{Kind, Page, Source, Telling};

/// Ticks of `/proc/self/stat` per second: a constant of Linux towards programs (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// The process and the files of its database.
pub(super) struct Process {
    /// When it began to open the house.
    pub(super) began: Timestamp,
    /// The data's folder.
    pub(super) dir: PathBuf,
}

impl Source for Process {
    fn tell<'a>(&'a self, page: &'a mut Page) -> Telling<'a> {
        // some small reads from memory: nothing to wait for
        self.report(page);
        Box::pin(std::future::ready(()))
    }
}

impl Process {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are exact in 52 bits")]
    fn report(&self, page: &mut Page) {
        let help = "When the process began, in seconds since 1970";
        page.gauge("process_start_time_seconds", help, self.began.0 as f64 / 1e3);
        if let Some(seconds) = read("stat").as_deref().and_then(cpu_seconds) {
            page.counter("process_cpu_seconds_total", "Seconds of CPU used", seconds);
        }
        if let Some(kb) = read("status").as_deref().and_then(resident_kb) {
            page.gauge("process_resident_memory_bytes", "Bytes of memory in use", kb * 1024);
        }
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            page.gauge("process_open_fds", "Descriptors open: connections, files", open.count());
        }
        if let Some(most) = read("limits").as_deref().and_then(descriptors_max) {
            page.gauge("process_max_fds", "Descriptors that may be open at most", most);
        }
        let help = "Bytes of the database's files on disk";
        let mut family = page.family(Kind::Gauge, "ondol_database_file_bytes", help);
        for name in ["data.db", "data.db-wal"] {
            if let Ok(found) = fs::metadata(self.dir.join(name)) {
                family.number(&[("file", name)], found.len());
            }
        }
    }
}

fn read(name: &str) -> Option<String> {
    fs::read_to_string(PathBuf::from("/proc/self").join(name)).ok()
}

/// User and system time, fields 14 and 15 of proc(5)'s `stat`; the second one is a name that may have spaces in it.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS_PER_SECOND)
}

fn resident_kb(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn descriptors_max(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_own_words_are_read() {
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194560 1 2 3 4 150 50 0 0 20 0 9 0 1234 5 6";
        assert_eq!(cpu_seconds(stat), Some(2.0));
        assert_eq!(resident_kb("Name:\tondol\nVmHWM:\t 9 kB\nVmRSS:\t    2048 kB\n"), Some(2048));
        let limits = "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 4096    files\n";
        assert_eq!(descriptors_max(limits), Some(1024));
        assert_eq!((cpu_seconds("7 (a"), resident_kb(""), descriptors_max("")), (None, None, None));
    }
}
