//! A keeper dies right after a step, at each step, and is begun anew: it ends well, and nothing acknowledged is lost.

use crate::client::Writer;
use crate::play::HOSTS;
use crate::rig::Rig;

#[test]
fn a_beginning_is_resumed_after_each_step() {
    let mut rig = Rig::new();
    for step in ["init", "start", "establish"] {
        rig.start_to_die(0, Some(step));
        rig.wait_dead(0, step);
    }
    rig.start(0);
    rig.start(1);
    let (leader, _) = rig.wait_well();
    Writer::new(rig.ports).end(leader);
}

#[test]
fn to_become_primary_is_resumed_after_each_step() {
    let mut rig = Rig::well();
    let writer = Writer::new(rig.ports);
    for step in ["acquire", "acks", "promote", "record", "checkpoint", "eligible"] {
        let (leader, _) = rig.wait_well();
        let dying = 1 - leader;
        rig.start_to_die(dying, Some(step));
        rig.wait_well();
        rig.ask_for(dying);
        rig.wait_dead(dying, step);
        rig.start(dying);
        rig.wait_well();
        writer.wait_acknowledged(5);
    }
    let (leader, _) = rig.wait_well();
    writer.end(leader);
}

#[test]
fn to_give_way_is_resumed_after_each_step() {
    let mut rig = Rig::well();
    let writer = Writer::new(rig.ports);
    for step in ["drain", "hand over", "release"] {
        let (leader, _) = rig.wait_well();
        let dying = 1 - leader;
        rig.start_to_die(dying, Some(step));
        rig.wait_well();
        rig.ask_for(dying);
        rig.wait("the change", |view| (view.leader.as_ref()?.what.host == HOSTS[dying]).then_some(()));
        rig.wait_well();
        match step {
            "release" => rig.kill_database(dying),
            _ => rig.ask_for(leader),
        }
        rig.wait_dead(dying, step);
        rig.start(dying);
        rig.wait_well();
        writer.wait_acknowledged(5);
    }
    let (leader, _) = rig.wait_well();
    writer.end(leader);
}

#[test]
fn to_come_back_is_resumed_after_each_step() {
    let mut rig = Rig::well();
    let writer = Writer::new(rig.ports);
    for step in ["follow", "rewind", "clone"] {
        let (leader, _) = rig.wait_well();
        // an old primary is rewound; a copy that never was one follows, or is made anew
        let dying = if step == "rewind" { leader } else { 1 - leader };
        if step == "clone" {
            rig.wipe(dying);
        }
        rig.start_to_die(dying, Some(step));
        rig.wait_dead(dying, step);
        rig.start(dying);
        rig.wait_well();
        writer.wait_acknowledged(5);
    }
    let (leader, _) = rig.wait_well();
    writer.end(leader);
}
