//! Faults, one at a time, and how the house comes through.

use cluster::layout::Role;

use crate::play::Database::Postgres;
use crate::play::HOSTS;
use crate::rig::{Rig, runs};

#[test]
fn two_empty_hosts_become_a_primary_and_its_replica() {
    let rig = Rig::well(Postgres);
    let (leader, epoch) = rig.wait_well();
    assert_eq!((leader, epoch), (0, 1));
    rig.writer().end(0);
}

#[test]
fn when_the_database_of_the_primary_is_killed_the_other_takes_over_at_once() {
    let rig = Rig::well(Postgres);
    let writer = rig.writer();
    writer.forget_pauses();
    rig.kill_database(0);
    let epoch = rig.wait_leads(1);
    writer.wait_acknowledged(5);
    assert_eq!(rig.wait_well(), (1, epoch), "the old primary follows the new one");
    let told = writer.end(1);
    println!("killed database: writers paused for {:?}", told.pause_max);
}

#[test]
fn when_a_keeper_is_killed_its_database_ends_and_the_other_takes_over() {
    let mut rig = Rig::well(Postgres);
    let writer = rig.writer();
    rig.kill(0);
    rig.wait_leads(1);
    writer.wait_acknowledged(5);
    rig.start(0);
    assert_eq!(rig.wait_well().0, 1);
    let told = writer.end(1);
    println!("killed keeper: writers paused for {:?}", told.pause_max);
}

#[test]
fn a_primary_whose_keeper_is_stopped_acknowledges_nothing_that_is_lost() {
    let rig = Rig::well(Postgres);
    let writer = rig.writer();
    rig.signal(0, "STOP");
    rig.wait_leads(1);
    writer.wait_acknowledged(5);
    rig.signal(0, "CONT");
    assert_eq!(rig.wait_well().0, 1);
    writer.end(1);
}

#[test]
fn a_primary_that_does_not_reach_the_store_is_dead_before_another_leads() {
    let mut rig = Rig::well(Postgres);
    let writer = rig.writer();
    rig.cut_from_store();
    rig.wait_dead_by_its_lease(0);
    rig.wait_leads(1);
    writer.wait_acknowledged(5);
    rig.mend_way_to_store();
    assert_eq!(rig.wait_well().0, 1);
    writer.end(1);
}

#[test]
fn a_planned_change_loses_nothing_and_back_again() {
    let rig = Rig::well(Postgres);
    let writer = rig.writer();
    let mut pauses = Vec::new();
    for to in [1, 0].into_iter().cycle().take(2 * runs()) {
        writer.forget_pauses();
        rig.ask_for(to);
        rig.wait_leads(to);
        writer.wait_acknowledged(5);
        pauses.push(writer.pause_max());
        assert_eq!(rig.wait_well().0, to);
    }
    writer.end(0);
    println!("planned changes: writers paused for {pauses:?}");
}

#[test]
fn a_keeper_that_is_told_to_stop_hands_over_first() {
    let mut rig = Rig::well(Postgres);
    let writer = rig.writer();
    writer.forget_pauses();
    rig.signal(0, "TERM");
    rig.wait_dead(0, "it was told to stop");
    rig.wait_leads(1);
    writer.wait_acknowledged(5);
    rig.start(0);
    assert_eq!(rig.wait_well().0, 1);
    let told = writer.end(1);
    println!("told to stop: writers paused for {:?}", told.pause_max);
}

#[test]
fn a_wiped_replica_comes_back_as_a_copy() {
    let mut rig = Rig::well(Postgres);
    let writer = rig.writer();
    rig.wipe(1);
    writer.wait_acknowledged(5);
    rig.start(1);
    assert_eq!(rig.wait_well(), (0, 1));
    writer.end(0);
}

#[test]
fn a_primary_without_a_replica_goes_on_and_comes_back_after_a_crash() {
    goes_on_alone_and_comes_back(Rig::well(Postgres));
}

pub(crate) fn goes_on_alone_and_comes_back(mut rig: Rig) {
    let writer = rig.writer();
    rig.kill(1);
    rig.wait_alone();
    writer.wait_acknowledged(5);
    rig.kill_database(0);
    rig.wait("it leads again", |view| (view.leader.as_ref()?.what.epoch == 2).then_some(()));
    writer.wait_acknowledged(5);
    rig.start(1);
    assert_eq!(rig.wait_well(), (0, 2));
    writer.end(0);
}

#[test]
fn a_second_keeper_of_the_same_name_refuses_to_start() {
    let rig = Rig::well(Postgres);
    let ended = rig.double(1);
    assert!(ended.contains("Duplicate"), "{ended}");
    assert_eq!(rig.wait_well(), (0, 1), "the first one is not disturbed");
}

#[test]
fn a_replica_that_lacks_writes_takes_over_by_a_persons_word_only() {
    let mut rig = Rig::well(Postgres);
    let writer = rig.writer();
    rig.kill(1);
    rig.wait("the primary goes on alone", |view| {
        (view.sync.as_ref()?.what.eligible.len() == 1).then_some(())
    });
    writer.wait_acknowledged(5);
    rig.kill(0);
    rig.start(1);
    rig.wait("the replica is there and nobody leads", |view| {
        let is_up = view.members.get(HOSTS[1])?.what.role == Role::Replica;
        (is_up && view.leader.is_none()).then_some(())
    });
    rig.accept_loss(1, 1);
    rig.wait("it leads", |view| (view.leader.as_ref()?.what.host == HOSTS[1]).then_some(()));
    writer.wait_acknowledged(5);
    rig.start(0);
    assert_eq!(rig.wait_well(), (1, 2), "the old primary comes back without what was given up");
    assert!(rig.view().unwrap().accept.is_none(), "the word counts once");
}
