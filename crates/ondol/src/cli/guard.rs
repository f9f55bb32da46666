//! `ondol guard`: kills the database of a folder at the last deadline that it was told, should its keeper not be able to. The
//! keeper starts it; it is not for people.

use std::io::stdin;
use std::path::PathBuf;

use crate::failure::Failure;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The database's folder
    folder: PathBuf,
}

#[expect(clippy::unnecessary_wraps, reason = "verbs have one face")]
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    engine::guard::watch_over(args.folder.clone(), stdin());
    Ok(())
}
