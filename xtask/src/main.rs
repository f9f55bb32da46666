//! The toolbox: `cargo x tidy` holds the house to its own plan, `cargo x test` runs every test that it has.
//!
//! Invariant: no crate of the house is used here, so that the toolbox works while the house is broken.

mod peers;
mod test;
mod tidy;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "usage: cargo x tidy          say where the house breaks its own rules
       cargo x test [ARGS]   install what the tests need, then run them all, or those that cargo test would with ARGS
       cargo x peers         install the peers of sign-in alone
";

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let done = match words.next().as_deref() {
        Some("tidy") => tidy::run(&root()),
        Some("test") => test::run(&root(), &words.collect::<Vec<_>>()),
        Some("peers") => peers::install(&root()).map(|()| ExitCode::SUCCESS),
        _ => {
            say_aside(USAGE);
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            say_aside(&format!("{error:#}\n"));
            ExitCode::FAILURE
        }
    }
}

/// The workspace's own folder: the one that holds `xtask`.
fn root() -> PathBuf {
    let mut folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    folder.pop();
    folder
}

/// Prints to standard output; a reader who has left is no fault of ours.
fn say(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Prints to standard error.
fn say_aside(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}
