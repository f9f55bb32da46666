//! The machine: its facts, and what a process has used of it. Linux only: everything is read from `/proc`.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// Length of a tick of `/proc/PID/stat` (`getconf CLK_TCK` is 100 on all machines that we know).
const TICK: Duration = Duration::from_millis(10);

/// CPU time of a process and of its children that have ended: user and system.
pub(crate) fn cpu_time(pid: u32) -> Result<Duration> {
    Ok(times(pid)?.into_iter().sum())
}

/// The same in user mode.
pub(crate) fn user_time(pid: u32) -> Result<Duration> {
    Ok(times(pid)?.into_iter().step_by(2).sum())
}

/// User and system time of a process, and of its children that have ended.
fn times(pid: u32) -> Result<Vec<Duration>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("read a process's CPU time")?;
    // fields are counted after the name, which stands in parentheses and may hold blanks (proc_pid_stat(5))
    let (_, fields) = stat.rsplit_once(')').context("/proc/PID/stat has another form")?;
    let ticks = fields.split_whitespace().skip(11).take(4).map(str::parse::<u32>);
    ticks.map(|ticks| Ok(TICK * ticks?)).collect()
}

/// Resident memory of a process, in MiB.
pub(crate) fn resident_mib(pid: u32) -> Result<f64> {
    memory_mib(pid, "VmRSS:")
}

/// The most that it was, in MiB.
pub(crate) fn peak_mib(pid: u32) -> Result<f64> {
    memory_mib(pid, "VmHWM:")
}

fn memory_mib(pid: u32, which: &str) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).context("read a process's memory")?;
    let line = status.lines().find_map(|line| line.strip_prefix(which)).context("a process has ended")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib / 1024.0)
}

/// The machine in one line, with its load now.
pub(crate) fn facts() -> String {
    let line = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let cpu = line("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("");
    let cores = cpu.lines().filter(|line| line.starts_with("processor")).count();
    let model = model.trim_start_matches(['\t', ' ', ':']);
    format!("{cores} cores ({model}), Linux {}, load {}", line("/proc/sys/kernel/osrelease"), load())
}

/// The load of the last one, five and fifteen minutes.
pub(crate) fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// What it takes to append 4 KiB to a file and have them on disk: median and 99th percentile of 500.
pub(crate) fn sync_times(dir: &Path) -> Result<(Duration, Duration)> {
    let mut file = tempfile::tempfile_in(dir)?;
    let mut times = Vec::with_capacity(500);
    for _ in 0..500 {
        file.write_all(&[7; 4096])?;
        let start = Instant::now();
        file.sync_data()?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    Ok((times[250], times[495]))
}
