//! At each step a keeper dies right after it and is begun anew, or the step fails, or is done and told to have failed: it ends
//! well, and nothing acknowledged is lost.

use crate::play::Database::{self, MariaDb, Postgres};
use crate::rig::{Rig, runs};

#[test]
fn a_beginning_is_resumed_after_each_step() {
    a_beginning_dies_after_each_step(Postgres);
}

#[test]
fn a_beginning_is_resumed_after_each_step_on_mariadb() {
    a_beginning_dies_after_each_step(MariaDb);
}

fn a_beginning_dies_after_each_step(database: Database) {
    let mut rig = Rig::new(database);
    for step in ["init", "start", "establish"] {
        rig.start_to_die(0, step);
        rig.wait_dead(0, step);
    }
    rig.start(0);
    rig.start(1);
    let (leader, _) = rig.wait_well();
    rig.writer().end(leader);
}

#[test]
fn to_become_primary_is_resumed_after_each_step() {
    to_become_primary_dies_after_each_step(
        Postgres,
        &["secure", "acquire", "acks", "promote", "record", "checkpoint", "eligible"],
    );
}

#[test]
fn to_become_primary_is_resumed_after_each_step_on_mariadb() {
    to_become_primary_dies_after_each_step(
        MariaDb,
        &["secure", "acquire", "acks", "promote", "record", "checkpoint", "eligible"],
    );
}

fn to_become_primary_dies_after_each_step(database: Database, steps: &[&str]) {
    dies_after_each(database, steps, |rig, step, leader| {
        let dying = 1 - leader;
        rig.start_to_die(dying, step);
        rig.wait_well();
        rig.ask_for(dying);
        dying
    });
}

/// As where the store's own leader is lost with the primary: the next one gives every lease its whole time anew.
#[test]
fn a_silent_leader_whose_lease_the_store_keeps_is_deposed_whatever_happens_after_that() {
    let mut rig = Rig::well(Postgres);
    let writer = rig.writer();
    for how in ["fails unheard", "dies"] {
        let (leader, _) = rig.wait_well();
        let other = 1 - leader;
        rig.start_tripping(other, &[("depose", how)]);
        rig.wait_well();
        rig.signal(leader, "STOP");
        rig.wait_deposed();
        if how == "dies" {
            rig.wait_dead(other, "depose");
            rig.start(other);
        }
        rig.wait_leads(other);
        writer.wait_acknowledged(5);
        rig.signal(leader, "CONT");
        assert_eq!(rig.wait_well().0, other);
    }
    let (leader, _) = rig.wait_well();
    writer.end(leader);
}

#[test]
fn to_give_way_is_resumed_after_each_step() {
    to_give_way_dies_after_each_step(Postgres);
}

/// With `KEEPER_HOUSE_RUNS=2` or more.
#[test]
fn to_give_way_is_resumed_after_each_step_on_mariadb() {
    if runs() > 1 {
        to_give_way_dies_after_each_step(MariaDb);
    }
}

fn to_give_way_dies_after_each_step(database: Database) {
    dies_after_each(database, &["drain", "hand over", "release"], |rig, step, leader| {
        let dying = 1 - leader;
        rig.start_to_die(dying, step);
        rig.wait_well();
        rig.ask_for(dying);
        rig.wait_leads(dying);
        rig.wait_well();
        match step {
            "release" => rig.kill_database(dying),
            _ => rig.ask_for(leader),
        }
        dying
    });
}

#[test]
fn to_come_back_is_resumed_after_each_step() {
    to_come_back_dies_after_each_step(Postgres);
}

/// With `KEEPER_HOUSE_RUNS=2` or more.
#[test]
fn to_come_back_is_resumed_after_each_step_on_mariadb() {
    if runs() > 1 {
        to_come_back_dies_after_each_step(MariaDb);
    }
}

fn to_come_back_dies_after_each_step(database: Database) {
    dies_after_each(database, &["follow", "rewind", "clone"], |rig, step, leader| {
        // an old primary is rewound; a copy that never was one follows, or is made anew
        let dying = if step == "rewind" { leader } else { 1 - leader };
        if step == "clone" {
            rig.wipe(dying);
        }
        rig.start_to_die(dying, step);
        dying
    });
}

/// For each step: `begin` has a host come to it, that host dies right after it and is begun anew, and all is well again. `begin` is
/// told who leads, and says who is to die.
fn dies_after_each(database: Database, steps: &[&str], begin: impl Fn(&mut Rig, &str, usize) -> usize) {
    let mut rig = Rig::well(database);
    let writer = rig.writer();
    for step in steps {
        let (leader, _) = rig.wait_well();
        let dying = begin(&mut rig, step, leader);
        rig.wait_dead(dying, step);
        rig.start(dying);
        rig.wait_well();
        writer.wait_acknowledged(5);
    }
    let (leader, _) = rig.wait_well();
    writer.end(leader);
}

#[test]
fn each_step_may_be_told_to_have_failed_once() {
    each_step_goes_wrong_once(Postgres, "fails unheard");
}

/// With `KEEPER_HOUSE_RUNS=2` or more.
#[test]
fn each_step_may_be_told_to_have_failed_once_on_mariadb() {
    if runs() > 1 {
        each_step_goes_wrong_once(MariaDb, "fails unheard");
    }
}

/// With `KEEPER_HOUSE_RUNS=2` or more; a step that failed unheard is the harder case.
#[test]
fn each_step_may_fail_once() {
    if runs() > 1 {
        each_step_goes_wrong_once(Postgres, "fails");
        each_step_goes_wrong_once(MariaDb, "fails");
    }
}

/// A takeover, a loss of the replica and its return, a change back, and a copy anew, with all that is done for them going wrong.
fn each_step_goes_wrong_once(database: Database, how: &str) {
    let lead = ["start", "secure", "acquire", "acks", "promote", "record", "checkpoint", "eligible"];
    let give_way =
        ["drain", "hand over", "follow", "rewind", "fence", "release", "clone", "acks", "eligible"];
    let all = lead.iter().chain(give_way.iter());
    let trips: Vec<(&str, &str)> = all.map(|step| (*step, how)).collect();
    let mut rig = Rig::well(database);
    let writer = rig.writer();
    rig.start_tripping(1, &trips);
    rig.wait_well();
    rig.ask_for(1);
    rig.wait_leads(1);
    assert_eq!(rig.wait_well().0, 1);
    rig.kill(0);
    rig.wait_alone();
    writer.wait_acknowledged(5);
    rig.start_tripping(0, &trips);
    assert_eq!(rig.wait_well().0, 1);
    rig.ask_for(0);
    rig.wait_leads(0);
    assert_eq!(rig.wait_well().0, 0);
    rig.wipe(1);
    rig.start_tripping(1, &trips);
    assert_eq!(rig.wait_well().0, 0);
    rig.kill_database(0);
    rig.wait_leads(1);
    writer.wait_acknowledged(5);
    let (leader, _) = rig.wait_well();
    writer.end(leader);
}
