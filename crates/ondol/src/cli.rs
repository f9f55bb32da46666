//! The verbs, and how a wrong one is answered: in one line, never with a wall of help.

mod check;
mod drain;
mod export;
mod guard;
mod import;
mod moving;
mod place;
mod progress;
mod serve;
mod status;
mod superuser;
mod takeover;
mod up;
mod upgrade;
mod wrong;

use std::ffi::OsString;
use std::io::{Write, stderr, stdout};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::failure::Failure;

/// A home for a small team's web service: accounts, data, files and realtime from one binary.
#[derive(Debug, Parser)]
#[command(name = "ondol", version, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

/// The verb by which the keeper starts its guard.
pub(crate) const GUARD: &str = "guard";

#[derive(Debug, Subcommand)]
enum Verb {
    /// Serve on this box: data, files, accounts and the console.
    Serve(serve::Args),
    /// Run this host's part of a service on several hosts.
    Up(up::Args),
    /// Who may do everything: create, upsert, update, delete, list.
    Superuser(superuser::Args),
    /// Bring a data file into a collection: JSON, JSON Lines or CSV.
    Import(import::Args),
    /// Write a collection to stdout as JSON Lines, JSON or CSV.
    Export(export::Args),
    /// Look for mistakes in the service file; changes nothing.
    Check(check::Args),
    /// Move the records to another database while they are used.
    Move(moving::Args),
    /// Let the program on disk take over from the one that runs.
    Upgrade(upgrade::Args),
    /// Let a balancer send nothing new to one of its web servers.
    Drain(drain::Args),
    /// Watch over a database for its keeper.
    #[command(name = GUARD, hide = true)]
    Guard(guard::Args),
    /// Let another host be primary.
    Takeover(takeover::Args),
    /// How it is: the database, the collections, the indexes, the web server.
    Status(status::Args),
}

/// Runs the command; the first argument is the program's own name.
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.collect();
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return wrong::answer(&error, &arguments),
    };
    let done = match cli.verb {
        Verb::Serve(args) => serve::run(&args),
        Verb::Up(args) => up::run(&args),
        Verb::Superuser(args) => superuser::run(&args),
        Verb::Import(args) => import::run(&args),
        Verb::Export(args) => export::run(&args),
        Verb::Check(args) => check::run(&args),
        Verb::Move(args) => moving::run(&args),
        Verb::Upgrade(args) => upgrade::run(&args),
        Verb::Drain(args) => drain::run(&args),
        Verb::Guard(args) => guard::run(&args),
        Verb::Takeover(args) => takeover::run(&args),
        Verb::Status(args) => status::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(&mut stderr()),
    }
}

/// Prints a line of the answer at once.
fn say(line: &str) -> Result<(), Failure> {
    let mut out = stdout().lock();
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .map_err(|error| Failure::failed(format!("cannot write the answer to stdout: {error}")))
}

/// Runs a short job on one thread.
fn short<T>(job: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start: {error}")))?;
    runtime.block_on(job)
}
