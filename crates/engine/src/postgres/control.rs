//! What `pg_controldata` says of a server that does not run.

use crate::error::Error;
use crate::observation::{End, Stopped};
use crate::postgres::lsn;

/// Reads it.
pub(crate) fn read(said: &str) -> Result<Stopped, Error> {
    let unread = |what| Error::Unread { what, said: said.to_owned() };
    let find = |name: &'static str| {
        let mut lines = said.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(found, _)| *found == name).map(|(_, value)| value.trim()).ok_or_else(|| unread(name))
    };
    let timeline = |name| find(name)?.parse::<u32>().map_err(|_| unread(name));
    let place = |name| lsn::parse(find(name)?).ok_or_else(|| unread(name));
    let end = match find("Database cluster state")? {
        "shut down" => End::Primary,
        "shut down in recovery" => End::Replica,
        "in production" | "shutting down" | "in crash recovery" | "starting up" => End::CrashedPrimary,
        "in archive recovery" => End::CrashedReplica,
        _ => return Err(unread("Database cluster state")),
    };
    let by_checkpoint = timeline("Latest checkpoint's TimeLineID")?;
    // 0 where there is no recovery to end
    let by_recovery = timeline("Min recovery ending loc's timeline")?;
    Ok(Stopped {
        system_id: find("Database system identifier")?.to_owned(),
        timeline: by_checkpoint.max(by_recovery),
        checkpoint: place("Latest checkpoint location")?,
        reached: place("Minimum recovery ending location")?.max(place("Latest checkpoint location")?),
        end,
        is_settled_by_start: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "pg_control version number:            1300
Database system identifier:           7400000000000000001
Database cluster state:               in archive recovery
pg_control last modified:             Thu 26 Nov 2026 12:00:00 AM UTC
Latest checkpoint location:           0/3000110
Latest checkpoint's REDO location:    0/30000D8
Latest checkpoint's TimeLineID:       1
Minimum recovery ending location:     0/3000200
Min recovery ending loc's timeline:   2
";

    #[test]
    fn a_crashed_replica_is_known_by_its_state() {
        let stopped = read(SAID).unwrap();
        assert_eq!((stopped.end, stopped.timeline, stopped.checkpoint), (End::CrashedReplica, 2, 0x300_0110));
        assert_eq!((stopped.system_id.as_str(), stopped.reached), ("7400000000000000001", 0x300_0200));
    }

    #[test]
    fn a_state_that_is_not_known_is_an_error() {
        let error = read(&SAID.replace("in archive recovery", "on holiday")).unwrap_err();
        assert!(error.to_string().contains("cluster state"), "{error}");
    }
}
