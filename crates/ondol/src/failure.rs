//! What is said on stderr when something can't be done, and the exit code that goes with it.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use api::transfer;
use base::error::{Fault, Kind, chain};

/// Why the command ends without having done its work: sentences that say what was wrong and what to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// One fault per line.
    pub lines: Vec<String>,
    /// 1 failed, 2 used wrongly, 3 done but something is not as it should be.
    pub code: u8,
}

impl Failure {
    /// The work could not be done.
    pub fn failed(sentence: impl Into<String>) -> Failure {
        Failure { lines: vec![sentence.into()], code: 1 }
    }

    /// The command line or the service file is wrong.
    pub fn usage(sentence: impl Into<String>) -> Failure {
        Failure { lines: vec![sentence.into()], code: 2 }
    }

    /// The work is done, but something is not as it should be.
    pub fn degraded(sentence: impl Into<String>) -> Failure {
        Failure { lines: vec![sentence.into()], code: 3 }
    }

    /// Prints the sentences and gives the exit code.
    pub fn report(&self, to: &mut dyn Write) -> ExitCode {
        for line in &self.lines {
            // when even stderr is gone there is nobody left to tell
            let _ = writeln!(to, "ondol: {line}");
        }
        ExitCode::from(self.code)
    }
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Failure {
        use store::Error;
        Failure::failed(match &error {
            Error::Access { path, source } => format!("{}; {}", access(path, source), remedy(source)),
            Error::Locked { path } => {
                format!("another process is using {path}; stop it first, or name another folder with --dir")
            }
            Error::Newer { .. } => format!("{error}; install the newer version, nothing was changed"),
            Error::Damaged { .. } => {
                format!(
                    "{error}; nothing was changed: put a backup in its place, or name another folder with --dir"
                )
            }
            Error::Moved { .. } => format!(
                "{error}; name that place in the service file. Should they be used here again: `ondol move --back` gives \
                 them back as they were"
            ),
            Error::Lost { .. } => format!("{}; see [database] in the service file", chain(&error)),
            Error::Full => "the disk is full; make room and start again, nothing was lost".to_owned(),
            other => chain(other),
        })
    }
}

impl From<records::Error> for Failure {
    fn from(error: records::Error) -> Failure {
        match error {
            records::Error::Store(store) => store.into(),
            refused => Failure::failed(refusal(&refused)),
        }
    }
}

impl From<transfer::Error> for Failure {
    fn from(error: transfer::Error) -> Failure {
        match error {
            transfer::Error::Records(records) => records.into(),
            transfer::Error::Refused(sentence) => Failure::failed(sentence),
            transfer::Error::File { path, source } => Failure::failed(match source.kind() {
                ErrorKind::NotFound => format!("there is no file {path}"),
                ErrorKind::PermissionDenied => format!("this user has no right to {path}"),
                ErrorKind::StorageFull => format!("the disk is full: cannot write {path}"),
                _ => format!("cannot use {path}: {source}"),
            }),
        }
    }
}

/// A refusal with what is wrong field by field: `…: email must be unique`.
fn refusal(error: &records::Error) -> String {
    if error.kind() == Kind::Internal {
        return chain(error);
    }
    let mut text = error.public();
    for (field, fault) in error.data() {
        let what = fault.get("message").and_then(|m| m.as_str()).unwrap_or("is not valid");
        text.push_str(&format!(" {field}: {what}"));
    }
    text
}

fn access(path: &str, source: &std::io::Error) -> String {
    match source.kind() {
        ErrorKind::PermissionDenied => format!("{path} may not be written"),
        ErrorKind::ReadOnlyFilesystem => format!("{path} lies on a file system that is read-only"),
        ErrorKind::NotADirectory => format!("{path} is not a folder"),
        _ => format!("cannot use {path}: {source}"),
    }
}

fn remedy(source: &std::io::Error) -> &'static str {
    match source.kind() {
        ErrorKind::StorageFull => "make room on the disk and start again",
        ErrorKind::PermissionDenied => "give this user the right to it, or name another folder with --dir",
        _ => "name another folder with --dir",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_does_not_answer_is_told_with_where_it_is_written() {
        let source = "nothing listens there: start PostgreSQL, or correct host and port".into();
        let failure = Failure::from(store::Error::Lost { server: "10.0.0.5:5432".into(), source });
        assert_eq!(
            failure.lines,
            [
                "the database at 10.0.0.5:5432 does not answer: nothing listens there: start PostgreSQL, or correct host \
              and port; see [database] in the service file"
            ]
        );
    }

    #[test]
    fn a_folder_that_may_not_be_written_is_told_with_what_to_do() {
        let source = std::io::Error::from(ErrorKind::PermissionDenied);
        let failure = Failure::from(store::Error::Access { path: "/srv/data".into(), source });
        assert_eq!(failure.code, 1);
        assert_eq!(
            failure.lines,
            [
                "/srv/data may not be written; give this user the right to it, or name another folder with --dir"
            ]
        );
    }
}
