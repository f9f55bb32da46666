//! A keeper dies right after a step, at each step, and is begun anew: it ends well.

use crate::client::Writer;
use crate::play::HOSTS;
use crate::rig::Rig;

/// A new house whose first keeper dies after a step of its beginning.
#[test]
fn a_beginning_is_resumed_after_each_step() {
    let mut rig = Rig::new();
    for step in ["init", "start", "establish"] {
        rig.start_to_die(0, Some(step));
        rig.wait_dead(0, step);
    }
    rig.start(0);
    for step in ["clone", "follow"] {
        rig.start_to_die(1, Some(step));
        if step == "clone" {
            rig.wait_dead(1, step);
        }
    }
    rig.start(1);
    let (leader, _) = rig.wait_well();
    Writer::new(rig.ports).end(leader);
}

/// The primary's database is killed, and the one that takes over dies after a step.
#[test]
fn a_takeover_is_resumed_after_each_step() {
    let mut rig = Rig::well();
    let writer = Writer::new(rig.ports);
    for step in ["acquire", "acks", "promote", "record", "checkpoint"] {
        let (leader, _) = rig.wait_well();
        let other = 1 - leader;
        rig.start_to_die(other, Some(step));
        rig.wait_well();
        rig.kill_database(leader);
        rig.wait_dead(other, step);
        rig.start(other);
        rig.wait_well();
        writer.wait_acknowledged(5);
    }
    let (leader, _) = rig.wait_well();
    writer.end(leader);
}

/// A planned change, in which the one that gives way dies after a step.
#[test]
fn a_planned_change_is_resumed_after_each_step() {
    let mut rig = Rig::well();
    let writer = Writer::new(rig.ports);
    for step in ["drain", "hand over"] {
        // a keeper that is to die at its own handover has to be primary: it is begun anew and asked for
        let (leader, _) = rig.wait_well();
        let to = 1 - leader;
        rig.start_to_die(to, Some(step));
        rig.wait_well();
        rig.ask_for(to);
        rig.wait("the change", |view| (view.leader.as_ref()?.what.host == HOSTS[to]).then_some(()));
        rig.wait_well();
        rig.ask_for(leader);
        rig.wait_dead(to, step);
        rig.start(to);
        rig.wait_well();
        writer.wait_acknowledged(5);
    }
    let (leader, _) = rig.wait_well();
    writer.end(leader);
}

/// The old primary, which dies after each step of its way back.
#[test]
fn a_way_back_is_resumed_after_each_step() {
    let mut rig = Rig::well();
    let writer = Writer::new(rig.ports);
    for step in ["release", "start"] {
        let (leader, _) = rig.wait_well();
        rig.start_to_die(leader, Some(step));
        rig.wait_well();
        let (leader, _) = rig.wait_well();
        if step == "release" {
            rig.kill_database(leader);
        }
        rig.start(0);
        rig.start(1);
        rig.wait_well();
        writer.wait_acknowledged(5);
    }
    let (leader, _) = rig.wait_well();
    writer.end(leader);
}

/// The primary stops counting on a replica that went, and counts on it again; it dies after each step of that.
#[test]
fn to_go_on_without_a_replica_and_with_it_again_is_resumed_after_each_step() {
    let mut rig = Rig::well();
    let writer = Writer::new(rig.ports);
    for step in ["eligible", "acks"] {
        let (leader, _) = rig.wait_well();
        let (other, dying) = (leader, 1 - leader);
        rig.start_to_die(dying, Some(step));
        rig.wait_well();
        let _ = other;
        rig.ask_for(dying);
        rig.wait_dead(dying, step);
        rig.start(dying);
        rig.wait_well();
        writer.wait_acknowledged(5);
    }
    let (leader, _) = rig.wait_well();
    writer.end(leader);
}
