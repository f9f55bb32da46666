//! A command line that can't be read is answered in one line.

use base::word::nearest;
use std::ffi::OsString;
use std::io::{Write, stderr, stdout};
use std::process::ExitCode;

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::Cli;
use crate::failure::Failure;

/// What people who come from other tools say for our verbs.
const GUESSES: [(&str, &str); 24] = [
    ("start", "serve"),
    ("run", "serve"),
    ("server", "serve"),
    ("dev", "serve"),
    ("admin", "superuser"),
    ("user", "superuser"),
    ("users", "superuser"),
    ("validate", "check"),
    ("config", "check"),
    ("doctor", "check"),
    ("plan", "check"),
    ("migrate", "move"),
    ("transfer", "move"),
    ("health", "status"),
    ("ps", "status"),
    ("info", "status"),
    ("load", "import"),
    ("insert", "import"),
    ("dump", "export"),
    ("failover", "takeover"),
    ("switchover", "takeover"),
    ("promote", "takeover"),
    ("join", "up"),
    ("help", "--help"),
];

/// Answers help and version on stdout, everything else in one line on stderr.
pub(super) fn answer(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // whoever closed stdout doesn't want the help any more
            let _ = write!(stdout(), "{error}");
            ExitCode::SUCCESS
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand if arguments.len() <= 1 => {
            let _ = write!(stderr(), "{error}");
            ExitCode::from(2)
        }
        _ => Failure::usage(sentence(error, arguments)).report(&mut stderr()),
    }
}

fn sentence(error: &clap::Error, arguments: &[OsString]) -> String {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        _ => String::new(),
    };
    match error.kind() {
        ErrorKind::InvalidSubcommand => unknown_verb(&text(ContextKind::InvalidSubcommand), arguments),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            format!("say what to do: {}", verbs(arguments).join(", "))
        }
        ErrorKind::MissingRequiredArgument => {
            format!("{} is missing; see `{} --help`", text(ContextKind::InvalidArg), path(arguments))
        }
        ErrorKind::UnknownArgument => {
            let word = text(ContextKind::InvalidArg);
            match error.get(ContextKind::SuggestedArg) {
                Some(ContextValue::String(near)) => format!("unknown option {word}; did you mean {near}?"),
                _ if word.starts_with('-') => {
                    format!("unknown option {word}; see `{} --help`", path(arguments))
                }
                _ => format!("`{word}` is one word too many; see `{} --help`", path(arguments)),
            }
        }
        _ => {
            let shown = error.to_string();
            let first = shown.lines().next().unwrap_or_default();
            first.strip_prefix("error: ").unwrap_or(first).to_owned()
        }
    }
}

fn unknown_verb(word: &str, arguments: &[OsString]) -> String {
    let verbs = verbs(arguments);
    let known: Vec<&str> = verbs.iter().map(String::as_str).collect();
    let guess =
        GUESSES.iter().find(|(said, meant)| *said == word && (known.contains(meant) || *meant == "--help"));
    match guess.map(|(_, meant)| *meant).or_else(|| nearest(word, &known)) {
        Some(meant) => format!("there is no `{word}`; did you mean `{} {meant}`?", path(arguments)),
        None => format!("there is no `{word}`; there is {}", verbs.join(", ")),
    }
}

/// The verbs at the place where the command line went wrong.
fn verbs(arguments: &[OsString]) -> Vec<String> {
    let mut command = Cli::command();
    for word in arguments.iter().skip(1).filter_map(|a| a.to_str()) {
        match command.find_subcommand(word) {
            Some(next) => command = next.clone(),
            None => break,
        }
    }
    command.get_subcommands().filter(|c| !c.is_hide_set()).map(|c| c.get_name().to_owned()).collect()
}

/// The command as far as it was right: `ondol superuser`.
fn path(arguments: &[OsString]) -> String {
    let (mut command, mut path) = (Cli::command(), String::from("ondol"));
    for word in arguments.iter().skip(1).filter_map(|a| a.to_str()) {
        let Some(next) = command.find_subcommand(word).cloned() else { break };
        path.push(' ');
        path.push_str(word);
        command = next;
    }
    path
}
