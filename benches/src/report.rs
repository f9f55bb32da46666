//! Tables in Markdown, of medians.

use std::fmt::Write;
use std::time::Duration;

use crate::fanout::Heard;
use crate::load::Sample;
use crate::plan::{Operation, Plan};
use crate::seed::Imported;
use crate::signin::Told;
use crate::subject::Subject;

/// One number of connections: the samples of each subject.
pub(crate) struct Row {
    pub(crate) connections: usize,
    pub(crate) samples: Vec<Vec<Sample>>,
}

/// How a server starts, and lies idle.
pub(crate) struct Start {
    pub(crate) name: &'static str,
    pub(crate) ready: Duration,
    pub(crate) slowest: Duration,
    pub(crate) idle_mib: f64,
}

/// One operation: a row per number of connections, a column per subject.
pub(crate) fn loads(operation: Operation, subjects: &[Subject], rows: &[Row]) -> String {
    let mut text = format!("| {operation}: CPU µs (req/s, p50 / p99 ms) |");
    for subject in subjects {
        let _ = write!(text, " {} |", subject.kind.name());
    }
    let _ = write!(text, "\n| --- |{}", " --- |".repeat(subjects.len()));
    for row in rows {
        let _ = write!(text, "\n| {} |", connections(row.connections));
        for samples in &row.samples {
            let _ = write!(text, " {} |", cell(samples));
        }
    }
    text.push('\n');
    text
}

fn connections(count: usize) -> String {
    format!("{count} connection{}", if count == 1 { "" } else { "s" })
}

fn cell(samples: &[Sample]) -> String {
    let cpu = median(samples.iter().map(|sample| sample.cpu_us));
    let rate = median(samples.iter().map(|sample| sample.requests as f64 / sample.seconds));
    let p50 = median(samples.iter().map(|sample| sample.p50_us as f64 / 1e3));
    let p99 = median(samples.iter().map(|sample| sample.p99_us as f64 / 1e3));
    let bad: u64 = samples.iter().map(|sample| sample.bad).sum();
    let bad = if bad == 0 { String::new() } else { format!(", {bad} bad") };
    format!("**{cpu:.0}** ({rate:.0}, {p50:.2} / {p99:.2}{bad})")
}

/// An import, in a sentence.
pub(crate) fn import(name: &str, records: u64, imported: Imported) -> String {
    let Imported { time, cpu, peak_mib } = imported;
    let cpu_us = cpu.as_secs_f64() * 1e6 / records.max(1) as f64;
    let seconds = time.as_secs_f64();
    format!(
        "{name}: {records} records imported in {seconds:.0} s, **{cpu_us:.0}** CPU µs each, {peak_mib:.0} MiB at most\n"
    )
}

/// Fan-out: a row per subject.
pub(crate) fn fan_out(plan: &Plan, heard: &[(&'static str, Vec<Heard>)]) -> String {
    let Plan { listeners, events, event_rate, .. } = plan;
    let mut text = format!(
        "| {listeners} listeners, {events} creates, {event_rate} per second | CPU µs per event | delay p50 / p99 ms | missing |\n\
         | --- | --- | --- | --- |\n"
    );
    for (name, rounds) in heard {
        let cpu = median(rounds.iter().map(|round| round.cpu_us));
        let p50 = median(rounds.iter().map(|round| round.p50_us as f64 / 1e3));
        let p99 = median(rounds.iter().map(|round| round.p99_us as f64 / 1e3));
        let missing: usize =
            rounds.iter().map(|round| round.expected - round.events.min(round.expected)).sum();
        let _ = writeln!(text, "| {name} | **{cpu:.1}** | {p50:.1} / {p99:.1} | {missing} |");
    }
    text
}

/// Sign-in: a row per kind of request.
pub(crate) fn sign_ins(rows: &[Told]) -> String {
    let mut text = "| sign-in | callers | CPU µs each | per second | p50 / p99 ms | told it is busy |\n\
        | --- | --- | --- | --- | --- | --- |\n"
        .to_owned();
    for row in rows {
        let cpu = if row.cpu_us.is_nan() { "–".to_owned() } else { format!("**{:.0}**", row.cpu_us) };
        let (rate, ms) = (row.done as f64 / row.seconds, |us: u64| us as f64 / 1e3);
        let Told { what, callers, busy, .. } = row;
        let _ = writeln!(
            text,
            "| {what} | {callers} | {cpu} | {rate:.0} | {:.2} / {:.2} | {busy} |",
            ms(row.p50_us),
            ms(row.p99_us)
        );
    }
    text
}

/// Starts: a row per server.
pub(crate) fn starts(starts: &[Start]) -> String {
    let mut text =
        "| start | ready: median, slowest of 10, ms | idle, MiB resident |\n| --- | --- | --- |\n".to_owned();
    for start in starts {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let Start { name, ready, slowest, idle_mib } = start;
        let _ = writeln!(text, "| {name} | {:.0}, {:.0} | {idle_mib:.1} |", ms(*ready), ms(*slowest));
    }
    text
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_unstable_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_tells_the_median_of_each_figure() {
        let sample = |cpu_us, requests, bad| Sample {
            requests,
            seconds: 2.0,
            p50_us: 1_500,
            p99_us: 9_000,
            bad,
            cpu_us,
        };
        let samples = [sample(40.0, 2_000, 0), sample(90.0, 1_000, 0), sample(50.0, 3_000, 0)];
        assert_eq!(cell(&samples), "**50** (1000, 1.50 / 9.00)");
        assert_eq!(cell(&[sample(40.0, 2_000, 3)]), "**40** (1000, 1.50 / 9.00, 3 bad)");
    }
}
