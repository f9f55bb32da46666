//! What was so when the server was last started, promoted or stopped, kept in its folder: MariaDB's own files don't say it to
//! one who only looks.

use std::path::PathBuf;

use crate::error::Error;
use crate::observation::{End, Role, Stopped};
use crate::place::Place;

/// What is noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) system_id: String,
    pub(crate) timeline: u32,
    pub(crate) position: u64,
    pub(crate) role: Role,
    /// It was stopped in order, or never started.
    pub(crate) is_clean: bool,
    /// It has all that it ever confirmed, also if its process dies now.
    pub(crate) is_whole: bool,
}

impl Note {
    /// What was noted last.
    pub(crate) fn read(place: &Place) -> Result<Option<Note>, Error> {
        match std::fs::read_to_string(path(place)) {
            Ok(text) => {
                parse(&text).map(Some).ok_or(Error::Unread { what: "the note of the last start", said: text })
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::disk(&path(place))(error)),
        }
    }

    /// Notes it.
    pub(crate) fn write(&self, place: &Place) -> Result<(), Error> {
        place.write(&path(place), &self.text())
    }

    fn text(&self) -> String {
        let role = if self.role == Role::Primary { "primary" } else { "replica" };
        let clean = if self.is_clean { "ended" } else { "running" };
        let whole = if self.is_whole { "whole" } else { "partial" };
        format!("{}\n{}\n{}\n{role}\n{clean}\n{whole}\n", self.system_id, self.timeline, self.position)
    }

    /// As what is seen of it.
    pub(crate) fn stopped(&self) -> Stopped {
        Stopped {
            system_id: self.system_id.clone(),
            timeline: self.timeline,
            // a replica has everything once it has come beyond this
            checkpoint: self.position.saturating_sub(1),
            reached: self.position,
            end: match (self.role, self.is_clean) {
                (Role::Primary, true) => End::Primary,
                (Role::Primary, false) => End::CrashedPrimary,
                (Role::Replica, true) => End::Replica,
                (Role::Replica, false) => End::CrashedReplica,
            },
            is_settled_by_start: self.role == Role::Primary && !self.is_clean,
        }
    }
}

fn path(place: &Place) -> PathBuf {
    place.folder.join("last")
}

fn parse(text: &str) -> Option<Note> {
    let mut lines = text.lines();
    Some(Note {
        system_id: lines.next()?.to_owned(),
        timeline: lines.next()?.parse().ok()?,
        position: lines.next()?.parse().ok()?,
        role: if lines.next()? == "primary" { Role::Primary } else { Role::Replica },
        is_clean: lines.next()? == "ended",
        is_whole: lines.next()? == "whole",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_reads_as_it_was_written() {
        for (role, is_clean, is_whole) in
            [(Role::Primary, true, false), (Role::Replica, false, true), (Role::Primary, false, false)]
        {
            let note = Note { system_id: "x".into(), timeline: 3, position: 77, role, is_clean, is_whole };
            assert_eq!(parse(&note.text()), Some(note));
        }
        assert_eq!(parse("half"), None);
    }
}
