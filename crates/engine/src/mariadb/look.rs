//! What a running server says of itself: one question, one answer, read into an [`Observation`](crate::Observation).

use std::time::Duration;

use base::moment::Moment;

use crate::error::Error;
use crate::mariadb::link::Row;
use crate::mariadb::{Now, gtid, reign, settings};
use crate::observation::{Confirm, Follower, Role, Running, Stream};

/// The question.
pub(super) fn question() -> String {
    format!(
        "SELECT VERSION() AS version, @@global.read_only AS follows, @@gtid_slave_pos AS applied, \
         @@gtid_binlog_pos AS written; \
         SHOW GLOBAL STATUS WHERE Variable_name IN ('Rpl_semi_sync_master_status', 'Rpl_semi_sync_master_clients', \
         'Rpl_semi_sync_master_wait_sessions', 'Slave_received_heartbeats'); \
         {}; {}; SHOW SLAVE STATUS",
        reign::REIGNS,
        settings::question()
    )
}

/// Reads the answer.
pub(super) fn read(process: u32, tables: &[Vec<Row>], now: &mut Now, at: Moment) -> Result<Running, Error> {
    let unread = |said: &str| Error::Unread { what: "the answer", said: said.to_owned() };
    let [itself, status, reigns, verified, ..] = tables else { return Err(unread("not all of it came")) };
    let row = itself.first().ok_or_else(|| unread("nothing came"))?;
    // a server that never followed says nothing here
    let slave = tables.get(4).and_then(|rows| rows.first());
    let status = |name: &str| {
        let row = status.iter().find(|row| row.text("Variable_name") == name);
        row.map_or("", |row| row.text("Value"))
    };
    let role = if row.text("follows") == "0" { Role::Primary } else { Role::Replica };
    let reigns = reign::read(reigns)?;
    let replayed = gtid::sequence(row.text("written"))?.max(gtid::sequence(row.text("applied"))?);
    let heard = slave.map_or(0, |slave| gtid::sequence(slave.text("Gtid_IO_Pos")).unwrap_or(0));
    let received = if role == Role::Primary { replayed } else { replayed.max(heard) };
    let stream = slave
        .filter(|slave| role == Role::Replica && !slave.text("Master_Host").is_empty())
        .map(|slave| stream(slave, status("Slave_received_heartbeats"), now, at));
    let stuck = slave.filter(|slave| slave.text("Slave_SQL_Running") == "No" && received > replayed);
    let stuck = stuck.filter(|_| role == Role::Replica).map(|slave| match slave.text("Last_SQL_Error") {
        "" => "somebody has stopped it from applying what it has received".to_owned(),
        error => format!("it can't apply what it has received: {error}"),
    });
    let (troubles, is_loose) = troubles(verified, status, role, now);
    let waiting = status("Rpl_semi_sync_master_wait_sessions").parse().unwrap_or(0);
    // what is not so any more binds nothing
    if is_loose {
        now.bound = None;
    }
    let bound = now.bound.as_ref().filter(|(of, _)| *of == process && role == Role::Primary);
    let followers = if role == Role::Primary { followers(now, at) } else { Vec::new() };
    Ok(Running {
        process,
        system_id: reigns[0].word.clone(),
        version: row.text("version").split('-').next().unwrap_or_default().to_owned(),
        role,
        timeline: reigns.last().map_or(1, |reign| reign.timeline),
        received,
        replayed,
        stream,
        is_replay_paused: false,
        confirm: bound.map(|(_, bound)| bound.clone()),
        waiting,
        commits: replayed,
        followers,
        slots: Vec::new(),
        unfit: stuck,
        troubles,
    })
}

fn stream(slave: &Row, heartbeats: &str, now: &mut Now, at: Moment) -> Stream {
    let word = format!("{} {} {heartbeats}", slave.text("Gtid_IO_Pos"), slave.text("Read_Master_Log_Pos"));
    let since = match &now.heard {
        Some((before, since)) if *before == word => *since,
        _ => {
            now.heard = Some((word, at));
            at
        }
    };
    Stream {
        from: format!("{}:{}", slave.text("Master_Host"), slave.text("Master_Port")),
        is_streaming: is_streaming(slave),
        silence: at.since(since),
    }
}

/// Whether a replica receives and applies.
pub(super) fn is_streaming(slave: &Row) -> bool {
    slave.text("Slave_IO_Running") == "Yes" && slave.text("Slave_SQL_Running") == "Yes"
}

fn followers(now: &Now, at: Moment) -> Vec<Follower> {
    let mut followers: Vec<Follower> = now
        .followers
        .values()
        .map(|(follower, heard)| Follower { silence: at.since(*heard), ..follower.clone() })
        .collect();
    followers.sort_by(|one, other| one.host.cmp(&other.host));
    followers
}

/// What a person should know, and whether commits wait for less than they are to.
fn troubles<'a>(
    verified: &[Row],
    status: impl Fn(&str) -> &'a str,
    role: Role,
    now: &Now,
) -> (Vec<String>, bool) {
    let mut troubles = settings::troubles(verified);
    let has_wrong = !troubles.is_empty();
    troubles.extend(now.troubles.iter().cloned());
    let is_to_wait = now.bound.as_ref().is_some_and(|(_, bound)| bound.confirm != Confirm::Here);
    let is_off = role == Role::Primary && is_to_wait && status("Rpl_semi_sync_master_status") != "ON";
    if is_off {
        troubles.push("somebody has switched off that commits wait for their replica".to_owned());
    }
    let clients: u32 = status("Rpl_semi_sync_master_clients").parse().unwrap_or(0);
    if role == Role::Primary && clients > 1 {
        let what = format!(
            "{clients} replicas confirm commits, and MariaDB waits for any one of them: there may be one only"
        );
        troubles.push(what);
    }
    (troubles, is_off || has_wrong && is_to_wait || (clients > 1 && is_to_wait))
}

/// Why a replica that may lack what it confirmed is not to be primary.
pub(super) fn unfit(now: &mut Now, running: &Running) -> Option<String> {
    if running.role == Role::Primary || now.is_whole {
        return None;
    }
    if now.target.is_some_and(|target| running.received >= target) {
        now.is_whole = true;
        return None;
    }
    Some("its database was started anew and has not caught up with a primary since".to_owned())
}

/// How long it is looked how far the primary is.
pub(super) fn left(until: Moment) -> Duration {
    until.left().max(Duration::from_millis(50))
}
