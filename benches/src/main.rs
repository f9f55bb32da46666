//! Benchmarks: Ondol's server beside a peer, a bare reply and the raw bound of its own store, under the same load.
//!
//! Map, in reading order: `plan` (what is asked for on the command line), `machine` (where it runs, and what a process has
//! used of it), `http` (a small client), `keeper` (the database
//! servers behind ours), `subject` (the servers under test), `seed` (their data), `load` (one
//! measurement: wrk, or the raw bound), `fanout` (realtime), `signin` (passwords and sessions), `bench` (the rounds), `report` (tables); apart from all that `proxies` (the
//! balancer beside its peers). Some of the subjects
//! are this binary itself: `bare`, `raw` and `pump`.
//!
//! To add an operation: a mode in `load.lua`, in `plan::Operation`, and in `raw`.
//!
//! Invariant: figures are printed as measured; nothing here passes or fails.

mod bare;
mod bench;
mod fanout;
mod http;
mod keeper;
mod load;
mod machine;
mod plan;
mod proxies;
mod pump;
mod raw;
mod report;
mod seed;
mod signin;
mod subject;

use std::io::Write;

use anyhow::Result;
use clap::Parser;

use plan::{Command, Verb};

/// The same allocator as the server's, so that the bounds differ by work alone.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<()> {
    let command = Command::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match command.verb {
        None => runtime.block_on(bench::run(&command.plan)),
        Some(Verb::Bare { port }) => runtime.block_on(bare::serve(port)),
        Some(Verb::Proxies(ask)) => runtime.block_on(proxies::run(&ask)),
        Some(Verb::Pump { port, to }) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            tokio::task::LocalSet::new().block_on(&runtime, pump::run(port, to))
        }
        Some(Verb::Raw(task)) => runtime.block_on(raw::run(task)),
    }
}

/// Prints a line of results; a reader who has left is no fault of ours.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// Prints a line about what goes on.
fn say_aside(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
