//! What a running server says of itself: one question, one answer, read into an [`Observation`](crate::Observation).

use std::collections::HashMap;
use std::time::Duration;

use base::moment::Moment;
use tokio_postgres::SimpleQueryRow;

use crate::error::Error;
use crate::observation::{Follower, Role, Running, Slot, Stream};
use crate::postgres::{lsn, slot};

/// The question. Names are read before places, and our own place before those of the followers: so a follower that is said to
/// have flushed a place has done so under these names. (What is handed out for writing lies a page's head further after a
/// switch of segments, where no replica comes before something is written.)
pub(crate) const QUESTION: &str = "\
SELECT pg_is_in_recovery() AS follows,
    (SELECT system_identifier FROM pg_control_system()) AS system_id,
    current_setting('server_version') AS version,
    CASE WHEN pg_is_in_recovery() THEN greatest(
        (SELECT received_tli FROM pg_stat_wal_receiver),
        (SELECT timeline_id FROM pg_control_checkpoint()),
        (SELECT min_recovery_end_timeline FROM pg_control_recovery()))
    ELSE ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int END AS timeline,
    CASE WHEN pg_is_in_recovery() THEN greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
    ELSE pg_current_wal_lsn() END AS received,
    CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END AS replayed,
    CASE WHEN pg_is_in_recovery() THEN pg_is_wal_replay_paused() ELSE false END AS paused,
    (SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep') AS waiting,
    (SELECT coalesce(sum(xact_commit), 0) FROM pg_stat_database
        WHERE datname NOT IN ('postgres', 'template0', 'template1')) AS commits,
    current_setting('fsync') || current_setting('full_page_writes') || current_setting('data_checksums')
        || current_setting('synchronous_commit') AS safe;
SELECT sender_host, sender_port, status,
    coalesce(extract(epoch FROM clock_timestamp() - last_msg_receipt_time), 0) AS silence FROM pg_stat_wal_receiver;
SELECT application_name, state, sync_state, flush_lsn, replay_lsn, reply_time FROM pg_stat_replication;
SELECT slot_name, active, restart_lsn, wal_status FROM pg_replication_slots WHERE slot_type = 'physical';
SELECT coalesce(rolname, 'everybody') AS who, coalesce(datname, 'every database') AS place, setting
    FROM pg_db_role_setting LEFT JOIN pg_roles ON pg_roles.oid = setrole
    LEFT JOIN pg_database ON pg_database.oid = setdatabase, unnest(setconfig) AS setting
    WHERE setting ~* '^(synchronous_commit|fsync|full_page_writes|zero_damaged_pages|ignore_checksum_failure)=';
SELECT name FROM pg_settings WHERE sourcefile LIKE '%/postgresql.auto.conf'";

/// When each follower was last heard. The time that a follower gives is its own clock's; that it has changed is what counts.
#[derive(Debug, Default)]
pub(crate) struct Heard(HashMap<String, (String, Moment)>);

impl Heard {
    fn silence(&mut self, host: &str, reply: &str, now: Moment) -> Duration {
        let heard = self.0.entry(host.to_owned()).or_insert_with(|| (reply.to_owned(), now));
        if heard.0 != reply {
            *heard = (reply.to_owned(), now);
        }
        now.since(heard.1)
    }

    fn keep(&mut self, followers: &[Follower]) {
        self.0.retain(|host, _| followers.iter().any(|follower| follower.host == *host));
    }
}

/// Reads the answer.
pub(crate) fn read(
    process: u32,
    tables: &[Vec<SimpleQueryRow>],
    heard: &mut Heard,
    now: Moment,
) -> Result<Running, Error> {
    let [itself, streams, followers, slots, overrides, altered, ..] = tables else {
        return Err(unread("the answer", "not all of it came"));
    };
    let row = itself.first().ok_or_else(|| unread("the answer", "nothing came"))?;
    let followers: Vec<Follower> = followers.iter().filter_map(|row| follower(row, heard, now)).collect();
    heard.keep(&followers);
    Ok(Running {
        process,
        system_id: text(row, "system_id").to_owned(),
        // Debian adds its own to it
        version: text(row, "version").split(' ').next().unwrap_or_default().to_owned(),
        role: if is(row, "follows") { Role::Replica } else { Role::Primary },
        timeline: number(row, "timeline")?,
        received: place(row, "received")?,
        replayed: place(row, "replayed")?,
        stream: streams.first().map(stream),
        is_replay_paused: is(row, "paused"),
        confirm: None,
        waiting: number(row, "waiting")?,
        commits: number(row, "commits")?,
        followers,
        slots: slots.iter().filter_map(slot_of).collect(),
        unfit: None,
        troubles: troubles(row, overrides, altered),
    })
}

fn stream(row: &SimpleQueryRow) -> Stream {
    let seconds: f64 = text(row, "silence").parse().unwrap_or(0.0);
    Stream {
        from: format!("{}:{}", text(row, "sender_host"), text(row, "sender_port")),
        is_streaming: text(row, "status") == "streaming",
        silence: Duration::try_from_secs_f64(seconds).unwrap_or_default(),
    }
}

fn follower(row: &SimpleQueryRow, heard: &mut Heard, now: Moment) -> Option<Follower> {
    let host = text(row, "application_name").to_owned();
    let silence = heard.silence(&host, text(row, "reply_time"), now);
    Some(Follower {
        is_streaming: text(row, "state") == "streaming",
        is_confirming: matches!(text(row, "sync_state"), "sync" | "quorum"),
        flushed: lsn::parse(text(row, "flush_lsn"))?,
        replayed: lsn::parse(text(row, "replay_lsn")).unwrap_or(0),
        silence,
        host,
    })
}

fn slot_of(row: &SimpleQueryRow) -> Option<Slot> {
    Some(Slot {
        host: slot::host(text(row, "slot_name"))?,
        is_active: is(row, "active"),
        from: lsn::parse(text(row, "restart_lsn")),
        is_lost: text(row, "wal_status") == "lost",
    })
}

fn troubles(row: &SimpleQueryRow, overrides: &[SimpleQueryRow], altered: &[SimpleQueryRow]) -> Vec<String> {
    let mut troubles = Vec::new();
    if text(row, "safe") != "onononon" {
        let what =
            "fsync, full_page_writes, synchronous_commit or the data's checksums are off: writes may be lost";
        troubles.push(what.to_owned());
    }
    for row in overrides.iter().filter(|row| !text(row, "setting").to_lowercase().ends_with("=on")) {
        let (setting, who, place) = (text(row, "setting"), text(row, "who"), text(row, "place"));
        troubles
            .push(format!("{setting} is set for {who} in {place}: what is acknowledged there may be lost"));
    }
    for row in altered {
        let name = text(row, "name");
        troubles
            .push(format!("{name} was changed by ALTER SYSTEM; put it into the service file, and RESET it"));
    }
    troubles
}

fn text<'a>(row: &'a SimpleQueryRow, name: &str) -> &'a str {
    row.try_get(name).ok().flatten().unwrap_or_default()
}

fn is(row: &SimpleQueryRow, name: &str) -> bool {
    text(row, name) == "t"
}

fn number<T: std::str::FromStr>(row: &SimpleQueryRow, name: &'static str) -> Result<T, Error> {
    text(row, name).parse().map_err(|_| unread(name, text(row, name)))
}

fn place(row: &SimpleQueryRow, name: &'static str) -> Result<u64, Error> {
    lsn::parse(text(row, name)).ok_or_else(|| unread(name, text(row, name)))
}

fn unread(what: &'static str, said: &str) -> Error {
    Error::Unread { what, said: said.to_owned() }
}
