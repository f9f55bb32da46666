//! One measurement: a subject under the load for some seconds, and what that took.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::machine::cpu_time;
use crate::plan::{Operation, Size};
use crate::say_aside;
use crate::subject::{Server, Subject};

/// The load's script, as wrk reads it.
const SCRIPT: &str = include_str!("../load.lua");

/// What was measured.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Sample {
    pub(crate) requests: u64,
    pub(crate) seconds: f64,
    pub(crate) p50_us: u64,
    pub(crate) p99_us: u64,
    /// Answers that were no success, or none.
    pub(crate) bad: u64,
    /// CPU time of the server per request, user and system.
    #[serde(default)]
    pub(crate) cpu_us: f64,
}

/// The load on one subject.
pub(crate) struct Load {
    pub(crate) operation: Operation,
    pub(crate) connections: usize,
    pub(crate) seconds: u64,
    pub(crate) size: Size,
}

impl Load {
    /// Runs it, after a second of warming.
    pub(crate) fn run(&self, subject: &Subject) -> Result<Sample> {
        let sample = match subject.servers() {
            [] => self.run_raw(subject)?,
            servers => self.run_wrk(servers, subject)?,
        };
        if sample.bad > 0 {
            let (name, operation) = (subject.kind.name(), self.operation);
            say_aside(&format!(
                "{name}, {operation}: {} of {} answers were bad",
                sample.bad, sample.requests
            ));
        }
        Ok(sample)
    }

    fn run_wrk(&self, servers: &[Server], subject: &Subject) -> Result<Sample> {
        let script = subject.dir.join("load.lua");
        std::fs::write(&script, SCRIPT)?;
        self.on_all(servers, &script, 1)?;
        let before = cpu_times(servers)?;
        let samples = self.on_all(servers, &script, self.seconds)?;
        let used = cpu_times(servers)?.saturating_sub(before);
        let mut sample = together(&samples);
        sample.cpu_us = used.as_secs_f64() * 1e6 / sample.requests.max(1) as f64;
        Ok(sample)
    }

    /// One wrk for each server at the same time; the connections are shared out among them.
    fn on_all(&self, servers: &[Server], script: &Path, seconds: u64) -> Result<Vec<Sample>> {
        let connections = self.connections.div_ceil(servers.len());
        let start = |server: &Server| {
            let mut wrk = Command::new("wrk");
            wrk.arg("-t1").arg(format!("-c{connections}")).arg(format!("-d{seconds}s"));
            wrk.args(["--timeout", "10s", "-s"]).arg(script).arg(format!("http://127.0.0.1:{}", server.port));
            wrk.env("MODE", self.operation.to_string());
            wrk.env("RECORDS", self.size.records.to_string()).env("ROOMS", self.size.rooms.to_string());
            wrk.stdout(Stdio::piped()).stderr(Stdio::piped());
            wrk.spawn().context("start wrk (Debian: apt install wrk)")
        };
        let running = servers.iter().map(start).collect::<Result<Vec<Child>>>()?;
        running.into_iter().map(|wrk| read_sample(&wrk.wait_with_output()?)).collect()
    }

    fn run_raw(&self, subject: &Subject) -> Result<Sample> {
        let mut raw = Command::new(subject.program());
        raw.args(["raw", "--dir"]).arg(&subject.dir);
        raw.args(["--operation", &self.operation.to_string(), "--callers", &self.connections.to_string()]);
        raw.args(["--seconds", &self.seconds.to_string(), "--records", &self.size.records.to_string()]);
        raw.args(["--rooms", &self.size.rooms.to_string()]);
        read_sample(&raw.output().context("start the raw bound")?)
    }
}

/// What several loads at the same time come to: their requests together, the times of the slowest.
fn together(samples: &[Sample]) -> Sample {
    let slowest = |time: fn(&Sample) -> u64| samples.iter().map(time).max().unwrap_or(0);
    Sample {
        requests: samples.iter().map(|sample| sample.requests).sum(),
        seconds: samples.iter().map(|sample| sample.seconds).fold(0.0, f64::max),
        p50_us: slowest(|sample| sample.p50_us),
        p99_us: slowest(|sample| sample.p99_us),
        bad: samples.iter().map(|sample| sample.bad).sum(),
        cpu_us: 0.0,
    }
}

fn cpu_times(servers: &[Server]) -> Result<Duration> {
    servers.iter().map(|server| cpu_time(server.pid())).sum()
}

/// What wrk, or the raw bound, says it did.
pub(crate) fn read_sample(output: &Output) -> Result<Sample> {
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "the load broke off: {errors}");
    if !errors.trim().is_empty() {
        say_aside(errors.trim());
    }
    let line = text.lines().find(|line| line.starts_with('{')).context("the load gave no figures")?;
    serde_json::from_str(line).with_context(|| format!("read {line}"))
}

/// A percentile of sorted figures; 0 of none.
pub(crate) fn percentile(sorted: &[u64], percent: usize) -> u64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get(last * percent / 100).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_sorted_figures() {
        let figures: Vec<u64> = (0..=100).collect();
        assert_eq!((percentile(&figures, 50), percentile(&figures, 99)), (50, 99));
        assert_eq!((percentile(&[7], 99), percentile(&[], 50)), (7, 0));
    }
}
