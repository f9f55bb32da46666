//! The same house on MariaDB: it begins, gives way, loses its primary in every way, and is whole again by itself.

use crate::faults::goes_on_alone_and_comes_back;
use crate::play::Database::MariaDb;
use crate::rig::Rig;

#[test]
fn two_empty_hosts_become_a_pair_on_mariadb_and_change_places_by_a_persons_word() {
    let rig = Rig::well(MariaDb);
    assert_eq!(rig.wait_well(), (0, 1));
    let writer = rig.writer();
    let mut pauses = Vec::new();
    for to in [1, 0] {
        writer.forget_pauses();
        rig.ask_for(to);
        rig.wait_leads(to);
        writer.wait_acknowledged(5);
        pauses.push(writer.pause_max());
        assert_eq!(rig.wait_well().0, to);
    }
    writer.end(0);
    println!("planned changes on MariaDB: writers paused for {pauses:?}");
    assert!(!rig.said(0).contains("copies the database"), "it followed as it was: {}", rig.told());
}

#[test]
fn a_crashed_primary_on_mariadb_leaves_the_vacancy_and_is_led_back_without_a_copy() {
    let rig = Rig::well(MariaDb);
    let writer = rig.writer();
    for (old, new) in [(0, 1), (1, 0)] {
        writer.forget_pauses();
        rig.kill_database(old);
        let epoch = rig.wait_leads(new);
        writer.wait_acknowledged(5);
        println!("killed MariaDB: writers paused for {:?}", writer.pause_max());
        assert_eq!(rig.wait_well(), (new, epoch), "the old primary follows the new one");
    }
    writer.end(0);
    assert!(!rig.said(0).contains("copies the database"), "it was led back by its log: {}", rig.told());
}

#[test]
fn a_keeper_on_mariadb_that_is_killed_takes_its_database_with_it_and_comes_back() {
    let mut rig = Rig::well(MariaDb);
    let writer = rig.writer();
    rig.kill(0);
    rig.wait_leads(1);
    writer.wait_acknowledged(5);
    rig.start(0);
    assert_eq!(rig.wait_well().0, 1);
    rig.wipe(0);
    rig.wait_alone();
    writer.wait_acknowledged(5);
    rig.start(0);
    assert_eq!(rig.wait_well().0, 1, "a wiped host comes back as a copy");
    writer.end(1);
}

#[test]
fn a_primary_on_mariadb_that_is_stopped_or_cut_off_acknowledges_nothing_that_is_lost() {
    let mut rig = Rig::well(MariaDb);
    let writer = rig.writer();
    rig.signal(0, "STOP");
    rig.wait_leads(1);
    writer.wait_acknowledged(5);
    rig.signal(0, "CONT");
    assert_eq!(rig.wait_well().0, 1);
    rig.ask_for(0);
    rig.wait_leads(0);
    assert_eq!(rig.wait_well().0, 0);
    rig.cut_from_store();
    rig.wait_dead_by_its_lease(0);
    rig.wait_leads(1);
    writer.wait_acknowledged(5);
    rig.mend_way_to_store();
    assert_eq!(rig.wait_well().0, 1);
    writer.end(1);
}

#[test]
fn a_lonely_primary_on_mariadb_goes_on_and_comes_back_after_a_crash() {
    goes_on_alone_and_comes_back(Rig::well(MariaDb));
}
