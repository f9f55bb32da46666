//! `ondol superuser`: those who may do everything. Works beside a running service, on the same folder.

use std::io::{BufRead, IsTerminal, stdin};
use std::path::PathBuf;

use base::secret::Secret;
use base::time::Clock;
use clap::Subcommand;
use identity::superusers::{self, Done};
use records::Records;
use store::Store;

use super::place::Place;
use super::{say, short};
use crate::failure::Failure;
use crate::part::reach;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Make a superuser
    Create(With),
    /// Make a superuser, or give the one with that address a new password
    Upsert(With),
    /// Give a superuser a new password; whoever is signed in with the old one is out
    Update(With),
    /// Delete a superuser
    Delete(Of),
    /// List the superusers
    List(At),
}

#[derive(Debug, clap::Args)]
struct With {
    /// The address
    #[arg(value_name = "EMAIL")]
    email: String,
    /// Read the password from a file, or from stdin with `-`; without it you are asked
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, clap::Args)]
struct Of {
    /// The address
    #[arg(value_name = "EMAIL")]
    email: String,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, clap::Args)]
struct At {
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    match &args.act {
        Act::Create(with) => {
            let password = password(with.password_file.as_ref())?;
            open(
                &with.place,
                async |records| Ok(superusers::create(records, &with.email, &password).await?),
            )?;
            say(&format!("{} is a superuser now.", with.email))
        }
        Act::Upsert(with) => {
            let password = password(with.password_file.as_ref())?;
            let done = open(&with.place, async |records| {
                Ok(superusers::upsert(records, &with.email, &password).await?)
            })?;
            say(&match done {
                Done::Created => format!("{} is a superuser now.", with.email),
                Done::Updated => format!("{} has a new password.", with.email),
            })
        }
        Act::Update(with) => {
            let password = password(with.password_file.as_ref())?;
            open(
                &with.place,
                async |records| Ok(superusers::update(records, &with.email, &password).await?),
            )?;
            say(&format!("{} has a new password.", with.email))
        }
        Act::Delete(of) => {
            open(&of.place, async |records| Ok(superusers::delete(records, &of.email).await?))?;
            say(&format!("{} is no superuser any more.", of.email))
        }
        Act::List(at) => {
            let found = open(&at.place, async |records| Ok(superusers::list(records).await?))?;
            found.iter().try_for_each(|one| say(&format!("{}  since {}", one.email, one.created)))
        }
    }
}

/// Opens the folder as a second process, does the work and closes it.
fn open<T>(place: &Place, work: impl AsyncFnOnce(&Records) -> Result<T, Failure>) -> Result<T, Failure> {
    let mut config = place.config()?;
    short(async {
        reach::find_primary(&mut config).await?;
        let store = Store::open(config.store, Clock::System).await?;
        let records = Records::open(store.clone(), Clock::System, config.records).await?;
        let done = work(&records).await;
        store.close().await;
        done
    })
}

/// The password: from a file, from stdin, or asked for twice at the terminal.
fn password(file: Option<&PathBuf>) -> Result<Secret, Failure> {
    let text = match file {
        Some(path) if path.as_os_str() == "-" => first_line(&mut stdin().lock(), "stdin")?,
        Some(path) => {
            let shown = path.display().to_string();
            let file = std::fs::File::open(path)
                .map_err(|e| Failure::failed(format!("cannot read {shown}: {e}")))?;
            first_line(&mut std::io::BufReader::new(file), &shown)?
        }
        None if stdin().is_terminal() => ask()?,
        None => {
            let hint = "give the password with --password-file - (from stdin) or --password-file FILE";
            return Err(Failure::usage(format!("there is no terminal to ask at; {hint}")));
        }
    };
    if text.is_empty() {
        return Err(Failure::usage("the password is empty; give one of at least 8 characters"));
    }
    Ok(Secret::new(text))
}

fn first_line(from: &mut dyn BufRead, name: &str) -> Result<String, Failure> {
    let mut line = String::new();
    from.read_line(&mut line)
        .map_err(|error| Failure::failed(format!("cannot read the password from {name}: {error}")))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn ask() -> Result<String, Failure> {
    let ask = |what: &str| {
        rpassword::prompt_password(what)
            .map_err(|error| Failure::failed(format!("cannot ask for the password: {error}")))
    };
    let first = ask("Password (at least 8 characters): ")?;
    if ask("Once more: ")? != first {
        return Err(Failure::failed("the two passwords are not the same; try again"));
    }
    Ok(first)
}
