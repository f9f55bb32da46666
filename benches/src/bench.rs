//! The rounds: every subject under every load, one after the other and then again, so that a busy hour of the machine
//! falls on all of them.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::keeper::Keeper;
use crate::load::{Load, Sample};
use crate::machine;
use crate::plan::{Measure, Operation, Plan};
use crate::report::{self, Row, Start};
use crate::subject::{self, Kind, Subject};
use crate::{fanout, say, say_aside, signin};

/// Starts per subject, of which the median is told.
const STARTS: usize = 10;
/// How long a server is left alone before its idle memory is read.
const IDLE: Duration = Duration::from_secs(2);

/// Measures all that the plan asks for, and prints the tables.
pub(crate) async fn run(plan: &Plan) -> Result<()> {
    let root = plan.dir.clone().unwrap_or_else(std::env::temp_dir);
    say(&format!("Machine: {}.", machine::facts()));
    let (p50, p99) = machine::sync_times(&root)?;
    say(&format!(
        "A synced append of 4 KiB on its disk: p50 {} µs, p99 {} µs.\n",
        p50.as_micros(),
        p99.as_micros()
    ));
    let keeper = Keeper::start(plan)?;
    for (index, records) in plan.records.iter().enumerate() {
        let folder = tempfile::Builder::new().prefix("ondol-bench-").tempdir_in(&root)?;
        one_size(plan, &keeper, *records, index == 0, folder.path()).await?;
    }
    say(&format!("Load of the machine at the end: {}.", machine::load()));
    Ok(())
}

async fn one_size(plan: &Plan, keeper: &Keeper, records: u64, is_first: bool, folder: &Path) -> Result<()> {
    let mut subjects = subject::cast(plan, folder)?;
    // what has no data costs the same at any size
    subjects.retain(|subject| is_first || subject.kind != Kind::Bare);
    say(&format!("### {records} records\n"));
    for subject in &mut subjects {
        say_aside(&format!("seeding {} with {records} records", subject.kind.name()));
        let imported = subject.prepare(keeper, plan.size(records)).await?;
        if let Some(imported) = imported.filter(|_| plan.only.contains(&Measure::Import)) {
            say(&report::import(subject.kind.name(), records, imported));
        }
    }
    let starts = if plan.only.contains(&Measure::Start) { starts(&mut subjects).await? } else { Vec::new() };
    for subject in servers(&mut subjects) {
        subject.start().await?;
    }
    for operation in plan.operations() {
        let rows = one_operation(plan, operation, records, &subjects)?;
        say(&report::loads(operation, &subjects, &rows));
    }
    if plan.only.contains(&Measure::Fanout) && is_first {
        say(&fan_out(plan, &mut subjects).await?);
    }
    if plan.only.contains(&Measure::Signin) && is_first {
        say(&sign_ins(plan, &subjects).await?);
    }
    if !starts.is_empty() {
        say(&report::starts(&starts));
    }
    subjects.iter_mut().try_for_each(Subject::stop)
}

fn one_operation(plan: &Plan, operation: Operation, records: u64, subjects: &[Subject]) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for &connections in &plan.connections {
        let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); subjects.len()];
        let load = Load { operation, connections, seconds: plan.seconds, size: plan.size(records) };
        for round in 1..=plan.rounds {
            say_aside(&format!(
                "{operation}, {connections} connections, round {round}, load {}",
                machine::load()
            ));
            for (subject, samples) in subjects.iter().zip(&mut samples) {
                samples.push(load.run(subject)?);
            }
        }
        rows.push(Row { connections, samples });
    }
    Ok(rows)
}

async fn starts(subjects: &mut [Subject]) -> Result<Vec<Start>> {
    let mut starts = Vec::new();
    for subject in servers(subjects) {
        let mut times = Vec::with_capacity(STARTS);
        let mut idle_mib = 0.0;
        for count in 1..=STARTS {
            subject.start().await?;
            let Some(server) = subject.server() else { continue };
            times.push(server.ready);
            if count == STARTS {
                tokio::time::sleep(IDLE).await;
                idle_mib = machine::resident_mib(server.pid())?;
            }
            subject.stop()?;
        }
        times.sort_unstable();
        starts.push(Start {
            name: subject.kind.name(),
            ready: times[STARTS / 2],
            slowest: times[STARTS - 1],
            idle_mib,
        });
    }
    Ok(starts)
}

async fn fan_out(plan: &Plan, subjects: &mut [Subject]) -> Result<String> {
    let mut heard = Vec::new();
    for subject in servers(subjects).filter(|subject| subject.kind != Kind::Bare) {
        let mut rounds = Vec::new();
        for round in 1..=plan.rounds {
            say_aside(&format!("fan-out, {}, round {round}", subject.kind.name()));
            let Some(server) = subject.server() else { continue };
            rounds.push(fanout::run(server, plan).await?);
        }
        heard.push((subject.kind.name(), rounds));
    }
    Ok(report::fan_out(plan, &heard))
}

async fn sign_ins(plan: &Plan, subjects: &[Subject]) -> Result<String> {
    let ours = subjects.iter().filter(|subject| matches!(subject.kind, Kind::Ondol { .. }));
    let Some(server) = ours.filter_map(Subject::server).next() else { return Ok(String::new()) };
    say_aside(&format!("sign-in, load {}", machine::load()));
    Ok(report::sign_ins(&signin::run(server, plan).await?))
}

fn servers(subjects: &mut [Subject]) -> impl Iterator<Item = &mut Subject> {
    subjects.iter_mut().filter(|subject| subject.kind != Kind::Raw)
}
